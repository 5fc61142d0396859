"""Which leases are to come, and how far off each model's next use is. Pure arithmetic."""

import sys
from collections.abc import Iterable, Iterator, Sequence

from ..stage import ModelKey


class LeasePlan:
    """What was said of the leases to come; none of it is a promise.

    The lease at hand is itself the first, where it was foreseen: its next micro-batch may follow.
    """

    def __init__(self, uses: Sequence[Iterable[ModelKey[object]]] = ()) -> None:
        self._future = [frozenset(keys) for keys in uses]

    def __iter__(self) -> Iterator[tuple[int, frozenset[ModelKey[object]]]]:
        """How many leases away, and of which models."""
        return iter(enumerate(self._future))

    def arrive_at(self, uses: frozenset[ModelKey[object]]) -> bool:
        """Forget what was to come before a lease of `uses`. Whether that was anything."""
        passed = self._future.index(uses) if uses in self._future else 0
        self._future = self._future[passed:]
        return passed > 0

    def next_use(self, key: ModelKey[object], *, after: int = -1) -> int:
        """How many leases away `key` is wanted next, leases up to `after` left out; for ever, if it is not."""
        return next((i for i, uses in self if i > after and key in uses), sys.maxsize)
