"""How long a run is and how fast it learns: a number of steps, or as many as fit into some minutes.

Knows the clock and the learning rate's shape, and nothing of models, batches or files.
"""

import bisect
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping

from ....engine.errors import InputError

MARGIN = 0.03  # of the minutes: so much sooner a run is meant to end
LEAST_OPEN = 0.1  # of the minutes, whatever the cooldown: the first steps are slow
LEAST_WINDOW = 30.0  # seconds over which the speed is measured, where there were so many
MARK_EVERY = 1.0  # seconds between what is remembered of the speed


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How long and how fast.

    The learning rate warms up, stays, and falls linearly to zero over the last `cooldown` of the steps: a run
    can be extended until the cooldown starts. With `minutes` it trains for that time and `steps` is ignored:
    the number of steps is known once the cooldown starts (`StepSchedule`).
    """

    steps: int
    batch_size: int
    lr: float = 2e-3
    matrix_lr: float = 0.01
    warmup: int = 100
    cooldown: float = 0.3
    ema: float = 0.998
    seed: int = 0
    minutes: float = 0.0  # of wall-clock time; 0 for `steps` steps
    checkpoint_minutes: float = 5.0
    log_every: int = 25
    precision: str = "auto"  # of the arithmetic, one of `PRECISIONS`; weights and averages are float32

    def lr_factor(self, step: int) -> float:
        """Of the peak learning rate at `step` (from 0)."""
        fall = self.steps * self.cooldown
        return min(1.0, (step + 1) / self.warmup, (self.steps - step) / fall if fall else 1.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reached:
    """How far a run has come: what its state remembers beside weights."""

    step: int = 0  # steps done
    seconds: float = 0.0  # that they took, in all parts of the run
    steps: int | None = None  # the number that a run of so many minutes has settled on
    minutes: float | None = None  # for which it did

    def as_metadata(self) -> dict[str, str]:
        fields = dataclasses.asdict(self)
        return {key: str(value) for key, value in fields.items() if value is not None}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "Reached":
        """Raises `KeyError` or `ValueError` where it is not what `as_metadata` writes."""
        return cls(
            step=int(metadata["step"]),
            seconds=float(metadata.get("seconds", 0)),
            steps=int(metadata["steps"]) if "steps" in metadata else None,
            minutes=float(metadata["minutes"]) if "minutes" in metadata else None,
        )


class StepSchedule:
    """Says what steps are to come and the learning rate at each; its clock starts when it is made.

    A run of so many minutes is open at first, `steps` is `None`, and the learning rate stays at its peak. When
    all but the cooldown's share of the minutes have passed, the speed of late says how many steps fit into the
    rest; from then on the run is one of so many steps.

    Args:
        reached: where the run goes on; a number of steps that it had settled on stays.
        clock: seconds from any origin.

    Raises:
        InputError: the run has used up its minutes, so that none are left for a cooldown.
    """

    def __init__(
        self,
        settings: TrainSettings,
        reached: Reached | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        reached = reached or Reached()
        self._settings = settings
        self.steps = reached.steps if settings.minutes else settings.steps
        self._begin(self.steps)
        self._total = settings.minutes * 60
        if self.steps is None and reached.seconds >= self._total * (1 - MARGIN):
            raise InputError(
                f"this run has already taken {reached.seconds / 60:.0f} minutes of its {settings.minutes:g}:"
                " name more with --minutes, or --steps"
            )
        self._minutes = reached.minutes if reached.steps is not None else settings.minutes
        self._clock, self._began = clock, clock()
        self._done, self._before = reached.step, reached.seconds
        self._marks = [(0.0, 0), (reached.seconds, reached.step)] if reached.seconds else [(0.0, reached.step)]

    def _begin(self, steps: int | None) -> None:
        self.steps = steps
        self._shape = None if steps is None else dataclasses.replace(self._settings, steps=steps)

    def coming(self) -> Iterator[int]:
        """The steps that are still to be done, without an end while the run is open."""
        step = self._done
        while self.steps is None or step < self.steps:
            yield step
            step += 1

    def lr_factor(self, step: int) -> float:
        """Of the peak learning rate at `step` (from 0)."""
        return (
            min(1.0, (step + 1) / self._settings.warmup) if self._shape is None else self._shape.lr_factor(step)
        )

    def after(self, done: int) -> bool:
        """Note that `done` steps are done; whether that settled their number."""
        now = self.seconds()
        if now - self._marks[-1][0] >= MARK_EVERY:
            self._marks.append((now, done))
        self._done = done
        if self.steps is not None:
            return False
        if now < self._total * min(max(1 - self._settings.cooldown, LEAST_OPEN), 1 - MARGIN):
            return False
        left = max(0.0, self._total * (1 - MARGIN) - now)
        self._begin(done + round(left * self.speed()))
        return True

    def seconds(self) -> float:
        """What the run has taken so far, its earlier parts included."""
        return self._before + self._clock() - self._began

    def speed(self) -> float:
        """Steps a second in the last third of this part of the run, so that a slow start does not count.

        While that is short, earlier parts count as if they had been evenly fast.
        """
        now = self.seconds()
        window = max((now - self._before) / 3, min(LEAST_WINDOW, now / 3))
        return (self._done - self._done_at(now - window)) / window if window > 0 else 0.0

    def _done_at(self, second: float) -> float:
        """The steps that were done then, between what is remembered in proportion."""
        marks = [*self._marks, (self.seconds(), self._done)]
        i = min(max(bisect.bisect_right(marks, second, key=lambda mark: mark[0]), 1), len(marks) - 1)
        (early, before), (late, after) = marks[i - 1], marks[i]
        share = (second - early) / (late - early) if late > early else 0.0
        return before + share * (after - before)

    def left(self) -> float:
        """Seconds until the run ends; 0 while that is not known yet."""
        if self.steps is None:
            return max(0.0, self._total - self.seconds())
        speed = self.speed()
        return (self.steps - self._done) / speed if speed else 0.0

    def settled_for(self) -> float | None:
        """Other minutes than it has now, for which the run settled on its number of steps; else `None`."""
        other = self._total and self._minutes not in (None, self._settings.minutes)
        return self._minutes if other else None

    def reached(self) -> Reached:
        if not self._total or self.steps is None:
            return Reached(step=self._done, seconds=self.seconds())
        return Reached(step=self._done, seconds=self.seconds(), steps=self.steps, minutes=self._minutes)
