"""Calibration of a captioner: numbers, kept beside its weights, that turn its answers into probabilities."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ...errors import CheckpointError
from ...values.fact import Fact
from ..checkpoint.folder import read_json

FILE = "calibration.json"
_EARLIER = {"alpha", "weight", "bias", "worst"}  # of scores that weighed the text's likelihood
SUREST = 8.0  # log-odds, either way, as a score takes them


@dataclasses.dataclass(frozen=True, kw_only=True)
class FactFit:
    """Log-odds of a fact = yes · (log-odds of the answer 'yes') - said · (nats of its words) + bias."""

    yes: float = 1.0
    said: float = 0.0
    bias: float = 0.0

    def odds(self, yes: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
        """Log-odds, of those of the answer and of the nats with which the captioner would say the same."""
        return self.yes * yes - self.said * said + self.bias

    def probability(self, odds: float) -> float:
        """Of the log-odds of an answer alone."""
        return _sigmoid(self.yes * odds + self.bias)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
    """From answers to a score, fitted on held-out pictures with prompts as people type them (Platt 1999).

    The log-odds that a picture shows all that was asked are

        worst · (log-odds of the least sure fact)
        + together · (log-odds that all hold, were they independent) + bias

    of the asked facts alone: one clear miss counts, however many others are shown.

    Args:
        wording: of a plan as a whole: log-odds for each nat a token by which the picture makes its wording
            likelier, beside those of its least sure fact, added ones among them.
        facts: the fit for facts of each kind; answers of other kinds are taken as they are.
        none_of: texts of facts that the captioner never learnt, each with others of its kind: it is true where
            none of them is.
        any_of: first words of such texts, each with others in its place: it is true where any of them is.
    """

    worst: float = 1.0
    together: float = 0.0
    bias: float = 0.0
    wording: float = 1.0
    facts: Mapping[str, FactFit] = dataclasses.field(default_factory=dict)

    none_of: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    any_of: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    def asked_for(self, fact: Fact) -> tuple[Fact, ...]:
        """What the captioner is asked, to know of a fact: the same, or others in its place."""
        first, _, rest = fact.text.partition(" ")
        others = self.none_of.get(fact.text) or tuple(f"{word} {rest}" for word in self.any_of.get(first, ()))
        return tuple(Fact(kind=fact.kind, text=text) for text in others) or (fact,)

    def answer(self, fact: Fact, probabilities: Iterator[float]) -> float:
        """The probability of a fact, of the next answers to what is asked for it."""
        found = [next(probabilities) for _ in self.asked_for(fact)]
        most = math.nan if any(map(math.isnan, found)) else max(found)
        return 1 - most if fact.text in self.none_of else most

    def score(self, probabilities: Sequence[float]) -> float:
        """The probability that a picture shows all of these facts, one at least, each with its own."""
        least, all_of_them = evidence(probabilities)
        return _sigmoid(self.worst * least + self.together * all_of_them + self.bias)

    def fit(self, gain: float, probabilities: Sequence[float]) -> float:
        """How well a picture fits a whole plan: log-odds, up to a constant that is the plan's.

        Args:
            gain: nats a token by which the picture makes the plan's wording likelier.
            probabilities: of all its facts, asked or added.
        """
        return self.wording * gain + evidence(probabilities)[0]

    def of(self, kind: str) -> FactFit:
        """The fit for facts of this kind."""
        return self.facts.get(kind, FactFit())


def evidence(probabilities: Sequence[float]) -> tuple[float, float]:
    """What the score is made of: the log-odds of the least sure fact, and those that all hold, were they
    independent; within `SUREST` either way."""
    sound = [0.0 if math.isnan(p) else p for p in probabilities]
    return _log_odds(min(sound)), _log_odds(math.prod(sound))


def _log_odds(p: float) -> float:
    p = min(max(p, 1e-9), 1 - 1e-9)
    return max(-SUREST, min(SUREST, math.log(p / (1 - p))))


def _sigmoid(x: float) -> float:
    return 0.5 * (1 + math.tanh(x / 2))


def read_calibration(folder: Path) -> Calibration:
    """A captioner's calibration; the plain one where it was never calibrated.

    Of one of an earlier version, whose score was of another make, the fits of the facts are taken.

    Raises:
        CheckpointError: the file does not hold the numbers.
    """
    path = folder / FILE
    if not path.exists():
        return Calibration()
    try:
        read: dict[str, Any] = dict(read_json(path))
        facts = {kind: FactFit(**_numbers(fit)) for kind, fit in dict(read.pop("facts", {})).items()}
        none_of, any_of = (_texts(read.pop(name, {})) for name in ("none_of", "any_of"))
        numbers = _numbers(read)
        if "alpha" in numbers and numbers.keys() <= _EARLIER:
            return Calibration(facts=facts)
        return Calibration(**numbers, facts=facts, none_of=none_of, any_of=any_of)
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: {error}: run the calibration again") from None


def _numbers(table: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in table.items()}


def _texts(table: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {str(text): tuple(map(str, others)) for text, others in dict(table).items()}
