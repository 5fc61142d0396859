"""Junk for every keyword of every pipeline: a named error in one line, before anything is rendered, or nothing
wrong at all. The pipelines are real, the prompts that they are given are planned, and no picture is made."""

import collections
import datetime
import inspect
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import strategies as st

from diptych import DiptychError, TextToImage, find_pipeline
from diptych.pipelines.catalogue import PIPELINES
from diptych.pipelines.workflow import Workflow

EXAMPLES = int(os.environ.get("DIPTYCH_FUZZ", "60"))
PICTURE = PIL.Image.new("RGB", (64, 64), "teal")

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=40),
    st.binary(max_size=8),
    st.complex_numbers(),
    st.sampled_from(
        [
            *(
                object(),
                int,
                len,
                Path("no/such/file.png"),
                Path("."),
                "no.png",
                "\0",
                "a" * 5000,
                10**400,
                2**64,
            ),
            *(np.zeros((2, 2)), np.float32("nan"), np.array("x"), np.zeros((3, 3, 3, 3)), np.int64(3)),
            *(torch.zeros(2, 3), torch.tensor(5), torch.Generator(), torch.float16, torch.device("cpu")),
            *(
                PICTURE,
                PIL.Image.new("L", (1, 1)),
                datetime.date(2020, 1, 1),
                range(3),
                b"",
                {"a": 1},
                {1},
                (),
                [],
            ),
            *(collections.deque([1]), iter("ab"), float("inf"), -1, 1.5, "64", "1", "a red boat", "boat"),
        ]
    ),
)
junk = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=4), st.tuples(inner, inner)), max_leaves=6
)


class Reached(Exception):
    """The work would begin now: all that was said is in order."""


@pytest.fixture(scope="module")
def fronts(pocket_pipe: TextToImage) -> Iterator[dict[str, Any]]:
    """Every pipeline, with nothing behind its front."""

    def reached(*_: object, **__: object) -> Any:
        raise Reached

    made: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        front = TextToImage(pocket_pipe.runner, pocket_pipe.recipe)
        patch.setattr(front, "run", reached)
        patch.setattr(Workflow, "tried", reached)
        for name in PIPELINES:
            made[name] = front if name == "text-to-image" else find_pipeline(name)(front)
        yield made


SOUND: dict[str, dict[str, Any]] = {
    "text-to-image": {"prompt": "a red boat"},
    **{name: {"prompt": "a red boat", "image": PICTURE} for name in ("image-to-image", "sketch", "variations")},
    "inpaint": {"prompt": "a red boat", "image": PICTURE, "mask_image": (0, 0, 32, 32)},
    "outpaint": {"prompt": "a red boat", "image": PICTURE, "margins": 16},
    "edit": {"prompt": "make the boat blue", "image": PICTURE, "shows": "a red boat"},
    "upscale": {"image": PICTURE},
    "interpolate": {"prompt": ["a red boat", "a blue boat"]},
    "storyboard": {"scenes": ["Mia at night"], "cast": {"Mia": "a red cat"}},
    "style-sheet": {"subject": "a red boat"},
}


def keywords(kind: Callable[..., Any]) -> list[str]:
    return [name for name in inspect.signature(kind).parameters if name != "self"]


@pytest.mark.parametrize("name", PIPELINES)
def test_sound_calls_get_to_the_work(fronts: dict[str, Any], name: str) -> None:
    with pytest.raises(Reached):
        fronts[name](**SOUND[name])


@pytest.mark.parametrize("name", PIPELINES)
def test_junk_for_any_keyword_is_a_named_error(fronts: dict[str, Any], name: str) -> None:
    front, sound = fronts[name], SOUND[name]
    names = keywords(type(front).__call__)

    @hypothesis.settings(max_examples=EXAMPLES, deadline=None)
    @hypothesis.given(st.dictionaries(st.sampled_from(names), junk, min_size=1, max_size=2))
    def check(said: dict[str, Any]) -> None:
        try:
            front(**{**sound, **said})
        except Reached:
            pass
        except DiptychError as error:
            text = str(error)
            assert text and "\n" not in text and len(text) < 1000, text
        else:
            raise AssertionError(f"a call came back: {said}")

    check()


def test_junk_for_any_option_is_a_named_error() -> None:
    names = keywords(TextToImage.from_recipe)

    @hypothesis.settings(max_examples=EXAMPLES, deadline=None)
    @hypothesis.given(st.dictionaries(st.sampled_from(names), junk, min_size=1, max_size=2))
    def check(said: dict[str, Any]) -> None:
        try:
            TextToImage.from_recipe(**said)
        except DiptychError as error:
            text = str(error)
            assert text and "\n" not in text and len(text) < 1000, text

    check()


@pytest.mark.parametrize("name", PIPELINES)
def test_pictures_may_be_given_by_place_and_are_typed(fronts: dict[str, Any], name: str) -> None:
    call, said = type(fronts[name]).__call__, dict(SOUND[name])
    taken = [each for each in ("prompt", "image", "mask_image") if each in said]
    if "image" not in taken:
        return
    placed = [said.pop(each) for each in taken]
    with pytest.raises(Reached):
        fronts[name](*placed, **said)
    parameters = inspect.signature(call).parameters
    for each in taken:
        assert parameters[each].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        assert parameters[each].annotation is not inspect.Parameter.empty
    with pytest.raises(TypeError):
        fronts[name](*placed, *[None] * 3, **said)
