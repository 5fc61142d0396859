"""Small words that say where a thing is, as 'on' in 'a cat on a table': grammar words that carry meaning.

English and French. Of 'with', 'near', 'and' and the like, what stands beside them says enough; 'under' and
'behind' are content wherever they stand.
"""

import itertools
import re
from collections.abc import Collection, Iterator, Sequence

from ...values.fact import Span
from .common_words import words
from .content import content_words, plain, words_of

_ON = words("on onto upon sur")
_IN = words("in into inside within dans")
_DETERMINERS = words(
    """
    a an the his her its their my your our this that these those two three four five
    un une le la les l des ses sa son
    """
)
_NO_PLACES = words(
    """
    day night morning evening afternoon dusk dawn noon midnight sunset sunrise twilight winter summer spring
    autumn fall rain snow storm fog mist dark darkness light sunlight moonlight sun sunshine wind shade weather
    style way fire watercolor watercolour ink oil oils pencil crayon charcoal canvas paper left right front
    middle center centre distance foreground corner side sides top bottom
    pluie neige nuit brume lumière soleil vent orage
    """
)
"""What 'in' and 'on' are said before, too, where there is no second thing."""

_REACH = 10  # words
_BETWEEN = re.compile(r"[\s'\u2019\"\u201c\u201d-]*")  # two words of a clause


def placing_words(prompt: str) -> Iterator[tuple[Span, tuple[Span, Span]]]:
    """Those between two things, each with the last word of content before it and the noun behind it."""
    content = set(content_words(prompt))
    reading = list(words_of(prompt))
    before: Span | None = None  # of the same clause
    for i, word in enumerate(reading):
        if i and not _BETWEEN.fullmatch(prompt, reading[i - 1].end, word.start):
            before = None
        name = plain(word.text)
        if word in content:
            before = word
        elif before and (name in _ON or name in _IN):
            is_placed = name in _ON or _is_determined(reading, i + 1)
            noun = _noun_behind(prompt, reading, i, content) if is_placed else None
            if noun and plain(noun.text) not in _NO_PLACES:
                yield word, (before, noun)


def _is_determined(reading: Sequence[Span], i: int) -> bool:
    """Whether an article or the like stands there: 'in a box', not 'in love'."""
    return i < len(reading) and plain(reading[i].text) in _DETERMINERS


def _noun_behind(prompt: str, reading: Sequence[Span], i: int, content: Collection[Span]) -> Span | None:
    """The last of the words of content that follow a word, determiners aside; none where anything else does."""
    noun: Span | None = None
    for last, word in itertools.pairwise(reading[i : i + _REACH]):
        is_next = _BETWEEN.fullmatch(prompt, last.end, word.start)
        if is_next and word in content:
            noun = word
        elif not is_next or noun or plain(word.text) not in _DETERMINERS:
            break
    return noun
