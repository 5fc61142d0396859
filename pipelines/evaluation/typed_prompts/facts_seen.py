"""Whether a picture shows a fact, by the inspector: facts in the world's canonical words, and what it sees.

Sizes it does not see; and a sentence that is no canonical fact it cannot tell.
"""

import functools
import re
from collections.abc import Callable, Iterable
from itertools import product

from ...pocket.world import COLOURS, KINDS, PLACES, SETTINGS, STYLES
from ...pocket.world.facts import COUNT_WORDS
from ...pocket.world.scene import LARGEST_GROUP
from ...pocket.world.words import PLACE_WORDS, RELATION_WORDS, SETTING_WORDS, STYLE_WORDS, an, number_of, plural
from ..inspector import Seen, Sighting
from ..matching import APART, place_of

Claim = tuple[str, str]  # (kind of fact, text)
Tell = Callable[[Sighting], bool | None]

_RELATIONS = {words[0]: name for name, words in RELATION_WORDS.items()}
_REVERSED = {"left": "right", "right": "left", "above": "below", "below": "above"}
_RELATION = re.compile(rf"an? ([\w-]+) ({'|'.join(_RELATIONS)}) an? ([\w-]+)(?: and an? ([\w-]+))?")


def several(kind: str) -> str:
    """A count without a number: 'several cats', two or more."""
    return f"several {plural(kind)}"


def shows(seen: Sighting, claim: Claim) -> bool | None:
    """Whether the picture shows it, as far as the inspector can tell; `None` where it cannot.

    A thing, a colour: one such is there. A count: exactly so many; 'several', two or more. A place: one of the
    kind stands there (see `matching.place_of`). A relation: of some two of these kinds, by their centres, at
    least `APART`; between: on one line from left to right, whichever of the outer two is first.
    """
    tell = _tell(claim)
    return None if tell is None else tell(seen)


def is_canonical(claim: Claim) -> bool:
    """Whether a fact is in the world's own words, sizes and counts of several among them."""
    return _tell(claim) is not None


def turned(claim: Claim) -> Claim:
    """A relation told from the other side: 'a cat above a house' as 'a house below a cat'; other facts as they
    are."""
    read = _read_relation(claim[1]) if claim[0] == "relation" else None
    if read is None:
        return claim
    relation, (first, *others) = read
    if relation == "between":
        return "relation", _related(first, relation, others[::-1])
    return "relation", _related(others[0], _REVERSED[relation], [first])


def _tell(claim: Claim) -> Tell | None:
    kind, text = claim
    return _relation(text) if kind == "relation" else _tells().get(claim)


@functools.cache
def _tells() -> dict[Claim, Tell]:
    """Every canonical fact but relations, and how to tell it."""
    tells: dict[Claim, Tell] = {}
    for kind in KINDS:
        tells["thing", an(kind)] = _at_least(1, kind)
        tells["count", several(kind)] = _at_least(2, kind)
        for count in range(1, LARGEST_GROUP + 1):
            tells["count", number_of(count, kind)] = _exactly(count, kind)
        for place in PLACES:
            tells["place", f"{an(kind)} {PLACE_WORDS[place][0]}"] = _in_place(kind, place)
    for kind, colour in product(KINDS, COLOURS):
        tells["colour", an(f"{colour} {kind}")] = _coloured(kind, colour)
    for kind, size in product(KINDS, ("small", "big")):
        tells["size", an(f"{size} {kind}")] = _cannot_tell
    for count, text in COUNT_WORDS.items():
        tells["count", text] = _exactly(count)
    for setting in SETTINGS:
        tells["setting", SETTING_WORDS[setting][0]] = _in_setting(setting)
    for style in STYLES:
        tells["style", STYLE_WORDS[style][0]] = _in_style(style)
    return tells


def _relation(text: str) -> Tell | None:
    read = _read_relation(text)
    if read is None:
        return None
    relation, kinds = read
    return lambda seen: any(_stand(relation, *things) for things in product(*_each(seen, kinds)))


def _read_relation(text: str) -> tuple[str, list[str]] | None:
    """Which relation, and between which kinds; `None` for any other text."""
    found = _RELATION.fullmatch(text)
    if found is None:
        return None
    first, words, *others = found.groups()
    relation, kinds = _RELATIONS[words], [kind for kind in (first, *others) if kind is not None]
    known = set(kinds) <= set(KINDS) and len(kinds) == (3 if relation == "between" else 2)
    return (relation, kinds) if known and text == _related(first, relation, kinds[1:]) else None


def _related(first: str, relation: str, others: Iterable[str]) -> str:
    return f"{an(first)} {RELATION_WORDS[relation][0]} {' and '.join(map(an, others))}"


def _stand(relation: str, first: Seen, second: Seen, third: Seen | None = None) -> bool:
    """Whether these things stand so to each other."""
    if third is not None:
        low, high = sorted((second.x, third.x))
        return first.x - low >= APART and high - first.x >= APART
    along = {"left": second.x - first.x, "above": second.y - first.y}
    along |= {"right": -along["left"], "below": -along["above"]}
    return along[relation] >= APART


def _each(seen: Sighting, kinds: Iterable[str]) -> list[list[Seen]]:
    return [[thing for thing in seen.things if thing.kind == kind] for kind in kinds]


def _count(seen: Sighting, kind: str) -> int:
    return sum(kind in ("", thing.kind) for thing in seen.things)


def _at_least(count: int, kind: str) -> Tell:
    return lambda seen: _count(seen, kind) >= count


def _exactly(count: int, kind: str = "") -> Tell:
    return lambda seen: _count(seen, kind) == count


def _in_place(kind: str, place: str) -> Tell:
    return lambda seen: any(thing.kind == kind and place_of(thing.x) == place for thing in seen.things)


def _coloured(kind: str, colour: str) -> Tell:
    return lambda seen: any((thing.kind, thing.colour) == (kind, colour) for thing in seen.things)


def _in_setting(setting: str) -> Tell:
    return lambda seen: seen.setting == setting


def _in_style(style: str) -> Tell:
    return lambda seen: seen.style == style


def _cannot_tell(seen: Sighting) -> None:
    return None
