"""A canvas in tiles: nothing is lost, nothing is left out, and no border is left to be seen."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.diffusion.tiles import Tiles, in_parts


@st.composite
def layouts(draw: st.DrawFn) -> Tiles:
    side = draw(st.integers(2, 9))
    height, width = (draw(st.integers(side, 40)) for _ in range(2))
    return Tiles(height=height, width=width, side=side, overlap=draw(st.integers(0, side - 1)))


@settings(deadline=None)
@given(layouts())
def test_what_was_cut_is_joined_again(tiles: Tiles) -> None:
    canvas = torch.arange(2.0 * tiles.height * tiles.width).reshape(2, tiles.height, tiles.width)
    torch.testing.assert_close(tiles.join(tiles.cut(canvas)), canvas)


@settings(deadline=None)
@given(layouts())
def test_neighbours_overlap_at_least_as_much_as_was_asked(tiles: Tiles) -> None:
    places = torch.arange(tiles.height * tiles.width).reshape(tiles.height, tiles.width)
    first = tiles.cut(places[None].float())[:, 0, 0, 0].long()  # the top left of each tile
    for length, at in ((tiles.height, first // tiles.width), (tiles.width, first % tiles.width)):
        starts = sorted(set(at.tolist()))
        assert starts[0] == 0 and starts[-1] == length - tiles.side
        steps = [b - a for a, b in itertools.pairwise(starts)]
        assert all(0 < step <= tiles.side - tiles.overlap for step in steps)


def test_tiles_that_disagree_meet_without_a_step() -> None:
    tiles = Tiles(height=16, width=28, side=16, overlap=4)
    black_and_white = torch.stack([torch.zeros(1, 16, 16), torch.ones(1, 16, 16)])
    row = tiles.join(black_and_white)[0, 8]
    steps = row.diff()
    assert row[0] == 0 and row[-1] == 1 and (steps >= 0).all()
    assert steps.max() < 0.5, "the change from one to the other is spread over the overlap"


def test_a_canvas_smaller_than_a_tile_is_refused() -> None:
    with pytest.raises(AssertionError, match="no tiles"):
        Tiles(height=8, width=20, side=16, overlap=4)


def test_parts_are_put_together_in_order() -> None:
    x = torch.arange(7.0)[:, None]
    seen: list[int] = []

    def double(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        seen.append(len(a))
        return a + b

    assert torch.equal(in_parts(double, (x, x), at_once=3), 2 * x)
    assert seen == [3, 3, 1]
