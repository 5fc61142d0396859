"""The store where something is wrong: a full disk, a process that dies in between, jobs that are too many."""

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from diptych.pipelines.serving.engine_thread.tidying import EVERY_S, Tidying
from diptych.pipelines.serving.pictures import kept
from diptych.pipelines.serving.queue.inputs import Inputs
from diptych.pipelines.serving.queue.jobs import Limits, NewJob, QueueFullError, RowSpec
from diptych.pipelines.serving.queue.store import Store
from diptych.pipelines.serving.runtime import Runtime

from .conftest import png
from .test_jobs import ended, new


def database_of(store: Store) -> sqlite3.Connection:
    return vars(store)["_db"]


def finished(store: Store, *prompts: str, **more: Any) -> str:
    job = store.add(new(*prompts, **more))
    for number in range(1, len(prompts) + 1):
        store.finish(job.id, number, record={}, picture=b"picture")
    return job.id


def with_input(store: Store, name: str) -> NewJob:
    return NewJob(recipe="fake", rows=[RowSpec(prompt="a boat", seed=0, settings={"image": name})])


@pytest.fixture
def make_store(tmp_path: Path) -> Any:
    made: list[Store] = []

    def make(*, served: tuple[str, ...] | None = None, **limits: Any) -> Store:
        made.append(Store(tmp_path / "data", Limits(**limits), served=served))
        return made[-1]

    yield make
    for store in made:
        store.close()


def test_those_that_finished_first_go_and_none_that_somebody_may_wait_for(make_store: Any) -> None:
    store: Store = make_store(kept_jobs=1, linger_s=0)
    slow = store.add(new("a long batch"))
    quick = finished(store, "a boat")
    store.finish(slow.id, 1, record={}, picture=b"picture")
    gone: list[str] = []
    assert not store.prune(gone.append) and gone == [quick]
    assert store.job(slow.id) is not None
    store.close()
    store = make_store(kept_jobs=0, linger_s=600)
    assert store.prune(gone.append) and gone == [quick] and store.job(slow.id) is not None


def test_jobs_are_forgotten_now_and_then_as_long_as_there_are_too_many(make_store: Any) -> None:
    store: Store = make_store(kept_jobs=0, linger_s=0)
    now = [100.0]
    it = Tidying(lambda: now[0], idle_s=0)
    assert it.forget(store) == [] and it.due_s is None
    name = finished(store, "a boat")
    it.jobs_ended()
    assert it.due_s == EVERY_S and it.forget(store) == []
    now[0] += EVERY_S
    assert it.due_s == 0 and it.forget(store) == [name] and it.due_s is None


