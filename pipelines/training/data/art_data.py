"""Things that people drew, and the illustrated world beside them, to train on: `diptych train … --data art`.

Which of the two picture i of a split is of, and what it shows, is a function of (split, i, the share of the
world) alone, for the same art. Both hold out by one hash of kind, colour and setting. What goes without saying
depends on the things: those of the world's kinds are flat drawings, as before; others are stickers.
"""

import dataclasses
import random
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ....engine.errors import InputError
from ....engine.language.words.content import plain_words
from ...pocket.art import HANDS, Art, ArtScene, prepare
from ...pocket.art.languages import tongues
from ...pocket.art.scene import SETTINGS
from ...pocket.art.vocabulary import vocabulary_table
from ...pocket.art.words import RELATION_WORDS, SETTING_WORDS, USUAL_STYLE, style_words
from ...pocket.world import COLOURS, KINDS, PLACES, SIZES, STYLES, WORDS, Fact, Scene, SceneError, is_held_out
from ...pocket.world.words import COLOUR_WORDS, STYLE_WORDS
from .drawn import Drawing, DrawnPictures
from .source import (
    PHRASES,
    PICTURE_SIDE,
    SEVERAL,
    Batch,
    WorldData,
    batch_of,
    label_patches,
    picture_of,
)

WORLD_SHARE = 0.5  # of pictures: so many are of the illustrated world, which is not to be forgotten
OTHER_STYLES = 0.5  # share of false styles that are of the other of the two: each is to be told from all
SEVERAL_ART = ("side by side", "side by side", "stacked", "in a row", "in front", "on")
TRIES = 40  # at a scene that a small hand can draw, and at a wording that says the style


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArtSource:
    """Where the art comes from.

    Args:
        cache: where the drawings are kept; a folder of the training's own, if not given.
        source: a folder that holds the packages, in place of npm.
        folders: of a user's own drawings, each a hand in the style of its name.
    """

    cache: Path | None = None
    source: Path | None = None
    folders: tuple[Path, ...] = ()

    @property
    def is_given(self) -> bool:
        return any((self.cache, self.source, self.folders))


FROM_NPM = ArtSource()


