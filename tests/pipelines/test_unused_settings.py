"""Settings that change nothing are found, by what a recipe's stages look at and by what other settings say."""

import logging
import types
from typing import Any

import PIL.Image
import pytest

from diptych import TextToImage
from diptych.engine.chain import Chain
from diptych.engine.stage import settings_read_by
from diptych.engine.values import SETTINGS, Draft, Picture, Plan, Request, Settings, Verdict
from diptych.pipelines.catalogue import PIPELINES, find_pipeline
from diptych.pipelines.recipes.build import STAGES, build_aim, build_chain
from diptych.pipelines.recipes.reader import known_recipes, read_recipe
from diptych.pipelines.unused_settings import unread_by, unused

from ..fakes import FakeStage


def pipe_of(name: str) -> Any:
    """Of a pipeline what is looked at; loads nothing."""
    recipe = read_recipe(name)
    runner = types.SimpleNamespace(chain=build_chain(recipe, trust_remote_code=True), aim=build_aim(recipe))
    return types.SimpleNamespace(recipe=recipe, runner=runner)


def said(name: str, *names: str, negative: str = "", **settings: Any) -> dict[str, str]:
    request = Request(prompt="a boat", negative_prompt=negative, settings=Settings(**settings))
    return unused(pipe_of(name), request, names or SETTINGS)


def test_the_pocket_recipe_takes_no_scheduler_nor_loras_and_reads_all_else() -> None:
    assert dict(unread_by(pipe_of("pocket").runner.chain)) == {
        "scheduler": "its painter takes none",
        "loras": "none of its stages looks at it",
    }


@pytest.mark.parametrize("name", known_recipes())
def test_every_stage_of_the_package_says_what_it_reads(name: str) -> None:
    chain = pipe_of(name).runner.chain
    assert all(settings_read_by(stage) is not None for stage in chain.stages)
    drafts = any(stage.gives is Draft for stage in chain.stages)
    paints = any(table in STAGES and "paint" in table for table in read_recipe(name).stages)
    assert ("top_k" in unread_by(chain)) == (not drafts)
    assert ("scheduler" in unread_by(chain)) == (not paints)


@pytest.mark.parametrize(
    ("names", "settings", "words"),
    [
        (["negative_prompt"], {"negative": "fog", "guidance_scale": 1.0}, "guidance_scale is 1"),
        (["negative_prompt"], {"negative": "fog", "guidance_scale": 2.0}, ""),
        (["negative_prompt"], {"negative": "fog"}, ""),
        (["top_k"], {"temperature": 0.0, "top_k": 5}, "temperature is 0"),
        (["top_k"], {"temperature": 1.0, "top_k": 5}, ""),
        (["keep"], {"keep": 2}, "all drafts are painted"),
        (["keep"], {"keep": 2, "candidates": 4}, ""),
        (["repairs"], {"repairs": 2}, ""),
    ],
)
def test_what_other_settings_make_meaningless(names: list[str], settings: dict[str, Any], words: str) -> None:
    found = said("pocket", *names, **settings)
    assert bool(found) == bool(words) and words in "".join(found.values())


def test_a_painter_without_drafts_and_repairs_says_so_by_the_recipes_name() -> None:
    found = said("sd15", "top_k", "repairs", "scheduler", repairs=2, top_k=5)
    assert found == {
        "top_k": "recipe sd15 does not use it: it drafts no tokens",
        "repairs": "the painter of recipe sd15 cannot paint over a part of a picture",
    }


def test_of_a_stage_from_elsewhere_nothing_is_said_unless_it_says_itself() -> None:
    stages = [
        FakeStage("plan", Request, Plan),
        FakeStage("paint", Plan, Picture),
        FakeStage("judge", Picture, Verdict),
    ]
    assert unread_by(Chain(stages)) == {}
    for stage in stages:
        vars(stage)["reads"] = ("top_k",)
    assert "top_k" not in unread_by(Chain(stages)) and "scheduler" in unread_by(Chain(stages))


class Reached(Exception):
    """The work would begin now."""


SAID: dict[str, dict[str, Any]] = {
    **{key: {"prompt": "a red boat"} for key in ("text-to-image", "image-to-image", "sketch", "variations")},
    **{"inpaint": {"prompt": "a red boat", "mask_image": (0, 0, 64, 64)}, "outpaint": {"prompt": "a red boat"}},
    "edit": {"prompt": "make the boat blue", "shows": "a red boat"},
    "interpolate": {"prompt": ["a red boat", "a blue boat"]},
    "storyboard": {"scenes": ["Mia at night"], "cast": {"Mia": "a red cat"}},
    "style-sheet": {"subject": "a red boat"},
}


@pytest.mark.parametrize("name", [name for name in PIPELINES if name != "upscale"])
def test_calls_from_python_say_so_once_for_each_pipeline(
    name: str, pocket_pipe: TextToImage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`Upscale` refuses such settings."""

    def reached(*_: object, **__: object) -> Any:
        raise Reached

    said = dict(SAID[name])
    if name not in ("text-to-image", "interpolate", "storyboard", "style-sheet"):
        said["image"] = PIL.Image.new("RGB", (256, 256), "orange")
    front = TextToImage(pocket_pipe.runner, pocket_pipe.recipe)
    monkeypatch.setattr(front, "run", reached)
    pipe = front if name == "text-to-image" else find_pipeline(name)(front)
    with caplog.at_level(logging.WARNING, logger="diptych"):
        for _ in range(2):
            with pytest.raises(Reached):
                pipe(**said, negative_prompt="fog", guidance_scale=1.0)
    told = [each.getMessage() for each in caplog.records if "not used" in each.getMessage()]
    assert told == [
        "diptych: negative_prompt is not used: guidance_scale is 1, at which it has no effect: set a guidance"
        " above 1, such as 2"
    ]
    caplog.clear()
    with pytest.raises(Reached):
        pipe(**said, negative_prompt="fog", guidance_scale=2.0)
    assert caplog.records == []
