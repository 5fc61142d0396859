"""Small pictures: their sizes, and that a row's candidates stand where the page looks for them."""

import dataclasses
import io
from collections.abc import Callable
from typing import Any

import PIL.Image
import pytest
import torch

from diptych import Outcome, Picture, TextToImage
from diptych.engine.values import Control, Reference
from diptych.pipelines.sheets.thumbnails import (
    CELL_SIDE,
    THUMBNAIL_SIDE,
    candidate_sheet,
    given_to,
    small_pictures,
    thumbnail,
)

RED, BLUE = (200, 30, 30), (30, 30, 200)


def opened(data: bytes) -> PIL.Image.Image:
    image = PIL.Image.open(io.BytesIO(data))
    assert image.format == "WEBP"
    return image


@pytest.fixture
def outcome(pipe: TextToImage) -> Callable[..., Outcome]:
    def make(**wishes: Any) -> Outcome:
        return pipe("a red boat", seed=3, **wishes).outcomes[0]

    return make


def test_a_large_picture_is_made_small_and_a_small_one_is_not_enlarged() -> None:
    assert opened(thumbnail(PIL.Image.new("RGB", (4096, 1024)))).size == (THUMBNAIL_SIDE, THUMBNAIL_SIDE // 4)
    assert opened(thumbnail(PIL.Image.new("RGB", (48, 32)))).size == (48, 32)
    assert opened(thumbnail(PIL.Image.new("RGB", (4096, 1)))).size == (THUMBNAIL_SIDE, 1)


def test_one_candidate_needs_no_sheet(outcome: Callable[..., Outcome]) -> None:
    assert list(small_pictures(outcome())) == ["gallery/thumbnails/0001.webp"]


def test_a_sheet_shows_each_candidate_in_its_place(outcome: Callable[..., Outcome]) -> None:
    made = outcome(candidates=11, keep=11, height=32, width=32)
    trail = []
    for place, candidate in enumerate(made.trail):
        pixels = torch.full((32, 32, 3), 20 * place, dtype=torch.uint8)
        trail.append(dataclasses.replace(candidate, picture=Picture(pixels=pixels)))
    sheet = opened(candidate_sheet(tuple(trail))).convert("RGB")
    assert sheet.size == (8 * CELL_SIDE, 2 * CELL_SIDE)
    for place in range(11):
        x, y = place % 8 * CELL_SIDE + CELL_SIDE // 2, place // 8 * CELL_SIDE + CELL_SIDE // 2
        pixel = sheet.getpixel((x, y))
        assert isinstance(pixel, tuple) and abs(pixel[0] - 20 * place) <= 4


def test_a_candidate_that_was_not_painted_shows_its_draft(outcome: Callable[..., Outcome]) -> None:
    files = small_pictures(outcome(candidates=4, keep=1))
    sheet = opened(files["gallery/candidates/0001.webp"])
    assert sheet.size == (4 * CELL_SIDE, CELL_SIDE)
    assert len({sheet.getpixel((i * CELL_SIDE + 80, 80)) for i in range(4)}) == 4


def test_a_candidate_without_anything_to_show_leaves_its_cell_empty(outcome: Callable[..., Outcome]) -> None:
    first, second = outcome(candidates=2, keep=2).trail
    bare = dataclasses.replace(second, draft=None, picture=None)
    sheet = opened(candidate_sheet((first, bare))).convert("RGBA")
    pixel = sheet.getpixel((CELL_SIDE + 80, 80))
    assert isinstance(pixel, tuple) and pixel[3] == 0


def test_what_a_row_was_given_stands_on_a_sheet(outcome: Callable[..., Outcome]) -> None:
    made = outcome()
    red, blue = (torch.tensor(each, dtype=torch.uint8).expand(32, 48, 3).contiguous() for each in (RED, BLUE))
    references = (Reference(picture=red, name="dog"), Reference(picture=blue))
    control = Control(kind="edges", picture=red)
    request = dataclasses.replace(made.request, references=references, controls=(control,))
    assert list(given_to(request)) == ["reference: dog", "reference", "control: edges"]
    files = small_pictures(dataclasses.replace(made, request=request))
    sheet = opened(files["gallery/given/0001.webp"]).convert("RGB")
    assert sheet.size == (3 * CELL_SIDE, CELL_SIDE)
    for place, colour in enumerate((RED, BLUE, RED)):
        pixel = sheet.getpixel((place * CELL_SIDE + CELL_SIDE // 2, CELL_SIDE // 2))
        assert isinstance(pixel, tuple) and max(abs(a - b) for a, b in zip(pixel, colour, strict=True)) <= 6
