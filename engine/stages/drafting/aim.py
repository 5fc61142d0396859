"""aim: which part of a picture is made again when something in it is missing.

If the plan says where the thing should be, that place is used. If it does not, but the thing is there and only
looks wrong, the drafter is asked where it is (see `locate`). All missing facts are repaired together, each with
a margin of one cell. Things without a known place, and settings, styles, counts and relations, concern the
whole picture, which is then made again as a whole.
"""

import math
from collections.abc import Sequence

import torch
from torch.nn.functional import max_pool2d

from ...errors import RowError
from ...language.open_vocabulary.places import Area, place_of, without
from ...repair import Aim, Flaw
from ...stage import ModelKey, Models, RunContext
from ...values import Fact
from .locate import LocateStage, Sought

MARGIN = 1  # cells around what is aimed at: things are no boxes
GRID = (16, 16)  # where there are no tokens whose grid it could be
STRENGTH = 0.8  # of painting over a picture that has no tokens


class AimStage:
    """Flaw to Aim.

    Args:
        locate: asks the drafter; `None` where the chain has none that begins with tokens of another draft. Then
            the picture is painted over alone.
    """

    name = "aim"
    takes = Flaw
    gives = Aim

    def __init__(self, *, locate: LocateStage | None = None) -> None:
        self.uses: tuple[ModelKey[object], ...] = () if locate is None else locate.uses
        self._locate = locate

    def workspace(self, batch: Sequence[Flaw]) -> int:
        """A mask for each, and what asking takes for the one with the most to ask for."""
        masks = sum(flaw.picture.judged.numel() for flaw in batch)
        most = max(batch, key=lambda flaw: len(flaw.facts))
        sought = [_sought(most, most.plan.prompt) for _ in most.facts]
        return masks + (self._locate.workspace(sought) if self._locate else 0)

    def cpu_workspace(self) -> int:
        """See `Stage`."""
        return self._locate.cpu_workspace() if self._locate else 0

    def run(self, batch: Sequence[Flaw], models: Models, context: RunContext) -> list[Aim]:
        """Raises `RowError` where nothing of what is aimed at may change, or the picture was scaled up."""
        aims: list[Aim] = []
        for i, flaw in enumerate(batch):
            request, (height, width, _) = flaw.plan.request, flaw.picture.judged.shape
            if (height, width) != (request.height, request.width):
                raise RowError(i, f"a picture that was scaled to {width}x{height} pixels is not painted over")
            aims.append(self._aim(flaw, models, context.of_rows([i] * len(flaw.facts))))
            if not aims[-1].mask.any():
                raise RowError(i, "nothing may change where something is missing: make the mask larger")
            context.step(i + 1, len(batch))
        return aims

    def _aim(self, flaw: Flaw, models: Models, context: RunContext) -> Aim:
        draft = flaw.candidate.draft if self._locate else None
        if draft is None:
            return Aim(flaw=flaw, cells=_wanted(flaw, GRID), strength=STRENGTH, keeps_tokens=False)
        areas = {fact: place_of(fact, flaw.plan.prompt) for fact in flaw.facts}
        others = {fact: _others(fact, flaw) for fact, area in areas.items() if area is None}
        if not all(others.values()):
            return Aim(flaw=flaw, cells=torch.ones(draft.grid, dtype=torch.bool))
        cells = _union([area for area in areas.values() if area], draft.grid)
        sought = [_sought(flaw, other) for other in others.values() if other]
        for found in self._locate.run(sought, models, context) if self._locate and sought else ():
            cells |= _around(found.box) if found.seen else True
        return Aim(flaw=flaw, cells=cells)


def _others(fact: Fact, flaw: Flaw) -> str | None:
    """The plan's words without a thing that the picture shows, but not as it should be; `None` where it does
    not, or the fact is about no thing."""
    verdict = flaw.candidate.verdict
    shown = [answer.fact for answer in verdict.answers if answer.shown] if verdict else []
    noun = fact.text.split()[-1]
    if not any(other.kind == "thing" and noun in other.text.split() for other in shown):
        return None
    return without(fact, flaw.plan.prompt)


def _sought(flaw: Flaw, other: str) -> Sought:
    draft = flaw.candidate.draft
    tokens = None if draft is None else draft.tokens
    return Sought(picture=flaw.picture.judged, tokens=tokens, wording=flaw.plan.prompt, others=(other,))


def _wanted(flaw: Flaw, grid: tuple[int, int]) -> torch.Tensor:
    """bool (h, w): where the words of the plan want all that is missed; everywhere, where they do not say."""
    areas = [place_of(fact, flaw.plan.prompt) for fact in flaw.facts]
    known = [area for area in areas if area is not None]
    return _union(known, grid) if len(known) == len(areas) else torch.ones(grid, dtype=torch.bool)


def _union(areas: Sequence[Area], grid: tuple[int, int]) -> torch.Tensor:
    cells = torch.zeros(grid, dtype=torch.bool)
    for area in areas:
        cells |= _inside(area, grid)
    return cells


def _around(cells: torch.Tensor) -> torch.Tensor:
    """The cells, and those around them."""
    return max_pool2d(cells[None].float(), 2 * MARGIN + 1, 1, MARGIN)[0] > 0


def _inside(area: Area, grid: tuple[int, int]) -> torch.Tensor:
    """bool (h, w): the cells that an area touches, and those around it."""
    cells = torch.zeros(grid, dtype=torch.bool)
    top, bottom = _stretch(area.top, area.bottom, grid[0])
    left, right = _stretch(area.left, area.right, grid[1])
    cells[top:bottom, left:right] = True
    return cells


def _stretch(start: float, stop: float, count: int) -> tuple[int, int]:
    return (
        max(0, math.floor(start * count + 1e-6) - MARGIN),
        min(count, math.ceil(stop * count - 1e-6) + MARGIN),
    )
