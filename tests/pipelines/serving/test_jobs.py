"""Jobs: accepted once, carried out once, in the order that is wished for; paused, cancelled, tried again."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from diptych.engine.errors import InputError
from diptych.pipelines.recipes.reader import Recipe
from diptych.pipelines.serving.engine_thread.offered_recipes import Pipe
from diptych.pipelines.serving.queue.jobs import Job, Limits, NewJob, QueueFullError, RowSpec, TooLargeError
from diptych.pipelines.serving.queue.store import Store
from diptych.pipelines.serving.runtime import Runtime
from diptych.pipelines.text_to_image import TextToImage

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
    made = Store(tmp_path / "data", Limits(queued_rows=5, job_rows=4, kept_jobs=2, linger_s=0))
    yield made
    made.close()


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


def test_pictures_are_found_by_prompt_and_by_instruction(store: Store) -> None:
    edits = RowSpec(prompt="a boat", seed=1, settings={"edit": "remove the dog"})
    plain = RowSpec(prompt="a dog on a boat", seed=2)
    job = store.add(NewJob(recipe="fake", rows=[edits, plain]))
    for number in (1, 2):
        store.finish(job.id, number, record={}, picture=b"picture")

    def found(query: str) -> list[int]:
        return [row.number for _, row in store.pictures(most=9, query=query)]

    assert found("dog") == found("Boat dog") == [2, 1]
    assert found("remove dog") == [1] and found("dog on") == [2] and found("removed") == []


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


def test_a_queue_of_an_older_server_goes_on(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    job = store.add(new("a boat", key="k"))
    vars(store)["_db"].execute("alter table jobs drop column said")
    store.close()
    again = Store(tmp_path / "data")
    assert again.add(msgspec.structs.replace(new("a hat", key="k"), said="digest")).id == job.id
    again.close()


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
    gate.go.set()
    ended(gate, urgent)
    ended(gate, batch)
    assert gate.order.index("a hat") <= 1


def test_clients_take_turns(gate: Any) -> None:
    many = gate.submit(new(*[f"a boat {i}" for i in range(9)], client="many"))
    few = gate.submit(new("a hat", "a cap", client="few"))
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
    from diptych.pipelines.serving.engine_thread import workshop

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


def test_models_of_a_recipe_that_nobody_needs_leave_while_others_work(
    make_runtime: Callable[..., Runtime], make_pipe: Callable[..., TextToImage], recipe: Recipe
) -> None:
    now = [0.0]
    runtime = make_runtime(idle_s=10, clock=lambda: now[0])
    runtime.pipes.recipes["other"] = dataclasses.replace(recipe, name="other")
    vars(runtime.pipes)["_made"]["other"] = Pipe("other", make_pipe())
    memories = [runtime.pipes.of(name).pipeline.runner.memory for name in ("other", "fake")]
    runtime.start()
    ended(runtime, runtime.submit(msgspec.structs.replace(new("a boat"), recipe="other")))
    for seconds in (6.0, 11.0):
        now[0] = seconds
        ended(runtime, runtime.submit(new("a hat")))
        until(lambda: not runtime.shop.guests())
    until(lambda: not memories[0].resident)
    assert memories[1].resident
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


def test_a_job_that_is_deleted_while_its_picture_is_written_is_no_trouble(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diptych.pipelines.serving.queue import store as module

    job, other = store.add(new("a boat")), store.add(new("a hat"))

    def gone(path: Path, data: bytes) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(module, "write_atomically", gone)
    store.delete(job.id)
    assert store.finish(job.id, 1, record={}, picture=b"picture") is None
    with pytest.raises(FileNotFoundError):  # of one that is there it is told
        store.finish(other.id, 1, record={}, picture=b"picture")