@dataclasses.dataclass(frozen=True)
class ArtData:
    """The first `count` pictures of a split, `world_share` of them of the illustrated world. `open_art` is the
    way to one."""

    art: Art
    split: str = "train"
    count: int = 1_000_000
    world_share: float = WORLD_SHARE
    drawn: DrawnPictures | None = None

    def keeping(self, folder: Path) -> "ArtData":
        """The same, with what is drawn kept in `folder`.

        Raises:
            InputError: see `DrawnPictures`.
        """
        drawn = DrawnPictures(
            folder,
            self.count,
            side=PICTURE_SIDE,
            draw=lambda i: self._picture_of(self._scene(i)),
            scene=self._scene,
        )
        return dataclasses.replace(self, drawn=drawn)

    @property
    def name(self) -> str:
        """The packages with their versions, the kinds, and the mix."""
        return self._name

    @cached_property
    def _name(self) -> str:
        sources = [_source_of(self.art, style) for style in self.art.hands]
        words = [(repr(kind), self._kind_words[name]) for name, kind in self.art.kinds.items()]
        kinds = f"{len(words)} kinds {zlib.crc32(repr(words).encode()):08x}"
        return f"art of {', '.join(sources)}; {kinds}; {self.world_share:.0%} of pictures of the world"

    @cached_property
    def attributes(self) -> dict[str, tuple[str, ...]]:
        """As the world's `ATTRIBUTES`, whose values come first."""
        return {
            "kind": (*KINDS, *(name for name in self.art.kinds if name not in KINDS)),
            "colour": tuple(COLOURS),
            "place": (*PLACES, "above", "below", "front", "behind", "on", "under"),
            "size": tuple(SIZES),
        }

    @property
    def settings(self) -> tuple[str, ...]:
        return SETTINGS

    @property
    def styles(self) -> tuple[str, ...]:
        return (*STYLES, *self.art.hands)

    @property
    def patch_classes(self) -> tuple[int, ...]:
        return tuple(1 + len(values) for values in (*self.attributes.values(), self.styles))

    def held_out(self) -> "ArtData":
        return dataclasses.replace(self, split="held-out", drawn=None)

    def scenes(self, indices: Iterable[int]) -> list[Scene | ArtScene]:
        return [self._scene(int(i)) for i in indices]

    def take(self, indices: Iterable[int], side: int) -> Batch:
        """These pictures, `side` pixels high and wide (at most 256)."""
        numbers = [int(i) for i in indices]
        scenes, drawn = self.scenes(numbers), self.drawn
        drawings = [
            self._picture_of(scene) if drawn is None or number >= self.count else drawn[number]
            for number, scene in zip(numbers, scenes, strict=True)
        ]
        return batch_of(drawings, scenes, side)

    def to_plan(self, index: int, rng: random.Random) -> Scene | ArtScene:
        if self._is_of_world(index):
            return self._world.to_plan(index, rng)
        several = rng.choice(SEVERAL_ART)
        return self._art_scene(index, several if rng.random() < SEVERAL else None)

    def prompt_of(self, scene: Scene | ArtScene) -> str:
        """Each style is said but the usual hand's: a flat drawing is called one, unlike in the world alone."""
        if isinstance(scene, Scene):
            flat = f", {STYLE_WORDS['flat'][0]}" if scene.style == "flat" else ""
            return f"{self._world.prompt_of(scene)}{flat}"
        return self.art.prompt_of(scene).removesuffix(f", {style_words(USUAL_STYLE)[0]}")

    def caption_of(self, scene: Scene | ArtScene, rng: random.Random) -> str:
        """One of its wordings, in any language; stickers of the world's kinds alone are called stickers."""
        if isinstance(scene, Scene):
            return self._world.caption_of(scene, rng)
        if scene.style != USUAL_STYLE or any(thing.kind not in KINDS for thing in scene.things):
            return self.art.caption_of(scene, rng)
        for _ in range(TRIES):
            caption = self.art.caption_of(scene, rng)
            if any(way in caption for way in self._usual_ways):
                return caption
        return self.art.prompt_of(scene)

    def facts_of(self, scene: Scene | ArtScene) -> tuple[Fact, ...]:
        """Of flat drawings their style, too, unlike in the world alone."""
        if not isinstance(scene, Scene):
            return self.art.facts_of(scene)
        facts = self._world.facts_of(scene)
        return facts if scene.style != "flat" else (*facts, ("style", STYLE_WORDS["flat"][0]))

    def false_facts_of(self, scene: Scene | ArtScene, rng: random.Random) -> list[Fact]:
        """Likewise of each kind; a false style is at times one that the other of the two has."""
        if isinstance(scene, Scene):
            facts, others = self._world.false_facts_of(scene, rng), self._said_by_hands
        else:
            facts, others = self.art.false_facts_of(scene, rng), _SAID_BY_WORLD
        return [
            (about, rng.choice(others) if about == "style" and rng.random() < OTHER_STYLES else text)
            for about, text in facts
        ]

    def teaches_prejudice(self, scene: Scene | ArtScene, false_fact: Fact) -> bool:
        """As in the world: where it is true of held-out scenes alone."""
        about, text = false_fact
        name = text.partition(" ")[2]  # behind the article
        if about == "thing":
            return any(is_held_out(name, thing.colour, scene.setting) for thing in scene.things)
        colour, _, name = name.partition(" ")
        return about == "colour" and is_held_out(name, colour, scene.setting)

    def patch_labels(self, batch: Batch, cells: int) -> torch.Tensor:
        """As the world's; the colour of a thing is unknown where it has no name."""
        return label_patches(batch, cells, attributes=self.attributes, styles=self.styles)

    def names(self) -> dict[str, tuple[int, int]]:
        """Words for kinds and colours in all languages, but for those that name two of them."""
        fields = list(self.attributes)
        meant: dict[str, set[tuple[int, int]]] = {}
        for field, said in (("kind", self._kind_words), ("colour", _colour_words())):
            for value, ways in said.items():
                label = (fields.index(field), 1 + self.attributes[field].index(value))
                for word in ways:
                    meant.setdefault(word.lower(), set()).add(label)
        return self._world.names() | {
            word: labels.pop()
            for word, labels in meant.items()
            if word and len(labels) == 1 and word not in self._world.names()
        }

    def meanings(self) -> Mapping[str, Any] | None:
        """A user's own kinds have English words alone."""
        return vocabulary_table(self.art.kinds, self.art.hands)

    def words(self) -> frozenset[str]:
        """Of all languages."""
        return WORDS | {word for phrase in self._phrases for word in plain_words(phrase)}

    def letters(self) -> frozenset[str]:
        """Of all languages: 1,500, most of them Chinese."""
        text = "".join(self._phrases)
        return frozenset("".join(unicodedata.normalize("NFKC", text).lower().split()))

    @cached_property
    def _phrases(self) -> list[str]:
        """What captions are made of, but for the world's."""
        phrases = [way for ways in (*self._kind_words.values(), *_colour_words().values()) for way in ways]
        phrases += [way for table in (SETTING_WORDS, RELATION_WORDS) for ways in table.values() for way in ways]
        phrases += [way for style in self.art.hands for way in (style, *style_words(style))]
        phrases += [text for tongue in tongues().values() for text in _texts_in(tongue.words)]
        return phrases

    def phrases(self) -> tuple[str, ...]:
        kinds = (word for name, kind in self.art.kinds.items() for word in (name, kind.plural))
        ways = (ways[0] for table in (SETTING_WORDS, RELATION_WORDS) for ways in table.values())
        styles = (style_words(style)[0] for style in (*HANDS, *self.art.hands))
        return tuple(dict.fromkeys([*PHRASES, *kinds, *ways, *styles]))

    def untold(self) -> Mapping[str, tuple[str, ...]]:
        styles = (*(ways[0] for ways in STYLE_WORDS.values()), *self._said_by_hands)
        usual = style_words(USUAL_STYLE)[0]
        return {usual: tuple(style for style in styles if style != usual)} if usual in styles else {}

    @cached_property
    def _world(self) -> WorldData:
        return WorldData(self.split, self.count)

    @cached_property
    def _said_by_hands(self) -> tuple[str, ...]:
        return tuple(style_words(style)[0] for style in self.art.hands)

    @cached_property
    def _usual_ways(self) -> tuple[str, ...]:
        others = (way for tongue in tongues().values() for way in tongue.ways("styles", USUAL_STYLE))
        return (USUAL_STYLE, *style_words(USUAL_STYLE), *others)

    @cached_property
    def _kind_words(self) -> Mapping[str, tuple[str, ...]]:
        return {
            name: tuple(word for said in kind.said.values() for word in (*said.words, *said.plurals))
            for name, kind in self.art.kinds.items()
        }

    def _is_of_world(self, index: int) -> bool:
        return random.Random(f"{self.split}/{index}/mix").random() < self.world_share

    def _scene(self, index: int) -> Scene | ArtScene:
        return self._world.scenes([index])[0] if self._is_of_world(index) else self._art_scene(index, None)

    def _art_scene(self, index: int, arrangement: str | None) -> ArtScene:
        """By lot; where a hand has drawn too few kinds for what was drawn first, one thing alone, maybe by
        another."""
        rng = random.Random(f"{self.split}/{index}/art")
        for attempt in range(TRIES):
            try:
                return self.art.sample(
                    rng, "alone" if attempt else arrangement, held_out=self.split == "held-out"
                )
            except SceneError:
                continue
        raise InputError(f"--data art: {len(self.art.kinds)} kinds are too few to draw scenes of: name more")

    def _picture_of(self, scene: Scene | ArtScene) -> Drawing:
        if isinstance(scene, Scene):
            return picture_of(scene)
        rendered = self.art.render(scene, PICTURE_SIDE)
        return np.asarray(rendered.image), np.asarray(rendered.mask)


