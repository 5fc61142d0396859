"""The art as a whole: hands and kinds, made ready once in a cache folder, and scenes of them to train on."""

import random
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ....engine.errors import InputError
from ..world import Fact, Rendered
from .captions import caption_of
from .drawing import render
from .facts import facts_of, false_facts_of, prompt_of
from .fetching.packages import PACKAGES, read_package
from .folder import draw_folder, read_kinds
from .hands import Hand, draw_icons, write_hand
from .scene import ArtScene, sample_scene
from .things import Kind, Kinds, known_kinds
from .words import HANDS, USUAL_STYLE

USUAL_WEIGHT = 2  # of the usual hand, others 1: what nobody names is drawn by it


@dataclass(frozen=True)
class Art:
    """Hands by the style that they draw in, and every kind that one of them has drawn."""

    hands: Mapping[str, Hand]
    kinds: Kinds

    def sample(self, rng: random.Random, arrangement: str | None = None, *, held_out: bool = False) -> ArtScene:
        """A scene by lot: a hand, the usual one more often, then things that it drew: see `sample_scene`."""
        styles = sorted(self.hands)
        (style,) = rng.choices(styles, [USUAL_WEIGHT if style == USUAL_STYLE else 1 for style in styles])
        return sample_scene(rng, self._of_hand[style], (style,), arrangement, held_out=held_out)

    def render(self, scene: ArtScene, size: int = 256) -> Rendered:
        return render(scene, self.hands, self.kinds, size)

    def prompt_of(self, scene: ArtScene) -> str:
        return prompt_of(scene, self.kinds)

    def caption_of(self, scene: ArtScene, rng: random.Random, *, language: str | None = None) -> str:
        return caption_of(scene, self.kinds, rng, language=language)

    def facts_of(self, scene: ArtScene) -> tuple[Fact, ...]:
        return facts_of(scene, self.kinds)

    def false_facts_of(self, scene: ArtScene, rng: random.Random) -> list[Fact]:
        return false_facts_of(scene, self.kinds, rng)

    @cached_property
    def _of_hand(self) -> dict[str, dict[str, Kind]]:
        return {
            style: {name: self.kinds[name] for name in hand.kinds if name in self.kinds}
            for style, hand in self.hands.items()
        }


def prepare(
    cache: Path,
    *,
    source: Path | None = None,
    folders: Sequence[Path] = (),
    packaged: bool = True,
    tell: Callable[[str], None] = lambda line: None,
) -> Art:
    """Fetch, check and draw what is not in `cache` yet, and open it; about 40 s the first time.

    Args:
        source: a folder with the packages, in place of npm; see `read_package`.
        folders: of a user's own pictures, each a hand in the style of its name; see `folder`.
        packaged: whether the three hands of `HANDS` are wanted.
        tell: is called with a line for each thing that takes time.

    Raises:
        InputError: something cannot be had, read or written: what, where, and what to do.
    """
    hands: dict[str, Hand] = {}
    kinds: dict[str, Kind] = dict(known_kinds()) if packaged else {}
    if packaged:
        for style in HANDS:
            hands[style] = _packaged(style, cache, source, tell)
    for folder in folders:
        style = folder.resolve().name
        if style in hands:
            raise InputError(f"{folder}: a style is called {style!r} already: rename the folder")
        own = read_kinds(folder)
        tell(f"drawing {len(own)} kinds of {folder}")
        path = cache / f"folder-{style}.safetensors"
        write_hand(style, draw_folder(folder), path, source="a user's folder")
        hands[style] = Hand(path)
        kinds |= {name: kind for name, kind in own.items() if name not in kinds}
    return Art(hands, kinds)


def _packaged(style: str, cache: Path, source: Path | None, tell: Callable[[str], None]) -> Hand:
    package = PACKAGES[HANDS[style]]
    names = {kind.name: kind.icon for kind in known_kinds().values()}
    table = zlib.crc32(repr(names).encode())
    path = cache / f"{HANDS[style]}-{package.version}-{table:08x}.safetensors"
    if not path.is_file():
        tell(f"drawing {len(names)} kinds of {package.name} {package.version}")
        icons = read_package(package, cache, source=source)["icons.json"]
        write_hand(
            style,
            draw_icons(icons, names, where=package.name),
            path,
            source=f"{package.name} {package.version}",
        )
    return Hand(path)
