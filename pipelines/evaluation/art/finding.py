"""The finder of things as an inspector: what it finds in a picture, in the form that questions are put to.

Where a recipe is judged by the same network, this is no independent eye: its answers took no part in pictures
of one candidate and one round, but what it is blind to, it is blind to in both. So its answers on true renders
stand beside those on pictures, and `nearest` looks with other eyes.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from ....engine.models.checkpoint.folder import folder_of, read_json
from ....engine.models.vision.thing_finder import COLOURLESS, MODEL_TYPE, ThingFinder, load_thing_finder
from ....engine.models.vision.things_found import FoundThing, View, look
from ....engine.stages.recalling.places import CELLS
from ...pocket.art.words import HANDS, SETTING_WORDS, style_words
from ..inspector import Inspector, Seen, Sighting

SURE = 0.5  # probability of a thing from which it is seen
Look = Callable[[torch.Tensor], Sequence[Sighting]]
"""Pictures uint8 (b, h, w, 3) to what they show."""

_SETTINGS = {ways[0]: name for name, ways in SETTING_WORDS.items()}
_STYLES = {style_words(name)[0]: name for name in HANDS}


class FinderInspector:
    """Looks at pictures with a finder that was shown a memory."""

    def __init__(self, finder: ThingFinder) -> None:
        self.finder = finder

    def look(self, pixels: torch.Tensor) -> list[Sighting]:
        """What pictures show: uint8 (b, h, w, 3), of any size."""
        return [self._sighting(view) for view in look(self.finder, list(pixels))]

    def _sighting(self, view: View) -> Sighting:
        return Sighting(
            things=tuple(self._seen(each) for each in view.things if each.sure >= SURE),
            setting=_name_of(view.settings, _SETTINGS),
            style=_name_of(view.styles, _STYLES),
        )

    def _seen(self, found: FoundThing) -> Seen:
        """With the likeliest of the colours that have a name: who asks for none is not asked about it."""
        colour = next(each for each in found.colours if each != COLOURLESS)
        return Seen(kind=found.kind, colour=colour, x=found.x / CELLS, y=found.y / CELLS)


def looks_with(checkpoint: str | Path) -> Look:
    """The eyes of a folder: those of a finder of things, or of an inspector that was trained on the art.

    Raises:
        CheckpointError: it has no weights, or they are damaged.
    """
    folder = folder_of(str(checkpoint))
    if read_json(folder / "config.json").get("model_type") == MODEL_TYPE:
        return FinderInspector(load_thing_finder(folder, torch.float32, torch.device("cpu"))).look
    return Inspector.from_checkpoint(checkpoint).look


def _name_of(likely: Mapping[str, float], names: Mapping[str, str]) -> str:
    """The name of the likeliest phrase; one that the art has not, as it is."""
    phrase = max(likely, key=lambda each: likely[each])
    return names.get(phrase, phrase)
