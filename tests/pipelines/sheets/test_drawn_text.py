"""Text on pictures: the letters that the font has, on one line."""

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest

from diptych.pipelines.sheets.drawn_text import drawable, fitted, font, line_height, wrapped, write
from diptych.pipelines.sheets.palette import PAPER


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("un chat sous la pluie, à l'encre", "un chat sous la pluie, a l'encre"),
        ("chef-d\u2019œuvre, qualité", "chef-d'oeuvre, qualite"),
        ("two\nlines\tand a \u200bgap", "two lines and a gap"),
        ("plain", "plain"),
    ],
)
def test_accents_and_ligatures_are_drawn_as_plain_letters(text: str, drawn: str) -> None:
    assert drawable(text) == drawn


def test_no_letter_of_french_is_drawn_as_a_box() -> None:
    letters = drawable("àâäçéèêëîïôöùûüÿœæÀÉÈÇ")
    box = _pixels("\ue000")
    assert letters.isascii() and not any(_pixels(letter) == box for letter in letters)


def test_long_text_is_cut() -> None:
    assert len(drawable("a" * 1000, 200)) == 200


def _pixels(letter: str) -> bytes:
    picture = PIL.Image.new("L", (24, 24))
    font = PIL.ImageFont.load_default(12)
    PIL.ImageDraw.Draw(picture).text((2, 2), letter, fill=255, font=font)
    return picture.tobytes()


@pytest.mark.parametrize(
    "text", ["", "a small red boat on the left, at sunset", "x" * 80, "a " + "y" * 50 + " b"]
)
@pytest.mark.parametrize("width", [40, 100, 300])
@pytest.mark.parametrize("lines", [1, 3])
def test_no_line_is_wider_than_its_place_and_what_is_left_out_is_dotted(
    text: str, width: int, lines: int
) -> None:
    shown = wrapped(text, width, lines=lines)
    assert len(shown) <= lines and all(font().getlength(line) <= width for line in shown)
    whole = "".join(shown).replace(" ", "") == text.replace(" ", "")
    assert whole or shown[-1].endswith("...")
    assert font().getlength(fitted(text, width)) <= width


def test_text_is_written_below_itself() -> None:
    page = PIL.Image.new("RGB", (100, 100), PAPER)
    taken = write(PIL.ImageDraw.Draw(page), "a red boat at sunset", (0, 0), 100, lines=3)
    assert taken == 2
    rows = [y for y in range(100) if any(page.getpixel((x, y)) != PAPER for x in range(100))]
    assert line_height() < max(rows) < 2 * line_height() + 4
