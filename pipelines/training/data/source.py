"""Where training pictures come from: what every source of them can do, and the illustrated world, which is one.

The world is rendered as it is needed; scene i of a split is a function of (split, i) alone. What was drawn can
be kept (`drawn`). A user's own pictures are in `folder_data`.
"""

import dataclasses
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from ...pocket.world import (
    COLOURS,
    KINDS,
    PLACES,
    SETTINGS,
    SIZES,
    STYLES,
    WORDS,
    Fact,
    Scene,
    caption_of,
    facts_of,
    false_facts_of,
    is_held_out,
    prompt_of,
    render,
    sample_scene,
)
from ...pocket.world.vocabulary import vocabulary_table
from ...pocket.world.words import (
    COLOUR_WORDS,
    KIND_WORDS,
    NUMBER_WORDS,
    PLACE_WORDS,
    RELATION_WORDS,
    SETTING_WORDS,
    STYLE_WORDS,
    plural,
)
from .drawn import Drawing, DrawnPictures

PICTURE_SIDE = 256  # pixels of a finished picture
DRAFT_SIDE = 64  # pixels of what the tokens show
IGNORED = -100  # a label from which nothing is to be learnt
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "kind": KINDS,
    "colour": tuple(COLOURS),
    "place": (*PLACES, "above", "below"),
    "size": tuple(SIZES),
}
"""What is known of the thing in a patch of the world: field of a `Thing` to its values."""
PHRASES: tuple[str, ...] = tuple(
    dict.fromkeys(
        [
            *("yes", "no", "a", "an", "and", "thing", *COLOURS, *SIZES, *KINDS, *map(plural, KINDS)),
            *(ways[0] for table in (NUMBER_WORDS, PLACE_WORDS, RELATION_WORDS) for ways in table.values()),
            *(ways[0] for table in (SETTING_WORDS, STYLE_WORDS) for ways in table.values()),
        ]
    )
)
"""What full wordings of the world are made of."""
SEVERAL = 0.4  # share of scenes to plan that are sure to have two or three things, which are the harder ones
CELL_SAMPLES = 8  # points looked at on a cell's side
Grid = TypeVar("Grid", np.ndarray, torch.Tensor)
LEAST_SHARE = 0.1  # of a cell: a thing that fills less is not in it


def scene_of(split: str, index: int, arrangement: str | None = None, *, style: str | None = None) -> Scene:
    """Scene `index` of `split`: 'train', or 'held-out', whose triples of kind, colour, setting are its own.

    `arrangement` and `style` are random unless they are given.
    """
    rng = random.Random(f"{split}/{index}")
    return sample_scene(rng, arrangement, style=style, held_out=split == "held-out")


def picture_of(scene: Scene) -> Drawing:
    """The picture, uint8 (256, 256, 3), and which of its things, from 1, each pixel shows, uint8 (256, 256)."""
    rendered = render(scene, PICTURE_SIDE)
    return np.asarray(rendered.image), np.asarray(rendered.mask)


def smaller(image: np.ndarray, side: int) -> np.ndarray:
    """uint8 (h, w, 3), as the area average of `side` pixels, as when a finished picture is looked at."""
    if side == image.shape[0] == image.shape[1]:
        return image
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BOX))


def sampled(masks: Grid, side: int) -> Grid:
    """Masks (…, h, h) at `side` by `side` points of theirs."""
    if masks.shape[-1] == side:
        return masks
    places = ((np.arange(side) + 0.5) * (masks.shape[-1] / side)).astype(int)
    return masks[..., places[:, None], places]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Batch:
    """Pictures uint8 (b, h, w, 3), which thing each pixel shows, uint8 (b, h, w), and what all of it shows.

    Masks number a picture's things from 1; they are 0 elsewhere, and everywhere if the data has no masks. What
    each picture shows is a `Scene`, or whatever the data has instead of one.
    """

    pixels: torch.Tensor
    masks: torch.Tensor
    scenes: list[Any]

    def smaller(self, side: int) -> "Batch":
        """The same pictures, `side` pixels high and wide: what `take` gives at that side."""
        return Batch(
            pixels=torch.from_numpy(np.stack([smaller(p.numpy(), side) for p in self.pixels])),
            masks=sampled(self.masks, side),
            scenes=self.scenes,
        )


