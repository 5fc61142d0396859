"""Finished pictures enlarged: outcomes like any other, in a recipe's chain too; bad input refused in a line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import pytest
import typer.testing

from diptych import Fact, InputError, Picture, Plan, Request, RowError, Settings, TextToImage, Upscale
from diptych.engine.values import MAX_SEED, Span
from diptych.engine.values.pixels import pixels_digest
from diptych.pipelines.cli import main as cli
from diptych.pipelines.cli.upscale import CHUNK
from diptych.pipelines.pictures.pixels import pixels_of
from diptych.pipelines.recipes.reader import read_recipe
from diptych.pipelines.upscale import upscaling

HISTORY = Path(__file__).parent / "rendering" / "older" / "history.json"


@pytest.fixture(scope="module")
def upscale() -> Upscale:
    return Upscale.from_recipe("pocket", device="cpu")


@pytest.fixture(scope="module")
def image() -> PIL.Image.Image:
    """A red thing on green, 40 x 24 pixels."""
    image = PIL.Image.new("RGB", (40, 24), "green")
    image.paste((200, 30, 30), (12, 6, 24, 18))
    return image


def test_outcomes_are_as_large_as_asked_and_told_by_the_captioner(
    upscale: Upscale, image: PIL.Image.Image
) -> None:
    result = upscale([image, image], scale=2, seed=3)
    assert [picture.size for picture in result.images] == [(80, 48)] * 2
    for row, outcome in enumerate(result.outcomes, 1):
        request = outcome.request
        assert (request.row, request.seed, request.width, request.height) == (row, 3, 80, 48)
        assert request.prompt, "the captioner said what it is"
        assert outcome.best.verdict and set(outcome.timings) == {"upscale", "judge"}


def test_a_prompt_or_a_plan_says_what_it_shows(upscale: Upscale, image: PIL.Image.Image) -> None:
    plan = Plan(request=Request(prompt="a red boat", seed=5), prompt="a red boat at sea", facts=())
    picture = Picture(pixels=pixels_of(image), plan=plan)
    told, planned = upscale([image, picture], prompt=None).outcomes
    assert planned.plan.prompt == "a red boat at sea" and planned.request.seed == 5
    assert upscale(image, prompt="a red cup").outcomes[0].plan.prompt == "a red cup" != told.plan.prompt


def test_what_the_planner_finds_asked_for_is_checked_and_nothing_is_added(
    upscale: Upscale, image: PIL.Image.Image
) -> None:
    (outcome,) = upscale(image, prompt="a red boat").outcomes
    plan = outcome.plan
    assert plan.prompt == "a red boat" and plan.facts and plan.asked == plan.facts
    assert "a red boat" in [fact.text for fact in plan.facts]
    assert [answer.fact for answer in outcome.verdict.answers] == list(plan.facts)


def test_nothing_is_wanting_of_what_the_captioner_says(upscale: Upscale, image: PIL.Image.Image) -> None:
    (outcome,) = upscale(image).outcomes
    assert outcome.left_out == () and outcome.plan.asked == outcome.plan.facts


def test_what_the_planner_cannot_read_is_left_out(upscale: Upscale, image: PIL.Image.Image) -> None:
    (outcome,) = upscale(image, prompt="a zebra wearing a hat").outcomes
    assert [span.text for span in outcome.left_out] == ["zebra wearing", "hat"] and not outcome.accepted
    assert "not drawn: zebra wearing, hat" in outcome.best.reason or outcome.verdict.score < 0.5


def test_a_prompt_that_the_planner_cannot_read_is_its_own_fact(
    upscale: Upscale, image: PIL.Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> Any:
        raise RowError(0, "too long")

    monkeypatch.setattr(upscale.pipe.runner.chain.stages[0], "run", fail)
    (outcome,) = upscale(image, prompt="a red boat").outcomes
    (fact,) = outcome.plan.facts
    assert (fact.text, fact.span) == ("a red boat", Span(start=0, end=10, text="a red boat"))


def test_what_was_left_out_of_a_picture_is_left_out_of_the_larger_one(
    upscale: Upscale, image: PIL.Image.Image
) -> None:
    request = Request(prompt="a red boat with a hat", settings=Settings(accept=0.0))
    facts = (Fact(kind="colour", text="a red boat"), Fact(kind="setting", text="at sea", asked=False))
    plan = Plan(
        request=request, prompt="a red boat at sea", facts=facts, left_out=(Span.of(request.prompt, 18, 21),)
    )
    (outcome,) = upscale(Picture(pixels=pixels_of(image), plan=plan)).outcomes
    assert not outcome.accepted and outcome.best.reason.endswith("but not drawn: hat")
    assert outcome.plan.facts == facts


@pytest.mark.parametrize(
    ("size", "wishes", "message"),
    [
        ((40, 24), {"scale": 3}, "scale = 3: must be 2 or 4"),
        ((40, 24), {"strength": 7}, "strength = 7: must lie between 0"),
        ((2000, 10), {"scale": 4}, "picture 1: 2000x10 pixels, 4 times as large: at most 4096 a side"),
        ((9, 1), {}, "picture 1: 9x1 pixels are too few to enlarge"),
        ((40, 24), {"prompt": ["a", "b"]}, "2 prompts for 1 pictures: give one for each, or one"),
    ],
)
def test_what_cannot_be_enlarged_is_refused(
    upscale: Upscale, size: tuple[int, int], wishes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        upscale(PIL.Image.new("RGB", size), **wishes)


def test_a_recipe_without_a_refiner_is_refused(
    make_pipe: Callable[..., TextToImage], image: PIL.Image.Image
) -> None:
    with pytest.raises(InputError, match=r"recipe fake: cannot enlarge: add a \[stages.upscale\]"):
        Upscale(make_pipe())(image)


def test_a_recipe_can_have_the_stage_in_its_chain() -> None:
    recipe = upscaling(read_recipe("pocket"), 2)
    assert list(recipe.stages) == ["plan", "draft", "refine", "upscale", "judge"]
    assert upscaling(recipe, 4).stages["upscale"].settings == {"scale": 4}
    outcome = TextToImage.from_recipe(recipe, device="cpu")("a red boat", num_inference_steps=1).outcomes[0]
    assert outcome.image.size == (512, 512) and "upscale" in outcome.timings


def test_a_batch_is_rendered_larger_and_a_picture_made_again_is_the_same(tmp_path: Path) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    run = typer.testing.CliRunner().invoke
    command = ["render", "-p", "a red boat", "-o", str(out), "--upscale", "2", "--steps", "1"]
    assert run(cli.app, [*command, "--device", "cpu"]).exit_code == 0
    (picture,) = out.glob("0001-*.png")
    done = run(cli.app, ["rerender", str(picture), "-o", str(again)])
    assert done.exit_code == 0, done.output
    with PIL.Image.open(picture) as first, PIL.Image.open(again / picture.name) as second:
        assert first.size == (512, 512) and first.tobytes() == second.tobytes()


def test_the_command_writes_pictures_that_say_what_they_were_made_of(
    image: PIL.Image.Image, tmp_path: Path
) -> None:
    source, out = tmp_path / "boat.png", tmp_path / "out"
    clear = image.copy()
    clear.putalpha(PIL.Image.linear_gradient("L").resize(image.size))
    clear.save(source)
    command = ["upscale", str(source), "-o", str(out), "--scale", "4", "-p", "a red boat", "--device", "cpu"]
    done = typer.testing.CliRunner().invoke(cli.app, command)
    assert done.exit_code == 0, done.output
    with PIL.Image.open(out / "boat-x4.png") as larger:
        said = json.loads(larger.info[CHUNK])
        assert larger.size == (160, 96) and larger.mode == "RGBA"  # as transparent as it was
        alpha = np.asarray(larger.getchannel("A"))
        assert alpha[0, 80] < 20 and alpha[95, 80] > 235
    assert (said["source"], said["scale"], said["prompt"]) == ("boat.png", 4, "a red boat")
    assert "boat-x4.png: 160x96" in done.output


PLAN = {
    "prompt": "a red cat at sea",
    "facts": [
        {"kind": "colour", "text": "a red cat", "asked": True, "span": None},
        {"kind": "setting", "text": "at sea", "asked": False, "span": None},
    ],
    "left_out": [{"start": 6, "end": 13, "text": "next to"}],
}


def enlarged_by_command(image: PIL.Image.Image, folder: Path, **more: object) -> tuple[str, dict[str, Any]]:
    """What is said of a picture with the history of a cat, changed, and what its larger picture says."""
    history = json.loads(HISTORY.read_text(encoding="utf-8"))
    history["request"]["settings"]["accept"] = 0.0
    chunks = PIL.PngImagePlugin.PngInfo()
    chunks.add_text("diptych", json.dumps({**history, "plan": PLAN, **more}))
    image.save(folder / "cat.png", pnginfo=chunks)
    command = ["upscale", str(folder / "cat.png"), "-o", str(folder / "out"), "--device", "cpu"]
    done = typer.testing.CliRunner().invoke(cli.app, command)
    assert done.exit_code == 0, done.output
    with PIL.Image.open(folder / "out" / "cat-x2.png") as larger:
        return done.stdout.rstrip(), json.loads(larger.info[CHUNK])


def test_the_command_asks_what_a_picture_of_ours_was_asked(image: PIL.Image.Image, tmp_path: Path) -> None:
    line, said = enlarged_by_command(image, tmp_path, pixels=pixels_digest(pixels_of(image)))
    assert line.endswith("not drawn: next to")
    assert [(fact["text"], fact["asked"]) for fact in said["facts"]] == [("a red cat", True), ("at sea", False)]
    assert (said["accepted"], said["left_out"], said["prompt"]) == (False, ["next to"], "a red cat at sea")


@pytest.mark.parametrize("digest", [{}, {"pixels": "0" * 64}])
def test_a_history_that_is_not_of_these_pixels_asks_nothing(
    image: PIL.Image.Image, tmp_path: Path, digest: dict[str, str]
) -> None:
    line, said = enlarged_by_command(image, tmp_path, **digest)
    assert "not drawn" not in line and "a red cat" not in json.dumps(said)


def test_what_is_no_picture_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "words.png"
    path.write_text("words", encoding="utf-8")
    done = typer.testing.CliRunner().invoke(cli.app, ["upscale", str(path), "-o", str(tmp_path / "out")])
    assert isinstance(done.exception, InputError) and "words.png: is no picture" in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_a_seed_that_is_too_large_is_refused_by_the_command(tmp_path: Path) -> None:
    command = ["upscale", str(tmp_path / "boat.png"), "--seed", str(MAX_SEED + 1)]
    done = typer.testing.CliRunner().invoke(cli.app, command)
    assert isinstance(done.exception, InputError)
    assert str(done.exception).startswith(f"--seed = {MAX_SEED + 1}: must lie between 0 and")
