"""How many threads of a CPU a piece of work gets, and how they wait for each other.

OpenMP's threads wait for each other at the end of every kernel by running in circles, unless they are told not
to. Where another process has work for the same cores, they so burn the time that they wait for: two threads on
two busy cores were measured to take twelve times as long as one. So

    they sleep while they wait      `wait_passively`, which must come before torch is loaded
    work that is small gets one     a step of a small language model is too short to be shared
    cores that others use are left  `Threads`: where neighbours are busy, fewer threads wait for each other less

`OMP_NUM_THREADS`, where it is set, stands; `torch.set_num_threads` says how many there are at most. With
`--deterministic` the number never follows the load: all there are, or one where they would run in circles
because torch was there first. Imports nothing of the package.
"""

import contextlib
import dataclasses
import math
import os
import sys
import time
from collections.abc import Callable, Generator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
"""Variables that say how OpenMP's threads wait; whoever has set one knows what they want."""

COUNTING = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that say how many there are."""

WORTH_SHARING = 40_000_000
"""Multiply-adds of a step, below which two threads take as long as one; measured on the pocket drafter, where
it is about eight rows."""

QUIET = 0.3
"""Cores that others may use without being noticed: there is always something."""

WINDOW_S = 0.2
"""Time over which others are watched, at least: the system counts in hundredths of a second."""


def wait_passively(
    environment: MutableMapping[str, str] = os.environ, loaded: Mapping[str, object] = sys.modules
) -> bool:
    """Let OpenMP's threads sleep while they wait for each other; true where that is now settled.

    Nothing is done where somebody has chosen already, or where torch is loaded: its OpenMP read this then.
    """
    if "torch" in loaded or any(name in environment for name in WAITING):
        return False
    environment["OMP_WAIT_POLICY"] = "PASSIVE"
    return True


def threads_sleep(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether somebody has said how threads wait, `wait_passively` or the user."""
    return any(name in environment for name in WAITING)


def fitting_threads(most: int, *, cores: int, others: float, multiply_adds: int | None = None) -> int:
    """How many threads pay.

    Args:
        most: that there are.
        cores: that this process may run on.
        others: cores' worth of time that other processes use.
        multiply_adds: of a step of the work, where it is known to be a run of small steps.
    """
    if multiply_adds is not None and multiply_adds <= WORTH_SHARING:
        return 1
    return max(1, min(most, math.floor(cores - others + QUIET)))


class Load:
    """What other processes use of the cores that this one may run on.

    Args:
        busy: seconds that these cores have worked so far, for anybody; `None` where the system does not tell.
        own: seconds of that for this process.
        clock: seconds.
    """

    def __init__(
        self,
        *,
        busy: Callable[[], float | None] | None = None,
        own: Callable[[], float] = time.process_time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._busy, self._own, self._clock = busy or busy_seconds, own, clock
        self._before = self._now()
        self._others = 0.0

    def others(self) -> float:
        """Cores' worth of time that others used since this was last asked, or a little longer."""
        before, now = self._before, self._now()
        if now is None or before is None:
            return 0.0
        passed = now[0] - before[0]
        if passed >= WINDOW_S:
            self._before = now
            self._others = max(0.0, (now[1] - before[1] - (now[2] - before[2])) / passed)
        return self._others

    def _now(self) -> tuple[float, float, float] | None:
        now, busy = self._clock(), self._busy()
        return None if busy is None else (now, busy, self._own())


@dataclasses.dataclass(frozen=True, kw_only=True)
class Threads:
    """Gives work its threads, and puts the number back that was there before.

    Args:
        load: of the machine.
        cores: that this process may run on.
        fixed: leave the number alone.
        steady: let it depend on nothing that changes while the process lives.
    """

    load: Load = dataclasses.field(default_factory=Load)
    cores: int = dataclasses.field(default_factory=lambda: usable_cores())
    fixed: bool = dataclasses.field(default_factory=lambda: any(name in os.environ for name in COUNTING))

    steady: bool = False

    @property
    def most(self) -> int | None:
        """How many there are, for `beside`; `None` where the number is left alone."""
        torch: Any = sys.modules.get("torch")
        return None if self.fixed or torch is None else torch.get_num_threads()

    @contextlib.contextmanager
    def given_to(self, multiply_adds: int | None = None, *, beside: int | None = None) -> Generator[None]:
        """Within the block as many threads as pay; see `fitting_threads`.

        Args:
            beside: where another thread of this process works at the same time: how many there are (`most`,
                which a new thread cannot ask). Half of the cores are then this one's, and what it takes of them
                is not the other's.
        """
        torch: Any = sys.modules.get("torch")
        most = self.most if beside is None else beside
        if self.fixed or torch is None or most is None or most == 1:
            yield
            return
        if self.steady:
            count = most if threads_sleep() else 1
        else:
            cores = self.cores // 2 if beside is not None else self.cores - sum(_BESIDE)
            others = self.load.others()
            count = fitting_threads(most, cores=cores, others=others, multiply_adds=multiply_adds)
        with _taken(count if beside is not None else 0):
            torch.set_num_threads(count)
            try:
                yield
            finally:
                torch.set_num_threads(most)


_BESIDE: list[int] = []
"""Threads that work beside others has, in this process."""


@contextlib.contextmanager
def _taken(count: int) -> Generator[None]:
    _BESIDE.append(count)
    try:
        yield
    finally:
        _BESIDE.remove(count)


def usable_cores() -> int:
    """The cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def busy_seconds(stat: Path = Path("/proc/stat")) -> float | None:
    """What the cores that this process may run on have worked so far, together, or were kept from by the host
    of a virtual machine; `None` where the system does not tell."""
    try:
        lines = stat.read_text(encoding="ascii").splitlines()
        mine = {f"cpu{core}" for core in os.sched_getaffinity(0)}
        ticks = os.sysconf("SC_CLK_TCK")
    except (AttributeError, OSError, ValueError):
        return None
    rows = [line.split() for line in lines if line.partition(" ")[0] in mine]
    idle = (4, 5, 9, 10)  # idle, waiting for a disk; what guests used is among a user's already
    return sum(int(n) for row in rows for i, n in enumerate(row) if i and i not in idle) / ticks


def _one_thread() -> None:
    """In a child of a fork: OpenMP's other threads are not there, and it would wait for them for ever."""
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_one_thread)
