"""Who is where, and who does what to whom: what an English or French text says of two things, by rule.

Relations that say the same are one: 'a cat left of a dog' and 'a dog right of a cat'. Where the words do not
say for sure which things are meant ('on a table a cat'), nothing is said of any.
"""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..words.common_words import FUNCTION_WORDS, NEGATIONS, words
from ..words.inflection import NUMBERS, stem
from .noun_phrases import COLOURS, clauses, colours_in, is_no_noun

_RELATIONS = """
    left: left of; to the left of; on the left of; on the left side of; to the left side of
    left: à gauche de; à gauche d; à gauche du; à gauche des
    right: right of; to the right of; on the right of; on the right side of; to the right side of
    right: à droite de; à droite d; à droite du; à droite des
    above: on; onto; upon; above; over; atop; on top of; at the top of; sur
    above: au dessus de; au dessus d; au dessus du
    below: under; below; underneath; beneath; sous; en dessous de; en dessous d; en dessous du; au dessous de
    front: in front of; before; devant
    behind: behind; at the back of; derrière
    inside: in; inside; into; within; inside of; dans
    outside: outside; outside of; hors de
    none: between; among; near; beside; besides; beyond; against; around; along; next to; close to; across from
    none: on the left; on the right; to the left; to the right; in the middle; in the middle of; in the front
    none: in the back; in the background; in the foreground; in the style of; from; through; across
    none: toward; towards; to; at; of; with; as; like; for; up; down; off; out; out of; amid; during; after
    none: avec; près de; chez
    none: and; or; but; et; ou; mais; while; as well as; plus; by; par; it; them; him
"""
_TURNED = {"right": "left", "below": "above", "behind": "front", "outside": "inside"}
"""Relations of the second thing to the first."""
_TARGETS = words("at to after toward towards")
"""Joints behind which a verb's object may stand, too: 'looking at a dog'."""
_BY = words("by par")
_LINKS = words("is are was were be being who that which qui est sont and while")
_MUTUAL = frozenset(
    map(stem, words("facing meeting touching joining dancing talking kissing hugging fighting"))
)
_VERBS = frozenset(
    map(
        stem,
        words(
            """
            wears worn holds held holding rides ridden rode carries carried chases chased eats eaten ate drinks
            hugs kisses pushes pulls follows followed watches looks looked bites hunts hunted catches caught
            feeds fed drives driven leads throws kicks paints reads plays fights touches faces lifts
            attacks attacked protects covers covered sits sat stands stood lies lay rests hangs hung floats
            flies flew walks runs ran sleeps slept swims swam sails jumps leaps climbs grows leans waits seen
            """
        ),
    )
)


def _relations() -> dict[tuple[str, ...], str]:
    found: dict[tuple[str, ...], str] = {}
    for line in _RELATIONS.strip().splitlines():
        name, _, phrases = line.strip().partition(":")
        for phrase in phrases.split(";"):
            found[tuple(phrase.split())] = name
    return found


_KNOWN = _relations()
_LONGEST = max(map(len, _KNOWN))


class Thing(NamedTuple):
    """A noun: its stem, the colours that are said of it, and how it is named."""

    noun: str
    colours: frozenset[str]
    word: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Role:
    """What is said of two things: `first` is left of, above, in front of or inside `second`, or does it to it.

    Args:
        relation: its name, or the stem of a verb.
    """

    relation: str
    first: Thing
    second: Thing


class _Token(NamedTuple):
    kind: str  # 'thing', 'verb', 'relation', 'joint'
    name: str
    thing: Thing | None = None


@functools.lru_cache(maxsize=256)
def roles(text: str) -> tuple[Role, ...]:
    """Everything that a text says of two things, in its order."""
    return tuple(role for clause in clauses(text) for role in _of_clause(list(_tokens(clause))))


