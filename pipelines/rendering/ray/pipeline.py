"""Many machines: text to image whose rows are rendered by Ray actors, each of which holds a whole pipeline.

Ray starts the actors where there is room, carries rows to them and outcomes back, and puts another in the place
of one that is lost; nothing of that is done here. Rows go out in chunks, one to a worker at a time. What comes
back depends on the rows alone, so a chunk that is rendered twice, or elsewhere, comes out the same.

Journal, pictures and gallery stay with the caller. Ray is imported when a pipeline is made, and not before.
"""

import contextlib
import functools
import importlib
import itertools
import logging
import math
import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

from ....engine.errors import Cancelled, CheckpointError, DiptychError, InputError
from ....engine.memory import EventLog
from ....engine.messages import first_line, reason_of, shown
from ....engine.values import Failure, Outcome, Request
from ....engine.watch import Quiet, Watcher
from ...recipes import DEFAULT_RECIPE
from ...recipes.environment import Environment
from ...recipes.reader import Recipe
from ...recipes.writer import recipe_table
from ...render_result import RenderResult, gathered
from ...text_to_image import TextToImage, Wishes
from .agent import Agent
from .share import LOCAL, share_of
from .worker import Worker, pipeline_of

STAGE = "worker"
"""Where a row has failed whose worker was lost with it, time and again."""

ATTEMPTS = 2  # at a chunk, and then at each of its rows alone, where the worker was lost
_POLL_S = 0.2
_KNOCK_S = 5.0
_SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # an empty frame of that kind, which is the fourth byte

_log = logging.getLogger(__name__)

Chunk = tuple[Request, ...]
Result = Outcome | Failure


class LostError(DiptychError):
    """A worker was lost with what it was at, also when that was tried again."""


