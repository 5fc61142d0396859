"""Text on pictures: the letters that the font has, on one line."""

import PIL.ImageFont
import pytest

from diptych.pipelines.drawn_text import drawable


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
    font = PIL.ImageFont.load_default(12)
    box = bytes(font.getmask("\ue000"))
    letters = drawable("àâäçéèêëîïôöùûüÿœæÀÉÈÇ")
    assert letters.isascii() and not any(bytes(font.getmask(each)) == box for each in letters)


def test_long_text_is_cut() -> None:
    assert len(drawable("a" * 1000, 200)) == 200
