"""What somebody tries who means harm, or is only careless: files of the machine, memory, others' work."""

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from diptych.pipelines.serving import guard
from diptych.pipelines.serving.protocols import new_jobs
from diptych.pipelines.serving.queue.jobs import Limits, NewJob, RowSpec
from diptych.pipelines.serving.queue.store import Store
from diptych.pipelines.serving.replies import ApiError
from diptych.pipelines.serving.runtime import Intake, Runtime, never

from .conftest import png
from .test_jobs import JOBS, new


@pytest.mark.parametrize("name", ["negative_prompt", "edit"])
def test_deleting_a_job_deletes_no_file_that_a_text_names(
    client: TestClient, tmp_path: Path, name: str
) -> None:
    victim = tmp_path / "somebody's" / f"{'x' * 70}.txt"
    victim.parent.mkdir()
    victim.write_text("mine")
    row: dict[str, Any] = {"prompt": "a boat", name: str(victim)}
    if name == "edit":
        row["image"] = base64.b64encode(png()).decode()
    job = client.post(JOBS, json={"prompts": [row]}).json()
    assert client.delete(f"{JOBS}/{job['id']}").status_code == 204
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("text", ["word. " * 100, "a/" * 40 + "./b", f"{'x' * 300}.png"])
def test_a_job_with_a_long_text_is_deleted(client: TestClient, text: str) -> None:
    job = client.post(JOBS, json={"prompts": [{"prompt": "a boat", "negative_prompt": text}]}).json()
    assert client.delete(f"{JOBS}/{job['id']}").status_code == 204
    assert client.get(f"{JOBS}/{job['id']}").status_code == 404
    assert client.get("/healthz").json()["status"] == "ok"


@pytest.mark.parametrize("where", ["?limit=\u00b2", "?before=\u0661"])
def test_digits_that_are_none(client: TestClient, where: str) -> None:
    assert client.get(f"{JOBS}{where}").status_code == 400


def test_row_numbers_of_any_length(client: TestClient) -> None:
    assert client.get(f"/files/{'0' * 32}/{'9' * 5000}.png").status_code == 404


@pytest.mark.parametrize("origin", ["http://[", "http://[x]"])
def test_an_origin_that_is_none_is_refused(client: TestClient, origin: str) -> None:
    assert client.get("/v1/models", headers={"Origin": origin}).status_code == 403


def test_numbers_of_pictures_that_are_none(client: TestClient) -> None:
    for count in ("\u00b2", 10**30, -1, 1.5):
        for path, name in (("/sdapi/v1/txt2img", "n_iter"), (JOBS, "num_images")):
            said = {"prompt": "a boat", "prompts": ["a boat"], name: count}
            assert client.post(path, json=said).status_code == 400, (path, count)


