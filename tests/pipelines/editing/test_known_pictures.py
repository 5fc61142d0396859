"""Pictures that this engine made, from their files: their plans are known, and what is in them is found by what
the drafter has learnt."""

import contextlib
import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import PIL.PngImagePlugin
import pytest

from diptych import Edit, Inpaint, InputError, Outcome, Outpaint, TextToImage, Variations, save_picture
from diptych.__main__ import main
from diptych.engine.stages.drafting.locate import LocateStage
from diptych.pipelines.editing.source_image import source_image_of
from diptych.pipelines.vocabulary import usual, vocabulary_for, words_by_heart

SEEDS = (7, 8, 9, 10)


@pytest.fixture(scope="module")
def atlas() -> TextToImage:
    return TextToImage.from_recipe("atlas", device="cpu")


@pytest.fixture(scope="module")
def boats(atlas: TextToImage) -> list[Outcome]:
    return [atlas("a red boat at sunset", seed=seed).outcomes[0] for seed in SEEDS]


@pytest.fixture(scope="module")
def files(atlas: TextToImage, boats: list[Outcome], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("boats")
    return [save_picture(boat, folder / f"{i}.png", atlas) for i, boat in enumerate(boats)]


def red(outcome: Outcome) -> float:
    """The share of a picture that is as red as the boat was."""
    r, g, b = outcome.picture.pixels.float().unbind(-1)
    return float(((r > 150) & (g < 70) & (b < 80)).float().mean())


def test_a_file_knows_the_plan_that_it_was_made_by(
    atlas: TextToImage, boats: list[Outcome], files: list[Path]
) -> None:
    known = source_image_of(files[0], height=256, width=256)
    assert known.wording is not None and known.prompt == "a red boat at sunset"
    assert (known.wording.prompt, known.wording.facts) == (boats[0].plan.prompt, boats[0].plan.facts)
    request = Edit.from_pipe(atlas).request("make the boat blue", str(files[0]))
    assert request.start is not None and request.start.wording is not None
    assert request.start.wording.prompt == "a blue boat in the middle, at sunset"


def test_whoever_says_what_a_file_shows_is_believed(atlas: TextToImage, files: list[Path]) -> None:
    edit = Edit.from_pipe(atlas)
    for shows, words in (
        ("", "in the middle"),
        ("a red boat at sunset", "in the middle"),
        ("a red boat", "a blue boat"),
    ):
        start = edit.request("make the boat blue", files[0], shows=shows).start
        assert start is not None and start.wording is not None and words in start.wording.prompt
    assert "sunset" not in start.wording.prompt


def with_history(path: Path, image: PIL.Image.Image, change: Callable[[dict[str, Any]], None]) -> Path:
    """A picture with the history of another file, changed."""
    history = json.loads(PIL.Image.open(path).info["diptych"])
    change(history)
    chunks = PIL.PngImagePlugin.PngInfo()
    chunks.add_text("diptych", json.dumps(history))
    made = path.with_name(f"{path.stem}-changed.png")
    image.save(made, pnginfo=chunks)
    return made


def its_plan(**more: Any) -> Callable[[dict[str, Any]], None]:
    return lambda history: history["plan"].update(more)


FACT = {"kind": "thing", "text": "a boat"}


@pytest.mark.parametrize(
    "change",
    [
        lambda history: history["plan"].pop("facts"),
        lambda history: history.pop("pixels"),  # of an earlier version
        its_plan(facts=[FACT] * 300),
        its_plan(facts=[{**FACT, "text": "a\x00boat"}]),
        its_plan(prompt="a boat " * 9999),
        its_plan(prompt="a \ud800 boat"),
        its_plan(prompt=""),
        its_plan(left_out=[{"start": 900, "end": 903, "text": "cat"}]),
        lambda history: history["request"].update(start={"plan": "make it red"}, references=[{"weight": 1}]),
    ],
)
def test_histories_that_are_not_believed(files: list[Path], change: Callable[[dict[str, Any]], Any]) -> None:
    changed = with_history(files[0], PIL.Image.open(files[0]), change)
    assert source_image_of(changed, height=256, width=256).wording is None


def test_a_picture_that_another_tool_has_changed_is_looked_at(files: list[Path]) -> None:
    image = PIL.Image.open(files[0])
    for changed in (image.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT), image.crop((0, 0, 256, 128))):
        path = with_history(files[0], changed, lambda history: None)
        assert source_image_of(path, height=256, width=256).wording is None
    same = with_history(files[0], image, lambda history: None)
    assert source_image_of(same, height=256, width=256).wording is not None


