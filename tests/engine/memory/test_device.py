"""Leases, eviction, loading ahead, streaming: one thing at a time. (All at once: `test_any_order`.)"""

import sys
from collections.abc import Callable
from typing import Any

import pytest

from diptych.engine.errors import MemoryBudgetError
from diptych.engine.memory import DeviceMemory
from diptych.engine.stage import ModelKey

Make = Callable[..., tuple[DeviceMemory, Any]]
Use = Callable[..., None]


def key(name: str) -> ModelKey:
    return ModelKey("fake", name)


def keys(names: str) -> list[ModelKey]:
    return [key(name) for name in names]


def told(memory: DeviceMemory, kind: str) -> list[str]:
    """The models of all events of one kind."""
    return [event.key.checkpoint for event in memory.events if event.kind == kind and event.key]


def foresee(memory: DeviceMemory, order: str) -> None:
    memory.foresee([[key(name)] for name in order])


def test_a_lease_hands_out_the_models_and_keeps_them_for_the_next(make_memory: Make) -> None:
    memory, device = make_memory({"a": 10, "b": 5})
    for _ in range(2):
        with memory.lease(keys("aba")) as models:
            assert {each: models[each] for each in models} == {key("a"): "a on cpu", key("b"): "b on cpu"}
            assert memory.leased == {key("a"), key("b")}
    assert device.fetched == ["a", "b"]
    assert memory.leased == frozenset()
    assert memory.resident_bytes == 15


def test_a_kept_mapping_does_not_keep_models_alive(make_memory: Make) -> None:
    memory, _ = make_memory({"a": 10})
    with memory.lease(keys("a")) as models:
        pass
    assert not models


# Eviction


def test_what_is_needed_again_last_is_evicted(make_memory: Make, use: Use) -> None:
    memory, _ = make_memory({"a": 4, "b": 4, "c": 4}, budget=8)
    foresee(memory, "abcab")
    for name in "abc":
        use(memory, name)
    assert told(memory, "evict") == ["b"]  # the least recently used would have been a


def test_without_foresight_the_least_recently_leased_is_evicted(make_memory: Make, use: Use) -> None:
    memory, _ = make_memory({"a": 4, "b": 4, "c": 4}, budget=8)
    for name in "abac":
        use(memory, name)
    assert told(memory, "evict") == ["b"]


def test_micro_batches_do_not_use_up_foresight(make_memory: Make, use: Use) -> None:
    memory, _ = make_memory({"a": 4, "b": 4, "c": 4}, budget=8)
    foresee(memory, "abcab")
    for name in "aabbbc":
        use(memory, name)
    assert told(memory, "evict") == ["b"]


def test_what_need_not_go_after_all_stays(make_memory: Make, use: Use) -> None:
    memory, _ = make_memory({"small": 1, "large": 8, "new": 5}, budget=10)
    memory.foresee([[key(name)] for name in ("small", "large", "new", "large", "small")])
    for name in ("small", "large", "new"):
        use(memory, [name])
    assert told(memory, "evict") == ["large"]  # the small one is wanted later, but alone makes too little room


def test_workspace_makes_room_by_evicting(make_memory: Make, use: Use) -> None:
    memory, _ = make_memory({"a": 4, "b": 4}, budget=10)
    use(memory, "a")
    use(memory, "b", workspace=3)
    assert memory.resident == (key("b"),)


def test_idle_models_can_be_evicted_on_request_but_leased_ones_stay(make_memory: Make, use: Use) -> None:
    memory, _ = make_memory({"a": 1, "b": 2, "c": 4})
    use(memory, "abc")
    with memory.lease(keys("a")):
        assert memory.evict_idle(but=keys("b")) == 4
        memory.release_all()
        assert memory.resident == (key("a"),)
    memory.release_all()
    assert memory.resident_bytes == 0


# Refusal


@pytest.mark.parametrize(("names", "workspace"), [("ab", 0), ("a", 5), ("", 11)])
def test_what_cannot_fit_is_refused_before_anything_is_loaded_or_evicted(
    make_memory: Make, use: Use, names: str, workspace: int
) -> None:
    memory, device = make_memory({"a": 6, "b": 6, "c": 1}, budget=10)
    use(memory, "c")
    with pytest.raises(MemoryBudgetError, match=r"10 bytes.*at least 1[12] bytes"):
        use(memory, names, workspace=workspace)
    assert device.fetched == ["c"]
    assert memory.resident == (key("c"),)
    assert memory.leased == frozenset()


def test_a_refusal_counts_what_others_hold(make_memory: Make) -> None:
    memory, _ = make_memory({"a": 6, "b": 6}, budget=10)
    with memory.lease(keys("a"), 1), pytest.raises(MemoryBudgetError, match=r"\+ 7 bytes leased by others"):
        memory.check(keys("b"))


