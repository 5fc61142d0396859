"""Prompt files rendered into folders: the files that other tools read, and what happens to rows that fail."""

import dataclasses
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from diptych import Cancelled, Failure, InputError, Outcome, Request, Row, TextToImage
from diptych.engine.randomness import derive_seed
from diptych.engine.watch import Quiet, Watcher
from diptych.pipelines.rendering import batch, output
from diptych.pipelines.rendering.batch import plan_job, render_job
from diptych.pipelines.rendering.record import Record

KEYS = [
    "row",
    "prompt",
    "resolved_prompt",
    "seed",
    "status",
    "picture",
    "caption",
    "score",
    "accepted",
    "facts",
]
KEYS += ["candidates", "timings", "error"]


def rows_of(*prompts: str, **settings: Any) -> list[Row]:
    return [Row(prompt=p, source="p.txt", line=i, settings=settings) for i, p in enumerate(prompts, start=1)]


def render(pipe: TextToImage, out: Path, *prompts: str, **options: Any) -> list[Record]:
    return render_job(pipe, plan_job(pipe, rows_of(*prompts), **options), out, title="test")


def lines_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_folder_holds_what_was_promised(pipe: TextToImage, tmp_path: Path) -> None:
    records = render(pipe, tmp_path / "out", "a red boat", "ein grünes Boot")
    out = tmp_path / "out"
    assert sorted(os.listdir(out)) == [
        "0001-a-red-boat.png",
        "0002-ein-grunes-boot.png",
        "contact_sheet.png",
        "index.html",
        "previews",
        "results.jsonl",
    ]
    assert sorted(os.listdir(out / "previews")) == ["0001.png", "0002.png"]
    first, second = lines_of(out)
    assert list(first) == KEYS
    assert (first["row"], first["status"], first["error"]) == (1, "done", None)
    assert first["resolved_prompt"] == "a red boat, in the middle, medium"
    assert second["prompt"] == "ein grünes Boot"
    assert list(first["facts"][0]) == ["kind", "text", "probability", "shown"]
    assert first["candidates"][0]["chosen"] and len(first["candidates"][0]["tokens"]) == 16
    assert set(first["timings"]) == {"plan", "draft", "refine", "judge"}
    assert json.loads(records[0].line()) == first
    with PIL.Image.open(out / first["picture"]) as picture:
        assert picture.size == (48, 32)


