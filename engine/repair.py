"""The values of a repair: what a picture lacks, and which part of it is made again.

Nothing outside that part changes: neither a token of the draft, nor a byte of the picture.
"""

import dataclasses
from typing import TYPE_CHECKING

from .values import Candidate, Draft, Picture, Plan, Settings
from .values.fact import Fact
from .values.start import Start, Wording

if TYPE_CHECKING:
    import torch


CALM = 0.5
"""Factor on the drafts' temperature for repairs, which should not come up with another idea."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Flaw:
    """A picture that misses something.

    Args:
        candidate: whose picture it is.
        facts: what it misses, at least one, the worst first.
        start: what the request itself starts from: what may not change there is not repaired.
    """

    candidate: Candidate
    facts: tuple[Fact, ...]
    start: Start | None = None

    @property
    def plan(self) -> Plan:
        return self.candidate.plan

    @property
    def picture(self) -> Picture:
        assert self.candidate.picture is not None, "what is mended has a picture"
        return self.candidate.picture

    @classmethod
    def sample(cls, plan: Plan, draft: Draft) -> "Flaw":
        """One that says nothing, for asking a stage what it needs."""
        picture = Picture(pixels=draft.preview, plan=plan, draft=draft)
        candidate = Candidate(plan=plan, draft=draft, picture=picture)
        return cls(candidate=candidate, facts=plan.facts[:1])


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Aim:
    """Which part of a picture is made again.

    Args:
        cells: bool (h, w) on the CPU, of any grid over the picture; of the draft's, where its tokens are kept.
        strength: see `Start`.
        keeps_tokens: whether the draft's tokens stay outside of the cells; else a draft is made of its own.
    """

    flaw: Flaw
    cells: "torch.Tensor"
    strength: float = 1.0
    keeps_tokens: bool = True

    @property
    def plan(self) -> Plan:
        return self.flaw.plan

    @property
    def mask(self) -> "torch.Tensor":
        """bool (height, width): the pixels that may change."""
        given, pixels = self.flaw.start, self.flaw.picture.judged
        mask = enlarged(self.cells, int(pixels.shape[0]), int(pixels.shape[1]))
        return mask if given is None or given.mask is None else mask & given.mask

    def started(self, plan: Plan) -> Plan:
        """`plan`, to be carried out where this aims at, upon the picture that has the flaw."""
        draft = self.flaw.candidate.draft if self.keeps_tokens else None
        start = Start(
            picture=self.flaw.picture.judged,
            mask=self.mask,
            strength=self.strength,
            tokens=draft and draft.tokens,
            redraw=self.cells if draft else 1.0,
            wording=Wording(prompt=plan.prompt, facts=plan.facts, left_out=plan.left_out),
        )
        return dataclasses.replace(plan, request=dataclasses.replace(plan.request, start=start))


def enlarged(cells: "torch.Tensor", height: int, width: int) -> "torch.Tensor":
    """bool (h, w) as bool (height, width): a pixel is what the cell is that its middle lies in."""
    import torch

    rows = ((torch.arange(height) + 0.5) * cells.shape[0] / height).long()
    columns = ((torch.arange(width) + 0.5) * cells.shape[1] / width).long()
    return cells[rows][:, columns]


def calmed(settings: Settings) -> Settings:
    """The settings of a repair, by those of its request."""
    if settings.temperature is None:
        return settings
    return dataclasses.replace(settings, temperature=CALM * settings.temperature)
