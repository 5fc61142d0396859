"""Without a budget, what is free on a device is the budget: on a simulated one, which others use, too."""

import sys
from typing import Any

import pytest
import torch

from diptych.engine.errors import MemoryBudgetError
from diptych.engine.memory import DeviceMemory
from diptych.engine.memory.account import MARGIN_BYTES, Budget, CudaAccount, MpsAccount, NoAccount, account_of
from diptych.engine.microbatch import Batching, Done, Failed, run_stage
from diptych.engine.stage import ModelKey

from ...simulated_device import MIB, SimulatedDevice, Working

A, B = ModelKey("fake", "a"), ModelKey("fake", "b")


def memory_of(device: SimulatedDevice, budget: int | None = None) -> DeviceMemory:
    return DeviceMemory(device, budget_bytes=budget, account=device)


def room(megabytes: int, **how: Any) -> SimulatedDevice:
    """A device with so much beside the margin; models of 100 MiB."""
    return SimulatedDevice(MARGIN_BYTES + megabytes * MIB, {"a": 100 * MIB, "b": 100 * MIB}, **how)


def test_the_budget_is_what_is_free_less_a_margin() -> None:
    memory = memory_of(room(300, others=50 * MIB))
    assert memory.budget_bytes == 250 * MIB and memory.given_bytes is None
    assert memory.limit == "memory 250.0 MiB, which is free but for 512.0 MiB"


def test_a_budget_that_is_given_wins() -> None:
    memory = memory_of(room(300), 4 * MIB)
    memory.count_again()
    assert memory.budget_bytes == memory.given_bytes == 4 * MIB and memory.limit == "memory 4.0 MiB"


def test_what_is_ours_is_room_and_what_nobody_accounts_for_is_not() -> None:
    device = room(300)
    memory = memory_of(device)
    with memory.lease([A]):
        memory.count_again()
        assert memory.budget_bytes == 300 * MIB
    memory.release_all()
    device.kept, device.stray = 30 * MIB, 7 * MIB
    memory.count_again()
    assert memory.budget_bytes == 293 * MIB  # what is kept can be used


def test_a_full_device_has_no_room_and_says_so() -> None:
    device = room(0, others=MARGIN_BYTES)
    with pytest.raises(MemoryBudgetError, match="memory budget of 0 bytes"):
        memory_of(device).check([A])


def test_it_is_counted_again_before_each_micro_batch() -> None:
    device = room(140)
    memory = memory_of(device)

    def between(batches: list[int]) -> None:
        device.others = 20 * MIB if len(batches) == 2 else 0

    stage = Working(device, 10 * MIB, 10 * MIB, (A,), between)
    results = run_stage(stage, range(14), memory=memory, batching=Batching(micro_batch=8))
    assert all(isinstance(result, Done) for result in results)
    assert stage.batches == [4, 4, 2, 4]
    assert not [event for event in memory.events if event.kind == "shrink"]
    assert device.most_taken <= device.total - MARGIN_BYTES


def test_a_row_that_others_leave_no_room_for_fails_alone_and_the_rest_goes_on() -> None:
    device = room(140)
    memory = memory_of(device)

    def between(batches: list[int]) -> None:
        device.others = 40 * MIB

    stage = Working(device, 20 * MIB, 20 * MIB, (A,), between)
    results = run_stage(stage, range(4), memory=memory, batching=Batching(micro_batch=2))
    assert [type(result) for result in results] == [Done, Done, Failed, Failed]
    assert "memory budget of 100.0 MiB" in str(results[-1])


def test_what_torch_keeps_is_given_back_before_a_load_that_would_not_fit_otherwise() -> None:
    device = room(190)
    device.total -= MARGIN_BYTES
    memory = memory_of(device, 190 * MIB)
    for keys in ([A], [A], [B], [B], [A]):
        with memory.lease(keys):
            pass
    assert device.given_back == 2  # for b, and for a again: what the other left is kept


def test_nothing_is_given_back_where_all_fits() -> None:
    device = room(300)
    memory = memory_of(device)
    device.kept = 10 * MIB
    for keys in ([A], [B], [A]):
        with memory.lease(keys):
            pass
    assert device.given_back == 0


# Out of memory


def test_idle_models_go_first_then_the_micro_batch_is_halved_and_grows_again() -> None:
    """Work takes more than it says. Another program comes, stays for a while and goes."""
    device = room(400)
    memory = memory_of(device, 300 * MIB)
    with memory.lease([B]):
        pass

    def between(batches: list[int]) -> None:
        device.others = 560 * MIB if 2 < len(batches) < 14 else 0

    stage = Working(device, 10 * MIB, 90 * MIB, (A,), between)
    results = run_stage(stage, range(100), memory=memory, batching=Batching(micro_batch=8))
    assert [result.value for result in results if isinstance(result, Done)] == [-value for value in range(100)]
    deeds = [(event.kind, event.rows) for event in memory.events if event.kind in ("evict", "shrink")]
    assert deeds == [("evict", 0), ("shrink", 4), ("shrink", 2), ("shrink", 2)]
    assert stage.batches == [8, 8, 8, 4, *[2] * 4, 4, *[2] * 8, *[4] * 8, *[8] * 4, 4]


def test_idle_models_alone_may_be_enough() -> None:
    device = room(0)
    memory = memory_of(device, 300 * MIB)
    with memory.lease([B]):
        pass
    stage = Working(device, 1, (device.total - 150 * MIB) // 4, (A,))
    run_stage(stage, range(8), memory=memory, batching=Batching(micro_batch=4))
    assert stage.batches == [4, 4, 4] and not [e for e in memory.events if e.kind == "shrink"]


def test_deterministic_sizes_do_not_grow_again() -> None:
    device = room(0)
    memory = memory_of(device, 300 * MIB)
    stage = Working(device, 1, device.total // 4, (A,))
    stage.token_by_token = True  # pyright: ignore[reportAttributeAccessIssue]
    how = Batching(micro_batch=4, batch_invariant=True)
    assert all(isinstance(each, Done) for each in run_stage(stage, range(20), memory=memory, batching=how))
    assert stage.batches == [4, *[2] * 10]


# Real devices


def test_which_device_is_asked_how() -> None:
    assert isinstance(account_of("cpu"), NoAccount) and isinstance(account_of("rehearsal"), NoAccount)
    assert isinstance(account_of("cuda:1"), CudaAccount) and isinstance(account_of("mps"), MpsAccount)
    assert Budget(None, NoAccount()).bytes == sys.maxsize
    assert str(Budget(None, NoAccount())) == "no limit of memory"


def test_torch_is_asked_for_the_device_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def says(value: object) -> object:
        return lambda device: (asked.append(device), value)[1]

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", says((8 * 2**30, 9 * 2**30)))
    monkeypatch.setattr(torch.cuda, "memory_reserved", says(3 * 2**30))
    monkeypatch.setattr(torch.cuda, "memory_allocated", says(2**30))
    assert Budget(None, CudaAccount("cuda:1")).bytes == 10 * 2**30 - MARGIN_BYTES
    assert asked == ["cuda:1"] * 3


def test_metal_says_how_much_it_recommends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 12 * 2**30)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 3 * 2**30)
    monkeypatch.setattr(torch.mps, "current_allocated_memory", lambda: 2**30)
    assert Budget(None, MpsAccount()).bytes == 11 * 2**30 - MARGIN_BYTES


def test_a_device_that_is_not_there_sets_no_limit() -> None:
    if not torch.cuda.is_available():
        assert Budget(None, CudaAccount("cuda")).bytes == sys.maxsize
