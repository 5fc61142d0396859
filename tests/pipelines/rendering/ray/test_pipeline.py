"""A pipeline of Ray actors, with a Ray that is played here: what it does with rows, lost workers and errors."""

import contextlib
import dataclasses
import itertools
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from diptych import Cancelled, CheckpointError, Failure, InputError, Outcome, Request, Row, TextToImage
from diptych.engine.watch import Quiet
from diptych.pipelines.cli import main as cli
from diptych.pipelines.cli.ray_option import with_ray_address
from diptych.pipelines.rendering.batch import Source, render_tasks
from diptych.pipelines.rendering.ray import pipeline as ray_pipeline
from diptych.pipelines.rendering.ray import worker as ray_worker
from diptych.pipelines.rendering.ray.pipeline import RayTextToImage, _knock
from diptych.pipelines.rendering.renderer import Renderer
from diptych.pipelines.rendering.rows.request_makers import OfPipeline
from diptych.pipelines.rendering.rows.tasks import tasks_of


class TaskError(Exception):
    """As Ray wraps what an actor raised."""

    def __init__(self, cause: Exception) -> None:
        super().__init__("a long traceback")
        self.cause = cause


class LossError(Exception):
    """As Ray says that an actor was lost."""


@dataclasses.dataclass(frozen=True, eq=False)
class Ref:
    """What Ray gives for an answer that is to come."""

    call: Callable[[], Any]
    actor: "Actor"
    opening: bool


class Actor:
    """Makes each call when its answer is asked for."""

    def __init__(self, ray: "FakeRay", worker: ray_worker.Worker) -> None:
        self.open = SimpleNamespace(remote=lambda: self.ask(worker.open, opening=True))
        self.render = SimpleNamespace(remote=lambda rows: self.ask(lambda: ray.rendered(self, worker, rows)))
        self.alive = True

    def ask(self, call: Callable[[], Any], *, opening: bool = False) -> Any:
        return Ref(call=call, actor=self, opening=opening)


class FakeRay:
    """Enough of Ray for one process. Of calls that render the latest is answered first: rows come unordered."""

    exceptions = SimpleNamespace(RayTaskError=TaskError, RayError=LossError)

    def __init__(self) -> None:
        self.hired: list[Actor] = []
        self.chunks: list[list[str]] = []
        self.options: dict[str, Any] = {}
        self.deadly = "deadly"  # a prompt with this word takes its worker with it

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"CPU": 2.0}}, {"Alive": False, "Resources": {"CPU": 64.0}}]

    def remote(self, **options: Any) -> Callable[[type], Any]:
        self.options = options

        def hire(make: Callable[[], TextToImage]) -> Actor:
            self.hired.append(Actor(self, ray_worker.Worker(make)))
            return self.hired[-1]

        return lambda kind: SimpleNamespace(remote=hire)

    def wait(
        self, refs: Sequence[Any], num_returns: int, timeout: float | None = None
    ) -> tuple[list[Any], Any]:
        first = next((ref for ref in refs if ref.opening), refs[-1])
        return [first], [ref for ref in refs if ref is not first]

    def get(self, ref: Any) -> Any:
        assert ref.actor.alive
        try:
            return ref.call()
        except LossError:
            raise
        except Exception as error:
            raise TaskError(error) from None

    def kill(self, actor: Actor) -> None:
        actor.alive = False

    def rendered(self, actor: Actor, worker: ray_worker.Worker, rows: Sequence[Request]) -> Any:
        self.chunks.append([row.prompt for row in rows])
        if any(self.deadly in row.prompt for row in rows):
            raise LossError("The actor died unexpectedly.\nclass_name: Worker")
        return worker.render(rows)


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    fake = FakeRay()
    monkeypatch.setattr(ray_pipeline, "_connected", lambda address: (fake, False))
    monkeypatch.setattr(ray_worker, "_send_tensors_as_arrays", lambda: None)
    return fake


@pytest.fixture
def fleet(ray: FakeRay, make_pipe: Callable[..., TextToImage]) -> Callable[..., RayTextToImage]:
    def make(*, workers: int = 2, **options: Any) -> RayTextToImage:
        return RayTextToImage(make_pipe(**options), lambda: make_pipe(**options), workers=workers)

    return make


def requests(pipe: RayTextToImage, *prompts: str) -> Iterator[Request]:
    for row, prompt in enumerate(prompts, start=1):
        yield pipe.local.request(prompt, seed=row, row=row)


def test_the_pictures_are_those_of_one_machine(
    fleet: Callable[..., RayTextToImage], make_pipe: Callable[..., TextToImage]
) -> None:
    prompts = [f"a boat, number {i}" for i in range(11)]
    far, near = fleet(wave=3)(prompts, seed=5), make_pipe(wave=3)(prompts, seed=5)
    assert [one.request for one in far.outcomes] == [one.request for one in near.outcomes]
    for one, other in zip(far.outcomes, near.outcomes, strict=True):
        assert torch.equal(one.picture.pixels, other.picture.pixels) and one.verdict == other.verdict


