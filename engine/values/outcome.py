"""What becomes of a request: its candidates, the best of them, or why there is none."""

import dataclasses
from typing import TYPE_CHECKING

from ..errors import InputError
from .contents import short
from .draft import Draft
from .fact import Fact, Span
from .picture import Picture
from .plan import Plan
from .request import Request
from .verdict import Verdict

if TYPE_CHECKING:
    import PIL.Image


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Candidate:
    """One line of descent of a request, as far as it got, and why it won or lost.

    `preview_verdict` is the judgement of the draft's preview, where drafts were judged; `picture` and `verdict`
    are `None` for a draft that was thrown out before painting. A chain without a drafter has no `draft`.
    `unjudged` says that it was finished in a chain without a judge. `repairs` is the index of the candidate
    whose picture this one mends, if it is such a repair, and `mends` the facts that the other one misses.
    """

    plan: Plan
    draft: Draft | None = None
    preview_verdict: Verdict | None = None
    picture: Picture | None = None
    verdict: Verdict | None = None
    reason: str = ""
    unjudged: bool = False
    repairs: int | None = None
    mends: tuple[Fact, ...] = ()

    def __repr__(self) -> str:
        got = next((name for name in ("picture", "draft") if getattr(self, name) is not None), "plan")
        how = f"score {self.verdict.score:.3f}" if self.verdict else got
        return f"Candidate({self.index}, {how}, {short(self.reason)})"

    @property
    def finished(self) -> bool:
        """Whether it came to the end of its chain."""
        return self.verdict is not None or self.unjudged

    @property
    def index(self) -> int:
        return self.plan.request.candidate


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Outcome:
    """A request's best candidate, and the trail of all of them in the order they were made.

    Two outcomes are equal if the same came of the same request, however long it took. `origin` tells one
    pipeline from another, as `environment.origin_of` does; empty where that is not known.
    """

    request: Request
    best: Candidate
    accepted: bool
    trail: tuple[Candidate, ...]
    timings: dict[str, float] = dataclasses.field(compare=False)  # seconds by stage, its share of its batches
    origin: str = dataclasses.field(default="", compare=False)

    def __repr__(self) -> str:
        score = f"score {self.best.verdict.score:.3f}, " if self.best.verdict else ""
        taken = "accepted" if self.accepted else "not accepted"
        made = f"candidate {self.best.index} of {len(self.trail)}"
        return f"Outcome({short(self.request.prompt)}, {score}{taken}, {made})"

    @property
    def plan(self) -> Plan:
        return self.best.plan

    @property
    def draft(self) -> Draft | None:
        return self.best.draft

    @property
    def picture(self) -> Picture:
        assert self.best.picture is not None, "an outcome's best candidate has a picture"
        return self.best.picture

    @property
    def judged(self) -> bool:
        """Whether there is a verdict: not so of a recipe without a judge."""
        return self.best.verdict is not None

    @property
    def verdict(self) -> Verdict:
        """Raises `InputError` where nobody judged the picture; see `judged`."""
        if self.best.verdict is None:
            raise InputError(
                "this picture was not judged, so it has no verdict: its recipe has no [stages.judge]"
            )
        return self.best.verdict

    @property
    def left_out(self) -> tuple[Span, ...]:
        """Words of the prompt that ask for something which the picture was not made to show."""
        return self.plan.left_out

    @property
    def image(self) -> "PIL.Image.Image":
        return self.picture.image


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Failure:
    """A request that could not be carried out: at which stage, and why, in one line."""

    request: Request
    stage: str
    reason: str

    def __repr__(self) -> str:
        return f"Failure({short(self.request.prompt)}, at {self.stage}: {' '.join(self.reason.split())[:200]})"