def test_what_cannot_be_forgotten_is_forgotten_later(make_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store: Store = make_store(kept_jobs=0, linger_s=0)
    name, it = finished(store, "a boat"), Tidying(lambda: 0.0, idle_s=0)

    def full(tell: Any) -> Any:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as context:
        context.setattr(store, "prune", full)
        assert it.forget(store) == [] and it.due_s == EVERY_S
    vars(it)["_forgot"] = -EVERY_S
    assert it.forget(store) == [name]


def test_trying_again_is_bounded_as_asking_is(make_store: Any) -> None:
    store: Store = make_store(queued_rows=3)
    given_up = store.add(new("a", "b", "c"))
    store.cancel(given_up.id)
    store.add(new("d"))
    with pytest.raises(QueueFullError, match="it holds 3 rows"):
        store.retry(given_up.id)
    assert store.queued() == 1
    found = store.job(given_up.id)
    assert found is not None and found.state == "cancelled"


def test_nothing_to_try_again_takes_no_room(make_store: Any) -> None:
    store: Store = make_store()
    store.add(new("a", "b", "c"))
    name = finished(store, "d")
    store.close()
    lowered: Store = make_store(queued_rows=2)
    found = lowered.retry(name)
    assert found is not None and found.state == "done"


def test_a_job_that_is_tried_again_meanwhile_is_not_forgotten(make_store: Any) -> None:
    store: Store = make_store(kept_jobs=0, linger_s=0)
    job = store.add(new("a boat"))
    store.cancel(job.id)
    delete = store.delete

    def late(name: str, **how: Any) -> bool:
        store.retry(name)  # between the choice and the deed
        return delete(name, **how)

    vars(store)["delete"] = late
    gone: list[str] = []
    store.prune(gone.append)
    found = store.job(job.id)
    assert gone == [] and found is not None and found.state == "queued"


def test_what_waits_for_other_recipes_takes_no_room(make_store: Any) -> None:
    store: Store = make_store(queued_rows=1, served=("fake",))
    store.add(msgspec.structs.replace(new("a boat"), recipe="gone"))
    store.add(new("a boat"))
    with pytest.raises(QueueFullError):
        store.add(new("a hat"))


def test_many_threads_that_keep_the_same_picture(make_store: Any) -> None:
    store: Store = make_store()
    faults: list[Exception] = []

    def keep() -> None:
        try:
            for _ in range(20):
                name = kept(png(), store.inputs, most_pixels=10**6)
                store.drop_unused([name])
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=keep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []


def test_a_disk_that_is_full_leaves_the_store_usable(make_store: Any) -> None:
    store: Store = make_store()
    kept = store.add(new("a boat"))
    pages = database_of(store).execute("pragma page_count").fetchone()[0]
    database_of(store).execute(f"pragma max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        store.add(new(*["a long prompt " * 50] * 200))
    database_of(store).execute("pragma max_page_count = 1000000")
    assert [job.id for job in store.open_jobs()] == [kept.id]
    assert store.add(new(*["a long prompt " * 50] * 200)).rows == 200


def test_of_a_commit_that_fails_nothing_is_left_open(make_store: Any) -> None:
    store: Store = make_store()

    class Full:
        """A connection whose next commit fails."""

        in_transaction = property(lambda self: database.in_transaction)

        def execute(self, text: str, *values: Any) -> Any:
            if text == "commit" and not said:
                said.append(text)
                raise sqlite3.OperationalError("database or disk is full")
            return database.execute(text, *values)

        def executemany(self, *values: Any) -> Any:
            return database.executemany(*values)

    said, database = list[str](), database_of(store)
    vars(store)["_db"] = Full()
    with pytest.raises(sqlite3.OperationalError):
        store.add(new("a boat"))
    assert not store.open_jobs() and store.add(new("a hat")).rows == 1
    vars(store)["_db"] = database


def test_a_client_hears_that_the_disk_is_full(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime: Runtime = vars(client)["runtime"]
    for error in (sqlite3.OperationalError("database or disk is full"), OSError(28, "No space left on device")):

        def full(job: Any, error: Exception = error) -> Any:
            raise error

        with monkeypatch.context() as context:
            context.setattr(runtime.store, "add", full)
            for path in ("/v1/images/generations", "/sdapi/v1/txt2img", "/v1/jobs"):
                said = {"prompts": ["a boat"]} if path == "/v1/jobs" else {"prompt": "a boat"}
                answer = client.post(path, json=said)
                assert answer.status_code == 503 and "write to its disk" in answer.text, answer.text
                assert answer.headers["retry-after"] and "x-should-retry" not in answer.headers


def test_whoever_dies_between_two_steps_leaves_nothing_for_good(
    make_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Store = make_store()
    job = store.add(new("a boat", "a hat"))
    store.finish(job.id, 1, record={}, picture=b"picture")
    deleted = store.add(new("a cap"))
    store.finish(deleted.id, 1, record={}, picture=b"picture")
    gone = store.picture_path(deleted.id, 1)
    monkeypatch.setattr(store, "_remove", lambda name: None)  # as if it died just there
    store.delete(deleted.id)
    assert gone.exists()
    others = store.folder / "pictures" / "holiday" / "a.jpg"
    others.parent.mkdir()
    others.write_bytes(b"none of ours")
    (store.inputs / f"{'a' * 64}.png").write_bytes(b"of a request that was refused")
    store.close()
    again: Store = make_store()
    assert not gone.parent.exists() and again.picture_path(job.id, 1).exists() and others.exists()
    assert not [*again.inputs.iterdir()]


def test_a_job_that_goes_while_its_row_is_finished_leaves_no_folder(make_store: Any) -> None:
    store: Store = make_store()
    job = store.add(new("a boat"))
    store.delete(job.id)
    assert store.finish(job.id, 1, record={}, picture=b"picture") is None
    assert not store.picture_path(job.id, 1).parent.exists()


def test_inputs_go_with_the_last_job_that_uses_them(make_store: Any) -> None:
    store: Store = make_store()
    name = f"{'a' * 64}.png"
    (store.inputs / name).write_bytes(b"a picture")
    one, other = store.add(with_input(store, name)), store.add(with_input(store, name))
    store.delete(one.id)
    assert (store.inputs / name).exists()
    store.delete(other.id)
    assert not (store.inputs / name).exists()


def test_inputs_stay_where_deleting_is_not_written_down(
    make_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Store = make_store()
    name = f"{'a' * 64}.png"
    (store.inputs / name).write_bytes(b"a picture")
    job = store.add(with_input(store, name))

    @contextlib.contextmanager
    def fails() -> Any:
        database_of(store).execute("begin immediate")
        yield
        database_of(store).execute("rollback")
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as context:
        context.setattr(store, "_writing", fails)
        with pytest.raises(sqlite3.OperationalError):
            store.delete(job.id)
    assert (store.inputs / name).exists() and store.job(job.id) is not None


def test_a_queue_of_a_server_that_noted_no_inputs_goes_on(make_store: Any) -> None:
    store: Store = make_store()
    name = f"{'a' * 64}.png"
    (store.inputs / name).write_bytes(b"a picture")
    job = store.add(with_input(store, name))
    database_of(store).execute("drop table inputs")
    database_of(store).execute("pragma user_version = 1")
    store.close()
    again: Store = make_store()
    assert (again.inputs / name).exists()
    again.delete(job.id)
    assert not (again.inputs / name).exists()


def test_what_is_used_is_looked_up_not_searched(make_store: Any) -> None:
    """Else deleting a job takes as long as all inputs of all jobs together."""
    store: Store = make_store()
    said: list[str] = []

    class Told:
        def execute(self, text: str, values: Any = ()) -> Any:
            plan = database_of(store).execute(f"explain query plan {text}", values).fetchall()
            said.extend(each[-1] for each in plan)
            return database_of(store).execute(text, values)

    told: Any = Told()
    inputs = Inputs(store.inputs, told)
    inputs.drop(inputs.forget("x"))
    inputs.drop([f"{'a' * 64}.png"])
    assert said and all(each.startswith("SEARCH") for each in said)


def test_jobs_whose_recipe_is_not_served_wait(make_runtime: Callable[..., Runtime]) -> None:
    runtime = make_runtime()
    runtime.start()
    waits = runtime.store.add(msgspec.structs.replace(new("a boat"), recipe="other"))
    assert ended(runtime, runtime.submit(new("a hat"))).state == "done"
    runtime.shop.wake()
    assert ended(runtime, runtime.submit(new("a hat"))).state == "done"
    found = runtime.store.job(waits.id)
    assert found is not None and found.state == "queued"
    runtime.stop()


def test_a_job_that_waits_for_its_recipe_says_so(client: TestClient) -> None:
    runtime: Runtime = vars(client)["runtime"]
    job = runtime.store.add(msgspec.structs.replace(new("a boat"), recipe="other"))
    body = client.get(f"/v1/jobs/{job.id}").json()
    assert body["state"] == "queued" and "recipe other is not served now" in body["note"]
    assert client.post("/v1/jobs", json={"prompts": ["a boat"]}).json()["note"] is None


@pytest.mark.parametrize(
    "said", [{"prompt": ""}, {"prompt": "a boat", "n": 99}, {"prompt": "a boat", "seed": 2**70}]
)
def test_pictures_of_a_request_that_is_refused_are_not_kept(client: TestClient, said: dict[str, Any]) -> None:
    runtime: Runtime = vars(client)["runtime"]
    answer = client.post("/v1/images/edits", data=said, files={"image": ("a.png", png(), "image/png")})
    assert answer.status_code == 400, answer.text
    assert not [*runtime.store.inputs.iterdir()]
