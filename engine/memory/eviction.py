"""Which models have to go so that others fit: arithmetic over byte counts and next uses, nothing else.

What is wanted again last goes first (Belady, "A study of replacement algorithms for a virtual-storage
computer", 1966). Models share pieces of weights, so `together` says what several of them take: never more than
the same and others.
"""

from collections.abc import Callable, Iterable, Sequence

from ..stage import ModelKey
from .lease_plan import LeasePlan


def choose_victims(
    candidates: Sequence[ModelKey[object]],
    staying: Iterable[ModelKey[object]],
    *,
    most_bytes: int,
    together: Callable[[Iterable[ModelKey[object]]], int],
    plan: LeasePlan,
) -> list[ModelKey[object]] | None:
    """Which of `candidates` to evict; `None` where all of them are not enough.

    What is wanted again last goes first; among equals, what comes first in `candidates`. What need not go after
    all, since a larger one had to follow, stays.

    Args:
        candidates: what may go, the least recently leased first.
        staying: what is to be on the device if nothing goes: `candidates` and all else.
        most_bytes: what may be on the device.
        together: bytes of the weights of some models.
        plan: which leases are to come.
    """
    here = set(staying)
    victims: list[ModelKey[object]] = []
    for victim in sorted(candidates, key=plan.next_use, reverse=True):
        if together(here) <= most_bytes:
            break
        here.remove(victim)
        victims.append(victim)
    if together(here) > most_bytes:
        return None
    for victim in reversed(victims):
        if together({*here, victim}) <= most_bytes:
            here.add(victim)
    return [victim for victim in victims if victim not in here]


def spare_at(
    distance: int, idle: Sequence[ModelKey[object]], *, resident: Iterable[ModelKey[object]], plan: LeasePlan
) -> list[ModelKey[object]]:
    """Those of `idle` that a lease so far away would evict first: they are not wanted before it, and of what is
    resident now nothing is wanted later. To evict them now costs no load that would not be anyway."""
    unwanted = [key for key in idle if plan.next_use(key) > distance]
    others = (key for key in resident if key not in unwanted)
    last = max((plan.next_use(key, after=distance) for key in others), default=0)
    return [key for key in unwanted if plan.next_use(key) >= last]
