"""What the version before the rooms left behind (commit b3416b5) still works: `older/b3416b5` was made by it.

`pocket.png` and `results.jsonl` are of the pocket recipe, two steps, deterministic; `unfinished` and
`started.png` of the fakes in `tests/pipelines/conftest.py`; recipes and extension are copies of its own.
"""

import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diptych import Fact, TextToImage, read_recipe
from diptych.engine.values import Span
from diptych.pipelines.cli.show import run_show
from diptych.pipelines.recipes.build import build_chain
from diptych.pipelines.recipes.reader import AUTO
from diptych.pipelines.rendering.output.record import Record
from diptych.pipelines.rendering.provenance.provenance import plan_of, read_history, read_made_of
from diptych.pipelines.rendering.provenance.rerender import rerender
from diptych.pipelines.rendering.rows.prompt_source import read_source

OLDER = Path(__file__).parent / "older" / "b3416b5"
PROMPTS = ("a boat", "poison", "a boat with a hat")
"""Of `unfinished`, whose seed was 3."""


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_its_results_are_read_and_written_again_but_for_the_version() -> None:
    for line in (*lines_of(OLDER / "results.jsonl"), *lines_of(OLDER / "unfinished" / "results.jsonl")):
        record = Record.from_json(line)
        assert record.version == 2 and not record.older
        unsaid = {"version": None, "number": None, "read_as": None}
        assert {**json.loads(record.to_json()), **unsaid} == {**json.loads(line), **unsaid}


def test_its_results_are_rows_to_render() -> None:
    rows = list(read_source(str(OLDER / "results.jsonl")))
    assert [row.prompt for row in rows] == ["a red boat at sunset", "a blue bird in the snow"]
    assert all(row.fault is None and row.settings["num_inference_steps"] == 2 for row in rows)


def test_an_unfinished_folder_is_gone_on_with(
    render: Callable[..., Any], pipe: TextToImage, tmp_path: Path
) -> None:
    """Rows that it settled are neither rendered nor written again: their ids are the same today."""
    out = tmp_path / "out"
    shutil.copytree(OLDER / "unfinished", out)
    tally = render(pipe, out, *PROMPTS, "a tree", seed=3, accept=0.0)
    assert (tally.done_before, tally.failed_before, tally.done, tally.failed) == (2, 1, 1, 0)
    old, new = lines_of(OLDER / "unfinished" / "results.jsonl"), lines_of(out / "results.jsonl")
    assert new[:3] == old and len(new) == 4
    for path in (OLDER / "unfinished").glob("*.png"):
        assert (out / path.name).read_bytes() == path.read_bytes()


def test_its_fakes_make_the_same_pictures_today(
    render: Callable[..., Any], pipe: TextToImage, tmp_path: Path
) -> None:
    render(pipe, tmp_path, *PROMPTS, seed=3, accept=0.0)
    for old, new in zip(
        lines_of(OLDER / "unfinished" / "results.jsonl"), lines_of(tmp_path / "results.jsonl"), strict=True
    ):
        before, now = (
            json.loads(old.replace(b", but not drawn", b" of the rest, but not drawn")),
            json.loads(new),
        )
        assert (now.pop("version"), now.pop("number"), now.pop("read_as")) == (5, now["row"], {})
        assert {**now, "timings": None} == {**before, "timings": None}


def test_its_picture_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    run_show(OLDER / "pocket.png")
    shown = capsys.readouterr().out
    for words in ("a red boat at sunset", "accepted", "pocket/refiner", "deterministic", "candidate 0 of 1"):
        assert words in shown
    run_show(OLDER / "pocket.png", as_json=True)
    assert json.loads(capsys.readouterr().out) == read_history(OLDER / "pocket.png")


def test_its_picture_is_made_again() -> None:
    (again,) = rerender([OLDER / "pocket.png"])
    assert again.data is not None
    if not again.changes:  # of machine, weights or libraries: then byte for byte
        assert again.difference == "" and again.as_promised


def test_its_picture_has_the_plan_that_it_was_made_by(pipe: TextToImage) -> None:
    history = read_history(OLDER / "unfinished" / "0003-a-boat-with-a-hat.png")
    plan = plan_of(history, pipe.request(history["request"]["prompt"]))
    assert [(fact.text, fact.asked) for fact in plan.facts] == [("a boat", True), ("in a harbour", False)]
    assert [span.text for span in plan.left_out] == ["hat"]


def test_its_picture_says_what_it_started_from(pipe: TextToImage) -> None:
    start = read_made_of(OLDER / "started.png").start
    assert start is not None and start.wording is not None
    assert start.digest == "0eddbac95d8820cc" and start.shows == "a red tree"
    assert start.wording.facts == (
        Fact(kind="thing", text="a boat", span=Span.of("a boat", 0, 6)),
        Fact(kind="setting", text="at sea", asked=False),
    )
    (again,) = rerender([OLDER / "started.png"], make_pipe=lambda history: pipe)
    assert again.data is not None and again.as_promised
    assert again.difference in ("", "the same pixels in another file")  # other versions of libraries are in it


@pytest.mark.parametrize("name", ["pocket", "janus-sdxl"])
def test_its_recipes_are_read_as_today_s(name: str) -> None:
    older, newer = read_recipe(OLDER / f"{name}.toml"), read_recipe(name)
    newer = newer.in_dtype("float32", instead_of=AUTO)  # which it could not say
    assert older.defaults == newer.defaults and list(older.stages) == list(newer.stages)
    assert [stage.keys for stage in older.stages.values()] == [stage.keys for stage in newer.stages.values()]
    if name == "pocket":
        assert [stage.name for stage in build_chain(older).stages] == ["plan", "draft", "refine", "judge"]


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("diptych.engine.chain", ["Chain"]),
        ("diptych.engine.stage", ["ModelKey", "Models", "Report"]),
        ("diptych.pipelines.grid", ["Labels", "grid"]),
        ("diptych.pipelines.pocket.world", ["prompt_of", "render", "sample_scene"]),
        ("diptych.pipelines.recipes.reader", ["StageRecipe"]),
        ("diptych.pipelines.text_to_image", ["Wishes"]),
    ],
)
def test_what_its_readme_and_examples_import_is_there(module: str, names: list[str]) -> None:
    found = importlib.import_module(module)
    assert all(getattr(found, name) is not None for name in names)
