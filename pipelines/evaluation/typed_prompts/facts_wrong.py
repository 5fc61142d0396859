"""Canonical facts with one of them made wrong, the others saying the same of it: to try a score on."""

import random
import re
from collections.abc import Collection, Sequence

from ...pocket.world import COLOURS, KINDS, PLACES, SETTINGS, STYLES
from ...pocket.world.words import NUMBER_WORDS, PLACE_WORDS, SETTING_WORDS, STYLE_WORDS, an, plural
from .facts_seen import Claim, several

_ARTICLE = re.compile(r"\ban? (?=(\w))")


def made_wrong(claims: Sequence[Claim], kind: str, rng: random.Random) -> list[Claim] | None:
    """The facts with one of this kind, chosen at random, changed to another value; `None` if that is
    impossible.

    What is said of a thing is then said of the other kind of thing; a relation is turned round.
    """
    chosen = [claim for claim in claims if claim[0] == kind]
    if not chosen:
        return None
    claim = rng.choice(chosen)
    text = claim[1]
    match kind:
        case "thing":
            return _reworded(claims, text.split()[-1], KINDS, claims, rng)
        case "colour":
            return _changed(claims, claim, _other_word(text, COLOURS, rng))
        case "setting":
            return _changed(claims, claim, _other([SETTING_WORDS[name][0] for name in SETTINGS], text, rng))
        case "style":
            return _changed(claims, claim, _other([STYLE_WORDS[name][0] for name in STYLES], text, rng))
        case "place":
            return _changed(claims, claim, _other_word(text, [PLACE_WORDS[name][0] for name in PLACES], rng))
        case "count":
            return _changed(claims, claim, _other_count(text, rng))
        case "relation":
            return _changed(claims, claim, _turned(text))
        case _:
            return None


def _reworded(
    claims: Sequence[Claim], old: str, values: Collection[str], said: Sequence[Claim], rng: random.Random
) -> list[Claim]:
    """Another kind of thing, of which nothing is said yet, in place of `old` in all facts."""
    whole = " ".join(text for _, text in said)
    new = rng.choice([value for value in values if value not in whole])
    pattern = re.compile(rf"\b(?:{old}|{plural(old)})\b")

    def put(found: re.Match[str]) -> str:
        return new if found[0] == old else plural(new)

    return [(kind, _with_articles(pattern.sub(put, text))) for kind, text in claims]


def _changed(claims: Sequence[Claim], old: Claim, text: str | None) -> list[Claim] | None:
    if text is None:
        return None
    return [(old[0], _with_articles(text)) if claim == old else claim for claim in claims]


def _other(values: Sequence[str], wrong: str, rng: random.Random) -> str:
    return rng.choice([value for value in values if value != wrong])


def _other_word(text: str, values: Collection[str], rng: random.Random) -> str | None:
    """The text with another of `values` in place of the one that stands in it."""
    for value in values:
        if re.search(rf"\b{re.escape(value)}\b", text):
            return re.sub(rf"\b{re.escape(value)}\b", _other(list(values), value, rng), text)
    return None


def _other_count(text: str, rng: random.Random) -> str | None:
    """Another number of things alike, from two to four."""
    number, _, noun = text.partition(" ")
    words = [ways[0] for count, ways in NUMBER_WORDS.items() if count > 1]
    if number not in words or any(text == several(kind) for kind in KINDS):
        return None
    return f"{_other(words, number, rng)} {noun}"


def _turned(text: str) -> str | None:
    """The first two things of a relation in each other's place."""
    nouns = re.findall(r"\ban? ([\w-]+)", text)
    if len(nouns) < 2:
        return None
    swap = {nouns[0]: nouns[1], nouns[1]: nouns[0]}
    return re.sub(r"\ban? ([\w-]+)", lambda found: an(swap.get(found[1], found[1])), text)


def _with_articles(text: str) -> str:
    """With `a` or `an` as the next word wants it."""
    return _ARTICLE.sub(lambda found: "an " if found[1] in "aeiou" else "a ", text)