@pytest.mark.parametrize("plan", ["A vermilion dinghy drifts beneath dusk", "make it look like evening"])
def test_a_plan_in_words_that_the_recipe_does_not_know_is_none(
    atlas: TextToImage, files: list[Path], plan: str
) -> None:
    path = with_history(files[0], PIL.Image.open(files[0]), its_plan(prompt=plan))
    edit = Edit.from_pipe(atlas)
    assert source_image_of(path, height=256, width=256).wording is not None
    assert edit.source_image(path).wording is None
    start = edit.request("make the boat blue", path, shows="a red boat at sunset").start
    assert start is not None and start.wording is not None and "blue boat" in start.wording.prompt


@pytest.mark.parametrize("from_file", [True, False])
def test_a_boat_becomes_blue_all_of_it(
    atlas: TextToImage, boats: list[Outcome], files: list[Path], from_file: bool
) -> None:
    """With recipe `atlas` half of it stayed red: its drafter was asked about kinds that it had never learnt."""
    edit = Edit.from_pipe(atlas)
    assert all(red(boat) > 0.03 for boat in boats)
    for before in files if from_file else boats:
        made = edit("make the boat blue", before, seed=1).outcomes[0]
        assert made.accepted and red(made) < 0.001


def test_a_thing_masked_by_its_name_is_replaced_as_it_was_drawn(atlas: TextToImage, files: list[Path]) -> None:
    paint = Inpaint.from_pipe(atlas)
    for before in files:
        made = paint("a blue boat at sunset", before, mask_image="boat", seed=1).outcomes[0]
        assert (
            made.accepted and red(made) < 0.001 and made.plan.prompt == "a blue boat in the middle, at sunset"
        )
        assert "look" not in made.timings  # what it shows is known


def test_nothing_is_left_of_a_thing_in_whose_place_another_comes(atlas: TextToImage, files: list[Path]) -> None:
    paint = Inpaint.from_pipe(atlas)
    for before in files:
        made = paint("a blue dog at sunset", before, mask_image="boat", seed=1).outcomes[0]
        assert made.accepted and red(made) < 0.001


