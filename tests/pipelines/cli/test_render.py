"""`render` as a terminal sees it: exit statuses, what is said at the end, and how it is stopped."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diptych import InputError, TextToImage
from diptych.pipelines.cli.render import run_render
from diptych.pipelines.rendering.output.folder import OutputFolder


@pytest.fixture
def run(pipe: TextToImage, tmp_path: Path) -> Callable[..., int]:
    """Renders texts into `tmp_path / "out"`; returns the exit status."""

    def call(*texts: str, pipe: TextToImage = pipe, **options: Any) -> int:
        options = {"seed": 0} | options
        return run_render(lambda: pipe, source=None, text=list(texts), out=tmp_path / "out", **options)

    return call


def statuses(out: Path) -> dict[int, str]:
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    return {line["row"]: line["status"] for line in lines}


def test_the_end_says_what_came_of_it(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("a boat", "a tree") == 0
    out = capsys.readouterr().out
    for words in (
        "2 rows: 2 done (",
        "2 pictures in ",
        " a minute",
        "time: plan ",
        "writing ",
        "contact sheet: ",
    ):
        assert words in out
    assert run("a boat", "a tree") == 0
    again = capsys.readouterr().out
    assert "2 rows: 0 made now, 2 done before (" in again and "caption" not in again


def test_failed_rows_are_told_of_each_time_until_they_are_mended(
    run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("a boat", "poison") == 1
    assert (
        "1 of 2 rows failed; results.jsonl says why: change what it names, and run the command again"
        in capsys.readouterr().err
    )
    assert run("a boat", "poison") == 1
    assert run("a boat", "poison", retry_failed=True) == 1
    assert statuses(tmp_path / "out") == {1: "done", 2: "failed"}


def test_some_rows_may_be_asked_for(run: Any, tmp_path: Path) -> None:
    assert run("a boat", "a tree", "a cat", only="2-3") == 0
    assert statuses(tmp_path / "out") == {1: "done", 2: "done"}
    assert run("a boat", "a tree", "a cat", only="1,9", fresh=True) == 0
    assert sorted(statuses(tmp_path / "out")) == [1, 2, 3]
    with pytest.raises(InputError, match="the source has no such row"):
        run("a boat", only="9")
    with pytest.raises(InputError, match="write rows as in"):
        run("a boat", only="one")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_keeps_what_was_finished_and_says_how_to_go_on(
    run: Any,
    make_pipe: Callable[..., TextToImage],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    number: signal.Signals,
    status: int,
) -> None:
    pipe = make_pipe(wave=1)
    refine: Any = pipe.runner.chain.stages[2]
    healthy, sent = refine.make, list[int]()

    def interrupted(value: Any) -> Any:
        if "cat" in value.plan.prompt and not sent:
            sent.append(number)
            os.kill(os.getpid(), number)
        return healthy(value)

    refine.make = interrupted
    assert run("a boat", "a cat", "a tree", pipe=pipe, fresh=True) == status
    told = capfd.readouterr().err
    assert "stopping; Ctrl-C again leaves at once" in told
    assert f"what was finished is in {tmp_path / 'out'}" in told
    assert "the same command without --fresh goes on from there" in told
    assert statuses(tmp_path / "out") == {1: "done"}
    assert run("a boat", "a cat", "a tree", pipe=pipe) == 0
    assert statuses(tmp_path / "out") == {1: "done", 2: "done", 3: "done"}


def test_a_folder_that_can_be_written_no_more_is_status_one(
    run: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(self: OutputFolder) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(OutputFolder, "check", full)
    assert run("a boat") == 1
    err = capsys.readouterr().err
    assert "cannot be written any more (No space left on device)" in err and "the same command" in err


def test_what_is_in_the_way_is_found_before_any_work(run: Any, pipe: TextToImage, tmp_path: Path) -> None:
    (tmp_path / "out" / "results.jsonl").mkdir(parents=True)
    with pytest.raises(InputError, match=r"results.jsonl: is a folder where a file must be"):
        run("a boat")
    assert [event.kind for event in pipe.runner.memory.events if event.kind in ("load", "run")] == []


def test_a_source_of_unknown_length_is_rendered_as_it_comes(
    pipe: TextToImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io
    from types import SimpleNamespace

    stdin = SimpleNamespace(buffer=io.BytesIO(b"a boat\na tree\n" * 30))
    monkeypatch.setattr("sys.stdin", stdin)
    assert run_render(lambda: pipe, source="-", text=None, out=tmp_path / "out") == 0
    assert len(statuses(tmp_path / "out")) == 60