def open_art(
    source: ArtSource,
    cache: Path,
    *,
    count: int,
    world_share: float = WORLD_SHARE,
    say: Callable[[str], None] = print,
) -> ArtData:
    """The training side of the art, made ready in `cache`, or in that of `source`, unless it is there already.

    Raises:
        InputError: see `prepare`.
    """
    folder = source.cache or cache
    art = prepare(folder, source=source.source, folders=source.folders, tell=lambda line: say(f"art: {line}"))
    return ArtData(art, count=count, world_share=world_share)


_SAID_BY_WORLD = tuple(STYLE_WORDS[style][0] for style in STYLES if style != "flat")


def _colour_words() -> Mapping[str, Sequence[str]]:
    return {
        colour: (
            *COLOUR_WORDS[colour],
            *(way for tongue in tongues().values() for way in tongue.ways("colours", colour)),
        )
        for colour in COLOURS
    }


def _texts_in(table: Any) -> Iterable[str]:
    """All texts of a table of tables and lists."""
    if isinstance(table, str):
        yield table.replace("{", " ").replace("}", " ")
    elif isinstance(table, Mapping):
        for part in table.values():
            yield from _texts_in(part)
    elif isinstance(table, list):
        for part in table:
            yield from _texts_in(part)


def _source_of(art: Art, style: str) -> str:
    """Which package a hand is from; a user's own drawings are told apart by what they are."""
    hand = art.hands[style]
    return hand.source if style in HANDS else f"{style} {zlib.crc32(hand.path.read_bytes()):08x}"
