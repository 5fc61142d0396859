"""The choice of what is evicted, against every choice there is."""

import itertools
import sys
from collections.abc import Iterable, Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.memory.eviction import choose_victims, spare_at
from diptych.engine.memory.lease_plan import LeasePlan
from diptych.engine.stage import ModelKey

KEYS = tuple(ModelKey("fake", name) for name in "abcdef")

Pieces = Mapping[ModelKey, Mapping[str, int]]

SOME = st.frozensets(st.sampled_from(KEYS), max_size=3)
PLANS = st.lists(SOME, max_size=8)
ALL_PIECES: st.SearchStrategy[Pieces] = st.fixed_dictionaries(
    {key: st.dictionaries(st.sampled_from(["own", "common", "other"]), st.integers(0, 6)) for key in KEYS}
).map(
    lambda found: {
        key: {(name if name != "own" else key.checkpoint): size for name, size in pieces.items()}
        for key, pieces in found.items()
    }
)


def bytes_of(pieces: Pieces, keys: Iterable[ModelKey]) -> int:
    """Each piece once; where two models have one of different sizes, the larger counts."""
    sizes: dict[str, int] = {}
    for key in keys:
        for name, size in pieces[key].items():
            sizes[name] = max(size, sizes.get(name, 0))
    return sum(sizes.values())


def next_use(plan: Sequence[frozenset[ModelKey]], key: ModelKey, *, after: int = -1) -> int:
    return min((i for i, uses in enumerate(plan) if i > after and key in uses), default=sys.maxsize)


def best_victims(
    candidates: Sequence[ModelKey],
    here: Sequence[ModelKey],
    most: int,
    pieces: Pieces,
    plan: Sequence[frozenset[ModelKey]],
) -> set[ModelKey] | None:
    """Of all sets whose eviction makes room, the one that keeps what is wanted soonest; of those alike in that,
    the one that keeps what is wanted next, and so on."""
    soonest_first = sorted(candidates, key=lambda key: (next_use(plan, key), -candidates.index(key)))
    enough = [
        going
        for size in range(len(candidates) + 1)
        for going in itertools.combinations(candidates, size)
        if bytes_of(pieces, set(here) - set(going)) <= most
    ]
    ranked = sorted(enough, key=lambda going: [key in going for key in soonest_first])
    return set(ranked[0]) if ranked else None


@settings(max_examples=300, deadline=None)
@given(
    order=st.permutations(KEYS),
    idle=st.integers(0, 5),
    others=st.integers(0, 3),
    pieces=ALL_PIECES,
    most=st.integers(0, 40),
    plan=PLANS,
)
def test_what_is_wanted_soonest_stays_as_no_other_choice_keeps_it(
    order: list[ModelKey],
    idle: int,
    others: int,
    pieces: Pieces,
    most: int,
    plan: list[frozenset[ModelKey]],
) -> None:
    candidates, here = order[:idle], order[: idle + others]
    victims = choose_victims(
        candidates,
        here,
        most_bytes=most,
        together=lambda keys: bytes_of(pieces, keys),
        plan=LeasePlan(plan),
    )
    best = best_victims(candidates, here, most, pieces, plan)
    assert (victims if victims is None else set(victims)) == best
    if victims is not None:
        uses = [next_use(plan, key) for key in victims]
        assert uses == sorted(uses, reverse=True)  # what is wanted again last goes first
        assert bytes_of(pieces, set(here) - set(victims)) <= most


@settings(max_examples=300, deadline=None)
@given(order=st.permutations(KEYS), idle=st.integers(0, 4), plan=PLANS, distance=st.integers(0, 8))
def test_what_is_spare_is_what_the_later_lease_would_evict_itself(
    order: list[ModelKey], idle: int, plan: list[frozenset[ModelKey]], distance: int
) -> None:
    """When that lease comes, of all that is here now nothing else is wanted later: it would go first anyway."""
    resident = order[:5]
    spare = spare_at(distance, resident[:idle], resident=resident, plan=LeasePlan(plan))
    needed_until_then = [key for key in resident if next_use(plan, key) <= distance]
    for key in resident[:idle]:
        then = next_use(plan, key, after=distance)
        rivals = [key for key in resident if key in needed_until_then or key not in resident[:idle]]
        first_to_go = all(then >= next_use(plan, rival, after=distance) for rival in rivals)
        assert (key in spare) == (key not in needed_until_then and first_to_go)
    assert set(spare) <= set(resident[:idle])


def test_what_need_not_go_after_a_larger_one_stays() -> None:
    small, large, wanted = KEYS[:3]
    sizes = {small: 1, large: 8, wanted: 8}
    victims = choose_victims(
        [small, large],
        [small, large, wanted],
        most_bytes=9,
        together=lambda keys: sum(sizes[key] for key in keys),
        plan=LeasePlan(),
    )
    assert victims == [large]
