"""What a captioner's likelihoods mean: numbers that make probabilities of them, kept beside its weights."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..errors import CheckpointError
from .checkpoint import read_json

FILE = "calibration.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class FactFit:
    """Log-odds of a fact = yes · (log-odds of the answer 'yes') - said · (nats of its words) + bias."""

    yes: float = 1.0
    said: float = 0.0
    bias: float = 0.0

    def odds(self, yes: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
        """Log-odds, of those of the answer and of the nats with which the captioner would say the same."""
        return self.yes * yes - self.said * said + self.bias


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
    """From likelihoods to probabilities, fitted on held-out matched and mismatched pairs (Platt 1999).

    The log-odds that a picture shows a text are, nats being per token,

        weight · (alpha · nats without the picture - nats with it) + worst · (log-odds of the worst fact) + bias

    so that one clear miss counts even where all other words fit.

    Args:
        facts: the fit for facts of each kind; answers of other kinds are taken as they are.
    """

    alpha: float = 1.0
    weight: float = 1.0
    bias: float = 0.0
    worst: float = 0.0
    facts: Mapping[str, FactFit] = dataclasses.field(default_factory=dict)

    def odds(self, shown: torch.Tensor, unseen: torch.Tensor, worst: torch.Tensor) -> torch.Tensor:
        """Log-odds of texts, each (b,): of the nats with and without the picture, and of the worst fact's."""
        return self.weight * (self.alpha * unseen - shown) + self.worst * worst + self.bias

    def of(self, kind: str) -> FactFit:
        """The fit for facts of this kind."""
        return self.facts.get(kind, FactFit())


def read_calibration(folder: Path) -> Calibration:
    """A captioner's calibration; the plain one where it was never calibrated.

    Raises:
        CheckpointError: the file does not hold the numbers.
    """
    path = folder / FILE
    if not path.exists():
        return Calibration()
    try:
        read: dict[str, Any] = dict(read_json(path))
        facts = {kind: FactFit(**_numbers(fit)) for kind, fit in dict(read.pop("facts", {})).items()}
        return Calibration(**_numbers(read), facts=facts)
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: {error}: run the calibration again") from None


def _numbers(table: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in table.items()}
