"""The budget holds whatever is asked, and whatever fails. Driven on a loader that loads nothing."""

import contextlib
import functools
import sys
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.errors import MemoryBudgetError
from diptych.engine.memory import DeviceMemory, format_bytes
from diptych.engine.stage import ModelKey


def key(name: str) -> ModelKey:
    return ModelKey("fake", name)


class FakeLoader:
    """Models that are names with a size; what it is asked to load can be made to fail."""

    def __init__(self, sizes: dict[str, int], *, broken: frozenset[str] = frozenset()) -> None:
        self.sizes = sizes
        self.broken = broken
        self.loaded: list[str] = []
        self.memory: DeviceMemory | None = None

    def weight_bytes(self, key: ModelKey, /) -> int:
        return self.sizes[key.checkpoint]

    def load(self, key: ModelKey, device: str, /) -> str:
        if self.memory is not None:
            assert self.memory.accounted_bytes + self.weight_bytes(key) <= self.memory.budget_bytes
        if key.checkpoint in self.broken:
            raise OSError(f"{key.checkpoint} is damaged")
        self.loaded.append(key.checkpoint)
        return f"{key.checkpoint} on {device}"


def device_memory(
    sizes: dict[str, int], *, budget: int | None, broken: frozenset[str] = frozenset()
) -> tuple[DeviceMemory, FakeLoader]:
    loader = FakeLoader(sizes, broken=broken)
    memory = loader.memory = DeviceMemory(loader, budget_bytes=budget)
    return memory, loader


def evicted(memory: DeviceMemory) -> list[str]:
    return [event.key.checkpoint for event in memory.events if event.kind == "evict" and event.key]


def use(memory: DeviceMemory, *names: str, workspace: int = 0) -> None:
    with memory.lease([key(name) for name in names], workspace):
        pass


def test_a_lease_hands_out_the_models_and_keeps_them_for_the_next() -> None:
    memory, loader = device_memory({"a": 10, "b": 5}, budget=None)
    for _ in range(2):
        with memory.lease([key("a"), key("b"), key("a")]) as models:
            assert dict(models) == {key("a"): "a on cpu", key("b"): "b on cpu"}
            assert memory.leased == {key("a"), key("b")}
    assert loader.loaded == ["a", "b"]
    assert memory.leased == frozenset()
    assert memory.resident_bytes == 15


def test_a_kept_mapping_does_not_keep_models_alive() -> None:
    memory, _ = device_memory({"a": 10}, budget=None)
    with memory.lease([key("a")]) as models:
        pass
    assert not models


def test_what_is_needed_again_last_is_evicted() -> None:
    memory, _ = device_memory({"a": 4, "b": 4, "c": 4}, budget=8)
    memory.foresee([[key(name)] for name in "abcab"])
    use(memory, "a")
    use(memory, "b")
    use(memory, "c")
    assert evicted(memory) == ["b"]  # the least recently used would have been a


def test_without_foresight_the_least_recently_leased_is_evicted() -> None:
    memory, _ = device_memory({"a": 4, "b": 4, "c": 4}, budget=8)
    for name in "abac":
        use(memory, name)
    assert evicted(memory) == ["b"]


def test_micro_batches_do_not_use_up_foresight() -> None:
    memory, _ = device_memory({"a": 4, "b": 4, "c": 4}, budget=8)
    memory.foresee([[key(name)] for name in "abcab"])
    for name in "aabbb":
        use(memory, name)
    use(memory, "c")
    assert evicted(memory) == ["b"]


def test_workspace_makes_room_by_evicting() -> None:
    memory, _ = device_memory({"a": 4, "b": 4}, budget=10)
    use(memory, "a")
    use(memory, "b", workspace=3)
    assert memory.resident == (key("b"),)


@pytest.mark.parametrize(("names", "workspace"), [("ab", 0), ("a", 5), ("", 11)])
def test_what_cannot_fit_is_refused_before_anything_is_loaded_or_evicted(names: str, workspace: int) -> None:
    memory, loader = device_memory({"a": 6, "b": 6, "c": 1}, budget=10)
    use(memory, "c")
    with pytest.raises(MemoryBudgetError, match=r"10 bytes.*at least 1[12] bytes"):
        use(memory, *names, workspace=workspace)
    assert loader.loaded == ["c"]
    assert memory.resident == (key("c"),)
    assert memory.leased == frozenset()


def test_a_refusal_counts_what_others_hold() -> None:
    memory, _ = device_memory({"a": 6, "b": 6}, budget=10)
    with memory.lease([key("a")], 1), pytest.raises(MemoryBudgetError, match=r"\+ 7 bytes leased by others"):
        memory.check([key("b")])


def test_room_for_workspace_is_what_the_weights_leave() -> None:
    memory, _ = device_memory({"a": 6, "b": 3, "c": 20}, budget=10)
    use(memory, "b")
    assert memory.room_for_workspace([key("a")]) == 4
    assert memory.room_for_workspace([key("c")]) == -10
    with memory.lease([key("b")], 2):
        assert memory.room_for_workspace([key("a")]) == -1


