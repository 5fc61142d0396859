"""Edges: as OpenCV's Canny finds them, held to a description of it that goes pixel by pixel."""

import pytest
import torch

from diptych.engine.stages.painting.edges import HIGH, LOW, edges_of


def by_pixels(picture: torch.Tensor) -> torch.Tensor:
    """bool (h, w): the same, told pixel by pixel, with whole numbers alone."""
    height, width, _ = picture.shape
    shade = picture.tolist()

    def at(y: int, x: int, c: int) -> int:
        return shade[min(max(y, 0), height - 1)][min(max(x, 0), width - 1)][c]

    def gradient(y: int, x: int) -> tuple[int, int]:
        found = []
        for c in range(3):
            across = sum(w * (at(y + d, x + 1, c) - at(y + d, x - 1, c)) for d, w in ((-1, 1), (0, 2), (1, 1)))
            down = sum(w * (at(y + 1, x + d, c) - at(y - 1, x + d, c)) for d, w in ((-1, 1), (0, 2), (1, 1)))
            found.append((abs(across) + abs(down), -c, across, down))
        return max(found)[2:]

    grads = {(y, x): gradient(y, x) for y in range(height) for x in range(width)}
    steep = {place: abs(across) + abs(down) for place, (across, down) in grads.items()}

    def is_thin(y: int, x: int) -> bool:
        (across, down), here = grads[y, x], steep[y, x]
        flat = abs(across) * 13573
        if abs(down) << 15 < flat:
            return here > steep.get((y, x - 1), 0) and here >= steep.get((y, x + 1), 0)
        if abs(down) << 15 > flat + (abs(across) << 16):
            return here > steep.get((y - 1, x), 0) and here >= steep.get((y + 1, x), 0)
        side = -1 if (across < 0) != (down < 0) else 1
        return here > steep.get((y - 1, x - side), 0) and here > steep.get((y + 1, x + side), 0)

    thin = {place for place, count in steep.items() if count > LOW and is_thin(*place)}
    kept = [place for place in thin if steep[place] > HIGH]
    found = set(kept)
    while kept:
        y, x = kept.pop()
        near = {(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & thin - found
        found |= near
        kept += near
    return torch.tensor([[(y, x) in found for x in range(width)] for y in range(height)])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("coarse", [1, 3, 8])
def test_edges_are_those_that_a_walk_over_the_pixels_finds(seed: int, coarse: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    small = torch.randint(256, (32 // coarse + 1, 40 // coarse + 1, 3), generator=generator)
    picture = small.repeat_interleave(coarse, 0).repeat_interleave(coarse, 1)[:32, :40].to(torch.uint8)
    picture = (picture // (1 + seed)).to(torch.uint8)  # also faint ones, where hanging on counts
    found = edges_of(picture)
    assert found.shape == picture.shape and found.dtype == torch.uint8
    assert set(found.unique().tolist()) <= {0, 255}
    assert torch.equal(found[..., 0] > 0, by_pixels(picture))


def test_a_plain_picture_has_no_edges_and_a_square_has_its_rim() -> None:
    picture = torch.zeros(32, 32, 3, dtype=torch.uint8)
    assert not edges_of(picture).any()
    picture[8:24, 8:24] = 255
    found = edges_of(picture)[..., 0] > 0
    assert found[12, 7:9].sum() == 1 and not found[12:20, 12:20].any() and not found[:5].any()
