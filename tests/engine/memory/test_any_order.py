"""The budget holds whatever is asked, in whatever order, and whatever fails; eviction is as good as can be."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.errors import MemoryBudgetError
from diptych.engine.memory import DeviceMemory
from diptych.engine.stage import ModelKey

Make = Callable[..., tuple[DeviceMemory, Any]]

NAMES = "abcde"
SOME = st.frozensets(st.sampled_from(NAMES), max_size=3)
Lease = tuple[list[str], int, bool, bool]
LEASES = st.lists(
    st.tuples(
        st.lists(st.sampled_from(NAMES), max_size=3),
        st.integers(0, 12),  # workspace
        st.booleans(),  # the stage raises
        st.booleans(),  # the next lease is taken inside this one
    ),
    max_size=24,
)


def key(name: str) -> ModelKey:
    return ModelKey("fake", name)


class Wavering:
    """A gauge whose readings follow from how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def begin(self) -> None:
        self.asked += 1

    def peak(self) -> int | None:
        return None if self.asked % 3 == 0 else self.asked % 7


@settings(max_examples=200, deadline=None)
@given(
    sizes=st.fixed_dictionaries({name: st.integers(0, 10) for name in NAMES}),
    common=st.tuples(SOME, st.integers(0, 6)),  # models that have a piece in common, and its size
    streamed=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 4)),
    troubles=st.fixed_dictionaries({name: SOME for name in ("broken", "ahead", "late", "stuck")}),
    budget=st.integers(0, 30),
    leases=LEASES,
    foresight=st.integers(0, 24),
    measured=st.booleans(),
)
def test_no_sequence_of_leases_and_failures_breaks_the_budget(
    make_memory: Make,
    sizes: dict[str, int],
    common: tuple[frozenset[str], int],
    streamed: dict[str, int],
    troubles: dict[str, frozenset[str]],
    budget: int,
    leases: list[Lease],
    foresight: int,
    measured: bool,
) -> None:
    pieces = {
        name: {name: size} | ({"common": common[1]} if name in common[0] else {})
        for name, size in sizes.items()
    }
    least = {name: min(size, sum(pieces[name].values())) for name, size in streamed.items()}
    memory, device = make_memory(
        pieces=pieces, budget=budget, streamed=least, gauge=Wavering() if measured else None, **troubles
    )
    memory.foresee([[key(name) for name in names] for names, *_ in leases[:foresight]])

    def sound() -> None:
        assert device.bytes_there() == memory.resident_bytes
        assert set(device.there) == {each.checkpoint for each in memory.resident}
        assert memory.accounted_bytes <= memory.peak_bytes <= budget

    def go_on(rest: Iterator[Lease]) -> None:
        for names, workspace, raises, nested in rest:
            uses = [key(name) for name in names]
            held, fetched = memory.leased, len(device.fetched)
            room = memory.room_for_workspace(uses, streamed=True)
            fits = memory.peaks.expected("work", workspace) <= room
            with contextlib.suppress(ValueError, OSError):
                try:
                    with memory.lease(uses, workspace, stage="work") as models:
                        assert fits
                        assert set(uses) == set(models) <= memory.leased
                        assert held <= memory.leased <= set(memory.resident)
                        sound()
                        if nested:
                            go_on(rest)
                        if raises:
                            raise ValueError("the stage failed")
                except MemoryBudgetError:
                    assert not fits
                    assert len(device.fetched) == fetched
            assert memory.leased == held
            sound()

    go_on(iter(leases))
    memory.evict_idle()
    assert memory.accounted_bytes == device.bytes_there() == 0


@settings(max_examples=150, deadline=None)
@given(order=st.lists(st.sampled_from("abcd"), max_size=9), slots=st.integers(1, 3), ahead=st.booleans())
def test_eviction_is_the_best_possible_for_models_of_one_size(
    make_memory: Make, order: list[str], slots: int, ahead: bool
) -> None:
    sizes = dict.fromkeys("abcd", 1)
    moved = bytes_moved(make_memory, order, sizes, slots, ahead=frozenset("abcd" if ahead else ""))
    assert moved == fewest_bytes(order, sizes, slots)


@settings(max_examples=150, deadline=None)
@given(
    order=st.lists(st.sampled_from("abcd"), max_size=9),
    sizes=st.fixed_dictionaries({name: st.integers(1, 4) for name in "abcd"}),
    budget=st.integers(4, 12),
)
def test_eviction_is_near_the_best_possible_for_models_of_any_size(
    make_memory: Make, order: list[str], sizes: dict[str, int], budget: int
) -> None:
    moved, best = bytes_moved(make_memory, order, sizes, budget), fewest_bytes(order, sizes, budget)
    assert best <= moved <= 2 * best  # of 15 000 drawn so, the mean is 1.003 times the best, the worst 1.43


def bytes_moved(
    make_memory: Make, order: Sequence[str], sizes: Mapping[str, int], budget: int, **how: Any
) -> int:
    memory, device = make_memory(sizes, budget=budget, **how)
    memory.foresee([[key(name)] for name in order])
    for name in order:
        with memory.lease([key(name)]):
            pass
    return sum(sizes[name] for name in device.fetched)


def fewest_bytes(order: Sequence[str], sizes: Mapping[str, int], budget: int) -> int:
    """By trying every eviction."""

    @functools.cache
    def fewest(at: int, resident: frozenset[str]) -> int:
        if at == len(order):
            return 0
        name = order[at]
        if name in resident:
            return fewest(at + 1, resident)
        kept = [part for part in subsets(resident) if sum(sizes[one] for one in part) + sizes[name] <= budget]
        return sizes[name] + min(fewest(at + 1, part | {name}) for part in kept)

    return fewest(0, frozenset())


def subsets(whole: frozenset[str]) -> list[frozenset[str]]:
    parts = [frozenset[str]()]
    for one in whole:
        parts += [part | {one} for part in parts]
    return parts
