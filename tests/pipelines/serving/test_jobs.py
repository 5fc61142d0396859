"""Jobs: accepted once, carried out once, in the order that is wished for; paused, cancelled, tried again."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from diptych.engine.errors import InputError
from diptych.pipelines.serving.jobs import Job, Limits, NewJob, QueueFullError, RowSpec, TooLargeError
from diptych.pipelines.serving.runtime import Runtime
from diptych.pipelines.serving.store import Store
from diptych.pipelines.text_to_image import TextToImage

from .conftest import opened, png

JOBS = "/v1/jobs"


def new(*prompts: str, **more: Any) -> NewJob:
    rows = [RowSpec(prompt=prompt, seed=i) for i, prompt in enumerate(prompts)]
    return NewJob(recipe="fake", rows=rows, **more)


def until(true: Callable[[], Any], *, seconds: float = 20) -> Any:
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.005)
    return found


def ended(runtime: Runtime, job: Job) -> Job:
    found = until(lambda: (now := runtime.store.job(job.id)) and now.ended and now)
    assert isinstance(found, Job)
    return found


@pytest.fixture
def store(tmp_path: Path) -> Any:
    made = Store(tmp_path / "data", Limits(queued_rows=5, job_rows=4, kept_jobs=2))
    yield made
    made.close()


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
    runtime.start()
    yield runtime
    go.set()
    runtime.stop()


# The store


def test_a_job_is_there_again_after_the_process_has_died(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    job = store.add(new("a boat", "a hat", client="me", priority=3, title="two"))
    assert store.finish(job.id, 1, record={"score": 0.5}, picture=b"picture", tokens=9) is not None
    store._lock.release()  # as the system does when a process dies; nothing else is closed
    again = Store(tmp_path / "data")
    (found,) = again.open_jobs()
    assert (found.id, found.client, found.priority, found.rows, found.done) == (job.id, "me", 3, 2, 1)
    row = again.next_row(job.id, 0)
    assert row is not None and (row.number, row.spec) == (2, RowSpec(prompt="a hat", seed=1))
    again.close()


def test_seeds_are_kept_whole(store: Store) -> None:
    job = store.add(NewJob(recipe="fake", rows=[RowSpec(prompt="a", seed=2**64 - 1)]))
    row = store.next_row(job.id, 0)
    assert row is not None and row.spec.seed == 2**64 - 1


def test_a_row_is_done_once(store: Store) -> None:
    job = store.add(new("a boat"))
    assert store.finish(job.id, 1, record={}, picture=b"first") is not None
    assert store.finish(job.id, 1, record=None, error="second") is None
    row = store.row(job.id, 1)
    assert row is not None and row.state == "done" and not row.error
    found = store.job(job.id)
    assert found is not None and (found.done, found.failed, found.state) == (1, 0, "done")


def test_the_same_key_is_the_same_job(store: Store) -> None:
    assert store.add(new("a boat", key="k")).id == store.add(new("a hat", key="k")).id
    assert store.queued() == 1


def test_bounds_of_the_queue(store: Store) -> None:
    with pytest.raises(InputError, match="no rows"):
        store.add(new())
    with pytest.raises(TooLargeError, match="a job may have 4"):
        store.add(new(*"abcde"))
    store.add(new(*"abc"))
    with pytest.raises(QueueFullError, match="it holds 5 rows"):
        store.add(new(*"abc"))
    assert store.queued() == 3


def test_the_oldest_finished_jobs_go_with_their_pictures(store: Store) -> None:
    jobs = [store.add(new("a boat")) for _ in range(3)]
    for job in jobs:
        store.finish(job.id, 1, record={}, picture=b"picture")
    store.prune()
    assert [store.job(job.id) is None for job in jobs] == [True, False, False]
    assert [store.picture_path(job.id, 1).exists() for job in jobs] == [False, True, True]


def test_two_servers_do_not_share_a_folder(store: Store) -> None:
    with pytest.raises(InputError, match="name another folder with --data"):
        Store(store.folder)


def test_a_queue_that_is_damaged_or_of_a_later_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "queue.sqlite3").write_bytes(b"no database" * 100)
    with pytest.raises(InputError, match="cannot be used"):
        Store(tmp_path / "data")


# How jobs are carried out


def test_what_is_urgent_goes_before_a_long_batch(gate: Any) -> None:
    batch = gate.submit(new(*[f"a boat {i}" for i in range(9)], client="a"))
    until(lambda: gate.shop.guests() and gate.shop.guests()[0].progress.get("stage") == "refine")
    urgent = gate.submit(new("a hat", client="a", priority=10))
    until(lambda: len(gate.shop.guests()) == 10)
    gate.go.set()
    ended(gate, urgent)
    ended(gate, batch)
    assert gate.order.index("a hat") <= 1


def test_clients_take_turns(gate: Any) -> None:
    many = gate.submit(new(*[f"a boat {i}" for i in range(9)], client="many"))
    few = gate.submit(new("a hat", "a cap", client="few"))
    until(lambda: len(gate.shop.guests()) == 11)
    gate.go.set()
    ended(gate, few)
    ended(gate, many)
    assert max(gate.order.index("a hat"), gate.order.index("a cap")) <= 6


def test_a_job_is_paused_and_goes_on(gate: Any) -> None:
    job = gate.submit(new(*[f"a boat {i}" for i in range(3)]))
    until(lambda: gate.shop.guests())
    gate.store.change(job.id, paused=True)
    gate.shop.wake()
    gate.go.set()
    until(lambda: not gate.shop.guests())
    time.sleep(0.05)
    now = gate.store.job(job.id)
    assert now.state == "paused" and now.done < 3
    gate.store.change(job.id, paused=False)
    gate.shop.wake()
    assert ended(gate, job).done == 3


def test_a_job_that_is_cancelled_leaves_at_once_and_may_be_tried_again(gate: Any) -> None:
    job, other = gate.submit(new("a boat", "a cap")), gate.submit(new("a hat"))
    until(lambda: len(gate.shop.guests()) == 3)
    assert gate.cancel(job.id).state == "cancelled"
    gate.go.set()
    assert ended(gate, other).state == "done"
    assert [row.state for row in gate.store.rows(job.id)] == ["cancelled", "cancelled"]
    assert gate.store.retry(job.id).state == "queued"
    gate.shop.wake()
    assert ended(gate, job).done == 2


def test_rows_that_fail_say_why_and_the_others_are_done(gate: Any) -> None:
    gate.go.set()
    found = ended(gate, gate.submit(new("poison", "a boat", "gibberish")))
    assert (found.state, found.done, found.failed) == ("done", 1, 2)
    errors = [row.error for row in gate.store.rows(found.id)]
    assert errors == ["refine: the prompt is poison", "", "plan: knows no word of it"]


def test_a_fault_of_the_engine_ends_what_was_under_way_and_nothing_else(gate: Any) -> None:
    turn, faults = gate.shop._desk.turn, iter([True])

    def broken() -> Any:
        if next(faults, False):
            raise ZeroDivisionError("of the engine's own")
        return turn()

    gate.go.set()
    gate.shop._desk.turn = broken
    bad = ended(gate, gate.submit(new("a boat")))
    assert bad.state == "failed"
    (row,) = gate.store.rows(bad.id)
    assert row.error == "fault: ZeroDivisionError: of the engine's own"
    assert ended(gate, gate.submit(new("a boat"))).state == "done"


def test_what_cannot_be_written_is_written_later(gate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from diptych.pipelines.serving import workshop

    monkeypatch.setattr(workshop, "_TRY_AGAIN_S", 0.01)
    finish, faults = gate.store.finish, iter([True, True])

    def full(*args: Any, **more: Any) -> Any:
        if next(faults, False):
            raise OSError(28, "No space left on device")
        return finish(*args, **more)

    monkeypatch.setattr(gate.store, "finish", full)
    gate.go.set()
    assert ended(gate, gate.submit(new("a boat"))).state == "done"
    assert gate.shop.trouble == ""


def test_models_that_nobody_needs_leave_memory(make_runtime: Callable[..., Runtime]) -> None:
    runtime = make_runtime(idle_s=0.2)
    memory = runtime.pipes.of("fake").pipeline.runner.memory
    runtime.start()
    ended(runtime, runtime.submit(new("a boat")))
    assert len(memory.resident) == 4
    until(lambda: not memory.resident)
    ended(runtime, runtime.submit(new("a hat")))
    assert len(memory.resident) == 4
    runtime.stop()


def test_rows_have_the_bytes_that_a_batch_gives_them(
    make_runtime: Callable[..., Runtime], make_pipe: Callable[..., TextToImage]
) -> None:
    from diptych.pipelines.rendering.provenance.provenance import picture_bytes

    runtime = make_runtime()
    runtime.start()
    job = ended(runtime, runtime.submit(new(*[f"a boat {i}" for i in range(5)])))
    pipe = make_pipe(batch_invariant=True)
    environment = runtime.pipes.of("fake").environment
    for number, row in enumerate(runtime.store.rows(job.id), 1):
        outcome = pipe(row.spec.prompt, seed=row.spec.seed).outcomes[0]
        expected = picture_bytes(outcome, environment)
        assert runtime.store.picture_path(job.id, number).read_bytes() == expected
    runtime.stop()


# The server's own API


def test_a_job_of_prompts(client: TestClient) -> None:
    said = {
        "prompts": ["a {red} boat", {"prompt": "a hat", "seed": 5, "steps": 4}],
        "settings": {"guidance": 3},
        "seed": 7,
        "num_images": 2,
        "title": "boats",
    }
    answer = client.post(JOBS, json=said)
    assert answer.status_code == 201, answer.text
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    runtime = vars(client)["runtime"]
    assert ended(runtime, runtime.store.job(job["id"])).done == 4
    rows = client.get(f"{JOBS}/{job['id']}/rows").json()["rows"]
    assert [row["prompt"] for row in rows] == ["a red boat", "a red boat", "a hat", "a hat"]
    assert [row["seed"] for row in rows[2:]] == [5, 6]
    assert rows[2]["settings"] == {"guidance_scale": 3.0, "num_inference_steps": 4}
    assert opened(client.get(rows[0]["picture"]).content).size == (48, 32)
    whole = client.get(f"{JOBS}/{job['id']}/rows/1").json()
    assert whole["template"] == "a {red} boat" and whole["candidates"][0]["chosen"]
    assert client.get(f"{JOBS}/{job['id']}/rows/9").status_code == 404
    assert client.get(JOBS).json()["jobs"][0]["title"] == "boats"


def test_a_job_of_a_prompt_file(client: TestClient) -> None:
    said = {"file": "prompt,seed\na boat,3\na hat,4\n", "format": "table"}
    job = client.post(JOBS, json=said).json()
    rows = client.get(f"{JOBS}/{job['id']}/rows").json()["rows"]
    assert [(row["prompt"], row["seed"]) for row in rows] == [("a boat", 3), ("a hat", 4)]
    sent = {"file": ("prompts.txt", b"a boat\n# no\na hat\n", "text/plain")}
    assert client.post(JOBS, files=sent).json()["rows"] == 2


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "either prompts or a file"),
        ({"prompts": []}, "no rows"),
        ({"prompts": [7]}, "expected `str | object`"),
        ({"prompts": [{"seed": 7}]}, "row 1: prompt: must be text"),
        ({"prompts": ["a boat", " "]}, "row 2: the prompt is empty"),
        ({"prompts": ["a boat"], "settings": {"steps": 0}}, "must lie between"),
        ({"prompts": ["a boat"], "num_images": 0}, "must lie between"),
        ({"prompts": ["a boat"], "priority": 101}, "from -100 to 100"),
        ({"file": "prompt,image\na boat,/etc/passwd\n"}, "names a picture"),
        ({"file": "", "format": "text"}, "holds no prompt"),
        ({"file": "a", "format": "no"}, "no such format"),
    ],
)
def test_a_job_that_is_none_is_refused_whole(client: TestClient, said: dict[str, Any], words: str) -> None:
    answer = client.post(JOBS, json=said)
    assert answer.status_code == 400 and words in answer.json()["error"]["message"], answer.text
    assert client.get(JOBS).json()["jobs"] == []


def test_a_job_is_followed_to_its_end(client: TestClient) -> None:
    job = client.post(JOBS, json={"prompts": ["a boat", "poison"], "paused": True}).json()
    assert job["state"] == "paused"
    kinds: list[str] = []
    states: list[str] = []
    go = threading.Timer(0.2, lambda: client.patch(f"{JOBS}/{job['id']}", json={"paused": False}))
    go.start()
    with client.stream("GET", f"{JOBS}/{job['id']}/events?previews=1") as answer:
        for line in answer.iter_lines():
            if line.startswith("event: "):
                kinds.append(line.removeprefix("event: "))
            elif line.startswith("data: ") and kinds[-1] == "job":
                states.append(json.loads(line.removeprefix("data: "))["state"])
    assert states[0] == "paused" and states[-1] == "done"
    assert kinds.count("row") == 2 and "preview" in kinds and "progress" in kinds


def test_a_job_is_changed_and_deleted(client: TestClient) -> None:
    job = client.post(JOBS, json={"prompts": ["a boat"], "paused": True}).json()
    at = f"{JOBS}/{job['id']}"
    assert client.patch(at, json={"priority": 7}).json()["priority"] == 7
    assert client.post(f"{at}/cancel").json()["state"] == "cancelled"
    assert client.post(f"{at}/retry").json()["state"] == "paused"
    assert client.delete(at).status_code == 204
    assert client.get(at).status_code == 404
    assert client.post(f"{JOBS}/nothing/cancel").json()["error"]["code"] == "no_such_job"


def test_a_request_that_is_sent_again_with_its_key_is_one_job(client: TestClient) -> None:
    key = {"Idempotency-Key": "abc"}
    first, again = (client.post(JOBS, json={"prompts": ["a boat"]}, headers=key).json() for _ in range(2))
    assert first["id"] == again["id"]


def test_pictures_that_are_sent_are_kept_and_go_with_their_job(client: TestClient) -> None:
    import base64

    row = {"prompt": "a boat", "image": base64.b64encode(png()).decode(), "strength": 0.5}
    job = client.post(JOBS, json={"prompts": [row]}).json()
    runtime = vars(client)["runtime"]
    assert ended(runtime, runtime.store.job(job["id"])).done == 1
    assert len(list(runtime.store.inputs.iterdir())) == 1
    client.delete(f"{JOBS}/{job['id']}")
    assert not list(runtime.store.inputs.iterdir())


def test_health_metrics_recipes_and_documents(client: TestClient) -> None:
    assert client.get("/healthz").json()["status"] == "ok"
    client.post("/v1/images/generations", json={"prompt": "a boat"})
    text = client.get("/metrics").text
    assert "diptych_pictures_total 1" in text and 'diptych_stage_seconds_total{stage="refine"}' in text
    (recipe,) = client.get("/v1/recipes").json()["recipes"]
    assert (recipe["name"], recipe["width"], recipe["defaults"]["accept"]) == ("fake", 48, 0.5)
    document = client.get("/openapi.json").json()
    assert (
        document["openapi"].startswith("3.1")
        and "prompt" in document["components"]["schemas"]["Generation"]["properties"]
    )
    page = client.get("/docs")
    assert (
        "num_inference_steps" in page.text and "default-src 'none'" in page.headers["content-security-policy"]
    )


def test_every_address_is_in_the_document_and_the_other_way_round(client: TestClient) -> None:
    import re

    from diptych.pipelines.serving.protocols import a1111, openai, own
    from diptych.pipelines.serving.protocols.document import document

    runtime = vars(client)["runtime"]
    there = {
        (method.lower(), re.sub(r":\w+}", "}", route.path))
        for module in (a1111, openai, own)
        for route in module.routes(runtime)
        for method in route.methods or ()
        if method != "HEAD"
    }
    told = {(method, path) for path, methods in document()["paths"].items() for method in methods}
    assert there == told
