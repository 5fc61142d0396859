"""Trains one model of a training folder: alone it gives the same result as beside others."""

import dataclasses
import sys
from collections.abc import Callable

from .config import training_of
from .loop.trainer import train
from .parts import Parts


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lasting:
    """How long models are trained, where not as the config says, and with how many workers each."""

    steps: int | None = None
    minutes: float | None = None
    workers: int = 0


def train_one(name: str, parts: Parts, lasting: Lasting, *, say: Callable[[str], None]) -> bool:
    """Train model `name`; whether it is done, see `train`."""
    settings = training_of(parts.config, name, steps=lasting.steps, minutes=lasting.minutes)
    return train(parts.task(name), settings, parts.out / name, workers=lasting.workers, say=say)


def say(line: str) -> None:
    """What is said of a training as it goes: standard output is for the result alone."""
    print(line, file=sys.stderr, flush=True)
