"""What happens to jobs, told to whoever follows them.

Telling never waits: a slow reader misses what has passed, and one that is too slow is let go.
"""

import asyncio
import contextlib
import itertools
import threading
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec

MOST_WAITING = 20_000
"""Events that wait for one reader, after which it is let go: it may ask for the state of things, and follow
anew."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a job.

    Args:
        kind: `job` (its state has changed), `row` (a row is done or failed), `plan` (of a candidate),
            `progress`, `drafting` (so many of a draft's tokens are there), `preview`.
        row: which, from 1; 0 for the job as a whole.
        data: what there is to say, as JSON has it.
        picture: uint8 (h, w, 3) of a preview.
    """

    kind: str
    job: str
    row: int = 0
    data: dict[str, Any] = {}
    picture: Any = None

    @property
    def passes(self) -> bool:
        """Whether the next of its kind takes its place."""
        return self.kind in ("progress", "preview", "drafting")


class Reader:
    """One who follows jobs, in an event loop.

    Args:
        job: which; all, if empty.
        views: whether previews are wanted, which costs the engine time.
        progress: whether it is told how far things are, and what is planned.
        waits: whether it wants what comes of the job, which is else made for nobody.
    """

    def __init__(self, job: str, *, views: bool, progress: bool, waits: bool) -> None:
        self.job = job
        self.waits = waits
        self.views = views
        self.progress = progress
        self.fell_behind = False
        self.closed = False  # nothing more is told
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._turn = threading.Lock()
        self._waiting: OrderedDict[object, Event] = OrderedDict()  # by what the next of its kind takes
        self._numbers = itertools.count()

    def wants(self, kind: str) -> bool:
        """Whether it is told of such events."""
        match kind:
            case "preview":
                return self.views
            case "drafting":
                return self.views and self.progress
            case "progress" | "plan":
                return self.progress
            case _:
                return True

    def push(self, event: Event) -> None:
        """From any thread. It takes no longer where many wait."""
        with self._turn:
            place = _place(event) if event.passes else next(self._numbers)
            self._waiting.pop(place, None)
            if len(self._waiting) >= MOST_WAITING:
                self.fell_behind = True
                self._waiting.clear()
            self._waiting[place] = event
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._ready.set)

    def close(self) -> None:
        """From any thread: what waits is still read, and nothing else comes."""
        self.closed = True
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._ready.set)

    async def next(self, *, timeout: float) -> Event | None:
        """The next event; `None` where there is none for so many seconds, or none any more."""
        if not self._waiting and not self.closed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ready.wait(), timeout)
        with self._turn:
            found = self._waiting.popitem(last=False)[1] if self._waiting else None
            if not self._waiting and not self.closed:
                self._ready.clear()
        return found


def _place(event: Event) -> tuple[object, ...]:
    """What the next event that has the same takes the place of."""
    return event.kind, event.job, event.row, event.data.get("what"), event.data.get("candidate")


class Bus:
    """Hands events on to those who follow."""

    def __init__(self) -> None:
        self.closed = False
        self._turn = threading.Lock()
        self._readers: defaultdict[str, list[Reader]] = defaultdict(list)

    @contextlib.contextmanager
    def reading(
        self, job: str = "", *, views: bool = False, progress: bool = False, waits: bool = False
    ) -> Iterator[Reader]:
        """Follow a job, or all of them, within the block."""
        reader = Reader(job, views=views, progress=progress, waits=waits)
        with self._turn:
            self._readers[job].append(reader)
            reader.closed = self.closed
        try:
            yield reader
        finally:
            with self._turn:
                self._readers[job].remove(reader)
                if not self._readers[job]:
                    del self._readers[job]

    def close(self) -> None:
        """The server ends: whoever follows hears no more."""
        with self._turn:
            self.closed = True
            readers = [reader for each in self._readers.values() for reader in each]
        for reader in readers:
            reader.close()

    def tell(self, event: Event) -> None:
        """From any thread."""
        for reader in self._of(event.job):
            if reader.wants(event.kind):
                reader.push(event)

    def wants_views(self, job: str) -> bool:
        """Whether anybody looks on."""
        return any(reader.views for reader in self._of(job))

    def is_awaited(self, job: str, *, but: Reader | None = None) -> bool:
        """Whether anybody waits for a job, beside this one."""
        return any(reader.waits for reader in self._of(job) if reader is not but)

    def _of(self, job: str) -> list[Reader]:
        with self._turn:
            return [*self._readers.get(job, ()), *self._readers.get("", ())]


async def followed(reader: Reader, *, every: float = 15.0) -> AsyncIterator[Event | None]:
    """All that a reader gets, and `None` where nothing happens for a while."""
    while not (reader.fell_behind or reader.closed):
        yield await reader.next(timeout=every)
