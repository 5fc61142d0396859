"""Blocks of prompts, as the Inspire Pack of ComfyUI reads them: named parts, and hyphens between blocks.

    positive: a red boat at sunset,
    on a lake
    negative: fog
    ----
    positive: a cat

A part reaches to the next one, or to the end of its block; `name:` becomes a note.
"""

import re
from collections.abc import Iterator

from ..entry import Place, rows_of
from ..row import Row
from ..text import Text

_PART = re.compile(r"(positive|negative|name)\s*:\s*(.*)", re.IGNORECASE)
_END = re.compile(r"-{3,}")
_NAMES = {"positive": "prompt", "negative": "negative_prompt", "name": "name"}
MAX_CHARACTERS = 200_000  # of a block


def is_block(line: str) -> bool:
    """Whether a file that begins with this line is in blocks."""
    found = _PART.match(line)
    return found is not None and (found[1].lower() != "name" or not found[2].startswith(("{", "[")))


def read_blocks(text: Text) -> Iterator[Row]:
    """The rows of `text`, in order.

    Raises:
        PromptFileError: a block is too long, or begins with words that belong to no part.
    """
    parts: dict[str, list[str]] = {}
    place, name, length = Place(source=text.source, line=1), "", 0
    for raw in text.lines():
        line = raw.strip()
        here = Place(source=text.source, line=text.line)
        if _END.fullmatch(line):
            yield from _row(parts, place)
            parts, name, length = {}, "", 0
            continue
        if not parts and (not line or line.startswith("#")):
            continue
        place = place if parts else here
        if found := _PART.match(line):
            name, line = _NAMES[found[1].lower()], found[2]
        elif not name:
            raise here.error("begins no part: write positive: before the prompt")
        length += len(line)
        if length > MAX_CHARACTERS:
            raise place.error(f"a block has more than {MAX_CHARACTERS} characters: part blocks by ----")
        parts.setdefault(name, []).append(line)
    yield from _row(parts, place)


def _row(parts: dict[str, list[str]], place: Place) -> Iterator[Row]:
    fields = {name: "\n".join(lines).strip() for name, lines in parts.items()}
    if any(fields.values()):
        yield from rows_of(fields, place)
