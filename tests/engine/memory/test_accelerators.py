"""Devices that torch knows by one name for all, simulated: which is chosen, and what it says of its memory."""

import types

import pytest
import torch

from diptych import InputError
from diptych.engine.memory.account import ACCELERATORS, AcceleratorAccount, account_of
from diptych.engine.memory.memory_probe import AcceleratorGauge, gauge_of
from diptych.pipelines.device import choose_device

GIB = 2**30


def no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def simulated(monkeypatch: pytest.MonkeyPatch, kind: str, count: int) -> None:
    module = types.SimpleNamespace(is_available=lambda: count > 0, device_count=lambda: count)
    monkeypatch.setattr(torch, kind, module, raising=False)


@pytest.mark.parametrize("kind", ACCELERATORS)
def test_auto_takes_it_where_it_is_and_it_can_be_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    no_other(monkeypatch)
    for each in ACCELERATORS:
        simulated(monkeypatch, each, 0)
    assert choose_device("auto") == "cpu"
    for name in (kind, f"{kind}:0"):
        with pytest.raises(InputError, match=f"device '{name}': there is none on this machine"):
            choose_device(name)
    simulated(monkeypatch, kind, 2)
    assert choose_device("auto") == choose_device(kind) == kind
    assert choose_device(f"{kind}:1") == f"{kind}:1"
    with pytest.raises(InputError, match="there is none"):
        choose_device(f"{kind}:2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("auto") == "cuda"


def test_a_torch_without_the_kind_has_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    no_other(monkeypatch)
    monkeypatch.delattr(torch, "hpu", raising=False)
    with pytest.raises(InputError, match="there is none"):
        choose_device("hpu")
    with pytest.raises(InputError, match=r"not known \(did you mean 'xpu'\?\)"):
        choose_device("xpuu")


@pytest.mark.parametrize("device", ["xpu", "npu:1"])
def test_its_memory_is_asked_of_torch(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def told(value: object) -> object:
        return lambda name=None: (asked.append(str(name)), value)[1]

    for name, value in (
        ("get_memory_info", (3 * GIB, 16 * GIB)),
        ("memory_reserved", 2 * GIB),
        ("memory_allocated", GIB),
        ("max_memory_allocated", 5 * GIB),
        ("reset_peak_memory_stats", None),
        ("empty_cache", None),
    ):
        monkeypatch.setattr(torch.accelerator, name, told(value), raising=False)
    account, gauge = account_of(device), gauge_of(device)
    assert isinstance(account, AcceleratorAccount) and isinstance(gauge, AcceleratorGauge)
    assert (account.free(), account.reserved(), account.allocated()) == (3 * GIB, 2 * GIB, GIB)
    gauge.begin()
    assert gauge.peak() == 4 * GIB
    account.give_back()
    assert set(asked) == {device, "None"}


def test_what_a_torch_does_not_tell_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise NotImplementedError("not for this device")

    for name in ("get_memory_info", "memory_allocated", "max_memory_allocated"):
        monkeypatch.setattr(torch.accelerator, name, refuse, raising=False)
    monkeypatch.delattr(torch.accelerator, "memory_reserved", raising=False)
    account, gauge = account_of("hpu"), gauge_of("hpu")
    assert account.free() is None and account.reserved() == account.allocated() == 0
    gauge.begin()
    assert gauge.peak() is None