def test_results_come_as_workers_finish_and_none_is_lost(fleet: Callable[..., RayTextToImage]) -> None:
    pipe = fleet(wave=2)
    rows = [result.request.row for result in pipe.run(requests(pipe, *"abcdefghi"))]
    assert sorted(rows) == list(range(1, 10)) and rows != sorted(rows)


def test_rows_are_read_as_workers_become_free(fleet: Callable[..., RayTextToImage]) -> None:
    pipe, read = fleet(wave=2), list[int]()

    def endless() -> Iterator[Request]:
        for row in itertools.count(1):
            read.append(row)
            yield pipe.local.request("a boat", row=row)

    results = pipe.run(endless())
    assert read == []
    assert len([next(results) for _ in range(10)]) == 10
    assert len(read) <= 10 + 3 * 2


def test_a_few_rows_are_spread_over_all_workers(fleet: Callable[..., RayTextToImage], ray: FakeRay) -> None:
    pipe = fleet(wave=16)
    assert len(list(pipe.run(requests(pipe, *"abcde")))) == 5
    assert sorted(map(len, ray.chunks)) == [2, 3]
    assert list(pipe.run(iter(()))) == []


def test_ray_replaces_lost_workers_and_repeats_their_work(
    fleet: Callable[..., RayTextToImage], ray: FakeRay
) -> None:
    fleet()
    assert ray.options["max_restarts"] == -1 and ray.options["max_task_retries"] > 0
    assert ray.options["num_cpus"] == 1


def test_a_row_that_takes_its_worker_with_it_fails_alone(
    fleet: Callable[..., RayTextToImage], ray: FakeRay
) -> None:
    pipe = fleet(wave=4)
    results = list(pipe.run(requests(pipe, "a", "b", "deadly", "d", "e", "f", "g", "h", "i")))
    (failure,) = [result for result in results if isinstance(result, Failure)]
    assert (failure.request.row, failure.stage) == (3, "worker")
    assert failure.reason == "a worker was lost 2 times: LossError: The actor died unexpectedly."
    assert sorted(result.request.row for result in results) == list(range(1, 10))
    assert ["a"] in ray.chunks and ["deadly"] in ray.chunks


