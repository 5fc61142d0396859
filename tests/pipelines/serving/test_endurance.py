"""What a server is put through: killed at any moment, run for long, read slowly."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from diptych.pipelines.rendering.provenance.provenance import picture_bytes
from diptych.pipelines.serving.engine_thread import events
from diptych.pipelines.serving.engine_thread.events import Bus, Event
from diptych.pipelines.serving.queue.jobs import NewJob, RowSpec
from diptych.pipelines.serving.runtime import Runtime
from diptych.pipelines.text_to_image import TextToImage

from .lives import begun, runtime_in

KILLS = int(os.environ.get("DIPTYCH_KILLS") or 12)


def new(*prompts: str, seed: int = 0) -> NewJob:
    rows = [RowSpec(prompt=prompt, seed=seed + i) for i, prompt in enumerate(prompts)]
    return NewJob(recipe="fake", rows=rows)


def _live(data: Path, accepted: Path, life: int) -> None:
    """A server's life: jobs come until it is killed."""
    runtime = runtime_in(data)
    runtime.start()
    with accepted.open("a") as file:
        for i in range(1000):
            job = runtime.submit(new("a boat", "a hat", seed=10 * life + i))
            file.write(f"{job.id}\n")
            file.flush()  # as when the answer has reached the client
            time.sleep(0.01)


def test_kills_at_any_moment_lose_nothing_and_make_nothing_twice(
    tmp_path: Path, make_runtime: Callable[..., Runtime], make_pipe: Callable[..., TextToImage]
) -> None:
    chance, accepted = random.Random(3), tmp_path / "accepted"
    for life in range(KILLS):
        process = begun(_live, tmp_path / "data", accepted, life)
        time.sleep(chance.uniform(0.05, 0.4))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    names = accepted.read_text().split()
    assert len(names) > KILLS
    runtime, pipe = make_runtime(), make_pipe(batch_invariant=True)
    runtime.start()
    began = since = time.monotonic()
    left = len(names) + 1
    while (now := len(runtime.store.open_jobs())) > 0:
        if now < left:
            left, since = now, time.monotonic()
        assert time.monotonic() < min(since + 60, began + 900), f"it does not go on: {left} jobs are left"
        time.sleep(0.2)
    environment = runtime.pipes.of("fake").environment
    for name in names:
        job = runtime.store.job(name)
        assert job is not None and (job.done, job.failed) == (2, 0), name
        for row in runtime.store.rows(name):
            outcome = pipe(row.spec.prompt, seed=row.spec.seed).outcomes[0]
            expected = picture_bytes(outcome, environment)
            assert runtime.store.picture_path(name, row.number).read_bytes() == expected
    runtime.stop()


def test_nothing_piles_up_over_many_jobs(make_runtime: Callable[..., Runtime]) -> None:
    runtime = make_runtime()
    runtime.start()
    for i in range(150):
        runtime.submit(new("a boat", "poison", "gibberish", seed=i))
    end = time.monotonic() + 120
    while runtime.store.open_jobs() or len(runtime.shop._desk):
        assert time.monotonic() < end, "it does not come to an end"
        time.sleep(0.02)
    shop: Any = runtime.shop
    assert not shop._jobs and not shop.guests()
    assert not vars(runtime.bus)["_readers"]
    assert len(vars(shop._desk)["_plans"]) <= 512
    assert shop._desk._shares._had == {}
    assert (shop.totals.pictures, shop.totals.failures, shop.totals.faults) == (150, 300, 0)
    runtime.stop()


def test_a_slow_reader_misses_what_has_passed_and_nothing_else(monkeypatch: Any) -> None:
    monkeypatch.setattr(events, "MOST_WAITING", 50)

    async def follow() -> None:
        bus = Bus()
        with bus.reading("j", views=True, progress=True) as slow, bus.reading("j") as plain:
            for i in range(1000):
                bus.tell(Event(kind="progress", job="j", row=1, data={"fraction": i}))
                bus.tell(Event(kind="preview", job="j", row=1, data={"what": "estimate", "step": i}))
            bus.tell(Event(kind="row", job="j", row=1))
            found = [await slow.next(timeout=0) for _ in range(4)]
            assert [each and each.kind for each in found] == ["progress", "preview", "row", None]
            assert found[0] is not None and found[0].data == {"fraction": 999}
            told = await plain.next(timeout=0)
            assert told is not None and told.kind == "row"
            for i in range(60):
                bus.tell(Event(kind="row", job="j", row=i))
            assert slow.fell_behind
        assert not bus.wants_views("j")

    asyncio.run(follow())
