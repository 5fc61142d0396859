"""Going on with a folder: files of finished rows that are damaged or gone come back; sound ones are kept."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diptych import TextToImage
from diptych.pipelines.rendering.batch import Again
from diptych.pipelines.rendering.output.index import INDEX

PROMPTS = ("a boat", "a tree")
PICTURE = "0001-a-boat.png"
SMALL = ("gallery/thumbnails/0001.webp", "previews/0001.png", "gallery/candidates/0001.webp")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-30] ^= 1
    path.write_bytes(data)


def link_elsewhere(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def pipe_instead(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("name", [PICTURE, *SMALL])
@pytest.mark.parametrize("damage", [Path.unlink, cut, flip_a_bit, link_elsewhere, pipe_instead])
@pytest.mark.parametrize("indexed", [True, False])
def test_what_is_damaged_or_gone_comes_back(
    render: Any,
    files_of: Any,
    pipe: TextToImage,
    tmp_path: Path,
    name: str,
    damage: Callable[[Path], None],
    indexed: bool,
) -> None:
    if damage is flip_a_bit and not indexed and name != PICTURE:
        pytest.skip("of small pictures nothing but the index knows each bit")
    render(pipe, tmp_path, *PROMPTS, candidates=2)
    before = files_of(tmp_path)
    damage(tmp_path / name)
    if not indexed:
        (tmp_path / INDEX).unlink()
    tally = render(pipe, tmp_path, *PROMPTS, candidates=2)
    remade = 0 if name == SMALL[0] and damage is not flip_a_bit else 1
    if damage in (cut, flip_a_bit) and indexed and name != PICTURE:  # in place, which folders do not tell
        tally = render(pipe, tmp_path, *PROMPTS, candidates=2, again=Again(verify=True))
        remade = 0 if name == SMALL[0] else 1
    assert tally.done == remade and tally.done_before == 2 - remade
    (tmp_path / name).with_name("elsewhere").unlink(missing_ok=True)
    assert files_of(tmp_path) == before


def test_sheets_and_pages_come_back(render: Any, files_of: Any, pipe: TextToImage, tmp_path: Path) -> None:
    render(pipe, tmp_path, *PROMPTS)
    before = files_of(tmp_path)
    gone = ["contact_sheet.png", "index.html", "gallery/rows-0001.js", "gallery/state.js"]
    for name in gone:
        (tmp_path / name).unlink()
    assert render(pipe, tmp_path, *PROMPTS).done == 0
    assert all((tmp_path / name).exists() for name in gone) and files_of(tmp_path) == before


def test_what_was_not_touched_is_not_read(
    render: Any, pipe: TextToImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render(pipe, tmp_path, *PROMPTS)
    stats = {path: path.stat() for path in tmp_path.rglob("*") if path.is_file()}

    def never(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("diptych.pipelines.rendering.output.folder.OutputFolder.facts_of", never)
    monkeypatch.setattr(
        "diptych.pipelines.rendering.rows.request_makers.OfPipeline.request", never, raising=True
    )
    monkeypatch.setattr("diptych.pipelines.rendering.batch._begun", lambda tasks: tasks)
    assert render(pipe, tmp_path, *PROMPTS).done_before == 2
    for path, before in stats.items():
        assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino), path


def test_a_folder_that_was_copied_is_read_once_and_known_from_then_on(
    render: Any, pipe: TextToImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render(pipe, tmp_path, *PROMPTS)
    for path in tmp_path.rglob("*.png"):
        os.utime(path, (1, 1))
    assert render(pipe, tmp_path, *PROMPTS).done == 0
    monkeypatch.setattr("diptych.pipelines.rendering.output.folder.OutputFolder.facts_of", lambda *_: None)
    assert render(pipe, tmp_path, *PROMPTS).done == 0


@pytest.mark.parametrize(
    "written", [b"", b"\x00" * 99, b'["diptych index",1]\n["x"]\n{"rows":1}\n', b"[" * 9999]
)
def test_an_index_that_is_none_costs_nothing_but_time(
    render: Any, files_of: Any, pipe: TextToImage, tmp_path: Path, written: bytes
) -> None:
    render(pipe, tmp_path, *PROMPTS)
    before = files_of(tmp_path)
    (tmp_path / INDEX).write_bytes(written)
    assert render(pipe, tmp_path, *PROMPTS).done == 0
    (tmp_path / INDEX).write_bytes((tmp_path / INDEX).read_bytes().replace(b"true", b"1e99"))
    assert render(pipe, tmp_path, *PROMPTS).done == 0
    assert files_of(tmp_path) == before


@pytest.mark.parametrize(
    "deed", [Path.unlink, lambda path: path.write_bytes(b""), lambda path: path.write_text("{}\n")]
)
def test_results_that_go_or_are_written_over_during_a_run_are_written_again(
    render: Any,
    files_of: Any,
    make_pipe: Callable[..., TextToImage],
    tmp_path: Path,
    deed: Callable[[Path], Any],
) -> None:
    prompts = [f"a boat {i}" for i in range(5)]
    for out in ("whole", "out"):
        render(make_pipe(), tmp_path / out, *prompts[:2], whole=False)
    render(make_pipe(), tmp_path / "whole", *prompts)

    def meddle(record: Any) -> None:
        if record is not None and record.row in (3, 5):
            deed(tmp_path / "out" / "results.jsonl")

    render(make_pipe(wave=1), tmp_path / "out", *prompts, on_row=meddle)
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_hostile_line_is_named_and_passed_over(
    render: Any,
    lines_of: Any,
    pipe: TextToImage,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    place: str,
) -> None:
    render(pipe, tmp_path, *PROMPTS)
    path = tmp_path / "results.jsonl"
    lines = path.read_text().splitlines()
    line = json.loads(lines[0])
    line["facts"][0]["probability"] = 10**400
    hostile = [json.dumps(line), json.dumps({**line, "row": 10**30}), "[" * 99_999, '{"row":' * 600]
    path.write_text("\n".join([*hostile, *lines] if place == "first" else [*lines, *hostile]) + "\n")
    assert render(pipe, tmp_path, *PROMPTS).done == 0
    assert f"{path}, line {1 if place == 'first' else 3}: facts[0].probability: " in caplog.text
    assert [each["row"] for each in lines_of(tmp_path)] == [1, 2]
