"""How large a stage's work may be since memory ran out, and when more is tried again. Pure arithmetic."""

import dataclasses
import sys

GROW_AFTER = 4
"""Micro-batches that have to go well before one of twice the size is tried: one that runs out costs about as
much as one that does not."""

GROW_AFTER_AT_MOST = 64
"""However often memory has run out again: at most one micro-batch of so many is tried in vain."""


@dataclasses.dataclass
class _Ceiling:
    most: int  # that work may declare
    former: int  # that ran out first
    patience: int = GROW_AFTER
    well: int = 0  # micro-batches in a row
    grown: bool = False  # since memory ran out last


class Ceilings:
    """Of each stage, by its name in the log; what work declares, in bytes."""

    def __init__(self) -> None:
        self._of: dict[str, _Ceiling] = {}

    def most(self, stage: str) -> int:
        """What a micro-batch of more than one row may declare, at most."""
        return self._of[stage].most if stage in self._of else sys.maxsize

    def ran_out(self, stage: str, tried: int, then: int) -> None:
        """Memory ran out with work that declares `tried`; `then` is tried next. Where it was tried because
        smaller work had gone well, twice as much has to go well before the next time."""
        ceiling = self._of.setdefault(stage, _Ceiling(sys.maxsize, tried))
        if ceiling.grown:
            ceiling.patience = min(2 * ceiling.patience, GROW_AFTER_AT_MOST)
        if ceiling.most == sys.maxsize:
            ceiling.former = tried
        ceiling.most = min(then, ceiling.most)
        ceiling.well, ceiling.grown = 0, False

    def went_well(self, stage: str, declared: int) -> bool:
        """Whether the next micro-batch may be twice as large as before, or as large as ever.

        Args:
            declared: by the work that went well. Work of at most half of what may be says nothing of the rest.
        """
        ceiling = self._of.get(stage)
        if ceiling is None or (ceiling.most < sys.maxsize and 2 * declared <= ceiling.most):
            return False
        ceiling.well += 1
        if ceiling.well < ceiling.patience:
            return False
        if ceiling.most == sys.maxsize:  # for long enough: what was is forgotten
            del self._of[stage]
            return False
        ceiling.well, ceiling.grown = 0, True
        ceiling.most *= 2
        if ceiling.most >= ceiling.former:
            ceiling.most = sys.maxsize
        return True
