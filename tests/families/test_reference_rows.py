"""Rows with reference pictures, from the recipe and the prompt file to the picture's history and back."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from diptych.engine.errors import InputError
from diptych.engine.values import Outcome
from diptych.pipelines.editing.edit import Edit
from diptych.pipelines.recipes.check import check
from diptych.pipelines.recipes.reader import parse_recipe, read_recipe
from diptych.pipelines.recipes.writer import recipe_table
from diptych.pipelines.rendering.batch import render_tasks
from diptych.pipelines.rendering.provenance.identity import identity
from diptych.pipelines.rendering.provenance.provenance import made_of, read_history
from diptych.pipelines.rendering.provenance.rerender import rerender
from diptych.pipelines.rendering.rows.prompt_source import read_source
from diptych.pipelines.rendering.rows.request_makers import OfPipeline
from diptych.pipelines.rendering.rows.tasks import tasks_of
from diptych.pipelines.rendering.source import Source
from diptych.pipelines.text_to_image import TextToImage

from . import adapter_twins, pipeline_twins
from .editor_twins import EDITORS
from .painting import Twin

PICTURE = {"picture": {"height": 64, "width": 64}, "defaults": {"num_inference_steps": 2}}


def recipe_of(twin: Twin, folder: Path, **more: Any) -> dict[str, Any]:
    """A recipe with an adapter."""
    pipeline, encoder = twin(pipeline_twins.stable_diffusion), twin(adapter_twins.clip_encoder)
    file = folder / "adapter.safetensors"
    adapter_twins.unet_adapter(pipeline, file)
    references = {"checkpoint": str(file), "image_encoder": str(encoder)} | more
    paint = {"family": "diffusers", "checkpoint": str(pipeline), "references": references}
    return {**PICTURE, "stages": {"paint": paint}}


def editing_recipe(twin: Twin, family: str = "FLUX.1 Kontext") -> dict[str, Any]:
    paint = {"family": "diffusers", "checkpoint": str(twin(EDITORS[family]))}
    return {**PICTURE, "stages": {"paint": paint}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With pictures a.png, b.png, and a damaged one."""
    for i, name in enumerate("ab"):
        pixels = np.random.RandomState(i).randint(0, 255, (70, 80, 3)).astype("uint8")
        PIL.Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    (tmp_path / "damaged.png").write_bytes((tmp_path / "a.png").read_bytes()[:200])
    return tmp_path


def rendered(pipe: TextToImage, source: Path, out: Path, **wishes: Any) -> Any:
    rows = tasks_of(OfPipeline(pipe), read_source(str(source)), wishes=wishes)
    return render_tasks(pipe, rows, out, source=Source(name=str(source), title="rows"))


def lines(folder: Path, *rows: Mapping[str, Any]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(json.dumps({"prompt": "a boat", "seed": 1, **row}) for row in rows))
    return path


def test_rows_name_pictures_and_their_histories_carry_them(twin: Twin, folder: Path) -> None:
    pipe = TextToImage.from_recipe(recipe_of(twin, folder), device="cpu")
    rows = lines(
        folder,
        {},
        {"reference": "a.png"},
        {"reference": "a.png, b.png", "reference_weight": "0.5, 1.5"},
        {"reference": ["a.png", "b.png"], "reference_weight": [0.5, 1.5]},
    )
    out = folder / "out"
    assert rendered(pipe, rows, out).all_done
    paths = sorted(out.glob("000*.png"))
    plain, one, two, same = (np.asarray(PIL.Image.open(path)) for path in paths)
    assert np.array_equal(two, same)
    assert (plain != one).any() and (one != two).any()
    histories: list[Any] = [read_history(path)["request"].get("references") for path in paths]
    assert histories[0] is None
    assert [each["weight"] for each in histories[2]] == [0.5, 1.5] and len(histories[2][0]["picture"]) == 64
    for name in ("a.png", "b.png"):
        (folder / name).unlink()  # from here on the pictures are enough
    for again in rerender(paths, make_pipe=lambda history: pipe):
        assert again.difference == "" and again.as_promised
    for source in (paths[2], out / "results.jsonl"):
        requests = [task.request for task in tasks_of(OfPipeline(pipe), read_source(str(source)))]
        assert requests[-1] is not None and requests[-1].references == made_of(paths[2]).references