def test_the_drafter_is_asked_about_kinds_that_it_has_learnt(
    atlas: TextToImage, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    run = LocateStage.run

    def told(self: LocateStage, batch: Any, models: Any, context: Any) -> Any:
        asked.extend(other for sought in batch for other in sought.others)
        return run(self, batch, models, context)

    monkeypatch.setattr(LocateStage, "run", told)
    Edit.from_pipe(atlas).request("make the boat blue", files[0])
    learnt = usual(words_by_heart(atlas.recipe), "kind")
    assert asked and all(any(f" {kind}" in other for kind in learnt) for other in asked), asked
    assert len(usual(vocabulary_for(atlas.recipe), "kind")) > 800 > 30 > len(learnt)


def test_a_variation_of_a_file_keeps_its_plan(
    atlas: TextToImage, boats: list[Outcome], files: list[Path]
) -> None:
    start = Variations.from_pipe(atlas).request("a red boat at sunset", files[0]).start
    assert start is not None and start.wording is not None
    assert start.wording.prompt == boats[0].plan.prompt


def test_a_saved_picture_names_what_made_it_after_the_pipeline_has_moved(tmp_path: Path) -> None:
    pipe = TextToImage.from_recipe("pocket", device="cpu")
    said = list[dict[str, Any]]()
    for name, dtype in (("a.png", "float32"), ("b.png", "bfloat16")):
        pipe.to(dtype=dtype)
        path = save_picture(
            pipe("a red boat", seed=7, candidates=1, rounds=1).outcomes[0], tmp_path / name, pipe
        )
        said.append(json.loads(PIL.Image.open(path).info["diptych"]))
    assert ["bfloat16" in json.dumps(each) for each in said] == [False, True]


def test_a_picture_is_saved_by_what_made_it_and_before_that_moves(tmp_path: Path, boats: list[Outcome]) -> None:
    pipe = TextToImage.from_recipe("pocket", device="cpu")
    made = pipe("a red boat", seed=7, candidates=1, rounds=1).outcomes[0]
    twin = TextToImage.from_recipe("pocket", device="cpu")
    assert save_picture(made, tmp_path / "twin.png", twin).is_file()
    with pytest.raises(InputError, match="is not the pipeline that made"):
        save_picture(boats[0], tmp_path / "boat.png", pipe)
    pipe.to(dtype="bfloat16")
    with pytest.raises(InputError, match="before it moves"):
        save_picture(made, tmp_path / "moved.png", pipe)
    assert not (tmp_path / "boat.png").exists() and not (tmp_path / "moved.png").exists()


def test_what_cannot_be_saved(atlas: TextToImage, boats: list[Outcome], tmp_path: Path) -> None:
    assert save_picture(boats[0], tmp_path / "new" / "a.PNG", Edit.from_pipe(atlas)).is_file()
    not_one: Any = boats[0].image
    no_pipe: Any = "pocket"
    with pytest.raises(InputError, match="give the pipeline"):
        save_picture(boats[0], tmp_path / "a.png", no_pipe)
    small = dataclasses.replace(boats[0].request, height=128, width=128)
    enlarged = dataclasses.replace(boats[0], request=small)
    for outcome, path, words in (
        (not_one, tmp_path / "a.png", "give an outcome"),
        (boats[0], tmp_path / "a.jpg", r"must end in \.png"),
        (boats[0], tmp_path / "new" / "a.PNG" / "b.png", "cannot be written"),
        (boats[0], "a\0.png", "cannot be written"),
        (enlarged, tmp_path / "a.png", "what was enlarged has no history"),
    ):
        with pytest.raises(InputError, match=words):
            save_picture(outcome, path, atlas)


def test_the_caption_of_a_known_picture_is_that_of_the_captioner_that_knows_how_it_is_drawn(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["diptych", "caption", str(files[0])])
    with contextlib.suppress(SystemExit):
        main()
    assert capsys.readouterr().out == "a red boat in the middle, at sunset\n"


def test_an_enlarged_picture_is_held_to_its_own_plan(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrored = PIL.Image.open(files[0]).transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT)
    changed = with_history(files[1], mirrored, lambda history: None)
    prompts: list[str] = []
    for source in (files[0], changed):
        target = tmp_path / f"{source.stem}-large.png"
        monkeypatch.setattr(
            sys, "argv", ["diptych", "upscale", str(source), "-o", str(target), "--strength", "0"]
        )
        with contextlib.suppress(SystemExit):
            main()
        prompts.append(json.loads(PIL.Image.open(target).info["diptych-upscale"])["prompt"])
    assert prompts[0] == "a red boat in the middle, at sunset" != prompts[1]


def test_what_gets_room_around_it_keeps_what_it_is_known_to_show(atlas: TextToImage, files: list[Path]) -> None:
    start = Outpaint.from_pipe(atlas).request("a red boat at sunset", files[0], margins=64).start
    assert start is not None and start.shows == "a red boat in the middle, at sunset"
