"""What is remembered of stages' work."""

import pytest
import torch

from diptych.engine.memory.memory_probe import MARGIN, CudaGauge, NoGauge, Peaks, gauge_of


def test_what_is_declared_stands_until_it_is_measured() -> None:
    assert Peaks().expected("plan", 100) == 100
    assert gauge_of("cpu").peak() is None


def test_a_declaration_is_scaled_by_what_the_largest_work_took() -> None:
    peaks = Peaks()
    peaks.note("plan", 100, 50)
    assert peaks.expected("plan", 1000) == round(500 * MARGIN)
    peaks.note("plan", 200, 300)
    peaks.note("plan", 10, 1000)  # of a small one, much is the same for any number of rows
    assert peaks.expected("plan", 1000) == round(1500 * MARGIN)
    assert peaks.expected("draft", 1000) == 1000


def test_of_works_of_one_size_the_worst_counts() -> None:
    peaks = Peaks()
    for measured in (50, 80, 20):
        peaks.note("plan", 100, measured)
    assert peaks.expected("plan", 100) == round(80 * MARGIN)


def test_work_that_declares_nothing_teaches_nothing() -> None:
    peaks = Peaks()
    peaks.note("plan", 0, 50)
    assert peaks.expected("plan", 7) == 7


def test_devices_that_keep_no_account_have_no_gauge() -> None:
    assert isinstance(gauge_of("cpu"), NoGauge) and isinstance(gauge_of("mps"), NoGauge)
    assert isinstance(gauge_of("cuda:1"), CudaGauge)


@pytest.mark.cuda
def test_cuda_tells_the_peak_beyond_what_was_there() -> None:
    there = torch.empty(1 << 20, dtype=torch.uint8, device="cuda")
    gauge = CudaGauge("cuda")
    gauge.begin()
    del there
    work = torch.empty(3 << 20, dtype=torch.uint8, device="cuda")
    del work
    assert gauge.peak() == 2 << 20
