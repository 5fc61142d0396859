"""A wording with other words in it: for one of its things, for its setting or its style.

What is said is asked for, by a fact of its own at least; all other facts are as they were before, but the words
that stand for them stand in another prompt.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Literal

from ...engine.values.fact import Fact, FactKind, once
from ...engine.values.start import Wording
from ..pocket.world.words import SETTING_WORDS, STYLE_WORDS, an
from .phrases import Phrase, phrases_in, replaced

PLAIN_STYLE = "flat"  # which is not said
_OF_A_THING: tuple[FactKind, ...] = ("thing", "colour", "size")
_PART_OF: dict[str, str] = {"thing": "kind", "colour": "colour", "size": "size"}
"""What facts of these kinds say of a thing."""
_LAST = ("relation", "setting", "style", "count")  # in the order of facts


def with_other_thing(wording: Wording, old: Phrase, **said: str) -> Wording:
    """The wording with another kind, colour or size, where one is said, for the thing that a phrase names."""
    prompt = replaced(wording.prompt, old, old.named(**said))
    return Wording(prompt=prompt, facts=_facts_of_other_thing(wording.facts, old, said))


def with_setting(wording: Wording, setting: str) -> Wording:
    """The wording with another setting of the pocket world."""
    said = SETTING_WORDS[setting][0]
    return Wording(
        prompt=_swapped(wording.prompt, SETTING_WORDS, said),
        facts=_with_fact(wording.facts, "setting", SETTING_WORDS, said),
    )


def with_style(wording: Wording, style: str) -> Wording:
    """The wording in another style of the pocket world; the plain one is not said in its prompt."""
    said = STYLE_WORDS[style][0]
    return Wording(
        prompt=_swapped(wording.prompt, STYLE_WORDS, "" if style == PLAIN_STYLE else said),
        facts=_with_fact(wording.facts, "style", STYLE_WORDS, said),
    )


def _facts_of_other_thing(before: tuple[Fact, ...], old: Phrase, said: Mapping[str, str]) -> tuple[Fact, ...]:
    """The facts with other words for one thing: what is said is asked for, by a fact of its own at least."""
    facts: list[Fact] = []
    for fact in before:
        text = _renamed(fact.text, old, said)
        is_said = text != fact.text and (fact.kind == "other" or bool(said.get(_PART_OF.get(fact.kind, ""))))
        facts.append(Fact(kind=fact.kind, text=text, asked=fact.asked or is_said))
    kind = said.get("kind") or old.kind
    named = {"thing": kind, "colour": f"{said.get('colour')} {kind}", "size": f"{said.get('size')} {kind}"}
    wanted = [Fact(kind=each, text=an(named[each])) for each in _OF_A_THING if said.get(_PART_OF[each])]
    place = _place_of(before, old)
    return once([*facts[:place], *wanted, *facts[place:]])


def _place_of(facts: tuple[Fact, ...], thing: Phrase) -> int:
    """Where among the facts another one of a thing stands: behind those of it, or else of all things."""
    its = [i for i, fact in enumerate(facts) if fact.kind in _PART_OF and _is_of(fact, thing)]
    if its:
        return its[-1] + 1
    return next((i for i, fact in enumerate(facts) if fact.kind in _LAST), len(facts))


def _renamed(text: str, old: Phrase, said: Mapping[str, str]) -> str:
    """What a fact says, with other words for the thing where it speaks of that."""
    for phrase in reversed(phrases_in(text)):
        if _is_same(phrase, old):
            new = {name: word for name, word in said.items() if name == "kind" or getattr(phrase, name)}
            text = replaced(text, phrase, phrase.named(**new))
    return text


def _is_same(phrase: Phrase, old: Phrase) -> bool:
    return phrase.kind == old.kind and phrase.colour in ("", old.colour) and phrase.size in ("", old.size)


def _is_of(fact: Fact, old: Phrase) -> bool:
    return any(_is_same(phrase, old) for phrase in phrases_in(fact.text))


def _swapped(text: str, words: Mapping[str, tuple[str, ...]], said: str) -> str:
    """A prompt with `said` in place of the setting or style that it names, or at its end."""
    pattern = _way_in(text, words)
    if pattern:
        return re.sub(pattern, f", {said}" if said else "", text, count=1).strip(" ,")
    return f"{text}, {said}" if said else text


def _way_in(text: str, words: Mapping[str, tuple[str, ...]]) -> str:
    """The pattern of the setting or style that a text names; empty for none."""
    ways = sorted((way for each in words.values() for way in each), key=len, reverse=True)
    patterns = (rf",?\s*\b{re.escape(way)}\b" for way in ways)
    return next((pattern for pattern in patterns if re.search(pattern, text)), "")


def _with_fact(
    before: tuple[Fact, ...], kind: Literal["setting", "style"], words: Mapping[str, tuple[str, ...]], said: str
) -> tuple[Fact, ...]:
    """The facts with another setting or style, which is asked for; what whole statements say of it, too."""
    facts: list[Fact] = []
    for fact in before:
        if fact.kind == "other" and _way_in(fact.text, words):
            facts.append(Fact(kind="other", text=_swapped(fact.text, words, said)))
        elif fact.kind != kind:
            facts.append(dataclasses.replace(fact, span=None))
    later = _LAST[_LAST.index(kind) + 1 :]
    place = next((i for i, fact in enumerate(facts) if fact.kind in later), len(facts))
    return (*facts[:place], Fact(kind=kind, text=said), *facts[place:])
