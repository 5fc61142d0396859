"""Outpaint: room around a picture is filled; the picture in it stays as it is, but for its size."""

import numpy as np
import PIL.Image
import pytest
import torch

from diptych import InputError, TextToImage
from diptych.pipelines.editing.outpaint import Outpaint
from diptych.pipelines.pocket.world import Scene, Thing, render

SCENE = Scene(things=(Thing(kind="boat", colour="red", place="middle"),), setting="sunset")


@pytest.fixture(scope="module")
def picture() -> PIL.Image.Image:
    return render(SCENE, 128).image


def test_the_picture_stays_in_the_room_around_it(pocket_pipe: TextToImage, picture: PIL.Image.Image) -> None:
    paint = Outpaint.from_pipe(pocket_pipe)
    wish = "a small red boat at sunset"
    (made,) = paint(wish, image=picture, margins=(128, 64, 0, 64), seed=2, num_inference_steps=2).outcomes
    pixels = made.picture.pixels
    assert tuple(pixels.shape) == (256, 256, 3)
    assert torch.equal(pixels[64:192, 128:], torch.tensor(np.array(picture)))  # as large as it was
    border = pixels[:, :128].float()
    assert border.std(dim=0).mean() > 5  # painted, not left plain


def test_margins_of_one_number_are_on_all_sides(pocket_pipe: TextToImage, picture: PIL.Image.Image) -> None:
    paint = Outpaint.from_pipe(pocket_pipe)
    one, four = (paint.request("a boat", image=picture, margins=m) for m in (32, (32, 32, 32, 32)))
    assert one == four and one.start is not None and one.start.mask is not None
    kept = ~one.start.mask
    assert kept.sum() == 171 * 171 and kept[43:214, 43:214].all()


@pytest.mark.parametrize(
    ("margins", "message"),
    [
        ((64, 0, 64, 0), "with its margins the picture is 256x128 pixels, but 256x256 are painted"),
        (0, "one at least above 0"),
        ((-1, 1, 1, 1), "none negative"),
    ],
)
def test_margins_that_make_no_sense_are_refused(
    pocket_pipe: TextToImage, picture: PIL.Image.Image, margins: int | tuple[int, int, int, int], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Outpaint.from_pipe(pocket_pipe)("a boat", image=picture, margins=margins)


def test_what_the_prompt_leaves_open_is_as_in_the_picture(
    pocket_pipe: TextToImage, picture: PIL.Image.Image
) -> None:
    paint = Outpaint.from_pipe(pocket_pipe)
    (made,) = paint("a boat", image=picture, margins=64, seed=2, num_inference_steps=1).outcomes
    assert "red boat" in made.plan.prompt and "at sunset" in made.plan.prompt
    assert [fact.text for fact in made.plan.asked] == ["a boat"]
