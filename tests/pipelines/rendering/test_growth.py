"""A folder only grows: what one source made in it, no other writes over; and each finds its own again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diptych import InputError, Row, TextToImage
from diptych.pipelines.cli.render import run_render
from diptych.pipelines.rendering.batch import Again


def texts(*prompts: str) -> list[Row]:
    return [Row(prompt=prompt, source="-p", line=line) for line, prompt in enumerate(prompts, start=1)]


def read_from(name: str, *prompts: str) -> list[Row]:
    return [Row(prompt=prompt, source=name, line=line) for line, prompt in enumerate(prompts, start=1)]


def said(out: Path) -> dict[int, str]:
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    return {line["row"]: line["prompt"] for line in lines}


@pytest.fixture
def run(pipe: TextToImage, tmp_path: Path) -> Callable[..., int]:
    def call(*prompts: str, source: str | None = None, **options: Any) -> int:
        text = list(prompts) or None
        return run_render(lambda: pipe, source=source, text=text, out=tmp_path / "out", **options)

    return call


def test_text_makes_another_picture_each_time_and_keeps_those_that_are_there(
    run: Any, lines_of: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    for prompt in ("a blue car", "a blue car", "a red boat"):
        assert run(prompt) == 0
    lines = lines_of(out)
    assert [line["picture"] for line in lines] == [
        "0001-a-blue-car.png",
        "0002-a-blue-car.png",
        "0003-a-red-boat.png",
    ]
    assert len({line["seed"] for line in lines}) == 3 and all(
        (out / line["picture"]).exists() for line in lines
    )
    assert f"seed:          {lines[2]['seed']} (with --seed, the same again)" in capsys.readouterr().out
    page = (out / "gallery" / "rows-0001.js").read_text()
    assert [f'"row":{row}' in page for row in (1, 2, 3)] == [True] * 3


def test_text_of_the_same_seed_is_there_already(
    run: Any, files_of: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("a blue car") == 0 and run("a red boat", seed=3) == 0
    before = files_of(tmp_path / "out")
    capsys.readouterr()
    assert run("a red boat", seed=3) == 0
    assert "there already, of this seed and these settings: 'a red boat'" in capsys.readouterr().out
    assert files_of(tmp_path / "out") == before
    assert run("a red boat", seed=3, wishes={"num_inference_steps": 9}) == 0
    assert said(tmp_path / "out") == {1: "a blue car", 2: "a red boat", 3: "a red boat"}


def test_text_that_failed_is_tried_again_in_its_own_place(run: Any, lines_of: Any, tmp_path: Path) -> None:
    assert run("poison") == 1 and run("a boat") == 0
    seeds = [line["seed"] for line in lines_of(tmp_path / "out")]
    assert run("poison", retry_failed=True) == 1
    assert [line["seed"] for line in lines_of(tmp_path / "out")] == seeds
    with pytest.raises(InputError, match="no row of this text has failed: leave out --retry-failed"):
        run("a boat", retry_failed=True)


def test_files_keep_their_own_rows_and_find_them_again(
    render: Any, lines_of: Any, pipe: TextToImage, tmp_path: Path
) -> None:
    render(pipe, tmp_path, rows=texts("a car"), name="-p", by_content=True, seed=9)
    for name, prompts in (("a.txt", ("a boat", "a tree")), ("b.txt", ("a cat", "a dog", "a house"))):
        assert render(pipe, tmp_path, rows=read_from(name, *prompts), name=name).done == len(prompts)
    whole = {1: "a car", 2: "a boat", 3: "a tree", 4: "a cat", 5: "a dog", 6: "a house"}
    assert said(tmp_path) == whole
    assert [line["number"] for line in lines_of(tmp_path)] == [1, 1, 2, 1, 2, 3]
    tally = render(pipe, tmp_path, rows=read_from("b.txt", "a cat", "a fish", "a house"), name="b.txt")
    assert (tally.done, tally.done_before) == (1, 2)  # the row that was edited takes its own place
    assert said(tmp_path) == whole | {5: "a fish"}
    tally = render(pipe, tmp_path, rows=read_from("a.txt", "a boat", "a tree", "a bird"), name="a.txt")
    assert (tally.done, tally.done_before) == (1, 2)  # the row that is in the way is not written over
    assert said(tmp_path) == whole | {5: "a fish", 7: "a bird"}
    again = render(pipe, tmp_path, rows=read_from("a.txt", "a boat", "a tree", "a bird"), name="a.txt")
    assert (again.done, again.done_before) == (0, 3)
    shorter = render(pipe, tmp_path, rows=read_from("a.txt", "a boat"), name="a.txt")
    assert (shorter.dropped, shorter.kept) == (0, 2)  # what has a picture stays
    assert said(tmp_path) == whole | {5: "a fish", 7: "a bird"}


def test_afresh_means_the_source_s_own_rows(render: Any, pipe: TextToImage, tmp_path: Path) -> None:
    render(pipe, tmp_path, rows=read_from("a.txt", "a boat", "a tree"), name="a.txt")
    render(pipe, tmp_path, rows=read_from("b.txt", "a cat"), name="b.txt")
    anew = Again(all=True, fresh=True)
    assert render(pipe, tmp_path, rows=read_from("a.txt", "a boat"), name="a.txt", again=anew).done == 1
    assert said(tmp_path) == {1: "a boat", 3: "a cat"}


def test_pictures_are_the_same_in_a_folder_of_their_own_and_behind_others(
    render: Any, pipe: TextToImage, tmp_path: Path
) -> None:
    rows = read_from("b.txt", "a cat", "a dog")
    render(pipe, tmp_path / "one", rows=read_from("a.txt", "a boat"), name="a.txt")
    for out in ("one", "two"):
        render(pipe, tmp_path / out, rows=rows, name="b.txt")
    for one, two in (("0002-a-cat.png", "0001-a-cat.png"), ("0003-a-dog.png", "0002-a-dog.png")):
        assert (tmp_path / "one" / one).read_bytes() == (tmp_path / "two" / two).read_bytes()


def test_standard_input_goes_on_only_where_it_begins_as_before(
    render: Any, pipe: TextToImage, tmp_path: Path
) -> None:
    def render_input(*prompts: str, **options: Any) -> Any:
        return render(pipe, tmp_path, rows=read_from("-", *prompts), name="-", **options)

    assert render_input("a boat", "a tree").done == 2
    assert render_input("a boat", "a tree", "a cat").done == 1
    assert render_input("a dog", "a tree").done == 2
    assert render_input("a dog", "a tree").done == 0
    assert render_input("a boat", "a tree", "a cat").done == 0
    assert said(tmp_path) == {1: "a boat", 2: "a tree", 3: "a cat", 4: "a dog", 5: "a tree"}


def test_what_is_no_request_is_written_down_once(render: Any, pipe: TextToImage, tmp_path: Path) -> None:
    for _ in range(2):
        rows = texts("a\x07bell", "a cat")
        tally = render(pipe, tmp_path, rows=rows, name="-p", by_content=True, seed=1)
        assert (tally.rows, tally.all_done) == (2, False)
    assert said(tmp_path) == {1: "a\x07bell", 2: "a cat"}


def test_grids_of_sweeps_do_not_write_over_each_other(run: Any, tmp_path: Path) -> None:
    for prompt in ("a boat", "a cat"):
        assert run(prompt, sweep=["steps=1,2"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").glob("sweep*")) == ["sweep-0003.png", "sweep.png"]


def test_a_picture_of_the_folder_is_there_already(run: Any, tmp_path: Path) -> None:
    assert run("a boat", seed=4) == 0
    assert run(source=str(tmp_path / "out" / "0001-a-boat.png")) == 0
    assert said(tmp_path / "out") == {1: "a boat"}


def copies(name: str, *prompts: str, of_each: int) -> list[Row]:
    return [row for row in read_from(name, *prompts) for _ in range(of_each)]


def test_another_number_of_pictures_leaves_all_that_is_there_in_the_results(
    render: Any, lines_of: Any, pipe: TextToImage, tmp_path: Path
) -> None:
    def run(of_each: int) -> Any:
        return render(pipe, tmp_path, rows=copies("a.txt", "a boat", "a cat", of_each=of_each), name="a.txt")

    def shown() -> set[str]:
        pictures = {line["picture"] for line in lines_of(tmp_path)}
        assert pictures == {path.name for path in tmp_path.glob("[0-9]*.png")}  # none is an orphan
        page = "".join(path.read_text() for path in (tmp_path / "gallery").glob("rows-*.js"))
        assert all(picture in page for picture in pictures)
        return pictures

    assert run(1).done == 2
    first = shown()
    for of_each in (3, 2, 1, 3, 2):
        tally = run(of_each)
        assert first < shown() and (tally.done + tally.done_before, tally.failed) == (2 * of_each, 0)
        again = run(of_each)
        assert (again.done, again.done_before) == (0, 2 * of_each)  # each finds its own again
    assert len(shown()) == 2 + 5 + 1  # of one; of three, one of which was there; of two, three were there


def test_a_failed_row_goes_once_its_prompt_has_come_to_a_picture(
    run: Any, lines_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pipe: TextToImage
) -> None:
    out = tmp_path / "out"
    refine: Any = pipe.runner.chain.stages[2]
    healthy = refine.make

    def broken(value: Any) -> Any:
        if value.plan.request.settings.num_inference_steps == 9:
            raise ValueError("nine steps are too many")
        return healthy(value)

    refine.make = broken
    assert run("a boat", "a cat", wishes={"num_inference_steps": 9}) == 1
    failed = [line["seed"] for line in lines_of(out)]
    assert run("a tree") == 0 and len(lines_of(out)) == 3  # another prompt changes nothing
    assert run("a boat", retry_failed=True) == 0
    assert [(line["prompt"], line["status"]) for line in lines_of(out)] == [
        ("a cat", "failed"),
        ("a tree", "done"),
        ("a boat", "done"),
    ]
    assert lines_of(out)[2]["seed"] == failed[0]
    with pytest.raises(InputError, match="no row of this text has failed"):
        run("a boat", retry_failed=True)
    assert run("a cat", wishes={"num_inference_steps": 9}, retry_failed=True) == 1
    assert run("a cat") == 0
    assert [line["status"] for line in lines_of(out)] == ["done"] * 3
    assert '"failed"' not in (out / "gallery" / "rows-0001.js").read_text()


def test_a_row_that_fails_again_with_other_settings_is_there_once(
    run: Any, lines_of: Any, tmp_path: Path
) -> None:
    for steps in (4, 5, 6):
        assert run("poison", wishes={"num_inference_steps": steps}, seed=7) == 1
    assert [line["settings"]["num_inference_steps"] for line in lines_of(tmp_path / "out")] == [6]
    assert run("poison", "poison", seed=8) == 1
    assert len(lines_of(tmp_path / "out")) == 3  # of one run, each is its own


def test_a_picture_stays_where_its_row_fails_with_other_settings_or_is_no_request_any_more(
    render: Any, lines_of: Any, pipe: TextToImage, tmp_path: Path
) -> None:
    def run(*prompts: str) -> Any:
        return render(pipe, tmp_path, rows=read_from("a.txt", *prompts), name="a.txt")

    def statuses() -> list[tuple[str, str]]:
        return [(line["prompt"], line["status"]) for line in lines_of(tmp_path)]

    assert run("a boat", "a cat").done == 2
    pictures = [("a boat", "done"), ("a cat", "done")]
    for bad in ("poison", "a\x07bell"):
        for _ in range(2):
            tally = run("a boat", bad)
            assert (tally.done, tally.failed + tally.failed_before) == (0, 1)
            assert statuses() == [*pictures, (bad, "failed")]
        again = run("a boat", "a cat")
        assert (again.done, again.done_before, again.dropped) == (0, 2, 1)  # the failure is out of date
        assert statuses() == pictures
