"""A wording with other words in it: for one of its things, for its setting or its style.

What is said is asked for, by a fact of its own at least; all other facts are as they were before, but the words
that stand for them stand in another prompt.
"""

import dataclasses
import functools
import re
from collections.abc import Mapping
from typing import Literal

from ...engine.language.words.common_words import FUNCTION_WORDS
from ...engine.language.words.content import plain_words
from ...engine.language.words.grammar_words import LEADS
from ...engine.language.words.inflection import an
from ...engine.values.fact import Fact, FactKind, once
from ...engine.values.start import Wording
from ..vocabulary import Vocabulary
from .phrases import Phrase, any_of, phrases_in, replaced

Elsewhere = Literal["setting", "style"]
"""What is said of a picture, and not of a thing in it."""
_OF_A_THING: tuple[FactKind, ...] = ("thing", "colour", "size")
_PART_OF: dict[str, str] = {"thing": "kind", "colour": "colour", "size": "size"}
"""What facts of these kinds say of a thing."""
_MARKS = ",.;:!?)"
_FUNCTION = {(word,) for word in FUNCTION_WORDS}
_LAST = ("relation", "setting", "style", "count")  # in the order of facts


def with_other_thing(wording: Wording, old: Phrase, vocabulary: Vocabulary, **said: str) -> Wording:
    """The wording with another kind, colour or size, where one is said, for the thing that a phrase names."""
    prompt = replaced(wording.prompt, old, old.named(vocabulary, **said))
    return Wording(prompt=prompt, facts=_facts_of_other_thing(wording.facts, old, vocabulary, said))


def with_setting(wording: Wording, setting: str, vocabulary: Vocabulary) -> Wording:
    """The wording with another setting, by the vocabulary's usual phrase for it."""
    return Wording(
        prompt=_swapped(wording.prompt, vocabulary, "setting", setting),
        facts=_with_fact(wording.facts, vocabulary, "setting", setting),
    )


def with_style(wording: Wording, style: str, vocabulary: Vocabulary) -> Wording:
    """The wording in another style, by its usual phrase; the plain one is not said in its prompt."""
    said = "" if style == vocabulary.plain_style else style
    return Wording(
        prompt=_swapped(wording.prompt, vocabulary, "style", said),
        facts=_with_fact(wording.facts, vocabulary, "style", style),
    )


def _facts_of_other_thing(
    before: tuple[Fact, ...], old: Phrase, vocabulary: Vocabulary, said: Mapping[str, str]
) -> tuple[Fact, ...]:
    """The facts with other words for one thing: what is said is asked for, by a fact of its own at least."""
    facts: list[Fact] = []
    for fact in before:
        text = _renamed(fact.text, old, vocabulary, said)
        is_said = text != fact.text and (fact.kind == "other" or bool(said.get(_PART_OF.get(fact.kind, ""))))
        facts.append(Fact(kind=fact.kind, text=text, asked=fact.asked or is_said))
    kind = said.get("kind") or old.kind
    named = {"thing": kind, "colour": f"{said.get('colour')} {kind}", "size": f"{said.get('size')} {kind}"}
    wanted = [Fact(kind=each, text=an(named[each])) for each in _OF_A_THING if said.get(_PART_OF[each])]
    place = _place_of(before, old, vocabulary)
    return once([*facts[:place], *wanted, *facts[place:]])


def _place_of(facts: tuple[Fact, ...], thing: Phrase, vocabulary: Vocabulary) -> int:
    """Where among the facts another one of a thing stands: behind those of it, or else of all things."""
    its = [i for i, fact in enumerate(facts) if fact.kind in _PART_OF and _is_of(fact, thing, vocabulary)]
    if its:
        return its[-1] + 1
    return next((i for i, fact in enumerate(facts) if fact.kind in _LAST), len(facts))


def _renamed(text: str, old: Phrase, vocabulary: Vocabulary, said: Mapping[str, str]) -> str:
    """What a fact says, with other words for the thing where it speaks of that."""
    for phrase in reversed(phrases_in(text, vocabulary)):
        if _is_same(phrase, old):
            new = {name: word for name, word in said.items() if name == "kind" or getattr(phrase, name)}
            text = replaced(text, phrase, phrase.named(vocabulary, **new))
    return text


def _is_same(phrase: Phrase, old: Phrase) -> bool:
    return phrase.kind == old.kind and phrase.colour in ("", old.colour) and phrase.size in ("", old.size)


def _is_of(fact: Fact, old: Phrase, vocabulary: Vocabulary) -> bool:
    return any(_is_same(phrase, old) for phrase in phrases_in(fact.text, vocabulary))


def _swapped(text: str, vocabulary: Vocabulary, category: Elsewhere, said: str) -> str:
    """A prompt with `said` in place of the setting or style that it names, or at its end."""
    found = _said_in(text, vocabulary, category)
    if found:
        new = f", {said}" if said else ""
        return f"{text[: found.start()]}{new}{text[found.end() :]}".strip(" ,")
    return f"{text}, {said}" if said else text


def _said_in(text: str, vocabulary: Vocabulary, category: Elsewhere) -> re.Match[str] | None:
    """Where a text says a setting or a style, with the comma before it: the longest phrase for one.

    `in ink` counts wherever it stands, but the `ink` of `a bottle of ink` is a thing. So a phrase that no
    function word leads must stand between commas; or at a part's end, if it is one that none could lead.
    """
    for pattern, leads, complete in _phrases(vocabulary, category):
        for found in pattern.finditer(text):
            behind = text[found.end() :].lstrip()
            ends = not behind or behind[0] in _MARKS
            begins = found.start() == 0 or text[found.start()] == ","
            part_ends = ends or plain_words(behind)[:1] in _FUNCTION
            if leads or (begins and ends) or (complete and part_ends):
                return found
    return None


@functools.lru_cache(maxsize=16)
def _phrases(vocabulary: Vocabulary, category: Elsewhere) -> list[tuple[re.Pattern[str], bool, bool]]:
    """All phrases of a category, the longest first: a pattern for each, whether a function word leads it, and
    whether none could (`downtown`, but not `forest`, because of `in a forest`)."""
    ways = vocabulary.ways[category]
    led = {way[i:] for way in ways if way[0] in FUNCTION_WORDS for i in range(1, len(way))}
    return [
        (re.compile(rf",?\s*\b(?:{any_of([way])})\b"), way[0] in FUNCTION_WORDS | LEADS, way not in led)
        for way in sorted(ways, key=lambda way: len(" ".join(way)), reverse=True)
    ]


def _with_fact(
    before: tuple[Fact, ...], vocabulary: Vocabulary, category: Elsewhere, said: str
) -> tuple[Fact, ...]:
    """The facts with another setting or style, which is asked for; what whole statements say of it, too."""
    facts: list[Fact] = []
    for fact in before:
        if fact.kind == "other" and _said_in(fact.text, vocabulary, category):
            facts.append(Fact(kind="other", text=_swapped(fact.text, vocabulary, category, said)))
        elif fact.kind != category:
            facts.append(dataclasses.replace(fact, span=None))
    later = _LAST[_LAST.index(category) + 1 :]
    place = next((i for i, fact in enumerate(facts) if fact.kind in later), len(facts))
    return (*facts[:place], Fact(kind=category, text=said), *facts[place:])
