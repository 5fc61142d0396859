"""recall: the things of a plan are looked up in a memory of pictures, and laid out as a sketch for drafter and
refiner, which so draw things that they were never trained on. A request's own reference pictures come first."""

import functools
import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image

from ...errors import RowError
from ...language.closed_vocabulary.by_heart import known_by_heart
from ...language.closed_vocabulary.composition import LEFT, MIDDLE, RIGHT, Composition, composition_of
from ...language.closed_vocabulary.named import with_names
from ...language.closed_vocabulary.vocabulary import Vocabulary
from ...language.closed_vocabulary.wish import Thing
from ...language.closed_vocabulary.wish_reader import wish_of
from ...messages import shown
from ...models.vision.picture_memory import PictureMemory
from ...stage import ModelKey, Models, RunContext
from ...values import Plan, Sketch
from ...values.start import Start
from .cut_outs import CutOut, cut_out, laid, top_on
from .places import Place, order_of, places_of
from .shown_things import Cuts, references_by_thing
from .started_from import as_they_stand, ground_of, kept_of, where_free

STAGE = "recall"  # of the draws
_WHERE = {LEFT: "left", MIDDLE: "middle", RIGHT: "right"}
_COPIES = 4  # of a sketch's pixels, while it is made


@dataclass(frozen=True)
class _Found:
    """A thing of a plan, and its picture.

    Args:
        floats: it does not stand on the ground.
        given: the picture is a reference of the request.
        others: it in its other colours.
    """

    thing: Thing
    picture: Image.Image
    kind: str
    floats: bool = False
    given: bool = False
    others: Callable[[], Iterable[Image.Image]] = tuple


class RecallStage:
    """Plan to Plan, with a sketch; as it was, where the drafter knows all of it by heart, and no reference
    shows any of it. A reference stands for the thing that its name says, or else for the next of the plan.

    Args:
        model: a `picture-memory`.
    """

    name = "recall"
    reads = ("references",)
    takes = Plan
    gives = Plan

    def __init__(self, *, model: ModelKey[PictureMemory]) -> None:
        self._memory = model
        self.uses = (model,)

    def workspace(self, batch: Sequence[Plan]) -> int:
        """The sketches, on the CPU."""
        return sum(_COPIES * 4 * plan.request.height * plan.request.width for plan in batch)

    def rehearse(self, plan: Plan, models: Models) -> Plan:
        """The plan as it was: a memory without its pictures shows nothing."""
        return plan

    def run(self, batch: Sequence[Plan], models: Models, context: RunContext) -> list[Plan]:
        """Raises `RowError` for a thing of which there is no picture."""
        memory, plans, shared = models[self._memory], list[Plan](), Cuts()
        for i, plan in enumerate(batch):
            sketch = sketch_of(i, plan, memory, shared)
            plans.append(plan if sketch is None else replace(plan, sketch=sketch))
            context.step(i + 1, len(batch))
        return plans


def sketch_of(index: int, plan: Plan, memory: PictureMemory, shared: Cuts | None = None) -> Sketch | None:
    """The things of a plan, laid out; `None` where it has none, or where the style is none of the memory's, and
    the drafter knows all of them by heart. Others are shown in the memory's first style then.

    Args:
        index: of the plan in its batch.
        shared: references of the batch that are cut out already.

    Raises:
        RowError: there is no picture of one of the things, or a reference shows none of them.
    """
    references = plan.request.references
    vocabulary = with_names(memory.vocabulary, [each.name for each in references])
    wish = wish_of(plan.prompt, vocabulary)
    if not wish.things:
        return None
    composition = composition_of(wish)
    things = _things(composition)
    given = references_by_thing(index, things, references, vocabulary, Cuts() if shared is None else shared)
    by_heart = known_by_heart(composition, vocabulary, styles=memory.styles, by_heart=memory.by_heart)
    if by_heart and not given:
        return None
    style = composition.style.value if composition.style else memory.vocabulary.plain_style
    hand = style if style in memory.styles else memory.styles[0]
    size = min(plan.request.height, plan.request.width)
    start = plan.request.start
    picture = kept_of(start, size)
    found = [_found(index, thing, hand, memory, given) for thing in things]
    seed, anew = plan.request.seed, picture is None
    turn = plan.request.candidate if anew else 0  # of a picture that goes on the mask was made for the first
    layout = _Layout(composition, found, hand in memory.rimmed, seed=seed, turn=turn, size=size, anew=anew)
    cuts = layout.cuts if start is None or picture is None else _going_on(layout, start, picture, vocabulary)
    setting = composition.setting.value if composition.setting else ""
    colours = memory.grounds.get(setting)
    lot = random.Random(f"{STAGE}/{layout.lot}/ground")
    ground = ground_of(list(colours), picture, lot) if colours else None
    order = [i for i in order_of(composition.arrangement, len(found)) if i in cuts]
    pixels = laid([cuts[i] for i in order], range(len(order)), size, ground=ground)
    return Sketch(
        pixels=_framed(torch.from_numpy(pixels.copy()), plan.request.height, plan.request.width),
        wording=wording(setting, style if composition.style else hand),
        shows=tuple((each.kind, "" if each.given else hand) for each in found),
    )


