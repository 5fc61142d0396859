"""What protocols have in common: jobs are checked and accepted here, waited for and given up."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
from starlette.concurrency import run_in_threadpool

from ...engine.errors import InputError
from ...engine.values import SETTINGS
from ...engine.values.setting import whole_in
from ...prompts.settings import COPIES_NAMES, SIZE_NAMES, setting, size_of
from ..calls.keywords import MAX_COPIES, copies_of
from ..text_to_image import TextToImage
from .engine_thread.events import Bus, Event, Reader
from .engine_thread.offered_recipes import Pipes
from .engine_thread.requests_of_rows import check
from .engine_thread.workshop import Workshop
from .pictures import kept
from .queue.jobs import InputGoneError, Job, Limits, NewJob, RowResult, RowSpec, TooLargeError, any_seed
from .queue.store import Store
from .replies import ApiError

_SETTINGS = {name: row.name for row in SETTINGS.values() for name in row.names}
_TRIES = 3
_MOST_NAMED = 40  # fields without effect
POLL_S = 1.0
"""Seconds after which it is looked whether whoever waits is still there."""

Gone = Callable[[], Awaitable[bool]]
"""Whether the client has gone."""


class Intake:
    """Puts pictures that come with a request among the inputs, and remembers them: those stay that a job uses.

    Args:
        inputs: the folder.
        most_pixels: of one of them.
    """

    def __init__(self, inputs: Path, *, most_pixels: int) -> None:
        self._inputs, self._most_pixels = inputs, most_pixels
        self.names = set[str]()

    def __call__(self, data: bytes, *, called: str = "image") -> str:
        """The picture's name there; see `pictures.kept`."""
        name = kept(data, self._inputs, most_pixels=self._most_pixels, called=called)
        self.names.add(name)
        return name


Make = Callable[[Intake], NewJob]
"""Makes the job that a request asks for; hands over the pictures that come with it."""


