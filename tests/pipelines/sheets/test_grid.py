"""Pictures on a sheet: each in its place, with its words, whatever their sizes."""

import PIL.Image
import pytest

from diptych.engine.errors import InputError
from diptych.pipelines.sheets.grid import MAX_PIXELS, Labels, fit, grid
from diptych.pipelines.sheets.palette import PAPER


def plain(colour: str, size: tuple[int, int] = (32, 32)) -> PIL.Image.Image:
    return PIL.Image.new("RGB", size, colour)


def test_each_picture_is_in_its_place_and_an_empty_place_is_paper() -> None:
    sheet = grid([plain("red"), None, plain("blue")], columns=2, side=32)
    colours = {colour: place for place in ((30, 30), (76, 30), (30, 76)) for colour in [sheet.getpixel(place)]}
    assert colours == {(255, 0, 0): (30, 30), PAPER: (76, 30), (0, 0, 255): (30, 76)}


def test_labels_make_room_for_themselves() -> None:
    images = [plain("red")] * 4
    bare = grid(images, columns=2, side=64)
    labels = Labels(title="boats", columns=["one", "two"], rows=["a", "b"], captions=["x"] * 4)
    told = grid(images, columns=2, side=64, labels=labels)
    assert told.width > bare.width and told.height > bare.height
    colours = told.getcolors(maxcolors=1 << 20) or []
    assert len(colours) > 3, "there is ink on it"


def test_a_long_caption_is_cut_not_run_into_its_neighbour() -> None:
    short = grid([plain("red")] * 2, columns=2, labels=Labels(captions=["a b " * 9, ""]), side=64)
    long = grid([plain("red")] * 2, columns=2, labels=Labels(captions=["w" * 5000 + "\n\x07", ""]), side=64)
    assert long.size == short.size
    right = (14 + 64 + 14, 14 + 64, *long.size)
    assert long.crop(right).getcolors() == short.crop(right).getcolors()


def test_small_pictures_keep_their_pixels_and_large_ones_their_shape() -> None:
    assert fit(plain("red", (2, 1)), 64).size == (64, 32)
    assert fit(plain("red", (1000, 500)), 64).size == (64, 32)
    checks = PIL.Image.new("L", (2, 1))
    checks.putpixel((1, 0), 255)
    assert {colour for _, colour in fit(checks, 64).getcolors() or []} == {(0, 0, 0), (255, 255, 255)}


@pytest.mark.parametrize(("images", "columns"), [([], 1), ([plain("red")], 0)])
def test_nothing_to_show_is_refused(images: list[PIL.Image.Image], columns: int) -> None:
    with pytest.raises(InputError, match="needs at least one of each"):
        grid(images, columns=columns)


def test_an_endless_sheet_is_refused() -> None:
    count = MAX_PIXELS // 256**2 + 1
    with pytest.raises(InputError, match="too large, make fewer"):
        grid([plain("red")] * count, columns=10)
