import numpy as np
import pytest

from diptych.engine.models.vision.turning import main_of, to_lab, to_rgb
from diptych.pipelines.pocket.art.colours import named, turned
from diptych.pipelines.pocket.art.hands import Hand
from diptych.pipelines.pocket.art.svg import Pixels
from diptych.pipelines.pocket.world import COLOURS


def plain(*stripes: tuple[int, int, int]) -> Pixels:
    """Stripes of 10 rows each, 30 wide, with a clear column on either side."""
    pixels = np.zeros((10 * len(stripes), 32, 4), np.uint8)
    for i, rgb in enumerate(stripes):
        pixels[10 * i : 10 * i + 10, 1:31] = (*rgb, 255)
    return pixels


def test_there_and_back_gives_the_same_colours() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (2000, 3), np.uint8)
    assert np.abs(to_rgb(to_lab(rgb)).astype(int) - rgb).max() <= 1


def test_lightness_and_chroma_are_those_of_oklab() -> None:
    lab = to_lab(np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0]], np.uint8))
    np.testing.assert_allclose(lab, [[1, 0, 0], [0, 0, 0], [0.62796, 0.22486, 0.12585]], atol=2e-4)


@pytest.mark.parametrize("colour", COLOURS)
def test_the_worlds_colours_are_named(colour: str) -> None:
    assert named(plain(COLOURS[colour])) == (colour, 1.0)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("was", [(216, 36, 44), (36, 98, 220), (84, 200, 60), (200, 204, 210), (252, 220, 44)])
def test_every_colour_can_be_reached_from_every_other(was: tuple[int, int, int], colour: str) -> None:
    found, share = named(turned(plain(was), colour))
    assert (found, share) == (colour, 1.0)


def test_light_and_shade_stay_in_order() -> None:
    shades = turned(plain((120, 10, 16), (216, 36, 44), (255, 140, 140)), "blue")
    light = to_lab(np.ascontiguousarray(shades[5::10, 15, :3]))[:, 0]
    assert light[0] < light[1] < light[2]


def test_other_hues_and_what_is_clear_stay() -> None:
    before = plain((216, 36, 44), (216, 36, 44), (36, 98, 220))
    after = turned(before, "green")
    assert named(after[:20])[0] == "green"
    np.testing.assert_array_equal(after[20:], before[20:])
    np.testing.assert_array_equal(after[..., 3], before[..., 3])
    np.testing.assert_array_equal(after[:, 0], before[:, 0])


def test_the_drawing_itself_is_not_changed() -> None:
    before = plain((216, 36, 44))
    kept = before.copy()
    turned(before, "black")
    np.testing.assert_array_equal(before, kept)


def test_the_part_that_is_asked_for_is_turned() -> None:
    cup = plain((60, 34, 20), (228, 230, 234), (228, 230, 234))
    assert main_of(cup, "grey").hue is None
    assert named(turned(cup, "red", "grey")[10:])[0] == "red"
    bus = plain((60, 160, 250), (60, 160, 250), (252, 200, 44))
    assert named(turned(bus, "red", "not blue")[20:])[0] == "red"
    assert named(turned(bus, "red", "not blue")[:20])[0] == "blue"


def test_a_part_that_a_drawing_lacks_is_its_main_colour() -> None:
    assert named(turned(plain((216, 36, 44)), "green", "grey"))[0] == "green"
    assert named(turned(plain((36, 98, 220)), "green", "not blue"))[0] == "green"


def test_drawn_things_come_out_in_the_colour_that_is_asked_for(hands: dict[str, Hand]) -> None:
    for colour in COLOURS:
        found, share = named(hands["emoji"].drawing("ball", colour))
        assert found == colour and share > 0.8