class Runtime:
    """Jobs of one server.

    Args:
        folder: where they are kept.
        options: of `Workshop`.

    Raises:
        InputError: the folder cannot be used.
    """

    def __init__(self, folder: Path, pipes: Pipes, *, limits: Limits | None = None, **options: Any) -> None:
        self.limits = limits or Limits()
        self.pipes, self.bus = pipes, Bus()
        self.store = Store(folder, self.limits, served=pipes.recipes)
        self.shop = Workshop(self.store, pipes, self.bus, **options)

    def start(self) -> None:
        """Begin to work, with what is left from before."""
        self.shop.start()

    def stop_telling(self) -> None:
        """The server is about to end: those who wait, or follow, are let go."""
        self.bus.close()

    @property
    def works(self) -> bool:
        """Whether what is asked now is carried out."""
        return self.shop.alive and not self.bus.closed

    def stop(self) -> None:
        """End the work, and let go of the folder."""
        self.shop.stop()
        self.store.close()

    # Accepting

    def settings_in(self, said: Mapping[str, Any], *, but: Sequence[str] = ()) -> dict[str, Any]:
        """The settings among what a client says, by our names, whatever else it says beside.

        Raises:
            FieldError: a value is of the wrong kind, or out of range.
        """
        found: dict[str, Any] = {}
        for called, value in said.items():
            name = _SETTINGS.get(called)
            if called in SIZE_NAMES and called not in but and value not in (None, "", "auto"):
                found |= size_of(value, called=called)
            elif name is not None and called not in but and value is not None:
                found[name] = setting(name, value, called=called)
        return {name: value for name, value in found.items() if value is not None}

    def rows(self, recipe: str, spec: RowSpec, *, count: int, seed: int | None) -> list[RowSpec]:
        """So many pictures of one wish, whose seeds count up; of a size that the recipe does not paint, its own
        is painted, and handed over in the other.

        Raises:
            InputError: prompt or settings are wrong.
            TooLargeError: more pixels, or pictures, than are made here.
        """
        if not 1 <= count <= self.limits.pictures:
            raise InputError(f"n = {count}: must lie between 1 and {self.limits.pictures}")
        first = seed_of(seed)
        pipe = self.pipes.of(recipe).pipeline
        spec = self._painted(pipe, spec)
        rows = [msgspec.structs.replace(spec, seed=(first + i) % 2**64) for i in range(count)]
        self.check(pipe, rows[0])
        return rows

    def check(self, pipe: TextToImage, spec: RowSpec) -> None:
        """Refuse a row, as far as it can be told at once that it cannot be made, or would take too much.

        Raises:
            InputError: prompt or settings are wrong.
            TooLargeError: more candidates or rounds than a server makes for one.
        """
        for name in ("candidates", "rounds"):
            if (asked := spec.settings.get(name) or 1) > self.limits.candidates:
                raise TooLargeError(f"{name} = {asked}: at most {self.limits.candidates} are made here")
        check(pipe, spec)

    def submit(self, job: NewJob) -> Job:
        """Accept a job. Errors as `Store.add`."""
        if not self.works:
            said = "the server is ending" if self.bus.closed else "the engine does not run: its log says why"
            raise ApiError(503, said, code="unavailable")
        made = self.store.add(job)
        self.tell_of(made.id, made.state)
        self.shop.wake(made)
        return made

    def tell_of(self, name: str, state: str) -> None:
        """A job has come, changed or gone, and those who follow all jobs hear of it."""
        self.bus.tell(Event(kind="job", job=name, data={"state": state}))

    async def submitted(self, make: Make) -> Job:
        """As `submit`, of a job that is made in another thread, for that takes a while. It is made anew where a
        picture that it keeps has gone meanwhile, with a job that had the same."""
        for _ in range(_TRIES):
            with contextlib.suppress(InputGoneError):
                return await run_in_threadpool(self._submit_made, make)
        return await run_in_threadpool(self._submit_made, make)

    def _submit_made(self, make: Make) -> Job:
        """Pictures that were handed over, and that no job starts from then, go: it was refused, say."""
        keep = Intake(self.store.inputs, most_pixels=self.limits.pixels)
        try:
            return self.submit(make(keep))
        finally:
            with contextlib.suppress(OSError, sqlite3.Error):  # what stays is swept when the next server begins
                self.store.drop_unused(keep.names)

    async def wanted(self, make: Make) -> Job:
        """As `submitted`, of a job that somebody waits for: one that was sent before, and given up when nobody
        waited for it any more, goes on."""
        job = await self.submitted(make)
        if not job.ended and job.recipe not in self.pipes.recipes:
            raise ApiError(
                503, f"the job waits for recipe {job.recipe}, which is not served now", code="unavailable"
            )
        return job if job.state != "cancelled" else await run_in_threadpool(self.retry, job.id) or job

    def retry(self, name: str) -> Job | None:
        """Queue the rows of a job again that failed or were cancelled."""
        found = self.store.retry(name)
        if found is not None:
            self.tell_of(name, found.state)
            self.shop.wake()
        return found

    def cancel(self, name: str) -> Job | None:
        """Give a job up, what is under way of it, too."""
        found = self.store.cancel(name)
        self.shop.give_up(name)
        if found is not None:
            self.tell_of(name, found.state)
        return found

    # Waiting

    async def finished(self, job: Job, gone: Gone) -> list[RowResult]:
        """The rows of a job, once all are done. Whoever has gone meanwhile does not want them any more.

        Raises:
            ApiError: it was given up, or the engine has ended.
        """
        with self.bus.reading(job.id, waits=True) as reader:
            return await self.followed_to_the_end(job, reader, gone)

    async def followed_to_the_end(self, job: Job, reader: Reader, gone: Gone) -> list[RowResult]:
        """As `finished`, for one who follows already; events are passed over."""
        ended = await run_in_threadpool(self.has_ended, job)
        while not ended:
            event = await reader.next(timeout=POLL_S)
            if await gone():
                await run_in_threadpool(self.give_up, job, but=reader)
                raise ApiError(499, "nobody waits for it any more", code="cancelled")
            if event is None or event.kind == "job":
                ended = await run_in_threadpool(self.has_ended, job)
            if not ended and not self.works:
                raise await run_in_threadpool(self.let_go, job)
        return await run_in_threadpool(lambda: list(self.store.rows(job.id)))

    def give_up(self, job: Job, *, but: Reader | None = None) -> None:
        """Of a job for which nobody waits any more, beside this one: with the same key it goes on."""
        if not self.bus.is_awaited(job.id, but=but) and not self.has_ended(job):
            self.cancel(job.id)

    def let_go(self, job: Job) -> ApiError:
        """What those hear who wait for a job when the server ends; it is given up."""
        if not self.has_ended(job):
            self.cancel(job.id)
        return ApiError(503, "the server is ending: ask again when it is back", code="unavailable")

    def has_ended(self, job: Job) -> bool:
        """Whether all of its rows are done, or it is given up, or forgotten."""
        found = self.store.job(job.id)
        return found is None or found.ended

    def _painted(self, pipe: TextToImage, spec: RowSpec) -> RowSpec:
        """The row in a size that the recipe paints."""
        width = spec.settings.get("width", pipe.recipe.width)
        height = spec.settings.get("height", pipe.recipe.height)
        if width * height > self.limits.pixels:
            raise TooLargeError(f"{width}x{height} pixels are more than are made here: {self.limits.pixels}")
        if spec.way == "upscale" or not pipe.runner.chain.size_fault(height, width):
            return spec
        settings = {k: v for k, v in spec.settings.items() if k not in ("width", "height")}
        return msgspec.structs.replace(spec, settings=settings, deliver=(width, height))


def count_of(said: Mapping[str, Any], *, most: int = MAX_COPIES) -> int:
    """How many pictures, by the names that people have for it.

    Raises:
        InputError: it is no whole number from 1 to `most`.
    """
    count = 1
    for name in ("n", *COPIES_NAMES):
        value = said.get(name)
        if value is not None:
            number = whole_in(value.strip()) if isinstance(value, str) else None  # of a form
            count *= copies_of(value if number is None else number, called=name, most=most)
    if count > most:
        raise InputError(f"{count} pictures: at most {most} are made of one prompt")
    return count


def seed_of(said: int | None) -> int:
    """The seed; any, where nothing is said, or -1, as to other tools.

    Raises:
        FieldError: it is out of range.
    """
    seed = None if said is None else setting("seed", said)
    return any_seed() if seed is None else cast("int", seed)


def without_effect(said: Mapping[str, Any], read: Collection[str]) -> list[str]:
    """Names of what a request asks for and nobody reads; of very many, some.

    Args:
        read: names of what its protocol reads, beside settings.
    """
    known = {*read, *_SETTINGS, *SIZE_NAMES, *COPIES_NAMES}
    return [name[:60] for name, value in sorted(said.items()) if name not in known and value][:_MOST_NAMED]


async def never() -> bool:
    """Of a client that waits however long it takes."""
    await asyncio.sleep(0)
    return False
