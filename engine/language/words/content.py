"""Which words of a prompt say what is to be seen, and which of these no fact carries.

For prompts in any words, by any planner; what a closed vocabulary makes of its own words, `wish` knows.
"""

import functools
import itertools
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from ...values.fact import ELISION, UNSPACED, Span
from .common_words import FUNCTION_WORDS, NEGATIONS, QUALITY_PHRASES
from .prompt_syntax import marked

_MARKS = "\u0300-\u036f\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962-\u0963"  # accents, and India's vowel signs
_LETTERS = rf"(?:[^\W_][{_MARKS}]*)+"  # with marks that stand by themselves
_SPACED = _LETTERS.replace(r"\W_", rf"\W_{UNSPACED}")
_WORD = re.compile(rf"{ELISION}|{_LETTERS}(?:['\u2019]{_LETTERS})*", re.IGNORECASE)
_APART = re.compile(rf"{ELISION}|{_SPACED}(?:['\u2019]{_SPACED})*|[{UNSPACED}]", re.IGNORECASE)
_LONGEST_QUALITY = max(len(phrase.split()) for phrase in QUALITY_PHRASES)
_BETWEEN = re.compile(r"[\s-]*")


def words_of(text: str, *, apart: bool = False) -> Iterator[Span]:
    """Every word, in order; what a hyphen joins are two.

    Args:
        apart: of scripts without blanks each character is a word, for tables that know which belong together.
    """
    for found in (_APART if apart else _WORD).finditer(text):
        yield Span(start=found.start(), end=found.end(), text=found[0])


def plain(word: str) -> str:
    """A word as tables have it: in lower case, composed, and without the apostrophe that it ends with."""
    return unicodedata.normalize("NFC", word).lower().replace("\u2019", "'").removesuffix("'")


def plain_words(phrase: str, *, apart: bool = False) -> tuple[str, ...]:
    """The words of a phrase, as tables have them; for `apart` see `words_of`."""
    return tuple(plain(word.text) for word in words_of(phrase, apart=apart))


@functools.lru_cache(maxsize=64)
def content_words(prompt: str) -> tuple[Span, ...]:
    """The words that ask for something to be seen: neither function words, nor words of praise, nor marks."""
    text = marked(prompt).text
    words = list(words_of(text))
    praise = {i + j for i, count in praised(text, words).items() for j in range(count)}
    return tuple(
        Span.of(prompt, word.start, word.end)
        for i, word in enumerate(words)
        if i not in praise and (plain(word.text) not in FUNCTION_WORDS or plain(word.text) in NEGATIONS)
    )


def praised(text: str, words: Sequence[Span]) -> Mapping[int, int]:
    """Where words begin that say how good a picture is to be, or are said in passing, and how many they are; a
    phrase reaches over no comma."""
    found: dict[int, int] = {}
    names = [plain(word.text) for word in words]
    i = 0
    while i < len(words):
        for count in range(min(_LONGEST_QUALITY, len(words) - i), 0, -1):
            if " ".join(names[i : i + count]) not in QUALITY_PHRASES:
                continue
            part = words[i : i + count]
            if all(_BETWEEN.fullmatch(text, a.end, b.start) for a, b in itertools.pairwise(part)):
                found[i] = count
                break
        i += found.get(i, 1)
    return found


def left_out_of(prompt: str, carried: Iterable[Span]) -> tuple[Span, ...]:
    """What of a prompt's content lies in no span that facts stand for; and its marks that ask for what
    no words do. Words that follow each other are one span."""
    covered = list(carried)
    missing = [
        word
        for word in content_words(prompt)
        if not any(span.start <= word.start and word.end <= span.end for span in covered)
    ]
    return joined(prompt, [*missing, *marked(prompt).cannot])


def joined(prompt: str, spans: Collection[Span]) -> tuple[Span, ...]:
    """Spans in the order of the prompt; those between which there is nothing but blanks as one."""
    found: list[Span] = []
    for span in sorted(set(spans)):
        if found and span.start <= found[-1].end:
            found[-1] = Span.of(prompt, found[-1].start, max(span.end, found[-1].end))
        elif found and not prompt[found[-1].end : span.start].strip(" -\t"):
            found[-1] = Span.of(prompt, found[-1].start, span.end)
        else:
            found.append(span)
    return tuple(found)
