"""The outline of a thing is nearer to it than its box, and does not lose it: on drawings with known masks."""

import random

import numpy as np
import pytest
import torch
from torch.nn.functional import max_pool2d

from diptych import TextToImage
from diptych.engine.stages.drafting.locate import Found
from diptych.pipelines.editing.inpaint import Inpaint
from diptych.pipelines.editing.source_image import source_image_of
from diptych.pipelines.pictures.outline import outline
from diptych.pipelines.pocket.world import render, sample_scene


def found_of(mask: torch.Tensor) -> Found:
    """What a drafter would say of a thing with this mask, bool (256, 256): cells that it fills are hot."""
    heat = torch.nn.functional.avg_pool2d(mask[None].float(), 16)[0] * 8
    return Found(heat=heat, margin=50.0)


def outlined(found: Found, pixels: torch.Tensor) -> torch.Tensor:
    return outline(pixels, box=found.box, heat=found.heat)


def overlap(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_it_is_nearer_to_the_thing_than_its_box_and_holds_nearly_all_of_it() -> None:
    outlines, boxes, kept = [], [], []
    for seed in range(12):
        made = render(sample_scene(random.Random(seed), "side by side", style="flat"))
        mask = torch.from_numpy(np.array(made.mask) == 1)
        found, pixels = found_of(mask), torch.from_numpy(np.array(made.image))
        shape = outlined(found, pixels)
        box = found.box.repeat_interleave(16, 0).repeat_interleave(16, 1)
        outlines.append(overlap(shape, mask))
        boxes.append(overlap(box, mask))
        kept.append(float((shape & mask).sum() / mask.sum()))
    assert np.mean(outlines) > np.mean(boxes) + 0.15 and np.mean(kept) > 0.95


def test_where_the_thing_is_like_the_ground_it_is_the_box() -> None:
    mask = torch.zeros(256, 256, dtype=torch.bool)
    mask[64:128, 96:160] = True
    shape = outlined(found_of(mask), torch.full((256, 256, 3), 120, dtype=torch.uint8))
    assert torch.equal(shape, mask)


@pytest.mark.parametrize(("height", "width"), [(256, 256), (96, 160), (512, 384)])
def test_any_size_is_outlined(height: int, width: int) -> None:
    pixels = torch.full((height, width, 3), 200, dtype=torch.uint8)
    thing = torch.zeros(height, width, dtype=torch.bool)
    thing[height // 4 : height // 2, width // 4 : width // 2] = True
    pixels[thing] = torch.tensor([200, 20, 20], dtype=torch.uint8)
    heat = torch.nn.functional.interpolate(thing[None, None].float(), (16, 16), mode="area")[0, 0] * 8
    shape = outlined(Found(heat=heat, margin=50.0), pixels)
    assert shape.shape == thing.shape and not (thing & ~shape).any() and overlap(shape, thing) > 0.8


def test_a_thing_that_changes_its_colour_keeps_to_its_outline_and_another_has_the_box(
    pocket_pipe: TextToImage,
) -> None:
    paint = Inpaint.from_pipe(pocket_pipe)
    boat = pocket_pipe("a red boat on the left, at sunset", seed=7, num_inference_steps=2).outcomes[0]
    same = paint.request("a blue boat", image=boat, mask_image="boat")
    other = paint.request("a blue cat", image=boat, mask_image="boat")
    assert same.start and other.start and same.start.mask is not None and other.start.mask is not None
    assert torch.equal(same.start.mask, paint.mask(source_image_of(boat, height=256, width=256), "boat"))
    assert same.start.mask.sum() < other.start.mask.sum()
    around = max_pool2d(other.start.mask[None].float(), 33, 1, 16)[0] > 0
    assert not (same.start.mask & ~around).any()
