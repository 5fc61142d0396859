"""Notices a stage that does not come back, and says so; it ends nothing.

A stage reports each of its steps. Between two of them it may be slow for good reasons: a large model on a small
machine, a download. So it counts as stuck only where it has been silent for much longer than ever before, and
for longer still while it computes: what hangs mostly waits, for a lock, a socket or a thread that is gone.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Generator

_log = logging.getLogger(__name__)

PATIENCE_S = 120.0
"""Seconds without progress after which a stage that does nothing is mentioned."""

WHILE_COMPUTING = 10
"""How many times as long a stage that computes may be silent."""

THAN_BEFORE = 10
"""How many times as long as ever before a stage may be silent."""

COMPUTES = 0.05
"""Cores' worth of time from which on a process computes: threads that wait use a little, too."""


class Watchdog:
    """Watches one stage at a time.

    Args:
        patience_s: see `PATIENCE_S`; 0 watches nothing.
        tell: gets a line.
        clock, used: seconds that went by, and that processors spent on this process.
    """

    def __init__(
        self,
        *,
        patience_s: float = PATIENCE_S,
        tell: Callable[[str], None] = _log.warning,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.process_time,
    ) -> None:
        self.patience_s = patience_s
        self._tell, self._clock, self._used = tell, clock, used
        self._stage = ""
        self._looked: tuple[float, float] | None = None  # first since a step, and what was used until then
        self._longest: dict[str, float] = {}  # silence of each stage so far that ended
        self.beat()

    def another(self) -> "Watchdog":
        """One with the same patience, for a stage at work beside this one's."""
        return Watchdog(patience_s=self.patience_s, tell=self._tell, clock=self._clock, used=self._used)

    def beat(self) -> None:
        """The stage has made progress."""
        now = self._clock()
        if self._stage:
            self._longest[self._stage] = max(self._longest.get(self._stage, 0.0), now - self._since)
        self._since, self._told = now, 1
        self._looked = None

    @contextlib.contextmanager
    def over(self, stage: str) -> Generator[None]:
        """Watch `stage` while the block lasts."""
        if self.patience_s <= 0:
            yield
            return
        self.beat()
        self._stage = stage
        over = threading.Event()
        threading.Thread(target=self._watch, args=(over,), name="diptych-watchdog", daemon=True).start()
        try:
            yield
        finally:
            over.set()
            self.beat()
            self._stage = ""

    def _watch(self, over: threading.Event) -> None:
        while not over.wait(self.patience_s / 8):
            self.look()

    def look(self) -> None:
        """Tell if the stage is silent for too long; again after twice the time. The first look after a step
        tells nothing: from then on it is known how much is computed. (To ask that at each step would take as
        long as a small model's step.)"""
        now, used = self._clock(), self._used()
        if self._looked is None:
            self._looked = now, used
            return
        silent = now - self._since
        computes = used - self._looked[1] > COMPUTES * (now - self._looked[0])
        patience = max(
            self.patience_s * (WHILE_COMPUTING if computes else 1),
            THAN_BEFORE * self._longest.get(self._stage, 0.0),
        )
        if self._stage and silent > patience * self._told:
            self._told *= 2
            does = "computes" if computes else "waits"
            self._tell(
                f"{self._stage}: no progress for {silent:.0f} s (it {does}); if it hangs, press Ctrl-C:"
                " finished pictures are kept, and the same command goes on"
            )
