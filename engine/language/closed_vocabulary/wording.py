"""The wording of a Plan for a composition, and its facts.

What the composition leaves open is filled in by what is usual. All wordings that may come of that are one
regular expression: whatever is written under it says everything that was asked, and nothing that contradicts
it. They and the facts are those that the pocket models learn (`pipelines.pocket.world.facts`).
"""

import dataclasses
import itertools
import re
from collections.abc import Iterator, Sequence

from ...values.fact import Fact, FactKind, once
from ..words.inflection import an
from .composition import ABOVE, IN_FRONT, LEFT, LEFT_OF, MIDDLE, ON, RIGHT, Arrangement, Composition
from .vocabulary import Vocabulary
from .wish import Said, Thing

_TOTALS = {1: "one thing", 2: "two things", 3: "three things", 4: "four things"}
_COUNTS = (2, 3, 4)  # of several
_RELATIONS: dict[Arrangement, str] = {"side by side": LEFT_OF, "stacked": ABOVE, "in front": IN_FRONT, "on": ON}
SEVERAL = "several"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Choice:
    """One way to fill in what is open of the things: a colour for each, and how many there are."""

    colours: tuple[str, ...]
    count: int


def wordings(composition: Composition, vocabulary: Vocabulary) -> str:
    """The regular expression of all full wordings of a composition, in the syntax that grammars share."""
    things = dict.fromkeys(_things(composition, each, vocabulary) for each in _choices(composition, vocabulary))
    settings = _settings(composition, vocabulary)
    style = _style(composition, vocabulary)
    return f"{_any(list(things))}, {_any(settings)}{_any([style])}"


def only_wording(composition: Composition, vocabulary: Vocabulary) -> str:
    """The full wording, where nothing is left open; else empty."""
    choices = list(itertools.islice(_choices(composition, vocabulary), 2))
    settings = _settings(composition, vocabulary)
    if len(choices) > 1 or len(settings) > 1:
        return ""
    style = _style(composition, vocabulary)
    return f"{_things(composition, choices[0], vocabulary)}, {settings[0]}{style}"


def asked_wording(composition: Composition, vocabulary: Vocabulary) -> str:
    """What was asked, in usual words, and no more: what the planner gets."""
    asked = _Choice(
        colours=tuple(thing.colour.value if thing.colour else "" for thing in composition.things),
        count=composition.count or _COUNTS[0],
    )
    parts = [_things(composition, asked, vocabulary, full=False)]
    parts += [composition.setting.value] if composition.setting else []
    parts += [composition.style.value] if composition.style else []
    return ", ".join(parts)


def facts_of(plan: Composition, asked: Composition, vocabulary: Vocabulary) -> tuple[Fact, ...]:
    """The facts of a full composition, of which `asked` was asked for: thing by thing, then how things stand to
    each other, setting, style and count."""
    return once(_facts(plan, asked, vocabulary))


def asked_facts(asked: Composition, vocabulary: Vocabulary) -> tuple[Fact, ...]:
    """The facts that a composition asks for, before anything is added; how many several are, it leaves open."""
    whole = facts_of(asked, asked, vocabulary)
    return tuple(fact for fact in whole if fact.asked)


def _facts(plan: Composition, asked: Composition, vocabulary: Vocabulary) -> Iterator[Fact]:
    for place, (thing, wished) in enumerate(zip(plan.things, asked.things, strict=True)):
        kind = thing.kind.value
        yield _fact("thing", an(kind), wished.kind)
        if thing.colour:
            yield _fact("colour", an(f"{thing.colour.value} {kind}"), wished.colour)
        if thing.size and thing.size.value != vocabulary.plain_size:
            yield _fact("size", an(f"{thing.size.value} {kind}"), wished.size)
        if plan.arrangement == "alone" and thing.place:
            yield _fact("place", f"{an(kind)} {thing.place.value}", wished.place)
        elif plan.arrangement == "side by side":
            yield _fact("place", f"{an(kind)} {(LEFT, RIGHT)[place]}", wished.place)
        elif plan.arrangement == "in a row" and wished.place:
            yield _fact("place", f"{an(kind)} {wished.place.value}", wished.place)
    kinds = [thing.kind.value for thing in plan.things]
    if len({*kinds}) == len(kinds) > 1:
        yield _fact("relation", _relation(plan, kinds), asked.how)
    if plan.setting:
        yield _fact("setting", plan.setting.value, asked.setting)
    if plan.style and plan.style.value != vocabulary.plain_style:
        yield _fact("style", plan.style.value, asked.style)
    elif asked.style:
        yield _fact("style", vocabulary.plain_style, asked.style)
    yield from _count_facts(plan, asked, vocabulary)


def _fact(kind: FactKind, text: str, said: Said | None) -> Fact:
    span = said.span if said else None
    return Fact(kind=kind, text=text, asked=span is not None, span=span)


def _relation(plan: Composition, kinds: Sequence[str]) -> str:
    if plan.arrangement == "in a row":
        left, middle, right = kinds
        return f"{an(middle)} between {an(left)} and {an(right)}"
    first, second = kinds
    return f"{an(first)} {_RELATIONS[plan.arrangement]} {an(second)}"