def wording(setting: str, style: str) -> str:
    """What models read beside a sketch, which shows the things: where they are, and in which style. Where they
    read of a thing that they have no name for, they draw what is none beside it."""
    return ", ".join(filter(None, (setting, style)))


def _things(composition: Composition) -> list[Thing]:
    """Each thing, and each of several alike."""
    if composition.arrangement != "group":
        return list(composition.things)
    return [composition.things[0]] * (composition.count or 2)


def _found(
    index: int, thing: Thing, style: str, memory: PictureMemory, given: Mapping[str, Image.Image]
) -> _Found:
    kind = thing.kind.value
    if kind in given:
        floats = any(each.kind == kind and each.floats for each in memory.pictures)
        return _Found(thing, given[kind], kind, floats=floats, given=True)
    colour = thing.colour.value if thing.colour else ""
    number = memory.find(kind, style, colour)
    if number is None:
        known = [other for other in memory.styles if memory.find(kind, other) is not None]
        others = f"; it has {', '.join(known)}" if known else ""
        raise RowError(
            index, f"the memory has no picture of {shown(kind)} {style}{others}: ask for another style"
        )
    picture, floats = memory.picture(number, colour), memory.pictures[number].floats
    others = functools.partial(_in_other_colours, memory, number, colour)
    return _Found(thing, picture, kind, floats=floats, others=others)


def _in_other_colours(memory: PictureMemory, number: int, colour: str) -> Iterator[Image.Image]:
    """A picture as it may look otherwise: in its own colour, turned to another one, or drawn in one."""
    which = memory.pictures[number]
    for other in ("", *which.colours):
        if other != colour:
            yield memory.picture(number, other)
    for i, each in enumerate(memory.pictures):
        if i != number and (each.kind, each.style) == (which.kind, which.style):
            yield memory.picture(i)


class _Layout:
    """Where things are laid; where they may stand in several places, the seed says where.

    Args:
        anew: no picture goes on; else what is new is of the usual size, and stands where it usually does, for
            a mask may have been made for that.
        turn: each has a layout of its own, as far as there are several.
        lot: what else is by lot, depends on this.
        cuts: they, as they are laid, by their numbers.
    """

    def __init__(
        self,
        composition: Composition,
        found: Sequence[_Found],
        rimmed: bool,
        *,
        seed: int,
        turn: int,
        size: int,
        anew: bool,
    ) -> None:
        self.found, self._rimmed, self._size = found, rimmed, size
        self._seed, self._turn = seed, turn
        self.lot = f"{seed}/{turn}" if turn else str(seed)
        where = [_WHERE.get(each.thing.place.value, "") if each.thing.place else "" for each in found]
        if composition.arrangement == "side by side":
            where = ["left", "right"]
        sizes = [each.thing.size.value if each.thing.size else "" for each in found]
        self.places = places_of(composition.arrangement, sizes, where)
        settled = [self._settled(i) for i in range(len(found))] if anew else self.places
        self.cuts = {i: self.cut(i, place) for i, place in enumerate(settled)}
        if composition.arrangement == "on":
            upper, lower = self.cuts.values()
            self.cuts[0] = replace(upper, top=top_on(upper, lower, size))

    def cut(self, number: int, place: Place, picture: Image.Image | None = None) -> CutOut:
        """A thing at a place; or another picture of it."""
        each, rng = self.found[number], random.Random(f"{STAGE}/{self.lot}/{number}")
        shown = each.picture if picture is None else picture
        return cut_out(shown, place, rng, floats=each.floats, rimmed=self._rimmed, size=self._size)

    def looks(self, number: int) -> Iterator[list[tuple[CutOut, Place]]]:
        """A thing at its place, as it is, and then in each of its other colours; each time in all sizes that it
        may have, the largest first, with the place in that size."""
        place = self.places[number]
        sized = [replace(place, side=side) for side in sorted(place.kept or (place.side,), reverse=True)]
        for picture in itertools.chain((None,), self.found[number].others()):
            yield [(self.cut(number, each, picture), each) for each in sized]

    def _settled(self, number: int) -> Place:
        rng = random.Random(f"{STAGE}/{self._seed}/{number}/place")
        return self.places[number].settled(rng, self._turn)


def _going_on(layout: _Layout, start: Start, picture: np.ndarray, vocabulary: Vocabulary) -> dict[int, CutOut]:
    """The things of a picture that goes on: those that it shows stay where they are. Where it gets room around
    it, it is smaller: what it is said to show is left out then, and goes on as its ground does."""
    shows = {thing.kind.value for thing in wish_of(start.shows, vocabulary).things} if start.lean else set()
    all_cuts, stand = as_they_stand(layout.cuts, layout.places, layout.looks, layout.cut, picture)
    cuts = {i: cut for i, cut in all_cuts.items() if i in stand or layout.found[i].kind not in shows}
    return where_free(cuts, stand, layout.places, layout.cut, start)


def _framed(pixels: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """A square in the middle of a larger frame, where that is not square."""
    side = len(pixels)
    framed = torch.zeros(height, width, 4, dtype=torch.uint8)
    top, left = (height - side) // 2, (width - side) // 2
    framed[top : top + side, left : left + side] = pixels
    return framed
