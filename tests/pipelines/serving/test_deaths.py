"""Rows of which the server dies: they are tried alone, and given up after two deaths."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diptych.pipelines.serving.queue import deaths
from diptych.pipelines.serving.queue.deaths import Deaths
from diptych.pipelines.serving.runtime import Runtime

from .lives import begun, runtime_in
from .test_jobs import ended, new, until


def _live(data: Path, how: int, prompts: tuple[str, ...]) -> None:
    """A server's life, which ends when it paints what is deadly."""
    runtime = runtime_in(data)
    vars(runtime.pipes.of("fake").pipeline.runner.chain.stages[2])["before"] = lambda batch: (
        os.kill(os.getpid(), how) if any("deadly" in each.plan.request.prompt for each in batch) else None
    )
    runtime.shop.deaths.catch_crashes()
    if prompts:
        runtime.store.add(new(*prompts))
    runtime.start()
    time.sleep(60)


def _dies(data: Path, how: int, *prompts: str) -> int:
    """The signal of which a server dies."""
    life = begun(_live, data, how, prompts)
    life.join()
    assert life.exitcode is not None
    return -life.exitcode


def test_a_row_that_crashes_the_server_is_given_up_and_the_others_are_done(
    tmp_path: Path, make_runtime: Callable[..., Runtime]
) -> None:
    prompts = ["a boat", "a deadly boat", "a hat", "a cap"]
    assert _dies(tmp_path / "data", signal.SIGSEGV, *prompts) == signal.SIGSEGV
    assert _dies(tmp_path / "data", signal.SIGABRT) == signal.SIGABRT
    runtime = make_runtime()
    runtime.start()
    (job,) = runtime.store.jobs()
    job = ended(runtime, job)
    assert (job.done, job.failed) == (3, 1)
    (bad,) = [row for row in runtime.store.rows(job.id) if row.state == "failed"]
    assert bad.spec.prompt == "a deadly boat"
    assert bad.error.startswith("fault: the server died 2 times while it was under way: it is not begun again")
    assert (
        runtime.retry(job.id) is not None
    )  # whoever asks for it again gets it, where nothing is deadly any more
    assert ended(runtime, job).done == 4
    runtime.stop()


def test_kills_from_outside_blame_no_row(tmp_path: Path, make_runtime: Callable[..., Runtime]) -> None:
    for prompts in (("a deadly boat", "a hat"), (), ()):
        assert _dies(tmp_path / "data", signal.SIGKILL, *prompts) == signal.SIGKILL
    runtime = make_runtime()
    assert vars(runtime.shop.deaths)["_counts"] == {}
    runtime.start()
    assert ended(runtime, runtime.store.jobs()[0]).done == 2
    runtime.stop()


def test_a_kill_for_memory_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "vmstat"
    monkeypatch.setattr(deaths, "_VMSTAT", told)
    monkeypatch.setattr(deaths, "_BOOT", tmp_path / "boot")
    (tmp_path / "boot").write_text("one\n")
    told.write_text("pgfault 7\noom_kill 3\n")
    before = Deaths(tmp_path)
    before.under_way([("job", 1)])
    assert Deaths(tmp_path).of(("job", 1)) == 0
    before.under_way([])
    before.under_way([("job", 1)])
    told.write_text("pgfault 9\noom_kill 4\n")
    after = Deaths(tmp_path)
    assert (after.of(("job", 1)), after.of(("job", 2))) == (1, 0)
    after.close()
    assert Deaths(tmp_path).of(("job", 1)) == 1
    after.forget(("job", 1))
    assert Deaths(tmp_path).of(("job", 1)) == 0


@pytest.mark.parametrize(
    "said", [b"", b"[]", b"{", b'{"deaths": [[1, 2]], "under_way": 3, "killed": "x"}', b"[" * 9999]
)
def test_a_damaged_note_is_none(tmp_path: Path, said: bytes) -> None:
    (tmp_path / "deaths.json").write_bytes(said)
    (tmp_path / "crash.txt").write_text("Fatal Python error: Segmentation fault")
    assert Deaths(tmp_path).of(("job", 1)) == 0


def test_a_suspect_is_alone(gate: Any) -> None:
    job = gate.store.add(new("a boat", "a hat", "a cap"))
    vars(gate.shop.deaths)["_counts"][job.id, 2] = 1
    gate.shop.wake()
    until(lambda: gate.shop.guests())
    time.sleep(0.05)
    assert [guest.number for guest in gate.shop.guests()] == [1]
    gate.go.set()
    assert ended(gate, job).done == 3
    assert gate.shop.deaths.of((job.id, 2)) == 0