def test_a_stage_that_raises_gives_everything_back() -> None:
    memory, _ = device_memory({"a": 6}, budget=10)
    with pytest.raises(ValueError, match="bad stage"), memory.lease([key("a")], 4):
        raise ValueError("bad stage")
    assert memory.accounted_bytes == 6
    use(memory, "a", workspace=4)


def test_a_load_that_fails_gives_everything_back() -> None:
    memory, _ = device_memory({"a": 6, "b": 2}, budget=10, broken=frozenset("b"))
    with pytest.raises(OSError, match="b is damaged"):
        use(memory, "a", "b", workspace=2)
    assert memory.accounted_bytes == 6
    assert memory.leased == frozenset()


def test_idle_models_can_be_evicted_on_request_but_leased_ones_stay() -> None:
    memory, _ = device_memory({"a": 1, "b": 2, "c": 4}, budget=None)
    use(memory, "a", "b", "c")
    with memory.lease([key("a")]):
        assert memory.evict_idle(but=[key("b")]) == 4
        memory.release_all()
        assert memory.resident == (key("a"),)
    memory.release_all()
    assert memory.resident_bytes == 0


def test_events_tell_what_was_done() -> None:
    memory, _ = device_memory({"a": 6, "b": 6}, budget=10)
    with memory.lease([key("a")], 3, stage="plan"):
        pass
    use(memory, "b")
    told = [(event.kind, event.stage, event.bytes, event.resident_bytes) for event in memory.events]
    assert told == [
        ("load", "", 6, 6),
        ("lease", "plan", 3, 6),
        ("evict", "", 6, 0),
        ("load", "", 6, 6),
        ("lease", "", 0, 6),
    ]


def test_bytes_are_written_for_a_reader() -> None:
    assert [format_bytes(n) for n in (512, 1536, 3 * 2**19, 2**31)] == [
        "512 bytes",
        "1.5 KiB",
        "1.5 MiB",
        "2.0 GiB",
    ]


NAMES = "abcde"
LEASES = st.lists(
    st.tuples(
        st.lists(st.sampled_from(NAMES), max_size=3),
        st.integers(0, 12),  # workspace
        st.booleans(),  # the stage raises
        st.booleans(),  # the next lease is taken inside this one
    ),
    max_size=24,
)


@settings(max_examples=200, deadline=None)
@given(
    sizes=st.fixed_dictionaries({name: st.integers(0, 10) for name in NAMES}),
    budget=st.integers(0, 30),
    broken=st.frozensets(st.sampled_from(NAMES), max_size=2),
    leases=LEASES,
    foresight=st.integers(0, 24),
)
def test_no_sequence_of_leases_and_failures_breaks_the_budget(
    sizes: dict[str, int],
    budget: int,
    broken: frozenset[str],
    leases: list[tuple[list[str], int, bool, bool]],
    foresight: int,
) -> None:
    memory, loader = device_memory(sizes, budget=budget, broken=broken)
    memory.foresee([[key(name) for name in names] for names, *_ in leases[:foresight]])

    def go_on(rest: Iterator[tuple[list[str], int, bool, bool]]) -> None:
        for names, workspace, raises, nested in rest:
            uses = [key(name) for name in names]
            held, loads, room = memory.leased, len(loader.loaded), memory.room_for_workspace(uses)
            with contextlib.suppress(ValueError, OSError):
                try:
                    with memory.lease(uses, workspace) as models:
                        assert workspace <= room
                        assert set(uses) == set(models) <= memory.leased
                        assert held <= memory.leased <= set(memory.resident)
                        assert memory.accounted_bytes <= budget
                        if nested:
                            go_on(rest)
                        if raises:
                            raise ValueError("the stage failed")
                except MemoryBudgetError:
                    assert workspace > room
                    assert len(loader.loaded) == loads
            assert memory.leased == held
            assert memory.accounted_bytes <= budget

    go_on(iter(leases))
    memory.evict_idle()
    assert memory.accounted_bytes == 0


@settings(max_examples=100, deadline=None)
@given(order=st.lists(st.sampled_from("abcd"), max_size=9), slots=st.integers(1, 3))
def test_eviction_is_the_best_possible_for_models_of_one_size(order: list[str], slots: int) -> None:
    memory, loader = device_memory(dict.fromkeys("abcd", 1), budget=slots)
    memory.foresee([[key(name)] for name in order])
    for name in order:
        use(memory, name)
    assert len(loader.loaded) == fewest_loads(order, slots)


def fewest_loads(order: Sequence[str], slots: int) -> int:
    """By trying every eviction."""

    @functools.cache
    def fewest(at: int, resident: frozenset[str]) -> int:
        if at == len(order):
            return 0
        name = order[at]
        if name in resident:
            return fewest(at + 1, resident)
        victims: list[frozenset[str]] = [frozenset([victim]) for victim in resident]
        if len(resident) < slots:
            victims = [frozenset()]
        return 1 + min(fewest(at + 1, (resident - victim) | {name}) for victim in victims)

    return fewest(0, frozenset())


def test_no_budget_is_no_limit() -> None:
    memory, _ = device_memory({"a": 2**40}, budget=None)
    use(memory, "a", workspace=2**40)
    assert memory.room_for_workspace([]) == sys.maxsize
