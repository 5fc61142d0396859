"""How likely facts are, by what was found in a picture, whoever asked for them: texts are read with the closed
vocabulary, as prompts are.

Things are counted as independent chances. How two of them stand to each other is told by their boxes. Nothing
here is calibrated: see `Calibration`.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ...language.closed_vocabulary.composition import (
    ABOVE,
    BEHIND,
    BELOW,
    CARRYING,
    IN_FRONT,
    LEFT,
    LEFT_OF,
    MIDDLE,
    ON,
    RIGHT,
    RIGHT_OF,
)
from ...language.closed_vocabulary.vocabulary import Vocabulary
from ...language.closed_vocabulary.wish import BETWEEN, Relation, Thing, Wish
from ...language.closed_vocabulary.wish_reader import wish_of
from ...models.vision.things_found import FoundThing, View

TOTALS = {"one thing": 1, "two things": 2, "three things": 3, "four things": 4}
SEVERAL = range(2, 5)
LONGER = {"small": (0.0, 6.0), "medium": (6.0, 8.5), "big": (8.5, 99.0)}  # cells of a thing's longer side
PLACES = {LEFT: (-99.0, 6.5), MIDDLE: (6.5, 9.5), RIGHT: (9.5, 99.0)}  # cells, of sixteen, of its middle
SOFT = 0.4  # cells: how gradual a bound is
BESIDE, OVER = 3.0, 2.0  # cells that things beside, and above, each other are apart, at least
LOWER = 0.9  # cells by which what stands in front ends lower
TOUCH = 0.7  # cells between what stands on a thing and that, at most
LEAST = 1e-4  # of any probability: nothing is certain


@dataclass(frozen=True)
class FactReader:
    """What texts mean, each read once."""

    vocabulary: Vocabulary
    _read: dict[str, Wish] = field(default_factory=dict, compare=False)

    def probability(self, text: str, view: View) -> float:
        """That what was found shows what a text says; near 0 where it says nothing, or something that the
        vocabulary has not."""
        if text in TOTALS:
            return _bounded(_exactly([thing.sure for thing in view.things], TOTALS[text]))
        wish = self._wish(text)
        if wish.left_out:  # it says what cannot be seen
            return LEAST
        parts = [_of_thing(thing, view, self.vocabulary) for thing in wish.things]
        parts += [_of_relation(each, wish.things, view, self.vocabulary) for each in wish.relations]
        parts += [view.settings.get(wish.setting.value, 0.0)] if wish.setting else []
        parts += [view.styles.get(wish.style.value, 0.0)] if wish.style else []
        return _bounded(min(parts, default=0.0))

    def _wish(self, text: str) -> Wish:
        found = self._read.get(text)
        if found is None:
            if len(self._read) > 50_000:
                self._read.clear()
            found = self._read[text] = wish_of(text, self.vocabulary)
        return found


def log_odds(p: float) -> float:
    return math.log(p / (1 - p))


def _of_thing(thing: Thing, view: View, vocabulary: Vocabulary) -> float:
    """That there is such a thing; of several, so many."""
    chances = [_is(each, thing, vocabulary) for each in view.things]
    number = thing.number.value if thing.number else ""
    if number == "several":
        return sum(_exactly(chances, count) for count in SEVERAL)
    if number:
        return _exactly(chances, int(number))
    return 1 - math.prod(1 - p for p in chances)


def _is(found: FoundThing, thing: Thing, vocabulary: Vocabulary) -> float:
    """That something found is a thing of that kind, and of the colour, size and place that are said."""
    p = found.sure * found.kinds.get(thing.kind.value, 0.0)
    if thing.colour:
        p *= _coloured(found, thing.kind.value, thing.colour.value, vocabulary)
    if thing.size and thing.size.value in LONGER:
        p *= _between(found.longer, *LONGER[thing.size.value])
    if thing.place and thing.place.value in PLACES:
        p *= _between(found.x, *PLACES[thing.place.value])
    return p


def _coloured(found: FoundThing, kind: str, colour: str, vocabulary: Vocabulary) -> float:
    """That a thing, if it is of this kind, is of this colour: of those that such things have."""
    known = vocabulary.kinds[kind]
    p = found.colours.get(colour, 0.0)
    can_be = {*known.colours, *known.can_be}
    if colour not in can_be:
        return p
    return p / max(sum(found.colours.get(each, 0.0) for each in can_be), LEAST)


def _of_relation(relation: Relation, things: Sequence[Thing], view: View, vocabulary: Vocabulary) -> float:
    """The likeliest of all ways to take things found for those that are spoken of."""
    spoken = [things[i] for i in relation.things]
    chances = [[_is(found, thing, vocabulary) for found in view.things] for thing in spoken]
    best = 0.0
    for chosen in itertools.permutations(range(len(view.things)), len(spoken)):
        p = math.prod(row[i] for row, i in zip(chances, chosen, strict=True))
        if p > best:
            best = max(best, p * _stand(relation.said.value, [view.things[i] for i in chosen]))
    return best


def _stand(relation: str, things: Sequence[FoundThing]) -> float:
    """That things stand so to each other, by their boxes."""
    if relation == BETWEEN:
        middle, *others = things
        left, right = sorted(others, key=lambda each: each.x)
        return _at_least(middle.x - left.x, BESIDE) * _at_least(right.x - middle.x, BESIDE)
    first, second = things
    match relation:
        case _ if relation == LEFT_OF:
            return _at_least(second.x - first.x, BESIDE)
        case _ if relation == RIGHT_OF:
            return _at_least(first.x - second.x, BESIDE)
        case _ if relation == ABOVE:
            return _above(first, second)
        case _ if relation == BELOW:
            return _above(second, first)
        case _ if relation == IN_FRONT:
            return in_front_of(first, second)
        case _ if relation == BEHIND:
            return in_front_of(second, first)
        case _ if relation == ON:
            return stands_on(first, second)
        case _ if relation == CARRYING:
            return stands_on(second, first)
        case _:
            return 0.0


def _above(upper: FoundThing, lower: FoundThing) -> float:
    """Higher by more than it is aside."""
    down = lower.y - upper.y
    return _at_least(down, OVER) * _at_least(down - abs(lower.x - upper.x), 0.0)


def in_front_of(front: FoundThing, behind: FoundThing) -> float:
    """It is the smaller, ends lower, and covers some of the other."""
    meets = (front.wide + behind.wide) / 2 - abs(front.x - behind.x)
    below = behind.bottom - front.top
    return (
        _at_least(front.bottom - behind.bottom, LOWER)
        * _at_least(meets, 0.5)
        * _at_least(below, 0.5)
        * _at_least(behind.longer - front.longer, 0.0)
    )


def stands_on(upper: FoundThing, lower: FoundThing) -> float:
    """It ends where the other begins, above it, and is not behind it."""
    aside = (upper.wide + lower.wide) / 2 - abs(upper.x - lower.x)
    touches = _at_least(TOUCH, lower.top - upper.bottom)
    above = _at_least(lower.y - upper.y, OVER) * _at_least(lower.bottom - upper.bottom, LOWER)
    return touches * above * _at_least(aside, 0.5) * (1 - in_front_of(lower, upper))


def _exactly(chances: Sequence[float], count: int) -> float:
    """That of independent chances so many come true."""
    ways = [1.0, *([0.0] * count)]
    for p in chances:
        ways = [after for after in _with(ways, p)]
    return ways[count]


def _with(ways: Sequence[float], p: float) -> Iterator[float]:
    """Probabilities of 0, 1, 2 … once another chance is counted."""
    for count, here in enumerate(ways):
        yield here * (1 - p) + (ways[count - 1] * p if count else 0.0)


def _between(length: float, low: float, high: float) -> float:
    return _at_least(length, low) * _at_least(-length, -high)


def _at_least(length: float, bound: float) -> float:
    """Near 1 above a bound, near 0 below it."""
    return 0.5 * (1 + math.tanh((length - bound) / (2 * SOFT)))


def _bounded(p: float) -> float:
    return min(1 - LEAST, max(LEAST, p))