class TrainingData(Protocol):
    """Pictures with words for them. What a picture shows is a value of the data's own, handed back to it."""

    @property
    def name(self) -> str:
        """Which data this is: a training cannot be continued on other data."""
        ...

    @property
    def count(self) -> int: ...

    @property
    def patch_classes(self) -> tuple[int, ...]:
        """How many classes each label of a patch has; empty if the data has no such labels."""
        ...

    def held_out(self) -> "TrainingData":
        """Pictures of the same kind that training never sees."""
        ...

    def scenes(self, indices: Iterable[int]) -> list[Any]:
        """What these pictures show."""
        ...

    def take(self, indices: Iterable[int], side: int) -> Batch:
        """These pictures, `side` pixels high and wide."""
        ...

    def to_plan(self, index: int, rng: random.Random) -> Any:
        """What picture `index` shows, or at times something that is harder to plan."""
        ...

    def prompt_of(self, scene: Any) -> str:
        """The full wording, which a planner is to write."""
        ...

    def caption_of(self, scene: Any, rng: random.Random) -> str:
        """One of its wordings, as a user might put it."""
        ...

    def facts_of(self, scene: Any) -> tuple[Fact, ...]: ...

    def false_facts_of(self, scene: Any, rng: random.Random) -> list[Fact]:
        """At least one fact that is false of the picture."""
        ...

    def teaches_prejudice(self, scene: Any, false_fact: Fact) -> bool:
        """Whether whoever is asked about this false fact in training learns to say no without looking."""
        ...

    def patch_labels(self, batch: Batch, cells: int) -> torch.Tensor:
        """What fills each of `cells` by `cells` patches: int64 (b, s, labels), `IGNORED` where unknown."""
        ...

    def names(self) -> dict[str, tuple[int, int]]:
        """Words that name what fills a patch, each with the number of the patch's label and its value there."""
        ...

    def meanings(self) -> Mapping[str, Any] | None:
        """The content of the planner's `vocabulary.json`; `None` if the meanings of the words are not known."""
        ...

    def words(self) -> frozenset[str]:
        """The words that a planner knows, in lower case: of its `words.json`, where there are no `meanings`."""
        ...

    def letters(self) -> frozenset[str]:
        """Characters that the text tokenizer is to have beside those of English, however rare they are."""
        ...

    def phrases(self) -> tuple[str, ...]:
        """What full wordings and facts are made of, in lower case, each once; none if that is not known."""
        ...

    def untold(self) -> Mapping[str, tuple[str, ...]]:
        """Facts that captions never state because they are the default: each is true where none of the others
        is."""
        ...


@dataclasses.dataclass(frozen=True)
class WorldData:
    """The first `count` scenes of a split, drawn when they are asked for, unless `drawn` keeps them."""

    split: str = "train"
    count: int = 1_000_000
    drawn: DrawnPictures | None = None

    def keeping(self, folder: Path) -> "WorldData":
        """The same, with what is drawn kept in `folder`.

        Raises:
            InputError: see `DrawnPictures`.
        """
        drawn = DrawnPictures(
            folder,
            self.count,
            side=PICTURE_SIDE,
            draw=lambda i: picture_of(scene_of(self.split, i)),
            scene=lambda i: scene_of(self.split, i),
        )
        return dataclasses.replace(self, drawn=drawn)

    @property
    def name(self) -> str:
        return "world"

    @property
    def attributes(self) -> Mapping[str, tuple[str, ...]]:
        return ATTRIBUTES

    @property
    def settings(self) -> tuple[str, ...]:
        return SETTINGS

    @property
    def styles(self) -> tuple[str, ...]:
        return STYLES

    @property
    def patch_classes(self) -> tuple[int, ...]:
        """Those of `ATTRIBUTES` and of styles, each with one for nothing."""
        return tuple(1 + len(values) for values in (*ATTRIBUTES.values(), STYLES))

    def held_out(self) -> "WorldData":
        return WorldData("held-out", self.count)

    def scenes(self, indices: Iterable[int]) -> list[Scene]:
        return [scene_of(self.split, int(i)) for i in indices]

    def take(self, indices: Iterable[int], side: int) -> Batch:
        """These scenes, as pictures `side` pixels high and wide (at most 256)."""
        numbers = [int(i) for i in indices]
        scenes, drawn = self.scenes(numbers), self.drawn
        if drawn is None:
            return self.render(scenes, side)
        kept = [
            drawn[number] if number < self.count else picture_of(scene)
            for number, scene in zip(numbers, scenes, strict=True)
        ]
        return batch_of(kept, scenes, side)

    def render(self, scenes: list[Scene], side: int) -> Batch:
        """Any scenes, likewise."""
        return batch_of([picture_of(scene) for scene in scenes], scenes, side)

    def to_plan(self, index: int, rng: random.Random) -> Scene:
        several = rng.choice(("side by side", "side by side", "stacked", "in a row"))
        return scene_of(self.split, index, several if rng.random() < SEVERAL else None)

    def prompt_of(self, scene: Scene) -> str:
        return prompt_of(scene)

    def caption_of(self, scene: Scene, rng: random.Random) -> str:
        return caption_of(scene, rng)

    def facts_of(self, scene: Scene) -> tuple[Fact, ...]:
        return facts_of(scene)

    def false_facts_of(self, scene: Scene, rng: random.Random) -> list[Fact]:
        return false_facts_of(scene, rng)

    def teaches_prejudice(self, scene: Scene, false_fact: Fact) -> bool:
        """So it does if it is false of every training scene like this one, being true of held-out ones only."""
        about, text = false_fact
        words = text.split()
        if about == "thing":
            return any(is_held_out(words[-1], thing.colour, scene.setting) for thing in scene.things)
        return about == "colour" and is_held_out(words[-1], words[-2], scene.setting)

    def patch_labels(self, batch: Batch, cells: int) -> torch.Tensor:
        """Of each of `ATTRIBUTES` its value, from 1, or 0 for none; the style, which all patches have."""
        return label_patches(batch, cells, attributes=ATTRIBUTES, styles=STYLES)

    def names(self) -> dict[str, tuple[int, int]]:
        """Words for kinds and colours, in the singular and in the plural."""
        fields = list(ATTRIBUTES)
        named: dict[str, tuple[int, int]] = {}
        for field, words in (("kind", KIND_WORDS), ("colour", COLOUR_WORDS)):
            for value, ways in words.items():
                label = (fields.index(field), 1 + ATTRIBUTES[field].index(value))
                for word in ways:
                    named |= {word: label, plural(word): label}
        return named

    def meanings(self) -> Mapping[str, Any] | None:
        return vocabulary_table()

    def words(self) -> frozenset[str]:
        return WORDS

    def letters(self) -> frozenset[str]:
        return frozenset()

    def phrases(self) -> tuple[str, ...]:
        return PHRASES

    def untold(self) -> Mapping[str, tuple[str, ...]]:
        plain, *others = (STYLE_WORDS[style][0] for style in STYLES)
        return {plain: tuple(others)}


