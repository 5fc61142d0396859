"""Text as it is drawn on pictures: its letters, its font, how it is cut and broken into lines.

The font is the one that ships inside Pillow, which has the letters of English.
"""

import functools
import math
import unicodedata
from typing import TYPE_CHECKING, TypeAlias

from .palette import INK, Colour

if TYPE_CHECKING:
    import PIL.ImageDraw
    import PIL.ImageFont

    Font: TypeAlias = PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont

LETTER = 14  # pixels high
SMALL = 11
_LIGATURES = str.maketrans(
    {"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ß": "ss", "ø": "o", "Ø": "O", "ł": "l"}
)
_MARKS = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"}
)


@functools.lru_cache(maxsize=16)
def font(size: int = LETTER) -> "Font":
    """The font of everything on paper, `size` pixels high."""
    import PIL.ImageFont

    return PIL.ImageFont.load_default(size)


def line_height(size: int = LETTER) -> int:
    """Pixels from one line to the next."""
    return round(1.28 * size)


def text_width(text: str, size: int = LETTER) -> int:
    """Pixels of a line, as it is drawn."""
    return int(font(size).getlength(drawable(text)))


def drawable(text: str, longest: int = 400) -> str:
    """On one line, without what has no shape, accents and ligatures as the letters that they stand on, and not
    endless; letters of other scripts stay, and are drawn as boxes."""
    plain = text[:longest].translate(_LIGATURES).translate(_MARKS)
    bare = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    return " ".join("".join(c if c.isprintable() else " " for c in bare).split())


def fitted(text: str, width: int, *, size: int = LETTER) -> str:
    """`text` as it is drawn on one line, cut where it is wider than `width` pixels."""
    text, face = drawable(text), font(size)
    if face.getlength(text) <= width:
        return text
    return _cut(text, width, face)


def wrapped(text: str, width: int, *, lines: int, size: int = LETTER) -> list[str]:
    """The first lines of `text`, none wider than `width` pixels; three dots where some is left out. A word
    that is wider than a line goes on in the next one."""
    words, face = drawable(text).split(), font(size)
    found: list[str] = []
    while words and len(found) < lines:
        line = words.pop(0)
        if rest := line[_letters(line, width, face) :]:
            line = line.removesuffix(rest)
            words.insert(0, rest)
        while words and face.getlength(f"{line} {words[0]}") <= width:
            line = f"{line} {words.pop(0)}"
        found.append(line)
    if words and found:
        found[-1] = _with_dots(found[-1], width, face)
    return found


def _letters(word: str, width: int, face: "Font") -> int:
    """How many letters of a word fit into `width` pixels; one at least."""
    count = len(word)
    while count > 1 and face.getlength(word[:count]) > width:
        count -= 1
    return count


def _with_dots(line: str, width: int, face: "Font") -> str:
    """A line behind which something is left out: whole words where there are several."""
    while " " in line and face.getlength(f"{line} ...") > width:
        line = line.rpartition(" ")[0]
    if face.getlength(f"{line} ...") <= width:
        return f"{line} ..."
    return _cut(line, width, face)


def _cut(line: str, width: int, face: "Font") -> str:
    """As many letters of a line as fit with three dots behind them."""
    return f"{line[: _letters(line, width - math.ceil(face.getlength('...')), face)]}..."


def write(
    draw: "PIL.ImageDraw.ImageDraw",
    text: str,
    place: tuple[int, int],
    width: int,
    *,
    lines: int = 1,
    size: int = LETTER,
    fill: Colour = INK,
) -> int:
    """Write `text` into so many lines of `width` pixels at most; returns how many it took."""
    shown = wrapped(text, width, lines=lines, size=size)
    for i, line in enumerate(shown):
        draw.text((place[0], place[1] + i * line_height(size)), line, fill=fill, font=font(size))
    return len(shown)
