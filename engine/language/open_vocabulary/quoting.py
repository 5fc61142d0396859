"""Quotes of a prompt: where they stand, whether they ask for something, and which words no quote contains."""

import bisect
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from ...values.fact import UNSPACED, Span
from ..words.common_words import FUNCTION_WORDS, NEGATIONS, words
from ..words.content import content_words, left_out_of, plain, words_of
from ..words.inflection import stem
from ..words.placing import placing_words
from .agreement import contradictions, says_all, unwanted_words

_NO_BLANKS = re.compile(f"[{UNSPACED}]")
_PARTICLES = frozenset(
    "的一在和与跟了是个個只隻有上里裡中着著地得这那些张張请請画畫幅のがをにはでとももへやたている"
)
"""Characters of Chinese and Japanese that say nothing by themselves."""
_DEFINITE = words("the this that these those its their his her le la les l ce cette ces")
_AROUND = " \t\n,.;:!?-\u3001\u3002\uff0c"


class Quoted:
    """A prompt that is quoted from.

    Args:
        prompt: the user's.
    """

    def __init__(self, prompt: str) -> None:
        self.prompt = prompt
        self._content = content_words(prompt)
        self._starts = [word.start for word in self._content]
        self._unwanted = unwanted_words(prompt)

    def place(self, quote: str, used: Sequence[Span] = ()) -> Span | None:
        """Where a quote stands: of several places, the first that lies in none of those used.

        What is not to be seen has the word with it that says so: `without people` for `people`.

        Returns:
            `None` for a quote that asks for nothing, or stands nowhere.
        """
        first = None
        for span in self._places(quote.strip(_AROUND)):
            span = self._with_negation(span)
            if not _is_in(span, used):
                return span
            first = first or span
        return first

    def true_to(self, span: Span, text: str) -> bool:
        """Whether a text says what the prompt says at a place: no less, in no other order, nothing against it,
        no more than the words around it say, too."""
        in_order = _stems(text)
        said = set(in_order)
        if not said or not says_all(text, span.text) or contradictions(self.prompt, text):
            return False
        quoted = _stems(span.text)
        of_quote = set(quoted)
        again = [each for each in in_order if each in of_quote]
        if len(again) == len(quoted) and again != quoted:
            return False
        first = bisect.bisect_left(self._starts, span.start)
        last = bisect.bisect_left(self._starts, span.end)
        while first > 0 and stem(self._content[first - 1].text) in said:
            first -= 1
        while last < len(self._content) and stem(self._content[last].text) in said:
            last += 1
        return said <= {stem(word.text) for word in self._content[first:last]}

    def left_out_by(self, spans: Sequence[Span]) -> tuple[Span, ...]:
        """What of the prompt lies in none of these spans, function words aside; of texts without blanks between
        their words, which are quoted in part, what is left of them. What is named again ('the boat') is not.

        A word like 'on' is left out, too, where it lies in no span, and both things of which it is said do."""
        found: list[Span] = []
        carried = [*spans, *self._named_again(spans)]
        for left in left_out_of(self.prompt, carried):
            if (left.text[0].isdigit() or has_sign(left.text[0])) and _is_in(left, spans):
                continue  # a number like 1,000 or a picture sign: a mark elsewhere, here it is quoted
            cuts = [span for span in spans if span.start < left.end and left.start < span.end]
            is_partly_quoted = bool(cuts) and _NO_BLANKS.search(left.text) is not None
            found += self._rest(left, cuts) if is_partly_quoted else [left]
        places = [
            word
            for word, near in placing_words(self.prompt)
            if not _is_in(word, spans) and all(_is_in(content, carried) for content in near)
        ]
        return tuple(sorted({*found, *places}))

    def _named_again(self, spans: Sequence[Span]) -> Iterator[Span]:
        """Content words after a 'the' that are words of these spans, too."""
        carried = {stem(word.text) for span in spans for word in words_of(span.text)}
        before = ""
        for word in words_of(self.prompt):
            if before in _DEFINITE and stem(word.text) in carried:
                yield word
            before = plain(word.text)

    def _places(self, text: str) -> Iterator[Span]:
        """Where a text stands and asks for something: between words, or else within them."""
        starts: list[int] = []
        i = self.prompt.find(text) if text else -1
        while i >= 0:
            starts.append(i)
            i = self.prompt.find(text, i + 1)
        says = not _NO_BLANKS.search(text) or any(map(_is_content, text))
        is_sign = has_sign(text)
        whole = [start for start in starts if self._is_whole(start, start + len(text))]
        for start in whole or starts:
            end = start + len(text)
            if says if self._has_content(start, end) else is_sign:
                yield Span.of(self.prompt, start, end)

    def _is_whole(self, start: int, end: int) -> bool:
        """Whether it begins and ends between words."""
        ends = (at for at in (start, end) if 0 < at < len(self.prompt))
        return not any(self.prompt[at - 1].isalnum() and self.prompt[at].isalnum() for at in ends)

    def _has_content(self, start: int, end: int) -> bool:
        i = bisect.bisect_left(self._starts, end) - 1
        return i >= 0 and start < self._content[i].end

    def _with_negation(self, span: Span) -> Span:
        if self._unwanted.isdisjoint(stem(word.text) for word in words_of(span.text)):
            return span
        before = list(words_of(self.prompt[: span.start]))
        for word in reversed(before):
            if plain(word.text) in NEGATIONS:
                return Span.of(self.prompt, word.start, span.end)
            if stem(word.text) not in self._unwanted and plain(word.text) not in FUNCTION_WORDS:
                break
        return span

    def _rest(self, left: Span, cuts: Sequence[Span]) -> Iterator[Span]:
        """What the cuts leave of a span, but for particles and marks at its ends."""
        end = left.start
        for cut in [*sorted(cuts), Span(start=left.end, end=left.end, text="")]:
            start, stop = end, max(end, cut.start)
            end = max(end, cut.end)
            while start < stop and not _is_content(self.prompt[start]):
                start += 1
            while start < stop and not _is_content(self.prompt[stop - 1]):
                stop -= 1
            text = self.prompt[start:stop]
            if _NO_BLANKS.search(text) or content_words(text):
                yield Span.of(self.prompt, start, stop)


def _stems(text: str) -> list[str]:
    """Of the words of content, in their order."""
    return [stem(word.text) for word in content_words(text)]


def _is_in(span: Span, others: Iterable[Span]) -> bool:
    return any(other.start <= span.start and span.end <= other.end for other in others)


def has_sign(text: str) -> bool:
    """Whether there is a picture sign in a text."""
    return any(unicodedata.category(character) == "So" for character in text)


def _is_content(character: str) -> bool:
    return character.isalnum() and character not in _PARTICLES
