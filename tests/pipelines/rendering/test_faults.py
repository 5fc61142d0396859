"""What goes wrong in a long night: the other rows go on, the row says why, and nothing is corrupt."""

import errno
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diptych import TextToImage
from diptych.pipelines import files as output
from diptych.pipelines.rendering.batch import PATIENCE, Again
from diptych.pipelines.rendering.output.folder import FolderLostError, OutputFolder
from diptych.pipelines.rendering.output.journal import Journal

Write = Callable[[OutputFolder, str, bytes], None]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the writing of some files fail: `failing(lambda name: "0002" in name)`."""

    def make(fails: Callable[[str], bool], error: Exception | None = None) -> None:
        write = output.write_atomically

        def sometimes(path: Path, data: bytes, **options: Any) -> None:
            if fails(path.name):
                raise error or OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            write(path, data, **options)

        replace = output.replacing

        def replacing(path: Path, **options: Any) -> Any:
            if fails(path.name):
                raise error or OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return replace(path, **options)

        monkeypatch.setattr("diptych.pipelines.rendering.output.folder.write_atomically", sometimes)
        monkeypatch.setattr("diptych.pipelines.rendering.output.folder.replacing", replacing)

    return make


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "writing: No space left on device: make room in"),
        (OSError(errno.EIO, "Input/output error"), "writing: Input/output error"),
        (MemoryError(), "writing: MemoryError"),
        (ValueError("encoder error"), "writing: ValueError: encoder error"),
    ],
)
def test_a_picture_that_cannot_be_written_fails_its_row_only(
    render: Any,
    lines_of: Any,
    failing: Callable[..., None],
    pipe: TextToImage,
    tmp_path: Path,
    error: Exception,
    says: str,
) -> None:
    failing(lambda name: name.startswith("0002-"), error)
    render(pipe, tmp_path, "a boat", "a tree", "a cat")
    lines = lines_of(tmp_path)
    assert [line["status"] for line in lines] == ["done", "failed", "done"]
    assert says in lines[1]["error"]


def test_after_the_disk_was_full_the_failed_rows_can_be_tried_again(
    render: Any, lines_of: Any, make_pipe: Callable[..., TextToImage], tmp_path: Path, failing: Any
) -> None:
    full = True
    failing(lambda name: full and name.endswith(".png"))
    prompts = [f"a boat {i}" for i in range(6)]
    tally = render(make_pipe(), tmp_path, *prompts)
    assert tally.failed == 6
    full = False
    assert render(make_pipe(), tmp_path, *prompts, again=Again(failed=True)).all_done
    assert [line["status"] for line in lines_of(tmp_path)] == ["done"] * 6


def test_a_line_that_cannot_be_written_is_written_with_a_later_row(
    render: Any,
    lines_of: Any,
    make_pipe: Callable[..., TextToImage],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add, told = Journal.add, list[int]()

    def sometimes(self: Any, record: Any, *more: Any, **noted: Any) -> None:
        if record.row == 2 and len(told) < 3:
            told.append(record.row)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        add(self, record, *more, **noted)

    monkeypatch.setattr(Journal, "add", sometimes)
    tally = render(make_pipe(wave=1), tmp_path, *[f"a boat {i}" for i in range(6)])
    assert len(told) == 3 and tally.all_done
    assert [line["row"] for line in lines_of(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_lines_that_can_never_be_written_end_in_one_clear_line_and_can_be_gone_on_with(
    render: Any,
    lines_of: Any,
    make_pipe: Callable[..., TextToImage],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add = Journal.add

    def full(self: Any, record: Any, *more: Any, **noted: Any) -> None:
        if record.row > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        add(self, record, *more, **noted)

    prompts = [f"a boat {i}" for i in range(5)]
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add", full)
        with pytest.raises(FolderLostError, match=r"cannot be written any more .*: make room or bring it back"):
            render(make_pipe(wave=1), tmp_path, *prompts)
    assert [line["row"] for line in lines_of(tmp_path)] == [1, 2]
    assert render(make_pipe(), tmp_path, *prompts).done == 3
    assert [line["row"] for line in lines_of(tmp_path)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_folder_that_is_taken_away_is_not_made_again_beneath(
    render: Any, lines_of: Any, make_pipe: Callable[..., TextToImage], tmp_path: Path, comes_back: bool
) -> None:
    """Unmounted, say: the path is gone, or an empty folder of the disk below."""
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    asked = 0

    def take_away(record: Any) -> None:
        nonlocal asked
        asked += 1
        if record.row == 2:
            out.rename(elsewhere)
            out.mkdir()

    prompts = [f"a boat {i}" for i in range(2 * PATIENCE)]
    with pytest.raises(FolderLostError, match=r"replaced, or unmounted"):
        render(make_pipe(wave=1), out, *prompts, on_row=take_away)
    assert os.listdir(out) == [] and asked == 2
    assert [line["row"] for line in lines_of(elsewhere)] == [1, 2]
    if comes_back:
        out.rmdir()
        elsewhere.rename(out)
        assert render(make_pipe(), out, *prompts[:4]).done == 2
        assert [line["row"] for line in lines_of(out)] == [1, 2, 3, 4]


def test_a_folder_that_is_removed_stops_the_run_in_the_end(
    render: Any, make_pipe: Callable[..., TextToImage], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(FolderLostError, match=r"cannot be written any more"):
        render(make_pipe(wave=1), out, "a", "b", "c", on_row=lambda record: shutil.rmtree(out))
    assert not out.exists()


def test_a_stage_that_raises_anything_fails_its_row_only(
    render: Any, lines_of: Any, make_pipe: Callable[..., TextToImage], tmp_path: Path
) -> None:
    pipe = make_pipe()
    judge: Any = pipe.runner.chain.stages[-1]
    healthy = judge.make

    def broken(picture: Any) -> Any:
        if "tree" in picture.plan.prompt:
            raise ZeroDivisionError("no such thing")
        return healthy(picture)

    judge.make = broken
    render(pipe, tmp_path, "a boat", "a tree", "a cat")
    assert [line["status"] for line in lines_of(tmp_path)] == ["done", "failed", "done"]
    assert lines_of(tmp_path)[1]["error"] == "judge: ZeroDivisionError: no such thing"


def test_running_out_of_memory_fails_a_row_only_where_it_is_too_much_alone(
    render: Any, lines_of: Any, make_pipe: Callable[..., TextToImage], tmp_path: Path
) -> None:
    pipe = make_pipe()
    refine: Any = pipe.runner.chain.stages[2]
    run = refine.run

    def short_of_memory(values: Any, models: Any, report: Any) -> Any:
        if len(values) > 2 or any("huge" in value.plan.prompt for value in values):
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        return run(values, models, report)

    refine.run = short_of_memory
    render(pipe, tmp_path, "a boat", "a tree", "a huge cat", "a dog", "a house")
    lines = lines_of(tmp_path)
    assert [line["status"] for line in lines] == ["done", "done", "failed", "done", "done"]
    assert "out of memory even for one row" in lines[2]["error"]


def test_a_clock_that_jumps_changes_nothing(
    render: Any, files_of: Any, make_pipe: Callable[..., TextToImage], tmp_path: Path, monkeypatch: Any
) -> None:
    jumps = iter([0.0, 4e9, -1e6, 1e9] * 1000)
    render(make_pipe(), tmp_path / "one", "a boat", "a tree", seconds=60.0, rounds=3)
    monkeypatch.setattr(time, "time", lambda: next(jumps))
    monkeypatch.setattr(time, "time_ns", lambda: int(next(jumps) * 1e9))
    tally = render(make_pipe(), tmp_path / "two", "a boat", "a tree", seconds=60.0, rounds=3)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
    assert 0 <= tally.seconds < 600


def test_a_picture_is_on_disk_before_its_line_is(
    render: Any, make_pipe: Callable[..., TextToImage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes synced, then the name given, then the folder synced, and only then the line, synced too."""
    deeds: list[str] = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor: int) -> None:
        deeds.append(f"sync {Path(os.readlink(f'/proc/self/fd/{descriptor}')).name}")
        fsync(descriptor)

    def watched_replace(source: Path, target: Path) -> None:
        deeds.append(f"name {Path(target).name}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    render(make_pipe(), tmp_path, "a boat")
    named = deeds.index("name 0001-a-boat.png")
    assert deeds[named - 1].startswith("sync .0001-a-boat.png.")
    assert deeds[named + 1] == f"sync {tmp_path.name}"
    line = deeds.index("sync results.jsonl")
    assert line > named and all(deed.startswith("name 0001") for deed in deeds[named + 2 : line])


@pytest.mark.parametrize("name", ["../../x", "<script>alert(1)</script>", "a/b\\c", "CON", "x" * 5000, "."])
def test_a_hostile_prompt_stays_in_its_folder(
    render: Any, lines_of: Any, pipe: TextToImage, tmp_path: Path, name: str
) -> None:
    render(pipe, tmp_path / "out", name)
    assert os.listdir(tmp_path) == ["out"]
    (line,) = lines_of(tmp_path / "out")
    assert line["picture"].startswith("0001-") and (tmp_path / "out" / line["picture"]).is_file()
    assert b"<script>alert" not in (tmp_path / "out" / "index.html").read_bytes()


def test_results_stay_readable_json_whatever_the_prompt(render: Any, pipe: TextToImage, tmp_path: Path) -> None:
    render(pipe, tmp_path, 'a "boat"\nat sea\u2028{}', "ends \\", "{}")
    data = (tmp_path / "results.jsonl").read_bytes()
    assert data.isascii() and data.count(b"\n") == 3
    assert [json.loads(line)["row"] for line in data.splitlines()] == [1, 2, 3]


def test_a_picture_that_stays_keeps_its_small_pictures_too(
    render: Any, lines_of: Any, files_of: Any, pipe: TextToImage, tmp_path: Path, failing: Any
) -> None:
    render(pipe, tmp_path, "a red boat", candidates=2, keep=1)
    before = {name: data for name, data in files_of(tmp_path).items() if "0001" in name and "js" not in name}
    assert len(before) >= 3
    failing(lambda name: "tree" in name)
    assert render(pipe, tmp_path, "a tall tree", candidates=2, keep=1).failed == 1
    now = files_of(tmp_path)
    assert {name: now[name] for name in before} == before
    assert [(line["prompt"], line["status"]) for line in lines_of(tmp_path)] == [
        ("a red boat", "done"),
        ("a tall tree", "failed"),
    ]


def test_what_cannot_be_said_of_a_row_takes_no_place_of_a_picture(
    render: Any, lines_of: Any, pipe: TextToImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render(pipe, tmp_path, "a red boat")

    def broken(*_: object, **__: object) -> None:
        raise ValueError("no number")

    monkeypatch.setattr("diptych.pipelines.rendering.output.record.done", broken)
    assert render(pipe, tmp_path, "a tall tree").failed == 1
    lines = lines_of(tmp_path)
    assert [line["status"] for line in lines] == ["done", "failed"]
    assert "writing: ValueError: no number" in lines[1]["error"]
