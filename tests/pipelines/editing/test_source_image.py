"""Pictures to start from, of any kind and size; what is none of them is refused in one line."""

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from diptych import InputError, TextToImage
from diptych.pipelines.editing.source_image import source_image_of


@pytest.fixture
def wide() -> PIL.Image.Image:
    """Red on the left, blue on the right, twice as wide as high."""
    image = PIL.Image.new("RGB", (200, 100), "red")
    image.paste("blue", (100, 0, 200, 100))
    return image


def test_a_picture_is_scaled_and_cut_to_the_shape_that_is_painted(wide: PIL.Image.Image) -> None:
    original = source_image_of(wide, height=50, width=50)
    assert (original.height, original.width) == (50, 50) and original.size == (200, 100)
    assert original.pixels.dtype == torch.uint8
    assert original.pixels[25, 2].tolist() == [255, 0, 0] and original.pixels[25, 47].tolist() == [0, 0, 255]
    same = source_image_of(wide, height=100, width=200)
    assert torch.equal(same.pixels, torch.from_numpy(np.array(wide)))


def test_a_file_is_a_picture_too(wide: PIL.Image.Image, tmp_path: Path) -> None:
    wide.save(tmp_path / "wide.png")
    pixels = source_image_of(tmp_path / "wide.png", height=100, width=200).pixels
    assert torch.equal(pixels, source_image_of(wide, height=100, width=200).pixels)


def test_an_outcome_brings_its_tokens_and_its_plan(pipe: TextToImage, wide: PIL.Image.Image) -> None:
    outcome = pipe("a boat").outcomes[0]
    original = source_image_of(outcome, height=32, width=48)
    assert outcome.draft is not None and original.tokens is not None and original.wording is not None
    assert torch.equal(original.tokens, outcome.draft.tokens)
    assert torch.equal(original.pixels, outcome.picture.pixels)
    assert (original.wording.prompt, original.wording.facts) == (outcome.plan.prompt, outcome.plan.facts)
    other = source_image_of(outcome, height=64, width=64)  # another size: what is left of it is a picture
    assert other.tokens is None and other.wording is None


def test_a_mask_is_white_where_pixels_may_change(wide: PIL.Image.Image) -> None:
    original = source_image_of(wide, height=100, width=200)
    drawn = PIL.Image.new("L", (200, 100))
    drawn.paste(255, (10, 20, 30, 40))
    mask = original.mask(drawn)
    assert mask.dtype == torch.bool and mask.sum() == 400 and mask[20:40, 10:30].all()
    assert torch.equal(original.box((10, 20, 30, 40)), mask)
    assert torch.equal(original.cells(torch.tensor([[True, False]])), original.box((0, 0, 100, 100)))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("no such.png", "no such.png: no such file"),
        (7, "a int is no picture: give a PIL image, a path, an array, or an outcome"),
        (b"boat", "the picture: is no picture of a kind that is read"),
    ],
)
def test_what_is_no_picture_is_refused(image: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        source_image_of(image, height=32, width=32)


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "boat.png").write_text("a boat")
    with pytest.raises(InputError, match=r"boat\.png: is no picture of a kind that is read"):
        source_image_of(tmp_path / "boat.png", height=32, width=32)


def test_masks_that_do_not_fit_are_refused(wide: PIL.Image.Image) -> None:
    original = source_image_of(wide, height=32, width=32)
    with pytest.raises(InputError, match="the mask is 32x32 pixels, the picture 200x100"):
        original.mask(PIL.Image.new("L", (32, 32), 255))
    with pytest.raises(InputError, match="black throughout"):
        original.mask(PIL.Image.new("L", (200, 100)))
    for box in ((0, 0, 201, 50), (10, 10, 10, 50), (-1, 0, 5, 5)):
        with pytest.raises(InputError, match="inside of the picture's 200x100 pixels"):
            original.box(box)
