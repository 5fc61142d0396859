"""Edges of pictures, lines of drawings, and how far they agree."""

import torch

from diptych.engine.models.vision.edges import agreement, edges_of, lines_of


def square(ground: int, ink: int) -> torch.Tensor:
    """A square of 100 pixels on a ground of 256, uint8."""
    pixels = torch.full((256, 256, 3), ground, dtype=torch.uint8)
    pixels[80:180, 60:160] = ink
    return pixels


def outline(ground: int, ink: int) -> torch.Tensor:
    pixels = square(ground, ink)
    pixels[83:177, 63:157] = ground
    return pixels


def test_the_edges_of_a_square_are_its_border_one_pixel_wide() -> None:
    (found,) = edges_of(square(200, 60)[None])
    rows, columns = found.any(1).nonzero().flatten(), found.any(0).nonzero().flatten()
    assert abs(int(rows[0]) - 80) <= 1 and abs(int(rows[-1]) - 180) <= 1
    assert abs(int(columns[0]) - 60) <= 1 and abs(int(columns[-1]) - 160) <= 1
    assert 380 <= int(found.sum()) <= 420


def test_a_weak_slope_is_no_edge_unless_it_goes_on_from_a_steep_one() -> None:
    assert not bool(edges_of(square(120, 130)[None]).any())


def test_a_drawing_of_lines_has_its_own_lines_dark_or_bright() -> None:
    dark, bright = lines_of(outline(255, 0)), lines_of(outline(0, 255))
    assert torch.equal(dark, bright) and int(dark.sum()) == 100 * 100 - 94 * 94


def test_of_any_other_picture_the_edges_are_found() -> None:
    pixels = square(200, 60)
    assert torch.equal(lines_of(pixels), edges_of(pixels[None])[0])


def test_edges_agree_with_themselves_moved_a_little_and_not_far_away() -> None:
    (found,) = edges_of(square(200, 60)[None])
    assert agreement(found, found) == 1 == agreement(found.roll(3, 1), found)
    assert agreement(found, found.roll(60, 0)) < 0.6
    assert agreement(found, torch.zeros_like(found)) == 0