def test_many_rows_many_times_are_refused_before_they_are_made(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    monkeypatch.setattr(new_jobs, "_spec", lambda row, common, seed, number: made.append(number))
    said = {"prompts": ["a boat"] * 30, "num_images": 1000}
    assert client.post(JOBS, json=said).status_code == 413
    assert len(made) == Limits().job_rows + 1


def test_an_input_that_goes_while_a_request_is_read_is_kept_again(client: TestClient) -> None:
    """The picture of a job that is deleted is that of another, which is just being accepted."""
    runtime, calls = vars(client)["runtime"], list[str]()

    def make(keep: Intake) -> NewJob:
        kept = keep(png())
        if not calls:
            (runtime.store.inputs / kept).unlink()
        calls.append(kept)
        return NewJob(recipe="fake", rows=[RowSpec(prompt="a boat", seed=0, settings={"image": kept})])

    asyncio.run(runtime.submitted(make))
    assert len(calls) == 2 and (runtime.store.inputs / calls[0]).exists()


def test_inputs_of_no_job_go_when_the_server_begins(make_runtime: Callable[..., Runtime]) -> None:
    runtime = make_runtime()
    keep = Intake(runtime.store.inputs, most_pixels=10_000)
    kept, _ = keep(png(colour="blue")), keep(png())
    row = RowSpec(prompt="a boat", seed=0, settings={"image": kept})
    job = runtime.store.add(NewJob(recipe="fake", rows=[row]))
    runtime.store.close()
    again = Store(runtime.store.folder)
    assert [path.name for path in again.inputs.iterdir()] == [kept]
    again.delete(job.id)
    assert not [*again.inputs.iterdir()]
    again.close()


def test_a_key_of_one_client_is_none_of_another(make_runtime: Callable[..., Runtime]) -> None:
    store = make_runtime().store
    mine, same, other = (store.add(new("a boat", client=who, key="1")) for who in ("me", "me", "you"))
    assert mine.id == same.id != other.id
    store.close()


async def _times_out() -> bool:
    return True


def test_a_request_that_is_sent_again_gets_its_picture(gate: Runtime) -> None:
    """As the `openai` package does after its time is over: with the same key, while the first is given up."""

    async def told() -> None:
        job = await gate.wanted(lambda _: new("a boat", key="k", client="me"))
        with pytest.raises(ApiError, match="nobody waits"):
            await gate.finished(job, _times_out)
        again = await gate.wanted(lambda _: new("a boat", key="k", client="me"))
        assert again.id == job.id and again.state == "queued"
        with gate.bus.reading(again.id, waits=True) as reader:
            with pytest.raises(ApiError, match="nobody waits"):  # the first, late
                await gate.finished(again, _times_out)
            vars(gate)["go"].set()
            (row,) = await gate.followed_to_the_end(again, reader, never)
            assert row.picture

    asyncio.run(told())


def test_bodies_that_never_come_hold_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "SLOWEST_BODY_S", 0.1)
    monkeypatch.setattr(guard, "ALL_BODIES", 3000)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await receive()  # as one does that waits for its pictures

    async def never_comes() -> Any:
        await asyncio.sleep(60)

    async def told() -> None:
        made = guard.Guard(app, body_bytes=2000)
        headers = [(b"host", b"localhost"), (b"transfer-encoding", b"chunked")]
        scope: Any = {"type": "http", "path": "/v1/models", "headers": headers, "client": None}

        async def sent(message: Any) -> None:
            raise AssertionError("nothing is refused")

        with pytest.raises(ApiError, match="too slowly"):
            await asyncio.wait_for(made(scope, never_comes, sent), 5)
        small = [{"type": "http.request", "body": b"{}", "more_body": False}]

        async def comes(pieces: Any = None) -> Any:
            return pieces.pop() if pieces else await asyncio.sleep(60)

        tasks = []
        for _ in range(4):  # small ones, of which nobody says beforehand that they are
            pieces = list(small)
            tasks.append(asyncio.create_task(made(scope, lambda pieces=pieces: comes(pieces), sent)))
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()

    asyncio.run(told())


def test_many_jobs_slow_down_no_other(make_runtime: Callable[..., Runtime]) -> None:
    """The engine looks at the next of each client, not at all that wait, and not again when one more comes."""
    runtime = make_runtime()
    for i in range(300):
        runtime.store.add(new(f"a boat {i}", client=f"{i % 3}"))
    shop, looked = vars(runtime.shop), list[Any]()
    runtime.shop._refresh()
    shop["_key"] = lambda each: (looked.append(each), each.job.order)[1]
    shop["_begin"] = lambda job, number, spec: None
    runtime.shop._admit()
    assert len(looked) <= 3 * 2 * 300
    read = []
    vars(runtime.store)["open_jobs"] = lambda: read.append(1)
    late = runtime.store.add(new("a hat"))
    runtime.shop.wake(late)
    runtime.shop._refresh()
    chosen = runtime.shop._next_job()
    assert chosen is not None and chosen.job.id == late.id and not read
    runtime.store.close()