def exchanged(asked: str, given: str) -> list[tuple[str, str]]:
    """Two things each that have changed their roles in a text, against what was asked for."""
    wished = {key: role for role in roles(asked) for key in _keys(role)}
    said = {key for role in roles(given) for key in _keys(role)}
    found: dict[tuple[str, str], None] = {}
    for (relation, first, second), role in wished.items():
        turned = (relation, second, first)
        if turned in said and turned not in wished and (relation, first, second) not in said:
            one, other = role.first.word, role.second.word
            if role.first.noun == role.second.noun:
                one, other = (
                    " ".join([*sorted(thing.colours), thing.word]) for thing in (role.first, role.second)
                )
            found[one, other] = None
    return list(found)


def _keys(role: Role) -> Iterator[tuple[str, str, str]]:
    """What tells a role from others: the nouns, or of equal nouns the colours."""
    first, second = role.first, role.second
    if first.noun != second.noun:
        yield role.relation, first.noun, second.noun
    elif first.colours and second.colours and first.colours.isdisjoint(second.colours):
        yield role.relation, _named(first), _named(second)


def _named(thing: Thing) -> str:
    return " ".join([*sorted(thing.colours), thing.noun])


def _of_clause(tokens: Sequence[_Token]) -> Iterator[Role]:
    subject: Thing | None = None  # the noun before
    for i, token in enumerate(tokens):
        if token.thing is not None:
            subject = token.thing
        elif subject is not None and token.kind in ("relation", "verb"):
            yield from _said(subject, token, tokens[i + 1 : i + 3])


def _said(subject: Thing, token: _Token, after: Sequence[_Token]) -> Iterator[Role]:
    """The role of a thing that a relation or a verb follows, if something comes behind that."""
    if not after:
        return
    relation, is_passive = token.name, False
    following = after[0]
    if token.kind == "verb" and following.kind == "joint" and len(after) == 2:
        is_passive = following.name in _BY
        if not is_passive and following.name not in _TARGETS:
            return
        following = after[1]
    if following.thing is None:
        return
    turned = is_passive or relation in _TURNED
    first, second = (following.thing, subject) if turned else (subject, following.thing)
    if relation not in _MUTUAL:
        yield Role(relation=_TURNED.get(relation, relation), first=first, second=second)


def _tokens(clause: Sequence[str]) -> Iterator[_Token]:
    """The things of a clause, and the words between them that say something of two."""
    run: list[str] = []
    i, before = 0, ""
    while i < len(clause):
        word, after = clause[i], clause[i + 1] if i + 1 < len(clause) else ""
        phrase = _relation_at(clause, i)
        is_verb = not phrase and _is_verb(word, run, before, after)
        if not (phrase or is_verb or word in FUNCTION_WORDS or word in NEGATIONS):
            run.append(word)
        else:
            yield from _thing(run)
            run = []
            if phrase:
                name = _KNOWN[phrase]
                yield _Token("joint", " ".join(phrase)) if name == "none" else _Token("relation", name)
            elif is_verb:  # one sits by a dog: beside it
                yield _Token("joint" if word.endswith("ing") and after in _BY else "verb", stem(word))
        before = word
        i += max(1, len(phrase))
    yield from _thing(run)


def _relation_at(clause: Sequence[str], i: int) -> tuple[str, ...]:
    """The longest relation or joint that begins at a word; empty for none."""
    phrases = (tuple(clause[i : i + count]) for count in range(_LONGEST, 0, -1))
    return next((phrase for phrase in phrases if phrase in _KNOWN), ())


def _is_verb(word: str, run: Sequence[str], before: str, after: str) -> bool:
    """Whether a word is what a thing does: a verb behind its noun, or behind 'is' or 'that'."""
    if not (word.endswith("ing") and len(word) > 5) and stem(word) not in _VERBS:
        return False
    if run:
        return run[-1] not in COLOURS and run[-1] not in NUMBERS
    return before in _LINKS or not after or after in FUNCTION_WORDS or (after,) in _KNOWN


def _thing(run: Sequence[str]) -> Iterator[_Token]:
    """The noun that a run of words ends with; none for a colour or a number alone."""
    if not run or is_no_noun(run[-1]):
        return
    *others, noun = run
    yield _Token("thing", noun, Thing(stem(noun), colours_in(others), noun))
