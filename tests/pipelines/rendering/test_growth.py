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
    assert shorter.dropped == 2 and said(tmp_path) == {
        1: "a car",
        2: "a boat",
        4: "a cat",
        5: "a fish",
        6: "a house",
    }


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
