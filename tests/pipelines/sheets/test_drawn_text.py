"""Text on pictures: the letters that the font has, on one line."""

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest

from diptych.pipelines.sheets.drawn_text import drawable


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