def test_what_a_worker_cannot_do_at_all_stops_the_run(
    fleet: Callable[..., RayTextToImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(worker: ray_worker.Worker, rows: Sequence[Request]) -> Any:
        raise CheckpointError("the refiner is gone")

    pipe = fleet()
    monkeypatch.setattr(ray_worker.Worker, "render", missing)
    with pytest.raises(CheckpointError, match="the refiner is gone"):
        list(pipe.run(requests(pipe, "a")))


def test_any_other_error_in_a_worker_is_the_failure_of_its_row(
    fleet: Callable[..., RayTextToImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    render = ray_worker.Worker.render

    def stumbling(worker: ray_worker.Worker, rows: Sequence[Request]) -> Any:
        if any("stone" in row.prompt for row in rows):
            raise RuntimeError("stumbled\nat length")
        return render(worker, rows)

    monkeypatch.setattr(ray_worker.Worker, "render", stumbling)
    pipe = fleet()
    results = sorted(pipe.run(requests(pipe, "a", "stone", "b")), key=lambda result: result.request.row)
    assert [isinstance(result, Outcome) for result in results] == [True, False, True]
    assert isinstance(results[1], Failure) and "RuntimeError: stumbled" in results[1].reason


def test_a_worker_that_cannot_be_started_stops_it_all(
    ray: FakeRay, make_pipe: Callable[..., TextToImage]
) -> None:
    def missing() -> TextToImage:
        raise CheckpointError("pocket/refiner: not here")

    with pytest.raises(CheckpointError, match="not here"):
        RayTextToImage(make_pipe(), missing, workers=2)


def test_other_weights_at_a_worker_are_refused(
    ray: FakeRay, make_pipe: Callable[..., TextToImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(worker: ray_worker.Worker) -> Any:
        return dataclasses.replace(worker.pipe.environment(), deterministic=True)

    monkeypatch.setattr(ray_worker.Worker, "open", other)
    with pytest.raises(CheckpointError, match="weights at a worker"):
        RayTextToImage(make_pipe(), make_pipe, workers=2)


def test_the_environment_is_the_workers(
    fleet: Callable[..., RayTextToImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(worker: ray_worker.Worker) -> Any:
        return dataclasses.replace(worker.pipe.environment(), device="cuda, of a far machine")

    monkeypatch.setattr(ray_worker.Worker, "open", elsewhere)
    assert fleet().environment().device == "cuda, of a far machine"


def test_stopping_drops_what_the_workers_are_at_and_they_are_hired_again(
    fleet: Callable[..., RayTextToImage], ray: FakeRay
) -> None:
    class Stop(Quiet):
        stopped = False

        def cancelled(self) -> bool:
            return self.stopped

    pipe, watch = fleet(wave=1), Stop()
    results = pipe.run(requests(pipe, *"abcdef"), watch=watch)
    next(results)
    watch.stopped = True
    with pytest.raises(Cancelled):
        list(results)
    assert [actor.alive for actor in ray.hired] == [False, False]
    assert len(pipe(["a", "b"]).outcomes) == 2 and len(ray.hired) == 4
    pipe.close()
    pipe.close()
    assert not any(actor.alive for actor in ray.hired)


def test_what_memory_did_at_the_workers_is_told(fleet: Callable[..., RayTextToImage]) -> None:
    pipe = fleet(wave=2)
    pipe(["a", "b", "c", "d"])
    assert {event.kind for event in pipe.log.events} >= {"run", "lease", "load"}
    assert sum(event.rows for event in pipe.log.events if (event.kind, event.stage) == ("run", "refine")) == 4


def test_without_ray_a_line_says_how_to_get_it(pipe: TextToImage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'diptych\[ray\]'"):
        RayTextToImage(pipe, lambda: pipe)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.0 400 Bad request\r\n\r\n", "what answers there is not Ray"),
        (b"", "what answers there is not Ray"),
        (None, "nobody answers"),
        (bytes([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 9]), ""),
    ],
)
def test_a_service_that_is_not_ray_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, answer: bytes | None, message: str
) -> None:
    monkeypatch.setattr("diptych.pipelines.rendering.ray.pipeline._KNOCK_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                _ = time.sleep(1) if answer is None else connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(InputError, match=message) if message else contextlib.nullcontext():
            _knock(address)
        thread.join()


def test_an_address_where_nothing_answers_is_refused(
    pipe: TextToImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(address: str, **options: Any) -> None:
        raise ConnectionError(f"nothing at {address}\nand a long story")

    silent = SimpleNamespace(is_initialized=lambda: False, init=refuse)
    monkeypatch.setitem(sys.modules, "ray", silent)
    monkeypatch.setattr("diptych.pipelines.rendering.ray.pipeline._knock", lambda address: None)
    with pytest.raises(
        InputError, match=r"^--ray far:6379: Ray does not answer .*nothing at far:6379"
    ) as caught:
        RayTextToImage(pipe, lambda: pipe, address="far:6379")
    assert "long story" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:1", r"^--ray '127.0.0.1:1': nobody answers \(Connection refused\): is it the address"),
        ("ray://127.0.0.1:1", r"^--ray 'ray://127.0.0.1:1': nobody answers \(Connection refused\)"),
        ("nowhere.invalid:6379", r"^--ray 'nowhere.invalid:6379': nobody answers"),
        ("nowhere", r"^--ray 'nowhere': write HOST:PORT"),
        ("1.2.3.4:99999", r"write HOST:PORT"),
        ("x" * 300 + ":80", r"nobody answers"),
    ],
)
def test_an_address_where_nobody_listens_is_refused_at_once(
    pipe: TextToImage, monkeypatch: pytest.MonkeyPatch, address: str, said: str
) -> None:
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False))
    with pytest.raises(InputError, match=said) as caught:
        RayTextToImage(pipe, lambda: pipe, address=address)
    assert len(str(caught.value)) < 200


def test_a_batch_is_rendered_into_a_folder_by_workers_as_here(
    fleet: Callable[..., RayTextToImage], make_pipe: Callable[..., TextToImage], tmp_path: Path
) -> None:
    def rendered(pipe: Renderer, out: Path) -> dict[str, bytes]:
        rows = (Row(prompt=f"a boat, number {i}", source="p.txt", line=i) for i in range(1, 6))
        tasks = tasks_of(OfPipeline(pipe.local), rows, seed=2)
        assert render_tasks(pipe, tasks, out, source=Source(name="p.txt", title="test")).done == 5
        return {path.name: path.read_bytes() for path in out.glob("*.png")}

    here, there = rendered(make_pipe(), tmp_path / "here"), rendered(fleet(wave=2), tmp_path / "there")
    assert here == there and len(here) == 6


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a.txt --ray", "a.txt --ray=local"),
        ("--ray a.txt -o out", "--ray=local a.txt -o out"),
        ("a.txt --ray -o out", "a.txt --ray=local -o out"),
        ("--ray auto a.txt", "--ray auto a.txt"),
        ("--ray head.example:6379 a.txt", "--ray head.example:6379 a.txt"),
        ("--ray ray://10.0.0.1:10001 a.txt", "--ray ray://10.0.0.1:10001 a.txt"),
        ("--ray=10.0.0.1:6379 a.txt", "--ray=10.0.0.1:6379 a.txt"),
        ("a.txt --rays", "a.txt --rays"),
        ("", ""),
    ],
)
def test_the_address_may_be_left_out(written: str, read: str) -> None:
    assert with_ray_address(written.split()) == read.split()


def test_the_command_line_takes_an_address_and_a_number_of_workers(
    monkeypatch: pytest.MonkeyPatch, make_pipe: Callable[..., TextToImage], tmp_path: Path
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(cli, "_text_to_image", lambda recipe, **options: asked.update(options) or make_pipe())
    command = ["diptych", "render", "-p", "a boat", "-o", str(tmp_path), "--ray", "--workers", "3"]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code and (asked["address"], asked["workers"]) == ("local", 3)


def test_workers_without_ray_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["diptych", "render", "-p", "a boat", "--workers", "3"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2 and "--workers is for --ray" in capsys.readouterr().err