def _count_facts(plan: Composition, asked: Composition, vocabulary: Vocabulary) -> Iterator[Fact]:
    number = next((thing.number for thing in asked.things if thing.number), None) or _repeated(asked)
    count = plan.count or 1
    if plan.arrangement != "group":
        yield _fact("count", _TOTALS[count], number)
        return
    if number and number.value == "several":
        several = f"{SEVERAL} {vocabulary.kinds[plan.things[0].kind.value].plural}"
        yield Fact(kind="count", text=several, asked=number.span is not None, span=number.span)
        number = None
    yield _fact("count", number_of(count, plan.things[0].kind.value, vocabulary), number)


def _repeated(asked: Composition) -> Said | None:
    """A thing of a kind that was named before: 'a cat and another cat'; the facts of things say it but once."""
    kinds = [thing.kind.value for thing in asked.things]
    return next((t.kind for i, t in enumerate(asked.things) if kinds.index(t.kind.value) < i), None)


def _settings(composition: Composition, vocabulary: Vocabulary) -> list[str]:
    """The setting that is asked for; else those that fit the first thing, none of them denied."""
    if composition.setting:
        return [composition.setting.value]
    usual = vocabulary.kinds[composition.things[0].kind.value].settings
    allowed = [setting for setting in usual if ("setting", setting) not in composition.denied]
    rest = [setting for setting in vocabulary.settings if ("setting", setting) not in composition.denied]
    return allowed or rest[:1] or list(usual)


def _choices(composition: Composition, vocabulary: Vocabulary) -> Iterator[_Choice]:
    """All ways to fill in colours and numbers; things of colours that the prompt leaves open differ in them."""
    said = {thing.colour.value for thing in composition.things if thing.colour}
    options = [
        [thing.colour.value] if thing.colour else _usual(thing, said, composition, vocabulary)
        for thing in composition.things
    ]
    counts = [composition.count] if composition.count else _COUNTS
    for colours in itertools.product(*options):
        added = [c for c, thing in zip(colours, composition.things, strict=True) if not thing.colour]
        if len({*added}) == len(added) or not _can_differ(options, composition):
            yield from (_Choice(colours=colours, count=count) for count in counts)


def _usual(thing: Thing, said: set[str], composition: Composition, vocabulary: Vocabulary) -> list[str]:
    """The usual colours of a thing, none of them denied, or another thing's if that can be."""
    usual = vocabulary.kinds[thing.kind.value].colours
    allowed = [colour for colour in usual if ("colour", colour) not in composition.denied]
    allowed = allowed or [c for c in vocabulary.colours if ("colour", c) not in composition.denied][:2]
    return [colour for colour in allowed if colour not in said] or allowed or list(usual)


def _can_differ(options: Sequence[Sequence[str]], composition: Composition) -> bool:
    added = [o for o, thing in zip(options, composition.things, strict=True) if not thing.colour]
    return any(len({*colours}) == len(colours) for colours in itertools.product(*added))


def _things(composition: Composition, choice: _Choice, vocabulary: Vocabulary, *, full: bool = True) -> str:
    """The wording of the things; not `full`, with what was asked alone."""
    pairs = zip(composition.things, choice.colours, strict=True)
    named = [_named(thing, colour, vocabulary) for thing, colour in pairs]
    match composition.arrangement:
        case "alone":
            place = composition.things[0].place
            where = place.value if place else MIDDLE if full else ""
            return f"{named[0]} {where}".rstrip()
        case "side by side":
            return f"{named[0]} {LEFT} and {named[1]} {RIGHT}"
        case "stacked":
            return f"{named[0]} above {named[1]}"
        case "in a row":
            return f"{named[1]} between {named[0]} and {named[2]}"
        case "group":
            kind = composition.things[0].kind.value
            return number_of(choice.count, kind, vocabulary, colour=choice.colours[0])
        case "in front" | "on" as how:
            return f"{named[0]} {_RELATIONS[how]} {named[1]}"


def _named(thing: Thing, colour: str, vocabulary: Vocabulary) -> str:
    size = thing.size.value if thing.size and thing.size.value != vocabulary.plain_size else ""
    return an(" ".join(filter(None, (size, colour, thing.kind.value))))


def _style(composition: Composition, vocabulary: Vocabulary) -> str:
    """The end of a full wording that says the style; empty where that is the plain one."""
    style = composition.style
    return f", {style.value}" if style and style.value != vocabulary.plain_style else ""


def number_of(count: int, kind: str, vocabulary: Vocabulary, *, colour: str = "") -> str:
    """A number before a kind: 'three red cats'."""
    noun = kind if count == 1 else vocabulary.kinds[kind].plural
    return " ".join(filter(None, (vocabulary.numbers[str(count)], colour, noun)))


def _any(options: Sequence[str]) -> str:
    escaped = [re.escape(option).replace("\\ ", " ") for option in options]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"
