"""Outpaint: room around a picture is filled; the picture in it stays as it is, but for its size."""

import random

import numpy as np
import PIL.Image
import pytest
import torch

from diptych import InputError, TextToImage
from diptych.pipelines.editing.outpaint import Outpaint
from diptych.pipelines.pocket.world import Scene, Thing, prompt_of, render, sample_scene

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
    inside = torch.tensor(np.array(picture))[6:-6, 6:]  # as large as it was, but for a rim beside the room
    assert torch.equal(pixels[70:186, 134:], inside)
    border = pixels[:, :128].float()
    assert border.std(dim=0).mean() > 5  # painted, not left plain


def test_margins_of_one_number_are_on_all_sides(pocket_pipe: TextToImage, picture: PIL.Image.Image) -> None:
    paint = Outpaint.from_pipe(pocket_pipe)
    one, four = (paint.request("a boat", image=picture, margins=m) for m in (32, (32, 32, 32, 32)))
    assert one == four and one.start is not None and one.start.mask is not None
    kept = ~one.start.mask
    assert kept.sum() == 153 * 153 and kept[52:205, 52:205].all()  # a rim of 9 pixels is drawn again


def steps(pixels: torch.Tensor, drawn: torch.Tensor, *, off: int) -> float:
    """Of all places along the seam, how many are a step in colour; or `off` so many pixels beside the seam."""
    found: list[torch.Tensor] = []
    for shades, mask in ((pixels.int(), drawn), (pixels.transpose(0, 1).int(), drawn.T)):
        step = (shades[:, 2:] - shades[:, :-2]).abs().amax(-1) > 40
        rows, columns = (mask[:, 1:] != mask[:, :-1]).nonzero(as_tuple=True)
        at = columns + off
        inside = (at > 0) & (at < step.shape[1])
        found.append(step[rows[inside], at[inside]] | step[rows[inside], at[inside] - 1])
    return float(torch.cat(found).float().mean())


def test_no_seam_is_seen(pocket_pipe: TextToImage) -> None:
    """Before what is drawn was fitted to what stays, a third of the seam was a step."""
    paint = Outpaint.from_pipe(pocket_pipe)
    scenes = [sample_scene(random.Random(seed), "alone") for seed in (0, 3, 6, 7)]
    requests = [
        paint.request(
            prompt_of(scene), image=render(scene, 256).image, margins=m, seed=i, row=i, num_inference_steps=2
        )
        for i, (scene, m) in enumerate(zip(scenes, [64, (0, 128, 128, 0)] * 2, strict=True), start=1)
    ]
    seam, beside = 0.0, 0.0
    for made in paint.outcomes(requests):
        assert made.request.start is not None and made.request.start.mask is not None
        at = (made.picture.pixels, made.request.start.mask)
        seam += steps(*at, off=0) / 4
        beside += sum(steps(*at, off=off) for off in (-20, -14, 14, 20)) / 16
    assert seam < 0.1 and seam < 1.5 * beside + 0.02


def test_the_room_may_hold_what_the_picture_does_not(
    pocket_pipe: TextToImage, picture: PIL.Image.Image
) -> None:
    paint = Outpaint.from_pipe(pocket_pipe)
    same, more, nothing = (
        paint.request(prompt, image=picture, margins=64).start
        for prompt in ("a red boat", "a red boat on the left and a tree on the right", "at sunset")
    )
    assert same is not None and more is not None and nothing is not None
    assert more.lean < same.lean == nothing.lean


@pytest.mark.parametrize(
    ("margins", "message"),
    [
        ((64, 0, 64, 0), "with its margins the picture is 256x128 pixels, but 256x256 are painted"),
        (0, "one at least above 0"),
        ((-1, 1, 1, 1), "none negative"),
        (10**9, "leave 1x1 pixels of the picture, which are too few"),
        (128 * 17, "leave 7x7 pixels"),
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
