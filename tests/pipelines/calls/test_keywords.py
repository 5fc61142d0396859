"""Keywords of calls: the table's names and their aliases, and what is said of those that are none."""

import inspect
import typing
from typing import Any

import pytest

from diptych import Inpaint, InputError, TextToImage, Upscale, find_pipeline
from diptych.engine.values import SETTINGS, Wishes
from diptych.pipelines.calls.keywords import CallOptions, RequestOptions, settings_of
from diptych.pipelines.calls.unknown import ATTRIBUTES, KEYWORDS, OPTIONS
from diptych.pipelines.catalogue import PIPELINES
from diptych.pipelines.pictures.controls import KEYWORDS as CONTROLS
from diptych.pipelines.pictures.references import KEYWORDS as REFERENCES


def test_the_short_names_that_type_checkers_know_are_those_of_the_table() -> None:
    short = {each for row in SETTINGS.values() for each in row.short}
    assert set(typing.get_type_hints(RequestOptions)) == {
        *Wishes.__annotations__,
        *short,
        "size",
        *REFERENCES,
        "references",
        *CONTROLS,
        "controls",
    }


@pytest.mark.parametrize("row", SETTINGS.values(), ids=lambda row: row.name)
def test_a_setting_goes_by_all_names_that_files_know_it_by(row: Any) -> None:
    value: Any = {int: 9, float: 1.0, bool: True, str: "a hat"}[row.kind]
    assert [settings_of({name: value}) for name in row.names] == [{row.name: value}] * len(row.names)


@pytest.mark.parametrize("size", ["40x24", (40, 24), [40, 24]])
def test_a_size_is_width_and_height(pipe: TextToImage, size: Any) -> None:
    request = pipe.request("a boat", size=size)
    assert (request.width, request.height) == (40, 24)
    assert settings_of({"size": 64}) == {"width": 64, "height": 64}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"steps": 2, "num_inference_steps": 3}, "num_inference_steps is said twice, as steps and as num_"),
        ({"size": 64, "height": 32}, "height is said twice, as size and as height"),
        ({"steps": 0}, "^steps = 0: must lie between 1 and 1000"),
        ({"cfg": "much"}, "^cfg = 'much': must be a number"),
        ({"size": "wide"}, "size = 'wide': write width x height"),
        ({"size": (1, 2, 3)}, r"size = \(1, 2, 3\): give width and height"),
        ({"generater": 1}, "'generater': did you mean 'generator'"),
        ({"guidans_scale": 1}, "'guidans_scale': did you mean 'guidance_scale'"),
        ({"zzz": 1}, "no such setting: 'zzz'; known are seed, generator, .*num_inference_steps"),
        ({"num_images_per_prompt": 0}, "num_images_per_prompt = 0: must lie between 1 and 1000"),
        ({"output_type": "latent"}, "output_type = 'latent': must be one of pil, np, pt"),
        ({"callback_on_step_end": 3}, "callback_on_step_end = 3: must be a function of"),
        ({"watch": 3}, "watch = 3: must be an object with on_progress"),
        ({"latents": None}, "latents are not handed out"),
        ({"return_dict": False}, "a call gives a RenderResult"),
        ({"strength": 0.5}, "ImageToImage, Inpaint and Sketch take one"),
    ],
)
def test_a_keyword_that_cannot_be_is_told_in_one_line(
    pipe: TextToImage, said: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        pipe("a boat", **said)
    assert "\n" not in str(caught.value)
    assert pipe.runner.memory.events == []


def test_what_is_taken_elsewhere_is_taken_here_by_nobody() -> None:
    assert not set(KEYWORDS) & {*CallOptions.__annotations__, *SETTINGS}
    assert all("\n" not in text for table in (KEYWORDS, ATTRIBUTES, OPTIONS) for text in table.values())
    assert not [name for name in ATTRIBUTES if hasattr(TextToImage, name) or hasattr(Inpaint, name)]


@pytest.mark.parametrize("name", ["enable_model_cpu_offload", "unet", "set_progress_bar_config"])
def test_what_diffusers_has_is_told_what_to_do_instead(pipe: TextToImage, name: str) -> None:
    for each in (pipe, Inpaint(pipe)):
        assert not hasattr(each, name)
        with pytest.raises(InputError, match=f"no attribute '{name}': .*"):
            getattr(each, name)
    with pytest.raises(AttributeError, match=r"no attribute 'nonsense'$"):
        getattr(pipe, "nonsense")  # noqa: B009


@pytest.mark.parametrize("name", PIPELINES)
def test_signatures_and_help_spell_out_every_keyword(name: str) -> None:
    kind = find_pipeline(name)
    parameters = inspect.signature(kind.__call__).parameters
    assert not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values())
    assert {"seed", "generator", "output_type", "watch", "steps", "num_inference_steps"} <= set(parameters)
    assert all(each.annotation is not inspect.Parameter.empty for each in list(parameters.values())[1:])
    if kind is not Upscale:
        assert {"guidance_scale", "callback_on_step_end", "size"} <= set(parameters)
    assert "num_inference_steps: Denoising steps (1 to 1000)." in (inspect.getdoc(kind.__call__) or "")
    for maker in (kind.from_recipe, kind.from_pretrained):
        assert {"device", "memory", "torch_dtype"} <= set(inspect.signature(maker).parameters)


def test_own_keywords_of_editing_pipelines_stand_in_their_calls() -> None:
    own = {"inpaint": ["mask_image", "strength"], "outpaint": ["margins"], "variations": ["variation"]}
    for name, keywords in {**own, "image-to-image": ["strength"], "edit": ["shows"]}.items():
        parameters = inspect.signature(find_pipeline(name).__call__).parameters
        assert {"image", *keywords} <= set(parameters)
        text = inspect.getdoc(find_pipeline(name).__call__) or ""
        assert all(f"{keyword}: " in text for keyword in keywords)


def test_controls_that_were_read_are_read_again() -> None:
    once = settings_of({"control": "edges.png", "control_type": "edges"})
    assert once["controls"] and settings_of(once)["controls"] == once["controls"]