class RayTextToImage:
    """Text to image on a Ray cluster, or on this machine's cores and GPUs as if they were one.

    `from_recipe` makes one. Use it as a context manager, or `close` it, to let go of the workers; else they go
    when the process ends.

    Args:
        local: makes requests and says what the workers are to be like; no weights of it are loaded.
        make: makes a worker's pipeline, in the worker's process.
        address: of a cluster (`auto`, `HOST:PORT`, `ray://HOST:PORT`); `local` starts one here.
        workers: how many; one for each GPU or for every few cores, if not given.
        gpus: whether workers get GPUs, where there are any.

    Raises:
        InputError: Ray is not installed, does not answer at `address`, or has no room for the workers.
        CheckpointError: a worker's weights are missing, or are others than those here.
        LostError: a worker cannot be started.
    """

    def __init__(
        self,
        local: TextToImage,
        make: Callable[[], TextToImage],
        *,
        address: str = LOCAL,
        workers: int | None = None,
        gpus: bool = True,
    ) -> None:
        self._local = local
        self._make = make
        self._ray, self._started = _connected(address)
        nodes = [node for node in self._ray.nodes() if node["Alive"]]
        self._agent = Agent(nodes)
        self._share = share_of([node["Resources"] for node in nodes], workers, gpus=gpus)
        self._workers: list[Any] = []
        self._environment = self._checked(local.environment())

    @classmethod
    def from_recipe(
        cls,
        recipe: str | Path | Recipe = DEFAULT_RECIPE,
        *,
        address: str = LOCAL,
        workers: int | None = None,
        **options: Any,
    ) -> Self:
        """As `TextToImage.from_recipe`, whose options each worker gets (`memory` is for one worker)."""
        local = TextToImage.from_recipe(recipe, **options)
        make = functools.partial(pipeline_of, recipe_table(local.recipe), local.recipe.name, options)
        return cls(local, make, address=address, workers=workers, gpus=options.get("device") != "cpu")

    def __call__(
        self,
        prompt: str | Sequence[str],
        *,
        seed: int = 0,
        watch: Watcher | None = None,
        **wishes: Unpack[Wishes],
    ) -> RenderResult:
        """Make a picture of each prompt, as `TextToImage` does."""
        return gathered(self.stream(prompt, seed=seed, watch=watch, **wishes))

    def stream(
        self,
        prompts: str | Iterable[str],
        *,
        seed: int = 0,
        watch: Watcher | None = None,
        **wishes: Unpack[Wishes],
    ) -> Iterator[Result]:
        """As a call, but yields each result as soon as it is there; prompts are read as workers become free."""
        return self.run(self._local.requests(prompts, seed=seed, **wishes), watch=watch)

    @property
    def local(self) -> TextToImage:
        """The pipeline in this process, which makes the requests."""
        return self._local

    @property
    def log(self) -> EventLog:
        """What memory did, here and at the workers."""
        return self._local.log

    def environment(self) -> Environment:
        """What the workers make pictures with."""
        return self._environment

    def run(
        self, requests: Iterable[Request], *, watch: Watcher | None = None, in_order: bool = False
    ) -> Iterator[Result]:
        """Carry out requests, which are read as workers become free. `in_order` is not heeded.

        Returns:
            an Outcome or Failure for each, in the order in which workers finish.

        Raises:
            CheckpointError, MemoryBudgetError: while iterating: a worker cannot do its work at all.
            Cancelled: while iterating: the watcher said so. What the workers were at is dropped.
        """
        return self._results(iter(requests), watch or Quiet())

    def close(self) -> None:
        """Let go of the workers, and end Ray if it was started for them. Closing twice is closing once."""
        self._dismiss()
        if self._started:
            self._ray.shutdown()
            self._started = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _opening(self) -> "_Flights":
        """All workers, hired if they are not, on their way to being ready."""
        if not self._workers:
            retries = {"max_restarts": -1, "max_task_retries": ATTEMPTS - 1}
            actor = self._ray.remote(**self._share.options(), **retries)(Worker)
            self._workers = [actor.remote(self._make) for _ in range(self._share.workers)]
        return {worker.open.remote(): (worker, ()) for worker in self._workers}

    def _dismiss(self) -> None:
        for worker in self._workers:
            with contextlib.suppress(Exception):  # it is gone already, or Ray is
                self._ray.kill(worker)
        self._workers = []

    def _checked(self, here: Environment) -> Environment:
        """The environment of the worker that is ready first; its weights are the same as `here`."""
        (first,), _ = self._ray.wait(list(self._opening()), num_returns=1)
        there: Environment = self._landed(first)
        if there.essence() != here.essence():
            raise CheckpointError("the weights at a worker are not those that are here: copy one to the other")
        for name, version in here.versions.items():
            if there.versions.get(name) != version:
                _log.warning("%s is %s here and %s at a worker", name, version, there.versions.get(name))
        return there

    def _results(self, requests: Iterator[Request], watch: Watcher) -> Iterator[Result]:
        chunks = _Chunks(requests, rows=self._local.runner.wave, workers=self._share.workers)
        flights = self._opening()
        free: list[Any] = []
        try:
            while True:
                _take_off(free, chunks, flights)
                if free and not any(chunk for _, chunk in flights.values()):
                    return  # whoever is free had nothing to do, and nobody else has
                landed, _ = self._ray.wait(list(flights), num_returns=1, timeout=_POLL_S)
                self._check_agent(flights)
                if watch.cancelled():
                    raise Cancelled("stopped")
                for ref in landed:
                    worker, chunk = flights.pop(ref)
                    results = self._rendered(ref, chunk, chunks) if chunk else self._opened(ref)
                    free.append(worker)
                    _take_off(
                        free, chunks, flights
                    )  # before the caller, who may take his time over the results
                    yield from results
        finally:
            if any(chunk for _, chunk in flights.values()):
                self._dismiss()

    def _check_agent(self, flights: "_Flights") -> None:
        """Raises `LostError` where Ray's agent is gone, before Ray ends this process for it."""
        if self._agent.lost:
            rows = sum(len(chunk) for _, chunk in flights.values())
            raise LostError(
                f"Ray's agent on this machine (raylet) is gone, and with it {rows} rows that were under way;"
                " those that were finished are kept: the same command goes on with the rest"
            )

    def _opened(self, ref: Any) -> list[Result]:
        self._landed(ref)
        return []

    def _rendered(self, ref: Any, chunk: Chunk, chunks: "_Chunks") -> list[Result]:
        """The results of a chunk; of one that was lost, its rows go back to be tried one by one."""
        try:
            results, log = self._landed(ref)
        except LostError as error:
            if len(chunk) == 1:
                return [Failure(request=chunk[0], stage=STAGE, reason=str(error))]
            _log.warning("%d rows are tried one by one: %s", len(chunk), error)
            chunks.put_back(chunk)
            return []
        self._local.log.extend(log)
        return results

    def _landed(self, ref: Any) -> Any:
        """What a worker gave. Raises its error if it is one of ours, `LostError` for any other."""
        try:
            return self._ray.get(ref)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, DiptychError):
                raise error.cause from None
            raise LostError(f"a worker failed: {first_line(error.cause, named=True)}") from None
        except self._ray.exceptions.RayError as error:
            raise LostError(f"a worker was lost {ATTEMPTS} times: {first_line(error, named=True)}") from None


