"""Reference pictures as callers hand them over."""

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from diptych.engine.errors import InputError
from diptych.engine.values import Reference
from diptych.pipelines.calls.keywords import settings_of
from diptych.pipelines.pictures.references import LARGEST, references_of


def image(side: int = 9, mode: str = "RGB") -> PIL.Image.Image:
    return PIL.Image.new(mode, (side, side + 1), (10, 200, 30) if mode == "RGB" else (10, 200, 30, 90))


def test_one_or_several_of_any_kind_with_one_weight_or_one_for_each(tmp_path: Path) -> None:
    image().save(tmp_path / "a.png")
    one = references_of(tmp_path / "a.png", 0.5)
    assert [each.weight for each in one] == [0.5] and one[0].picture.shape == (10, 9, 3)
    kinds: list[Any] = [
        str(tmp_path / "a.png"),
        image(),
        np.array(image()),
        torch.from_numpy(np.array(image())),
    ]
    several = references_of(kinds)
    assert len({each.digest for each in several}) == 1 and {each.weight for each in several} == {1.0}
    assert [each.weight for each in references_of([image()] * 3, [0.1, 0.2, 0.3])] == [0.1, 0.2, 0.3]
    assert [each.weight for each in references_of([image()] * 2, [0.7])] == [0.7, 0.7]
    assert references_of(several[0], 0.3) == (Reference(picture=several[0].picture, weight=0.3),)
    assert references_of(None) == ()


def test_what_is_transparent_stays_so_and_what_is_large_is_reduced() -> None:
    (clear,) = references_of(image(mode="RGBA"))
    assert clear.picture.shape[2] == 4
    (large,) = references_of(image(LARGEST + 100))
    assert max(large.picture.shape) == LARGEST


@pytest.mark.parametrize(
    ("pictures", "weights", "said"),
    [
        ([1], None, "is no picture"),
        ({"a": 1}, None, "give a picture, or a list of them"),
        ([[]], None, "give a picture, or a list of them"),
        ("nowhere.png", None, "no such file"),
        (None, 1, "is for reference pictures"),
        (["x"] * 9, None, "at most 8"),
        ([image()] * 2, [1, 1, 1], "3 weights for 2 pictures"),
        ([image()], 3, "must lie between 0 and 2"),
        ([image()], "x", "must be a number"),
    ],
)
def test_what_cannot_be_is_one_line(pictures: Any, weights: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        references_of(pictures, weights)
    assert "\n" not in str(caught.value)


def test_keywords_of_calls_become_values_once() -> None:
    found = settings_of({"reference": [image()], "reference_weight": 0.5, "steps": 3})
    assert found["references"] == references_of(image(), 0.5) and found["num_inference_steps"] == 3
    assert settings_of(found) == found
    assert "references" not in settings_of({"reference": None})
    with pytest.raises(InputError, match="said twice"):
        settings_of({"references": found["references"], "reference": image()})
