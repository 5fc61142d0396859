"""A prompt in any words, one statement at a time: the parts between commas, full stops and marks.

Nothing is cut inside a number, in brackets or in quotation marks, if it need not be. What only praises, or asks
for what no words do, is no statement.
"""

import bisect
import dataclasses
import re
import unicodedata
from collections.abc import Iterator, Sequence

from ...values.fact import Span
from ..words.common_words import words
from ..words.content import content_words, plain, words_of
from ..words.prompt_syntax import marked

LONGEST = 120  # characters of a statement, where there is a conjunction to cut it at; twice as many anywhere

_NUMBER = re.compile(r"(?<!\d)(?:\d+(?:[.,]\d+)+|\d+\s*[:/x\u00d7]\s*\d+)")
_CUT = re.compile(
    r"[,;!?|\n\u3001\u3002\uff0c\uff1b\uff01\uff1f]|\.(?=[\s\"'\u201d\u00bb)\]]|$)|(?<=\s)[-\u2013\u2014](?=\s)"
)
_ABBREVIATED = re.compile(r"\b(?:mr|mrs|ms|dr|st|prof|vs|e\.g|i\.e|[a-z])\.$", re.IGNORECASE)
_CONJUNCTION = re.compile(r"(?<=\s)(?:and|while|with|where|which|as|but|et|avec|tandis)(?=\s)", re.IGNORECASE)
_BLANKS = re.compile(r"\s+")
_JOINS = words("and or but then also plus et ou puis mais")
_DANGLING = _JOINS | words(
    """
    a an the of to for from by as at in on into onto upon with near beside next under behind above below over
    between inside against is are was were be that which who where while un une des le la les l du de d au aux
    à en dans sur sous par pour avec chez qui que qu dont où est sont
    """
)
"""What is said of a word behind it, and of none where there is none."""
_OPENING, _CLOSING = "([{\u201c\u00ab", ")]}\u201d\u00bb"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statement:
    """One of a prompt's statements.

    Args:
        text: its words on one line, without brackets, weights and other marks.
        span: where it stands.
    """

    text: str
    span: Span


def statements_of(prompt: str) -> tuple[Statement, ...]:
    """A prompt's statements in their order."""
    text = _readable(prompt)
    content = content_words(prompt)
    found: list[Statement] = []
    for start, end in _pieces(prompt, text):
        for low, high in _short_enough(text, start, end):
            span = _trimmed(prompt, text, low, high)
            if span is not None and _says_something(text, span, content):
                found.append(Statement(text=_worded(text, span), span=span))
    return tuple(found)


def _worded(text: str, span: Span) -> str:
    return " ".join(text[span.start : span.end].split())


def _readable(prompt: str) -> str:
    """The prompt with its marks as blanks, but for numbers, as long as it is."""
    reading = marked(prompt)
    marks = [span for span in reading.cannot if not span.text[0].isdigit()]
    text = list(reading.text)
    for found in _NUMBER.finditer(prompt):
        is_mark = any(span.start < found.end() and found.start() < span.end for span in marks)
        if not is_mark and prompt[found.start() - 1 : found.start()] != ":":
            text[found.start() : found.end()] = found[0]
    return "".join(text)


def _pieces(prompt: str, text: str) -> Iterator[tuple[int, int]]:
    """What stands between commas, full stops and marks that are not enclosed by anything."""
    enclosed = _enclosed(prompt)
    start = 0
    for found in _CUT.finditer(text):
        is_mark = found[0] == ";" != prompt[found.start()]
        if not is_mark and (found.start() in enclosed or _is_abbreviation(text, found)):
            continue
        yield start, found.start()
        start = found.end()
    yield start, len(text)


def _is_abbreviation(text: str, dot: re.Match[str]) -> bool:
    return dot[0] == "." and bool(_ABBREVIATED.search(text, max(0, dot.start() - 6), dot.end()))


def _enclosed(prompt: str) -> set[int]:
    """The places in numbers, in matching brackets and in quotation marks."""
    found: set[int] = set()
    for number in _NUMBER.finditer(prompt):
        found.update(range(number.start(), number.end()))
    for quoted in re.finditer(r'"[^"\n]*"', prompt):
        found.update(range(quoted.start(), quoted.end()))
    open_at: list[tuple[str, int]] = []
    for i, character in enumerate(prompt):
        if character in _OPENING:
            open_at.append((_CLOSING[_OPENING.index(character)], i))
        elif open_at and character == open_at[-1][0]:
            _, start = open_at.pop()
            if not open_at:
                found.update(range(start, i))
    return found


def _short_enough(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A piece, or its parts where it is too long: cut at the conjunction, or else the blank, nearest to its
    middle."""
    length = len(text[start:end].strip())
    if length <= LONGEST:
        yield start, end
        return
    places = [found.start() for found in _CONJUNCTION.finditer(text, start + 1, end)]
    if not places and length > 2 * LONGEST:
        places = _blanks(text, start, end) or [start + 2 * LONGEST]
    places = [place for place in places if text[start:place].strip() and text[place:end].strip()]
    if not places:
        yield start, end
        return
    middle = min(places, key=lambda place: abs(2 * place - start - end))
    yield from _short_enough(text, start, middle)
    yield from _short_enough(text, middle, end)


def _blanks(text: str, start: int, end: int) -> list[int]:
    """Where words begin; none that belongs to the word before it ('on the'), if there are others."""
    places: list[int] = []
    parting: list[int] = []
    last = start
    for blank in _BLANKS.finditer(text, start, end):
        places.append(blank.end())
        if plain(text[last : blank.start()]) not in _DANGLING:
            parting.append(blank.end())
        last = blank.end()
    return parting or places


def _trimmed(prompt: str, text: str, start: int, end: int) -> Span | None:
    """A piece from its first word to its last: without an 'and' before, or an 'in' or 'the' after."""
    found = list(words_of(text[start:end]))
    signs = [i for i in range(start, end) if _is_sign(text[i])]
    while found and plain(found[0].text) in _JOINS:
        found.pop(0)
    last = signs[-1] if signs else start  # a word before a sign is said of it
    while found and start + found[-1].start >= last and plain(found[-1].text) in _DANGLING:
        found.pop()
    ends = [*signs, *(start + word.start for word in found), *(start + word.end - 1 for word in found)]
    return Span.of(prompt, min(ends), max(ends) + 1) if ends else None


def _says_something(text: str, span: Span, content: Sequence[Span]) -> bool:
    """Whether it has a word of content, or a picture sign."""
    last = bisect.bisect_left(content, span.end, key=lambda word: word.start) - 1
    if last >= 0 and span.start < content[last].end:
        return True
    return any(map(_is_sign, text[span.start : span.end]))


def _is_sign(character: str) -> bool:
    return unicodedata.category(character) == "So"
