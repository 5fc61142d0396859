"""What was found in a picture, said in the words of the closed vocabulary."""

from collections import Counter
from collections.abc import Sequence

from ...language.closed_vocabulary.composition import LEFT, MIDDLE, RIGHT, Arrangement, Composition
from ...language.closed_vocabulary.vocabulary import Vocabulary
from ...language.closed_vocabulary.wish import Said, Thing
from ...language.closed_vocabulary.wording import number_of, only_wording
from ...models.vision.things_found import FoundThing, View
from .found_facts import LONGER, PLACES, in_front_of, stands_on

SURE = 0.5  # that something is there, for it to be named
MOST = 3  # things of several kinds that a composition has
UPRIGHT = (
    2.5  # cells: nearer to each other across than this, and further along, things stand one over the other
)


def caption_of(view: View, vocabulary: Vocabulary) -> str:
    """A sentence; where nothing is found, of the setting alone."""
    things = [each for each in view.things if each.sure >= SURE]
    setting, style = next(iter(view.settings)), next(iter(view.styles))
    said_style = "" if style == vocabulary.plain_style else f", {style}"
    if not things:
        return f"nothing that is known, {setting}{said_style}"
    kinds = Counter(each.kind for each in things)
    if len(kinds) > 1 and (len(things) > MOST or len(kinds) < len(things)):
        listed = [number_of(min(n, 4), kind, vocabulary) for kind, n in kinds.items()]
        return f"{' and '.join(listed)}, {setting}{said_style}"
    composition = _composition(things, setting, style, vocabulary)
    return only_wording(composition, vocabulary)


def _composition(things: Sequence[FoundThing], setting: str, style: str, vocabulary: Vocabulary) -> Composition:
    arrangement, ordered = _arranged(things)
    told = [_thing(each, arrangement, vocabulary) for each in ordered]
    return Composition(
        arrangement=arrangement,
        things=tuple(told[:1] if arrangement == "group" else told),
        count=min(len(things), 4),
        setting=Said(setting, None),
        style=Said(style, None),
    )


def _arranged(things: Sequence[FoundThing]) -> tuple[Arrangement, list[FoundThing]]:
    """How they stand, and in which order this is said."""
    across = sorted(things, key=lambda each: each.x)
    if len(things) == 1:
        return "alone", across
    if len({each.kind for each in things}) == 1:
        return "group", across
    if len(things) == 3:
        return "in a row", across
    for first, second in (across, across[::-1]):
        if stands_on(first, second) > 0.5:
            return "on", [first, second]
        if in_front_of(first, second) > 0.5:
            return "in front", [first, second]
    down = sorted(things, key=lambda each: each.y)
    if down[1].y - down[0].y > max(UPRIGHT, across[1].x - across[0].x):
        return "stacked", down
    return "side by side", across


def _thing(found: FoundThing, arrangement: Arrangement, vocabulary: Vocabulary) -> Thing:
    """With the likeliest of the colours that its kind can have."""
    known = vocabulary.kinds[found.kind]
    can_be = {*known.colours, *known.can_be}
    colour = next((each for each in found.colours if each in can_be), known.colours[0])
    size = next(name for name, (low, high) in LONGER.items() if low <= found.longer < high)
    place = next((name for name, (low, high) in PLACES.items() if low <= found.x < high), MIDDLE)
    if arrangement == "side by side":
        size = "medium" if size == "big" else size
    elif arrangement != "alone":
        size = "medium"
    return Thing(
        kind=Said(found.kind, None),
        colour=Said(colour, None),
        size=Said(size, None),
        place=Said(place, None) if place in (LEFT, MIDDLE, RIGHT) and arrangement == "alone" else None,
    )
