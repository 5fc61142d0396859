"""An instruction in words ("make the boat red") and a wording; what the wording becomes by it, and where.

Rules over what the wording says of things, of the setting and of the style, in the words of a vocabulary.
What the instruction changes is asked for, all else as it was before; what it says beyond that is left out, and
so is what was left out before, but for what was said of a thing that there is no more.
"""

import dataclasses
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal

from ...engine.language.words.common_words import NEGATIONS, words
from ...engine.language.words.content import content_words, joined, plain, plain_words
from ...engine.values.fact import Span
from ...engine.values.start import Wording
from ..vocabulary import Vocabulary, Words, meaning
from .phrases import Phrase, phrase_of, phrases_in
from .rewording import with_other_thing, with_setting, with_style

Where = Literal["thing", "around things", "everywhere"]
INSTRUCTING = words(
    """
    now make makes change changes turn transform convert move moves put set place places use bring take keep
    switch swap replace exchange substitute dye redraw redo render background everything whole instead time
    becomes become look looks much more bit
    """
)
"""Words that tell to change something, and not what."""
ARTICLES = ("a", "an", "the")
_INSTEAD = (
    r"(?:(?:put|draw|paint|show|place|use)\s+)?(?P<new>.+?)\s+(?:instead|in (?:the )?place)\s+of\s+(?P<old>.+)",
    r"(?:replace|swap|exchange|substitute)\s+(?P<old>.+?)\s+(?:by|with|for)\s+(?P<new>.+)",
    r"(?:change|turn|transform|make)\s+(?P<old>.+?)\s+(?:into|to)\s+(?P<new>.+)",
)
_BECOMES = r"(?:make|paint|colou?r|turn|dye|change)\s+(?P<rest>.+)"
_IS = r"(?P<old>.+?)\s+(?:is|should be|must be|becomes)\s+(?P<how>.+)"
_MORE = {"bigger": "big", "larger": "big", "smaller": "small", "tinier": "small"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
    """What an instruction comes to.

    Args:
        wording: what the picture is to show; what is left out has no place in it.
        where: what of it is to be drawn anew.
        thing: what the old wording says of the one thing that changes, where one does.
    """

    wording: Wording
    where: Where
    thing: Phrase | None = None


@dataclasses.dataclass(frozen=True)
class _Understood:
    """A change, the words of the instruction that it carries out, and what of the old left-outs it does away
    with."""

    change: Change
    words: Collection[str]
    gone: Collection[Span] = ()


def changed(wording: Wording, instruction: str, vocabulary: Vocabulary) -> Change | None:
    """The change that an instruction asks for; `None` where it is not understood, or says nothing of these."""
    text = re.sub(r"^(?:please|now)\s+", "", " ".join(instruction.lower().split())).strip(" .!,")
    if NEGATIONS.intersection(plain_words(text)):
        return None
    rules = (_becomes, _instead, _elsewhere)
    found = next(filter(None, (rule(wording, text, vocabulary) for rule in rules)), None)
    if found is None:
        return None
    left_out = left_out_after(
        unread(instruction, found.words), [each for each in wording.left_out if each not in found.gone]
    )
    new = dataclasses.replace(found.change.wording, left_out=left_out)
    return dataclasses.replace(found.change, wording=new)


def left_out_after(unread: Iterable[Span], before: Iterable[Span]) -> tuple[Span, ...]:
    """What is left out of a changed wording: what was `before`, and what of an instruction is `unread`. They
    are words of two texts, and stand in neither the new wording nor, for sure, the new request's prompt."""
    return tuple(dict.fromkeys(Span.elsewhere(span.text) for span in (*before, *unread)))


def unread(instruction: str, read: Collection[str]) -> tuple[Span, ...]:
    """Words of an instruction that ask for something, and are none of those that were `read`."""
    known = {*INSTRUCTING, *read}
    return joined(instruction, [each for each in content_words(instruction) if plain(each.text) not in known])


def _said_of(wording: Wording, thing: Phrase, vocabulary: Vocabulary) -> list[Span]:
    """What was left out of the words right before a thing, and so goes with it: of `a furry cat`, say."""
    if thing.several or sum(phrase.kind == thing.kind for phrase in phrases_in(wording.prompt, vocabulary)) > 1:
        return []  # of which of them was it said?
    of_it = [
        fact
        for fact in wording.facts
        if any(phrase.kind == thing.kind for phrase in phrases_in(fact.text, vocabulary))
    ]
    starts = [fact.span.start for fact in of_it if fact.span is not None]
    left_out = [span for span in wording.left_out if span.has_place]
    return [span for span in left_out if any(span.end + 1 == start for start in starts)]


def _becomes(wording: Wording, text: str, vocabulary: Vocabulary) -> _Understood | None:
    """'make the boat red', 'the boat should be bigger'."""
    for said, how in _things_and_hows(text):
        old = _one_thing(said, wording.prompt, vocabulary)
        said_how: list[str] = re.findall(r"[\w-]+", how)
        ways = {word: _MORE.get(word, word) for word in said_how}
        colour = next((way for way in ways.values() if meaning(vocabulary, "colour", way)), "")
        size = next((way for way in ways.values() if meaning(vocabulary, "size", way)), "")
        if old is not None and (colour or size):
            read = [word for word, way in ways.items() if way in (colour, size)]
            usual_size = meaning(vocabulary, "size", size)
            new = with_other_thing(
                wording,
                old,
                vocabulary,
                colour=meaning(vocabulary, "colour", colour),
                size=size if usual_size == vocabulary.plain_size else usual_size,
            )
            change = Change(wording=new, where="thing", thing=old)
            return _Understood(change, plain_words(" ".join((said, *read))))
    return None


def _things_and_hows(text: str) -> Iterator[tuple[str, str]]:
    """All ways to part an instruction into a thing and what it is to be, the longest thing first."""
    if match := re.fullmatch(_BECOMES, text):
        rest = match["rest"].split()
        for i in range(len(rest) - 1, 0, -1):
            yield " ".join(rest[:i]), re.sub(r"^(?:to|into)\s+", "", " ".join(rest[i:]))
    if match := re.fullmatch(_IS, text):
        yield match["old"], match["how"]


def _one_thing(said: str, prompt: str, vocabulary: Vocabulary) -> Phrase | None:
    """What the prompt says of a thing, if `said` is the name of one, and of one only."""
    things = phrases_in(said, vocabulary)
    if things and (things[-1].end != len(said) or (len(things) > 1 and " and " in said)):
        return None
    return phrase_of(said, prompt, vocabulary)


def _instead(wording: Wording, text: str, vocabulary: Vocabulary) -> _Understood | None:
    """'put a cat instead of the boat', 'replace the boat by a cat'."""
    for pattern in _INSTEAD:
        if match := re.fullmatch(pattern, text):
            old = _one_thing(match["old"], wording.prompt, vocabulary)
            (new, *_) = phrases_in(match["new"], vocabulary) or [None]
            if old is not None and new is not None:
                other = with_other_thing(
                    wording, old, vocabulary, kind=new.kind, colour=new.colour, size=new.size
                )
                change = Change(wording=other, where="thing", thing=old)
                number = "one" if new.number == "one" and not old.several else ""
                read = (match["old"], new.noun, new.colour, new.size, number)
                return _Understood(change, plain_words(" ".join(read)), _said_of(wording, old, vocabulary))
    return None


def _elsewhere(wording: Wording, text: str, vocabulary: Vocabulary) -> _Understood | None:
    """'at night', 'move it to the beach', 'make it an ink drawing'."""
    setting, setting_words = _named(text, vocabulary.ways["setting"])
    style, style_words = _named(text, vocabulary.ways["style"])
    if not setting and not style:
        return None
    new = with_setting(wording, setting, vocabulary) if setting else wording
    new = with_style(new, style, vocabulary) if style else new
    change = Change(wording=new, where="everywhere" if style else "around things")
    return _Understood(change, (*setting_words, *style_words))


def _named(text: str, ways: Mapping[Words, str]) -> tuple[str, Words]:
    """Of settings or styles the one that the text names, by its longest words, and these; empty for none."""
    nouns = {noun: usual for way, usual in ways.items() if (noun := _noun_of(way))}
    said = f" {' '.join(plain_words(text))} "
    for way, usual in sorted({**nouns, **ways}.items(), key=lambda each: -len(" ".join(each[0]))):
        if f" {' '.join(way)} " in said:
            return usual, way
    return "", ()


def _noun_of(way: Words) -> Words:
    """'the beach' of 'at the beach': as an instruction names it behind words of its own; empty for none."""
    return next((way[i:] for i, word in enumerate(way[:-1]) if word in ARTICLES), ())