def test_ids_name_the_pictures_by_content_and_rows_without_keep_theirs(twin: Twin, folder: Path) -> None:
    pipe = TextToImage.from_recipe(recipe_of(twin, folder), device="cpu")
    environment = pipe.environment()
    (folder / "copy.png").write_bytes((folder / "a.png").read_bytes())

    def name(**wishes: Any) -> str:
        return identity(pipe.request("a boat", **wishes), environment)

    assert name(reference=folder / "a.png") == name(reference=[str(folder / "copy.png")], reference_weight=1)
    others = [name(), name(reference=folder / "a.png", reference_weight=0.5), name(reference=folder / "b.png")]
    assert len({name(reference=folder / "a.png"), *others}) == 4
    request = pipe.request("a boat")
    values = dataclasses.asdict(request)
    assert values.pop("references") == ()
    assert "references" not in json.dumps(values)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"reference": "damaged.png"}, "damaged.png: cannot be read"),
        ({"reference": "none.png"}, "none.png: no such file"),
        ({"reference": "../a.png"}, "lies outside of the prompt file's folder"),
        ({"reference": "a.png", "reference_weight": 2.5}, "must lie between 0 and 2"),
        ({"reference": "a.png", "reference_weight": "much"}, "must be a number"),
        ({"reference": "a.png", "reference_weight": [1, 1]}, "2 weights for 1 pictures"),
        ({"reference_weight": 1}, "is for reference pictures"),
        ({"reference": ["a.png"] * 9}, "at most 8"),
    ],
)
def test_a_row_that_cannot_be_fails_alone_in_one_line(
    row: dict[str, Any], said: str, twin: Twin, folder: Path
) -> None:
    pipe = TextToImage.from_recipe(recipe_of(twin, folder), device="cpu")
    tasks = list(tasks_of(OfPipeline(pipe), read_source(str(lines(folder, row, {"reference": "a.png"})))))
    assert tasks[0].request is None and said in tasks[0].fault and "\n" not in tasks[0].fault
    assert tasks[1].request is not None


def test_a_recipe_that_takes_no_references_says_what_to_do(twin: Twin, folder: Path) -> None:
    recipe = recipe_of(twin, folder)
    del recipe["stages"]["paint"]["references"]
    pipe = TextToImage.from_recipe(recipe, device="cpu")
    with pytest.raises(InputError, match="takes no reference pictures: leave reference out, or choose"):
        pipe.request("a boat", reference=folder / "a.png")


def test_a_recipe_is_written_as_it_is_read_and_checked(twin: Twin, folder: Path) -> None:
    recipe = parse_recipe(recipe_of(twin, folder, dtype="bfloat16"), folder / "mine.toml")
    models = recipe.stages["paint"].models
    assert {role: key.family for role, key in models.items()} == {
        "references": "ip-adapter",
        "image_encoder": "image-encoder",
    }
    assert {key.dtype for key in models.values()} == {"bfloat16"}
    assert parse_recipe(recipe_table(recipe), folder / "mine.toml").stages == recipe.stages
    found = check(read_recipe(recipe_of(twin, folder)), device="cpu")
    assert found.checkup.troubles == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"checkpoint": "./nowhere.safetensors"}, "no such file"),
        ({"checkpoint": "./old.bin"}, "is a pickle"),
        ({"image_encoder": 3}, "must be of kind str"),
        ({"wieght": 1}, "'wieght' is not known"),
    ],
)
def test_what_a_recipe_cannot_say_of_references_is_one_line(
    change: dict[str, Any], said: str, twin: Twin, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    Path("old.bin").write_bytes(b"\x80\x02")
    with pytest.raises(Exception, match=said) as caught:
        TextToImage.from_recipe(recipe_of(twin, folder, **change), device="cpu")
    assert "\n" not in str(caught.value) and type(caught.value).__module__.startswith("diptych")


def test_a_recipe_of_an_editor_that_needs_a_picture_is_checked_with_one(twin: Twin) -> None:
    found = check(read_recipe(editing_recipe(twin, "Qwen-Image-Edit")), device="cpu")
    assert found.checkup.troubles == ()


def test_edit_gives_an_editor_the_instruction_as_it_was_typed(twin: Twin, folder: Path) -> None:
    pipe = TextToImage.from_recipe(editing_recipe(twin), device="cpu")
    words = "Give it a Hat, please!"
    made = Edit.from_pipe(pipe)(words, folder / "a.png", seed=3)
    (outcome,) = made.outcomes
    assert isinstance(outcome, Outcome) and outcome.plan.prompt == words
    (reference,) = outcome.request.references
    assert reference == pipe.request(words, reference=folder / "a.png").references[0]
    (plain,) = pipe(words, reference=folder / "a.png", seed=3).outcomes
    assert np.array_equal(np.asarray(outcome.image), np.asarray(plain.image))


def test_an_editor_is_given_further_references_behind_the_picture(twin: Twin, folder: Path) -> None:
    pipe = TextToImage.from_recipe(editing_recipe(twin, "FLUX.2 klein"), device="cpu")
    request = Edit.from_pipe(pipe).request("add this hat", folder / "a.png", reference=folder / "b.png")
    expected = pipe.request("add this hat", reference=[folder / "a.png", folder / "b.png"])
    assert request.references == expected.references
