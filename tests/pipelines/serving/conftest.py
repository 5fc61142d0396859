"""A server over fakes: its pictures are made in no time, its queue is real."""

import base64
import io
import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from starlette.testclient import TestClient

from diptych.pipelines.recipes.reader import Recipe
from diptych.pipelines.serving.app import made_app
from diptych.pipelines.serving.engine_thread.offered_recipes import Pipe, Pipes
from diptych.pipelines.serving.runtime import Runtime

from ..conftest import fake_pipe

HOST = "http://127.0.0.1:7861"


def fake_runtime(
    folder: Path, recipe: Recipe, *, of_pipe: dict[str, Any] | None = None, **options: Any
) -> Runtime:
    """The runtime of a server; takes what `Runtime` takes, and what pipelines of fakes take."""
    pipes = Pipes([recipe])
    pipe = fake_pipe(recipe, batch_invariant=True, **(of_pipe or {}))
    vars(pipes)["_made"][recipe.name] = Pipe(recipe.name, pipe)
    return Runtime(folder, pipes, **options)


@pytest.fixture
def make_runtime(tmp_path: Path, recipe: Recipe) -> Callable[..., Runtime]:
    """Makes the runtime of a server, its store in a folder of this name; takes what `fake_runtime` takes."""

    def make(*, folder: str = "data", **options: Any) -> Runtime:
        return fake_runtime(tmp_path / folder, recipe, **options)

    return make


@pytest.fixture
def make_client(make_runtime: Callable[..., Runtime]) -> Iterator[Callable[..., TestClient]]:
    """Makes a client of a server that runs until the test ends; its runtime is `client.runtime`."""
    running: list[TestClient] = []

    def make(*, keys: tuple[str, ...] = (), runtime: Runtime | None = None, **options: Any) -> TestClient:
        runtime = runtime or make_runtime(**options)
        client = TestClient(made_app(runtime, keys=keys), base_url=HOST, raise_server_exceptions=False)
        vars(client)["runtime"] = runtime
        client.__enter__()
        running.append(client)
        return client

    yield make
    for client in running:
        client.__exit__(None, None, None)


@pytest.fixture
def client(make_client: Callable[..., TestClient]) -> TestClient:
    return make_client()


@pytest.fixture
def gate(make_runtime: Callable[..., Runtime]) -> Any:
    """A runtime whose painter waits for `gate.go`, and keeps in `gate.order` what it painted."""
    runtime = make_runtime(of_pipe={"micro_batch": 1})
    go, order = threading.Event(), list[str]()

    def before(batch: Any) -> None:
        go.wait(20)
        order.extend(draft.plan.request.prompt for draft in batch)

    vars(runtime.pipes.of("fake").pipeline.runner.chain.stages[2])["before"] = before
    vars(runtime)["go"], vars(runtime)["order"] = go, order
    ticks = itertools.count()
    vars(runtime.shop._desk)["_clock"] = lambda: float(next(ticks))  # every micro-batch takes as long
    runtime.start()
    yield runtime
    go.set()
    runtime.stop()


def png(width: int = 48, height: int = 32, colour: Any = "red", mode: str = "RGB") -> bytes:
    """A plain picture as a PNG file."""
    stream = io.BytesIO()
    PIL.Image.new(mode, (width, height), colour).save(stream, format="PNG")
    return stream.getvalue()


def opened(data: str | bytes) -> PIL.Image.Image:
    """The picture that bytes, or base64, hold."""
    return PIL.Image.open(io.BytesIO(base64.b64decode(data) if isinstance(data, str) else data))
