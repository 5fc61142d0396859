"""The way from one picture to another: it begins and ends with them, and every frame is an outcome."""

from collections.abc import Callable
from typing import Any

import pytest

from diptych import InputError, Interpolate, TextToImage

PROMPTS = ["a red boat at sunset", "a blue boat at night"]


@pytest.fixture(scope="module")
def interpolate() -> Interpolate:
    return Interpolate.from_recipe("pocket", device="cpu")


def test_it_begins_and_ends_with_the_pictures_themselves(interpolate: Interpolate) -> None:
    film = interpolate(PROMPTS, seed=5, frames=3, num_inference_steps=2)
    requests = [interpolate.pipe.request(text, seed=5, row=1, num_inference_steps=2) for text in PROMPTS]
    ends = [each.picture.pixels.int() for each in interpolate.outcomes(requests)]
    frames = [outcome.picture.pixels.int() for outcome in film.outcomes]
    assert len(frames) == 3
    for end, frame in zip(ends, (frames[0], frames[2]), strict=True):
        assert int((end - frame).abs().max()) <= 1
    assert film.outcomes[0].plan.prompt != film.outcomes[2].plan.prompt
    assert all(0 <= outcome.verdict.score <= 1 for outcome in film.outcomes)


def test_seeds_are_stops_as_well(interpolate: Interpolate) -> None:
    film = interpolate(PROMPTS[0], seed=[1, 2, 3], frames=4, num_inference_steps=1)
    assert [outcome.request.seed for outcome in film.outcomes] == [1, 2, 2, 3]


@pytest.mark.parametrize(
    ("prompt", "wishes", "message"),
    [
        ("a boat", {}, "there is no way from one picture to itself: give two prompts, or two seeds"),
        (["a boat", "a cat", "a house"], {"seed": [1, 2]}, "3 prompts and 2 seeds: give as many of one"),
        (["a boat", "a cat"], {"frames": 1}, "frames = 1: must lie between 2, the stops, and 1000"),
    ],
)
def test_a_way_that_cannot_be_is_refused(
    interpolate: Interpolate, prompt: Any, wishes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        interpolate(prompt, **wishes)


def test_a_recipe_without_a_refiner_is_refused(make_pipe: Callable[..., TextToImage]) -> None:
    with pytest.raises(InputError, match="recipe fake: has no stage 'refine', which paints the frames"):
        Interpolate(make_pipe())(PROMPTS)