def test_room_for_workspace_is_what_the_weights_leave(make_memory: Make, use: Use) -> None:
    memory, _ = make_memory({"a": 6, "b": 3, "c": 20}, budget=10)
    use(memory, "b")
    assert memory.room_for_workspace(keys("a")) == 4
    assert memory.room_for_workspace(keys("c")) == -10
    with memory.lease(keys("b"), 2):
        assert memory.room_for_workspace(keys("a")) == -1


def test_no_budget_is_no_limit(make_memory: Make, use: Use) -> None:
    memory, _ = make_memory({"a": 2**40})
    use(memory, "a", workspace=2**40)
    assert memory.room_for_workspace([]) == sys.maxsize


# Failures


def test_a_stage_that_raises_gives_everything_back(make_memory: Make, use: Use) -> None:
    memory, _ = make_memory({"a": 6}, budget=10)
    with pytest.raises(ValueError, match="bad stage"), memory.lease(keys("a"), 4):
        raise ValueError("bad stage")
    assert memory.accounted_bytes == 6
    use(memory, "a", workspace=4)


def test_a_load_that_fails_gives_everything_back(make_memory: Make, use: Use) -> None:
    memory, device = make_memory({"a": 6, "b": 2}, budget=10, broken=frozenset("b"))
    with pytest.raises(OSError, match="b is damaged"):
        use(memory, "ab", workspace=2)
    assert memory.accounted_bytes == device.bytes_there() == 6
    assert memory.leased == frozenset()


# Shared pieces


def test_a_piece_that_two_models_share_counts_once(make_memory: Make, use: Use) -> None:
    pieces = {"plan": {"lm": 6, "head": 1}, "draft": {"lm": 6, "table": 2}}
    memory, _ = make_memory(pieces=pieces, budget=9)
    plan, draft = key("plan"), key("draft")
    assert memory.weight_bytes([plan, draft]) == 9
    use(memory, ["plan"])
    use(memory, ["draft"])
    assert memory.resident == (plan, draft)
    assert [event.bytes for event in memory.events if event.kind == "load"] == [7, 2]
    assert memory.evict_idle(but=[draft]) == 1  # the rest is the other's, too


# Ahead of time


def test_the_next_model_is_sent_for_while_one_works(make_memory: Make) -> None:
    memory, device = make_memory({"a": 4, "b": 4, "c": 4}, budget=10, ahead=frozenset("abc"))
    foresee(memory, "abc")
    with memory.lease(keys("a"), 1, stage="plan"):
        assert device.fetched == ["a", "b"]
        assert memory.accounted_bytes == 9
        assert memory.leased == {key("a")}
    with memory.lease(keys("b")) as models:
        assert models[key("b")] == "b on cpu"
    assert told(memory, "load") == ["a"] and told(memory, "prefetch") == ["b", "c"]
    (first, _) = (event for event in memory.events if event.kind == "prefetch")
    assert (first.stage, first.bytes, first.resident_bytes, first.workspace_bytes) == ("plan", 4, 8, 1)


def test_nothing_is_sent_for_without_room(make_memory: Make) -> None:
    memory, device = make_memory({"a": 4, "b": 4}, budget=8, ahead=frozenset("ab"))
    foresee(memory, "ab")
    with memory.lease(keys("a"), 1):
        assert device.fetched == ["a"]


def test_what_is_needed_sooner_is_not_evicted_for_what_is_needed_later(make_memory: Make, use: Use) -> None:
    memory, device = make_memory(dict.fromkeys("abc", 4), budget=8, ahead=frozenset("abc"))
    use(memory, "b")
    foresee(memory, "abca")
    with memory.lease(keys("a")):
        assert device.fetched == ["b", "a"]  # c would need b's place, and b comes first


def test_what_is_not_needed_again_makes_room_ahead_of_time(make_memory: Make, use: Use) -> None:
    memory, device = make_memory(dict.fromkeys("abx", 4), budget=8, ahead=frozenset("abx"))
    use(memory, "x")
    foresee(memory, "aba")
    with memory.lease(keys("a")):
        assert device.fetched == ["x", "a", "b"]
    assert told(memory, "evict") == ["x"]


def test_a_larger_workspace_takes_back_the_room_and_it_is_not_tried_again(make_memory: Make, use: Use) -> None:
    memory, device = make_memory({"a": 4, "b": 4}, budget=10, ahead=frozenset("ab"))
    foresee(memory, "ab")
    for workspace in (1, 5, 1):
        use(memory, "a", workspace=workspace)
    assert device.fetched == ["a", "b"] and memory.resident == (key("a"),)
    use(memory, "b")
    assert told(memory, "load") == ["a", "b"]


