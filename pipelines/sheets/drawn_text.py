"""Text as it is drawn on pictures, in the font that ships inside Pillow, which has the letters of English."""

import unicodedata

_LIGATURES = str.maketrans(
    {"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ß": "ss", "ø": "o", "Ø": "O", "ł": "l"}
)
_MARKS = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"}
)


def drawable(text: str, longest: int = 400) -> str:
    """On one line, without what has no shape, accents and ligatures as the letters that they stand on, and not
    endless; letters of other scripts stay, and are drawn as boxes."""
    plain = text[:longest].translate(_LIGATURES).translate(_MARKS)
    bare = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    return " ".join("".join(c if c.isprintable() else " " for c in bare).split())
