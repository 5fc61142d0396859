"""What the engine has done since the server began: counts for metrics."""

import dataclasses
from collections import defaultdict

from ....engine.values import Outcome


@dataclasses.dataclass
class Totals:
    """Counts, and sums of seconds."""

    pictures: int = 0
    accepted: int = 0
    failures: int = 0
    faults: int = 0
    stage_seconds: defaultdict[str, float] = dataclasses.field(default_factory=lambda: defaultdict(float))

    def add(self, outcome: Outcome) -> None:
        """A picture was made."""
        self.pictures += 1
        self.accepted += outcome.accepted
        for stage, seconds in outcome.timings.items():
            self.stage_seconds[stage] += seconds