@pytest.mark.parametrize("trouble", ["late", "stuck"])
def test_a_model_that_cannot_come_ahead_of_time_is_nobodys_trouble_until_it_is_leased(
    make_memory: Make, use: Use, trouble: str
) -> None:
    memory, device = make_memory({"a": 4, "b": 4}, ahead=frozenset("b"), **{trouble: frozenset("b")})
    foresee(memory, "ab")
    use(memory, "a", workspace=1)
    if trouble == "late":
        with pytest.raises(OSError, match="b is late"):
            use(memory, "b")
    assert memory.accounted_bytes == device.bytes_there() == 4
    foresee(memory, "a")
    if trouble == "stuck":
        use(memory, "b")


# Streaming


def test_a_model_is_streamed_only_where_it_does_not_fit_whole(make_memory: Make, use: Use) -> None:
    memory, device = make_memory({"a": 8, "b": 2}, budget=10, streamed={"a": 3})
    use(memory, "a", workspace=2)
    assert device.there["a"] == {"a": 8}
    use(memory, "a", workspace=3)
    assert device.there["a"] == {"a, streamed": 3} and memory.resident_bytes == 3
    use(memory, "b")
    use(memory, "a", workspace=1)  # it stays as it is: loading it whole would be for nothing
    assert device.fetched == ["a", "a", "b"]
    memory.release_all()
    use(memory, "a")
    assert device.there["a"] == {"a": 8}


def test_what_fits_neither_whole_nor_streamed_is_refused_with_the_smaller_number(
    make_memory: Make, use: Use
) -> None:
    memory, _ = make_memory({"a": 80}, budget=10, streamed={"a": 8})
    assert memory.room_for_workspace(keys("a")) == -70
    assert memory.room_for_workspace(keys("a"), streamed=True) == 2
    with pytest.raises(MemoryBudgetError, match=r"8 bytes of weights .* at least 11 bytes"):
        use(memory, "a", workspace=3)


def test_what_was_streamed_is_not_sent_for_whole(make_memory: Make, use: Use) -> None:
    memory, device = make_memory({"a": 4, "b": 6}, budget=10, streamed={"b": 2}, ahead=frozenset("ab"))
    foresee(memory, "abab")
    use(memory, "b", workspace=8)
    memory.release_all()
    use(memory, "a")
    assert device.fetched == ["b", "a"]


# What it took


class Scale:
    """A gauge that says what it is told to."""

    def __init__(self, *readings: int) -> None:
        self.readings = list(readings)

    def begin(self) -> None:
        return None

    def peak(self) -> int:
        return self.readings.pop(0)


def test_work_is_given_what_it_was_measured_to_take(make_memory: Make, use: Use) -> None:
    memory, _ = make_memory({"a": 1}, budget=1000, gauge=Scale(20, 20))
    use(memory, "a", workspace=100, stage="plan")
    assert memory.work_bytes == 20
    use(memory, "a", workspace=200, stage="plan")
    assert [event.bytes for event in memory.events if event.kind == "lease"] == [100, 42]


def test_work_that_fails_is_not_measured(make_memory: Make) -> None:
    memory, _ = make_memory({"a": 1}, gauge=Scale())
    with pytest.raises(ValueError), memory.lease(keys("a"), 100, stage="plan"):
        raise ValueError
    assert memory.peaks.expected("plan", 100) == 100


# The log


def test_events_tell_what_was_done(make_memory: Make, use: Use) -> None:
    memory, _ = make_memory({"a": 6, "b": 6}, budget=10)
    use(memory, "a", workspace=3, stage="plan")
    use(memory, "b", stage="draft")
    assert [
        (event.kind, event.stage, event.bytes, event.resident_bytes, event.workspace_bytes)
        for event in memory.events
    ] == [
        ("load", "plan", 6, 6, 3),
        ("lease", "plan", 3, 6, 3),
        ("evict", "draft", 6, 0, 0),
        ("load", "draft", 6, 6, 0),
        ("lease", "draft", 0, 6, 0),
    ]
    assert memory.peak_bytes == 9


def test_a_rehearsal_decides_the_same_and_loads_nothing(make_memory: Make, use: Use) -> None:
    memory, device = make_memory({"a": 6, "b": 6}, budget=10)
    rehearsal = memory.rehearsal()
    for each in (rehearsal, memory):
        for name in "aba":
            use(each, name, workspace=1)
    assert [told(rehearsal, kind) for kind in ("load", "evict")] == [["a", "b", "a"], ["a", "b"]]
    assert [told(memory, kind) for kind in ("load", "evict")] == [["a", "b", "a"], ["a", "b"]]
    assert device.fetched == ["a", "b", "a"]
