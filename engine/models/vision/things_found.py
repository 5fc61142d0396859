"""What a finder of things sees in a picture: its things, the surest first, each with the probabilities of what
it may be; setting and style."""

import dataclasses
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F

from .thing_finder import Maps, ThingFinder, values_of

SHARPER, SURER = 2.0, 1.0  # log-odds of middles: focal loss leaves them too near to even
SURE = 0.15  # probability of a middle from which a thing is taken into account
APART = 1.6  # cells: nearer to a surer one, a middle is of the same thing
MOST = 12  # things of a picture
SHARPNESS = 24.0  # of cosines with prototypes, as nats
STRANGE = 0.5  # the cosine at which a thing is as likely none that is known
KIND_LEAST = 1e-3  # probabilities below are left out


@dataclasses.dataclass(frozen=True, kw_only=True)
class FoundThing:
    """One thing; lengths in cells, sixteen of them on the picture's shorter side.

    Args:
        sure: the probability that something is there.
        x, y: its middle, to the right and down, of the square in the picture's middle.
        wide, high: of its box.
        kinds, colours, styles: what it may be, with probabilities; the likeliest first.
    """

    sure: float
    x: float
    y: float
    wide: float
    high: float
    kinds: Mapping[str, float]
    colours: Mapping[str, float]
    styles: Mapping[str, float]

    @property
    def kind(self) -> str:
        return next(iter(self.kinds))

    @property
    def colour(self) -> str:
        return next(iter(self.colours))

    @property
    def longer(self) -> float:
        return max(self.wide, self.high)

    @property
    def bottom(self) -> float:
        return self.y + self.high / 2

    @property
    def top(self) -> float:
        return self.y - self.high / 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class View:
    """What is seen in one picture: things, the surest first; probabilities of settings and styles."""

    things: tuple[FoundThing, ...]
    settings: Mapping[str, float]
    styles: Mapping[str, float]


@torch.inference_mode()
def look(finder: ThingFinder, pictures: Sequence[torch.Tensor]) -> list[View]:
    """What pictures show, uint8 (h, w, 3) of any sizes, each looked at by itself: what is seen is the same in
    any batch."""
    return [view_of(finder, finder(values_of(picture).to(finder.device))) for picture in pictures]


def view_of(finder: ThingFinder, maps: Maps) -> View:
    """From maps of a batch of one."""
    middle = (SHARPER * maps.middle[0] + SURER).sigmoid()
    cells = _peaks(middle.cpu())
    things: list[FoundThing] = []
    rows, columns = middle.shape
    square = min(rows, columns)
    for y, x in cells:
        right, down, wide, high = maps.box[0, y, x].tolist()
        kinds, styles = _likeness(finder, maps.looks[0, y, x])
        things.append(
            FoundThing(
                sure=float(middle[y, x]),
                x=x + 0.5 + right - (columns - square) / 2,
                y=y + 0.5 + down - (rows - square) / 2,
                wide=min(float(columns), _exp(wide)),
                high=min(float(rows), _exp(high)),
                kinds=kinds,
                styles=styles,
                colours=_named(finder.colours, maps.colour[0, y, x]),
            )
        )
    settings = _named(finder.settings, maps.setting[0])
    return View(things=tuple(things), settings=settings, styles=_styles(finder, maps.manner[0], things))


def _peaks(middle: torch.Tensor) -> list[tuple[int, int]]:
    """Cells (y, x) of things, the surest first; of those near each other the surest."""
    flat = middle.flatten()
    order = flat.argsort(descending=True)[: 4 * MOST]
    found: list[tuple[int, int]] = []
    for place in order.tolist():
        if float(flat[place]) < SURE or len(found) == MOST:
            break
        y, x = divmod(place, middle.shape[1])
        if all((y - v) ** 2 + (x - u) ** 2 >= APART**2 for v, u in found):
            found.append((y, x))
    return found


def _likeness(finder: ThingFinder, looks: torch.Tensor) -> tuple[dict[str, float], dict[str, float]]:
    """Probabilities of kinds, and of styles, by the prototypes; they sum to less than 1 where it is like
    none."""
    near = F.pad(finder.prototypes @ looks, (0, 1), value=STRANGE)
    odds = (near * SHARPNESS).softmax(0)[:-1].tolist()
    kinds: dict[str, float] = {}
    styles: dict[str, float] = {}
    for (kind, style), p in zip(finder.known, odds, strict=True):
        kinds[kind] = kinds.get(kind, 0.0) + p
        styles[style] = styles.get(style, 0.0) + p
    return _ordered(kinds, least=KIND_LEAST), _ordered(styles)


def _styles(finder: ThingFinder, manner: torch.Tensor, things: Sequence[FoundThing]) -> dict[str, float]:
    """Of the picture: those of its things, or one that whole pictures have."""
    whole = _named(finder.manners, manner)
    drawn = whole.pop("", 0.0)
    sure = sum(thing.sure for thing in things)
    for style in finder.styles:
        share = sum(thing.sure * thing.styles.get(style, 0.0) for thing in things) / sure if sure else 0.0
        whole[style] = whole.get(style, 0.0) + drawn * share
    return _ordered(whole)


def _named(names: Sequence[str], logits: torch.Tensor) -> dict[str, float]:
    return _ordered(dict(zip(names, logits.float().softmax(0).tolist(), strict=True)))


def _ordered(found: Mapping[str, float], *, least: float = 0.0) -> dict[str, float]:
    """The likeliest first, which always stays."""
    order = sorted(found.items(), key=lambda each: -each[1])
    return {name: p for n, (name, p) in enumerate(order) if n == 0 or p >= least}


def _exp(length: float) -> float:
    return float(torch.tensor(length).clamp(-2, 5).exp())