def label_patches(
    batch: Batch, cells: int, *, attributes: Mapping[str, Sequence[str]], styles: Sequence[str]
) -> torch.Tensor:
    """What fills each of `cells` by `cells` patches: int64 (b, s, attributes and 1).

    Args:
        attributes: field of a thing to its values, of which a patch has the number, from 1, 0 where there is no
            thing, and `IGNORED` where the field is empty.
        styles: likewise, of a scene; all its patches have it.
    """
    scenes, where = batch.scenes, things_in_cells(batch.masks, cells).flatten(1)
    numbers = {field: {value: i for i, value in enumerate(values, 1)} for field, values in attributes.items()}
    most = max(len(scene.things) for scene in scenes)
    names = torch.zeros(len(scenes), 1 + most, len(attributes), dtype=torch.long)
    for i, scene in enumerate(scenes):
        for j, thing in enumerate(scene.things, 1):
            for k, field in enumerate(attributes):
                value = getattr(thing, field)
                names[i, j, k] = numbers[field][value] if value else IGNORED
    of_things = names.gather(1, where[..., None].expand(-1, -1, len(attributes)))
    of_scenes = torch.tensor([1 + styles.index(scene.style) for scene in scenes])
    return torch.cat([of_things, of_scenes[:, None, None].expand(-1, cells * cells, 1)], 2)


def indices_of(step: int, size: int, *, count: int, seed: int, what: str) -> np.ndarray:
    """Which scenes make the batch of `step`: `size` of `count`, a function of these arguments alone."""
    return np.random.default_rng([seed, step, *what.encode()]).integers(0, count, size)


def cover_of(masks: torch.Tensor, cells: int) -> torch.Tensor:
    """How much of each of `cells` by `cells` cells is things: masks (b, h, w) to float32 (b, cells, cells)."""
    return F.adaptive_avg_pool2d((masks > 0).float(), (cells, cells))


def shows_thing(masks: torch.Tensor, cells: int) -> torch.Tensor:
    """1.0 where a cell shows some of a thing, else 0.0: masks (b, h, w) to float32 (b, cells, cells)."""
    return (cover_of(masks, cells) > 0.02).float()


def things_in_cells(masks: torch.Tensor, cells: int) -> torch.Tensor:
    """Which thing fills most of each cell of a coarse grid: int64 (b, cells, cells), 0 none, i for thing i.

    Args:
        masks: thing numbers, uint8 (b, h, w).
    """
    looked_at = sampled(masks, cells * CELL_SAMPLES)
    cut = looked_at.reshape(len(masks), cells, CELL_SAMPLES, cells, CELL_SAMPLES).permute(0, 1, 3, 2, 4)
    shares = torch.stack([(cut == i).float().mean((3, 4)) for i in range(int(masks.max()) + 1)])
    shares[0] = LEAST_SHARE
    return shares.argmax(0)


def batch_of(drawings: Sequence[Drawing], scenes: Sequence[Any], side: int) -> Batch:
    """Drawings of these scenes, `side` pixels high and wide."""
    return Batch(
        pixels=torch.from_numpy(np.stack([smaller(pixels, side) for pixels, _ in drawings])),
        masks=torch.from_numpy(np.stack([sampled(things, side) for _, things in drawings])),
        scenes=list(scenes),
    )