_Flights = dict[Any, tuple[Any, Chunk]]
"""What workers are at, by Ray's name for the answer: the worker and its rows, none while it gets ready."""


def _take_off(free: list[Any], chunks: "_Chunks", flights: _Flights) -> None:
    """Give every free worker something to do, as far as there is something."""
    while free and (chunk := chunks.next()):
        worker = free.pop()
        flights[worker.render.remote(chunk)] = (worker, chunk)


class _Chunks:
    """Requests, some at a time: `rows`, or fewer where there are not enough for all workers."""

    def __init__(self, requests: Iterator[Request], *, rows: int, workers: int) -> None:
        head = list(itertools.islice(requests, rows * workers))
        self._rows = rows if len(head) == rows * workers else max(1, math.ceil(len(head) / workers))
        self._requests = itertools.chain(head, requests)
        self._again: deque[Request] = deque()

    def next(self) -> Chunk:
        """The next ones; none when all have been given out."""
        if self._again:
            return (self._again.popleft(),)
        return tuple(itertools.islice(self._requests, self._rows))

    def put_back(self, chunk: Chunk) -> None:
        """These are wanted again, each alone."""
        self._again.extend(chunk)


def _knock(address: str) -> None:
    """Make sure that somebody listens at an address; Ray itself would try for twenty seconds.

    Raises:
        InputError: nobody does, or it is no address.
    """
    if address in (LOCAL, "auto"):
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    hint = "is it the address of a running cluster?"
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError(f"--ray {shown(address)}: write HOST:PORT, ray://HOST:PORT, auto or local")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_S) as connection:
            speaks = os.environ.get("RAY_USE_TLS") == "1" or _speaks_http2(connection)
    except (OSError, UnicodeError) as error:
        reason = reason_of(error)
        raise InputError(f"--ray {shown(address)}: nobody answers ({reason}): {hint}") from None
    if not speaks:
        raise InputError(f"--ray {shown(address)}: what answers there is not Ray: {hint}")


def _speaks_http2(connection: socket.socket) -> bool:
    """Whether the other side answers as HTTP/2 wants it (RFC 9113, 3.4), which gRPC and so Ray is built on: any
    other service would be waited for without end.

    Raises:
        OSError: it is silent, or hangs up.
    """
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS)
    answer = b""
    while len(answer) < len(_SETTINGS) and (more := connection.recv(len(_SETTINGS) - len(answer))):
        answer += more
    return answer[3:4] == _SETTINGS[3:4]


def _connected(address: str) -> tuple[Any, bool]:
    """Ray, and whether it was started here rather than found running."""
    if address == LOCAL:
        # Its switch for systems whose firewalls ask: it then listens on this machine's loopback device alone.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    try:
        ray = importlib.import_module("ray")
    except ImportError:
        raise InputError("--ray: Ray is not installed: pip install 'diptych[ray]'") from None
    if ray.is_initialized():
        return ray, False
    logging.getLogger("ray").setLevel(logging.ERROR)
    _knock(address)
    options = {"include_dashboard": False} if address == LOCAL else {}
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except Exception as error:  # Ray has a dozen ways to say it
        hint = "is it the address of a running cluster?"
        raise InputError(
            f"--ray {address}: Ray does not answer ({first_line(error, named=True)}): {hint}"
        ) from None
    return ray, True
