"""What the captioner thinks of a picture."""

import dataclasses
import math

from .contents import short
from .fact import Fact


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class FactAnswer:
    """The captioner's answer to one fact: the probability that the picture shows it."""

    fact: Fact
    probability: float

    def __post_init__(self) -> None:
        assert 0.0 <= self.probability <= 1.0, f"probability {self.probability} outside [0, 1]"

    def __repr__(self) -> str:
        return f"FactAnswer({short(self.fact.text)}, {self.probability:.3f})"

    @property
    def shown(self) -> bool:
        return self.probability >= 0.5


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Verdict:
    """The captioner's judgement of one picture.

    Args:
        caption: what the captioner sees, in its own words; empty for a preview, whose caption nobody would
            read.
        score: probability in [0, 1] that the picture shows all that was asked: of the asked facts alone.
        answers: one for each fact of the plan, asked or added.
        fit: how well the picture fits the whole plan, wording and additions too: log-odds, up to a constant
            that is the plan's; `None` where the judge cannot say. It tells equal scores apart, no more.
        likelihood: if requested, how much likelier the picture makes the prompt, in nats a token (pointwise
            mutual information); it is no part of the score.
        by: who judged, and how, where that was a server; empty for a model of this machine.
    """

    caption: str
    score: float
    answers: tuple[FactAnswer, ...] = ()
    likelihood: float | None = None
    fit: float | None = None
    by: str = dataclasses.field(default="", compare=False)

    def __post_init__(self) -> None:
        assert 0.0 <= self.score <= 1.0, f"score {self.score} outside [0, 1]"
        for name, number in (("likelihood", self.likelihood), ("fit", self.fit)):
            assert number is None or math.isfinite(number), f"{name} {number} is no number"

    def __repr__(self) -> str:
        shown = sum(answer.shown for answer in self.answers)
        return f"Verdict({self.score:.3f}, {shown} of {len(self.answers)} facts shown, {short(self.caption)})"

    @property
    def missed(self) -> tuple[Fact, ...]:
        """The asked facts that the picture does not show."""
        return tuple(answer.fact for answer in self.answers if answer.fact.asked and not answer.shown)

    @property
    def weakest_addition(self) -> float:
        """The probability of the least sure of the added facts: what tells equal scores apart; 1 of none."""
        return min((a.probability for a in self.answers if not a.fact.asked), default=1.0)
