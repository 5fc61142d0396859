"""Rows rendered into a folder: the files that other tools read, and what happens to rows that fail."""

import dataclasses
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from diptych import Cancelled, Failure, InputError, Outcome, PromptFileError, Request, Row, TextToImage
from diptych.engine.watch import Quiet, Watcher
from diptych.pipelines.rendering.output.record import Record

KEYS = [
    "version",
    "row",
    "prompt",
    "resolved_prompt",
    "seed",
    "status",
    "picture",
    "caption",
    "score",
    "accepted",
]
KEYS += ["facts", "left_out", "read_as", "candidates", "timings", "error"]
KEYS += ["settings", "source", "line", "number", "template", "notes", "id"]

Lines = Callable[[Path], list[dict[str, Any]]]


def test_the_folder_holds_what_was_promised(
    render: Any, lines_of: Lines, pipe: TextToImage, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    tally = render(pipe, out, "a red boat", "ein grünes Boot", guidance_scale=3)
    assert sorted(os.listdir(out)) == [
        ".diptych.index",
        "0001-a-red-boat.png",
        "0002-ein-grunes-boot.png",
        "contact_sheet.png",
        "gallery",
        "index.html",
        "previews",
        "results.jsonl",
    ]
    assert sorted(os.listdir(out / "previews")) == ["0001.png", "0002.png"]
    first, second = lines_of(out)
    assert list(first) == KEYS
    assert (first["row"], first["status"], first["error"]) == (1, "done", None)
    assert (first["source"], first["line"], first["template"]) == ("p.txt", 1, None)
    assert first["resolved_prompt"] == "a red boat, in the middle, medium"
    assert first["settings"]["guidance_scale"] == 3.0 and first["settings"]["width"] == 48
    assert second["prompt"] == "ein grünes Boot" and len({first["id"], second["id"]}) == 2
    assert list(first["facts"][0]) == ["kind", "text", "probability", "shown", "asked", "span"]
    assert first["candidates"][0]["chosen"] and len(first["candidates"][0]["tokens"]) == 16
    assert set(first["timings"]) == {"plan", "draft", "refine", "judge"}
    assert Record.from_json(json.dumps(first)).to_json() == json.dumps(first)
    assert (tally.rows, tally.done, tally.failed, tally.all_done) == (2, 2, 0, True)
    with PIL.Image.open(out / first["picture"]) as picture:
        assert picture.size == (48, 32)


def test_the_same_file_and_seed_give_the_same_bytes(
    render: Any, files_of: Any, pipe: TextToImage, tmp_path: Path
) -> None:
    for out in (tmp_path / "one", tmp_path / "two"):
        render(pipe, out, "a red boat", "a blue bird", seed=5, candidates=3)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_a_row_that_fails_leaves_the_others_alone(
    render: Any, lines_of: Lines, pipe: TextToImage, tmp_path: Path
) -> None:
    fault = Row(prompt="", source="p.txt", line=6, fault="seed = 'x': must be a whole number")
    tally = render(
        pipe, tmp_path, "a red boat", "poison", "a\x00bell", "word " * 10_000, "a \ud800", fault, "a tree"
    )
    lines = lines_of(tmp_path)
    assert [line["row"] for line in lines] == [1, 2, 3, 4, 5, 6, 7]
    assert [line["status"] for line in lines] == ["done", *["failed"] * 5, "done"]
    assert lines[1]["error"] == "refine: the prompt is poison"
    assert lines[2]["error"] == "p.txt:3: the prompt has a control character (U+0000) at place 2: take it out"
    assert "p.txt:4" in lines[3]["error"] and "at most" in lines[3]["error"]
    assert lines[5]["error"] == "p.txt:6: seed = 'x': must be a whole number"
    assert lines[1]["picture"] is None and not (tmp_path / "previews" / "0002.png").exists()
    assert (tally.done, tally.failed, tally.all_done) == (2, 5, False)


def test_a_row_keeps_its_seed_when_another_is_mended(
    render: Any, lines_of: Lines, pipe: TextToImage, tmp_path: Path
) -> None:
    render(pipe, tmp_path / "one", "a\x07bell", "a tree")
    render(pipe, tmp_path / "two", "a bell", "a tree")
    assert lines_of(tmp_path / "one")[1]["seed"] == lines_of(tmp_path / "two")[1]["seed"]


def test_without_a_valid_row_nothing_is_written(render: Any, pipe: TextToImage, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"p.txt:1: the prompt has \d+ characters"):
        render(pipe, tmp_path / "out", "word " * 10_000)
    with pytest.raises(InputError, match=r"nothing to render"):
        render(pipe, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_budget_that_nothing_fits_leaves_the_folder_alone(
    render: Any, make_pipe: Callable[..., TextToImage], tmp_path: Path
) -> None:
    with pytest.raises(Exception, match=r"memory"):
        render(make_pipe(budget=1000), tmp_path / "out", "a boat")
    assert not (tmp_path / "out").exists()


class StopAfter(Quiet):
    """Stops once this many rows are on disk."""

    def __init__(self, rows: int) -> None:
        self.left = rows

    def on_row(self, record: Record | None) -> None:
        self.left -= 1

    def cancelled(self) -> bool:
        return self.left <= 0


def test_what_was_finished_before_a_stop_is_on_disk_and_in_order(
    render: Any, lines_of: Lines, make_pipe: Callable[..., TextToImage], tmp_path: Path
) -> None:
    stop = StopAfter(2)
    with pytest.raises(Cancelled):
        render(make_pipe(wave=1), tmp_path, "a boat", "a tree", "a cat", watch=stop, on_row=stop.on_row)
    assert [line["row"] for line in lines_of(tmp_path)] == [1, 2]
    assert (tmp_path / "index.html").is_file() and (tmp_path / "contact_sheet.png").is_file()


def test_a_line_is_on_disk_as_soon_as_its_picture_is(
    render: Any, lines_of: Lines, make_pipe: Callable[..., TextToImage], tmp_path: Path
) -> None:
    seen = list[int]()

    def look(record: Record) -> None:
        lines = lines_of(tmp_path)
        seen.append(len(lines))
        assert lines[-1]["row"] == record.row and (tmp_path / lines[-1]["picture"]).is_file()

    render(make_pipe(wave=1), tmp_path, "a", "b", "c", on_row=look)
    assert seen == [1, 2, 3]


def test_rows_are_read_as_they_are_needed_and_not_kept(
    render: Any, lines_of: Lines, make_pipe: Callable[..., TextToImage], tmp_path: Path
) -> None:
    read, done, apart = 0, 0, 0

    def rows() -> Iterator[Row]:
        nonlocal read
        for line in range(1, 301):
            read += 1
            yield Row(prompt=f"prompt {line}", source="p.txt", line=line)

    def count(record: Record) -> None:
        nonlocal done, apart
        done += 1
        apart = max(apart, read - done)

    render(make_pipe(wave=4), tmp_path, rows=rows(), on_row=count)
    assert (read, done, len(lines_of(tmp_path))) == (300, 300, 300)
    assert apart <= 6


def test_rows_before_a_broken_place_in_the_source_are_rendered(
    render: Any, lines_of: Lines, pipe: TextToImage, tmp_path: Path
) -> None:
    def rows() -> Iterator[Row]:
        yield Row(prompt="a boat", source="p.txt", line=1)
        raise PromptFileError("p.txt:2: is not UTF-8")

    with pytest.raises(PromptFileError, match=r"p.txt:2"):
        render(pipe, tmp_path, rows=rows())
    assert [line["status"] for line in lines_of(tmp_path)] == ["done"]


def test_a_chain_without_drafts_has_no_previews(
    render: Any, lines_of: Lines, tmp_path: Path, pipe: TextToImage
) -> None:
    class Undrafted(TextToImage):
        def run(
            self, requests: Iterable[Request], *, watch: Watcher | None = None, in_order: bool = True
        ) -> Iterator[Outcome | Failure]:
            for outcome in super().run(requests, watch=watch):
                assert isinstance(outcome, Outcome)
                best = dataclasses.replace(outcome.best, draft=None)
                yield dataclasses.replace(outcome, best=best, trail=(best,))

    render(Undrafted(pipe.runner, pipe.recipe), tmp_path, "a boat")
    (line,) = lines_of(tmp_path)
    assert Record.from_json(json.dumps(line)).preview is None and not (tmp_path / "previews").exists()