def test_the_same_file_and_seed_give_the_same_bytes(pipe: TextToImage, tmp_path: Path) -> None:
    for out in (tmp_path / "one", tmp_path / "two"):
        render(pipe, out, "a red boat", "a blue bird", seed=5, candidates=3)
    for name in ("0001-a-red-boat.png", "0002-a-blue-bird.png", "previews/0001.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_rows_get_seeds_by_their_place_and_a_prompt_alone_the_seed_itself(pipe: TextToImage) -> None:
    job = plan_job(pipe, rows_of("a", "b"), seed=9)
    assert [request.seed for request in job.requests] == [derive_seed(9, 1), derive_seed(9, 2)]
    assert plan_job(pipe, rows_of("a"), seed=9, alone=True).requests[0].seed == 9


def test_what_a_row_says_comes_before_what_was_wished_for_all(pipe: TextToImage) -> None:
    job = plan_job(pipe, rows_of("a", seed=4, guidance_scale=7.0), guidance_scale=3.0, num_inference_steps=2)
    request = job.requests[0]
    assert (request.seed, request.settings.guidance_scale, request.settings.num_inference_steps) == (4, 7.0, 2)


def test_a_row_that_fails_leaves_the_others_alone(pipe: TextToImage, tmp_path: Path) -> None:
    render(pipe, tmp_path, "a red boat", "poison", "a\x00bell", "word " * 10_000, "a tree")
    lines = lines_of(tmp_path)
    assert [line["row"] for line in lines] == [1, 2, 3, 4, 5]
    assert [line["status"] for line in lines] == ["done", "failed", "failed", "failed", "done"]
    assert lines[1]["error"] == "refine: the prompt is poison"
    assert lines[2]["error"] == "p.txt:3: the prompt has a control character (U+0000) at place 2: take it out"
    assert "p.txt:4" in lines[3]["error"] and "at most" in lines[3]["error"]
    assert lines[1]["picture"] is None and not (tmp_path / "previews" / "0002.png").exists()


def test_a_row_keeps_its_seed_when_another_is_mended(pipe: TextToImage, tmp_path: Path) -> None:
    render(pipe, tmp_path / "one", "a\x07bell", "a tree")
    render(pipe, tmp_path / "two", "a bell", "a tree")
    assert lines_of(tmp_path / "one")[1]["seed"] == lines_of(tmp_path / "two")[1]["seed"]


def test_half_a_surrogate_pair_fails_its_row_only(pipe: TextToImage, tmp_path: Path) -> None:
    render(pipe, tmp_path, "a boat \ud800", "a tree")
    assert [line["status"] for line in lines_of(tmp_path)] == ["failed", "done"]


def test_without_a_valid_row_nothing_is_written(pipe: TextToImage, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"p.txt:1: the prompt has \d+ characters"):
        render(pipe, tmp_path / "out", "word " * 10_000)
    with pytest.raises(InputError, match=r"nothing to render"):
        render(pipe, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_wrong_wish_is_not_blamed_on_a_row(pipe: TextToImage) -> None:
    with pytest.raises(InputError, match=r"^candidates = 0"):
        plan_job(pipe, rows_of("a boat"), candidates=0)


def test_a_budget_that_nothing_fits_leaves_the_folder_alone(
    make_pipe: Callable[..., TextToImage], tmp_path: Path
) -> None:
    with pytest.raises(Exception, match=r"memory"):
        render(make_pipe(budget=1000), tmp_path / "out", "a boat")
    assert not (tmp_path / "out").exists()


def test_a_picture_that_cannot_be_written_fails_its_row_only(
    pipe: TextToImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = output.write_atomically

    def fail(path: Path, data: bytes) -> None:
        if path.name.startswith("0002"):
            raise OSError(5, "Input/output error")
        write(path, data)

    monkeypatch.setattr(batch, "write_atomically", fail)
    render(pipe, tmp_path, "a boat", "a tree")
    assert [line["status"] for line in lines_of(tmp_path)] == ["done", "failed"]
    assert "Input/output error" in lines_of(tmp_path)[1]["error"]


class StopAfter(Quiet):
    """Stops once this many rows are on disk."""

    def __init__(self, rows: int) -> None:
        self.left = rows

    def on_record(self, record: Record) -> None:
        self.left -= 1

    def cancelled(self) -> bool:
        return self.left <= 0


def test_what_was_finished_before_a_stop_is_on_disk_and_in_order(
    make_pipe: Callable[..., TextToImage], tmp_path: Path
) -> None:
    pipe, stop = make_pipe(wave=1), StopAfter(2)
    job = plan_job(pipe, rows_of("a boat", "a tree", "a cat"))
    with pytest.raises(Cancelled):
        render_job(pipe, job, tmp_path, title="test", watch=stop, on_record=stop.on_record)
    assert [line["row"] for line in lines_of(tmp_path)] == [1, 2]
    assert b"a tree" in (tmp_path / "index.html").read_bytes()


def test_a_line_is_on_disk_as_soon_as_its_picture_is(
    make_pipe: Callable[..., TextToImage], tmp_path: Path
) -> None:
    pipe, seen = make_pipe(wave=1), list[int]()

    def look(record: Record) -> None:
        lines = lines_of(tmp_path)
        seen.append(len(lines))
        assert lines[-1]["row"] == record.row and (tmp_path / lines[-1]["picture"]).is_file()

    render_job(pipe, plan_job(pipe, rows_of("a", "b", "c")), tmp_path, title="test", on_record=look)
    assert seen == [1, 2, 3]


def test_rendering_again_begins_the_journal_anew(pipe: TextToImage, tmp_path: Path) -> None:
    render(pipe, tmp_path, "a boat", "a tree")
    render(pipe, tmp_path, "a cat")
    assert [line["prompt"] for line in lines_of(tmp_path)] == ["a cat"]


def test_a_chain_without_drafts_has_no_previews(tmp_path: Path, pipe: TextToImage) -> None:
    class Undrafted(TextToImage):
        def run(
            self, requests: Iterable[Request], *, watch: Watcher | None = None
        ) -> Iterator[Outcome | Failure]:
            for outcome in super().run(requests, watch=watch):
                assert isinstance(outcome, Outcome)
                best = dataclasses.replace(outcome.best, draft=None)
                yield dataclasses.replace(outcome, best=best, trail=(best,))

    (record,) = render_job(
        Undrafted(pipe.runner, pipe.recipe), plan_job(pipe, rows_of("a boat")), tmp_path, title="test"
    )
    assert record.preview is None and not (tmp_path / "previews").exists()
