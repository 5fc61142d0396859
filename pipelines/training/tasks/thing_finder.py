"""Trains what finds things in pictures and says what they look like: `engine.models.vision.thing_finder`.

On drawn art: mosaics of many things, scenes, what models painted of scenes, and what a codebook keeps of all of
these; pictures of the illustrated world teach settings and styles. What a thing looks like is learnt by telling
all drawings that are trained on apart, whatever their colour, by a cosine with a margin (Wang et al. 2018,
"CosFace"). A tenth of the kinds is never trained on (`sketch_reader.is_new`): a finder must tell those apart,
too, once it has seen pictures of them.
"""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ....engine.errors import InputError
from ....engine.models.vision.patch_codebook import PatchCodebook
from ....engine.models.vision.thing_finder import CELL, COLOURLESS, SIDE, Maps, ThingFinder
from ...pocket.art import Art, ArtScene, Kind
from ...pocket.art.words import SETTING_WORDS
from ...pocket.world import COLOURS, STYLES, SceneError
from ...pocket.world import render as render_world
from ...pocket.world.words import STYLE_WORDS
from ..data.art_data import ArtData
from ..data.corruption import noised
from ..data.mosaics import Crowd, Shown, crowd_of, mosaic, shrunk
from ..data.painted import read_painted
from ..data.source import DRAFT_SIDE, TrainingData, WorldData, smaller
from ..loop.placement import copy_on
from .inspector import focal_loss
from .sketch_reader import is_new

NEAR = 0.55  # cells: so near its middle, a cell is asked about a thing
BELL = 0.7  # cells: standard deviation of the bell around a middle that is no full error
SHARPNESS, MARGIN = 20.0, 0.15  # of the cosines
TOUCHING = 0.4  # share of scenes
TRIES = 20


class ThingFinderTask:
    """Focal loss on middles (Law & Deng 2018, eq. 1), L1 on boxes, cross-entropy on all else.

    Args:
        data: the art.
        weights: a folder of shipped weights, with a codebook.
        widths, neck, looks: of the network; see `ThingFinder`.
        mosaics, painted, world_share: shares of rows; others are scenes of the art. `painted` ones are those of
            `data.painted`, or scenes, where nothing was painted.
        previews: share of rows that are seen as a codebook keeps them.

    Raises:
        InputError: the data is not the art, or the folder holds no codebook.
    """

    name = "thing_finder"

    def __init__(
        self,
        data: TrainingData,
        weights: Path,
        *,
        widths: Sequence[int] = (24, 48, 112, 176, 128),
        neck: int = 112,
        looks: int = 96,
        mosaics: float = 0.6,
        painted: float = 0.15,
        world_share: float = 0.1,
        previews: float = 0.2,
        seed: int = 0,
    ) -> None:
        if not isinstance(data, ArtData):
            raise InputError("train thing_finder: things are those of the art alone: say --data art")
        if not (weights / "tokenizer").is_dir():
            raise InputError(f"{weights}: holds no tokenizer: --start-from takes a folder of shipped weights")
        self.codebook = PatchCodebook.from_pretrained(weights / "tokenizer")
        self.seed, self.previews = seed, previews
        self._shares = (mosaics, painted, world_share)
        self._art = known_art(data.art)
        self._kinds = kinds_by_style(self._art)
        self._painted = read_painted(data.art)
        self._classes = {
            each: n for n, each in enumerate((k.name, style) for style, own in self._kinds.items() for k in own)
        }
        self._world = WorldData()
        torch.manual_seed(seed)
        self.settings = [ways[0] for ways in SETTING_WORDS.values()]
        self.manners = ["", *(STYLE_WORDS[style][0] for style in STYLES)]
        finder = ThingFinder(
            widths=widths,
            neck=neck,
            looks=looks,
            colours=(COLOURLESS, *COLOURS),
            settings=self.settings,
            manners=self.manners,
        )
        self.model = _Learner(finder, len(self._classes))

    def batch(self, step: int, size: int) -> dict[str, torch.Tensor]:
        """Pixels float32 (b, 3, side, side) in about [-1, 1], and what `targets_of` says of them; settings and
        manners, int64 (b,)."""
        rows, worldly, manners = [], [], []
        for i in range(size):
            rng = random.Random(f"{self.name}/{self.seed}/{step}/{i}")
            row, manner = self._row(rng)
            seen = _as_kept(row.pixels, self.codebook) if rng.random() < self.previews else row.pixels
            rows.append((seen, row))
            worldly.append(bool(manner))
            manners.append(self.manners.index(manner))
        pixels = torch.from_numpy(np.stack([seen for seen, _ in rows])).permute(0, 3, 1, 2).float() / 127.5 - 1
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        said = [SETTING_WORDS[row.setting][0] for _, row in rows]
        return {
            "pixels": noised(pixels, generator) if step % 2 else pixels,
            **targets_of([row.things for _, row in rows], self._classes),
            "asked": ~torch.tensor(worldly),
            "setting": torch.tensor([self.settings.index(each) for each in said]),
            "manner": torch.tensor(manners),
        }

    def _row(self, rng: random.Random) -> tuple[Crowd, str]:
        """A picture, and its manner."""
        mosaics, painted, world = self._shares
        at = rng.random()
        if at < mosaics:
            return mosaic(self._art, self._kinds, rng), ""
        if at < mosaics + painted and self._painted:
            return rng.choice(self._painted), ""
        if at > 1 - world:
            scene = self._world.scenes([rng.randrange(self._world.count)])[0]
            picture = np.asarray(render_world(scene, SIDE).image)
            crowd = Crowd(pixels=picture, things=(), setting=scene.setting)
            return crowd, STYLE_WORDS[scene.style][0]
        return crowd_of(scene_by_lot(self._art, rng), self._art, shrunk), ""

    def loss(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        maps: Maps = self.model.finder(batch["pixels"])
        asked = batch["asked"]
        middle = focal_loss(maps.middle[asked], batch["middle"][asked])
        at = (batch["middle"] == 1) & asked[:, None, None]  # (b, y, x)
        box = (maps.box[at].float() - batch["box"][at]).abs().mean()
        colour = F.cross_entropy(maps.colour[at].float(), batch["colour"][at])
        kind = self.model.nats(maps.looks[at].float(), batch["kind"][at])
        setting = F.cross_entropy(maps.setting.float(), batch["setting"])
        manner = F.cross_entropy(maps.manner.float(), batch["manner"])
        parts = {"middle": middle, "box": box, "colour": colour, "kind": kind}
        parts |= {"setting": setting, "manner": manner}
        weighted = middle + box + 0.5 * colour + kind + 0.5 * setting + 0.3 * manner
        return {"loss": weighted, **parts}

    def save(self, folder: Path) -> None:
        self.model.finder.save_pretrained(folder)


class _Learner(nn.Module):
    """A finder, and a direction for each drawing, from which what it looks like is learnt."""

    def __init__(self, finder: ThingFinder, classes: int) -> None:
        super().__init__()
        self.finder = finder
        self.embeddings = nn.Parameter(torch.randn(classes, finder.looks) * 0.1)

    def nats(self, looks: torch.Tensor, kind: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy, of looks (n, d) of length 1 and classes (n,)."""
        near = looks @ F.normalize(self.embeddings, dim=-1).T
        wanted = F.one_hot(kind, near.shape[1])
        return F.cross_entropy(SHARPNESS * (near - MARGIN * wanted), kind)


def known_art(art: Art, *, new: bool = False) -> Art:
    """The art with the kinds that are trained on, or with `new` ones alone."""
    return Art(art.hands, {name: kind for name, kind in art.kinds.items() if is_new(name) == new})


def kinds_by_style(art: Art) -> dict[str, list[Kind]]:
    """What each hand drew, of the kinds that there are."""
    return {style: [art.kinds[k] for k in hand.kinds if k in art.kinds] for style, hand in art.hands.items()}


def scene_by_lot(art: Art, rng: random.Random) -> ArtScene:
    """A scene, in many of which things touch; where the kinds are too few for what was drawn first, one thing
    alone."""
    touching = rng.choice(("on", "in front")) if rng.random() < TOUCHING else None
    for attempt in range(TRIES):
        try:
            return art.sample(rng, "alone" if attempt > TRIES // 2 else touching)
        except (SceneError, IndexError):
            continue
    raise InputError(f"--data art: {len(art.kinds)} kinds are too few to draw scenes of: name more")


def targets_of(
    rows: Sequence[Sequence[Shown]], classes: Mapping[tuple[str, str], int]
) -> dict[str, torch.Tensor]:
    """What the cells are to say: `middle` (b, y, x), 1 at middles, falling off around them; and there `box`
    (b, y, x, 4), as `Maps` has it, `colour` and `kind` (b, y, x), int64."""
    b, cells = len(rows), SIDE // CELL
    colours = {name: n for n, name in enumerate((COLOURLESS, *COLOURS))}
    middle, box = torch.zeros(b, cells, cells), torch.zeros(b, cells, cells, 4)
    colour, kind = (
        torch.zeros(b, cells, cells, dtype=torch.long),
        torch.zeros(b, cells, cells, dtype=torch.long),
    )
    ys, xs = torch.meshgrid(torch.arange(cells) + 0.5, torch.arange(cells) + 0.5, indexing="ij")
    for i, things in enumerate(rows):
        for thing in things:
            left, top, wide, high = thing.box
            dx, dy = left + wide / 2 - xs, top + high / 2 - ys  # (y, x)
            far = torch.maximum(dx.abs(), dy.abs())
            at = (far <= NEAR) | (far == far.min())
            bell = torch.exp(-(dx**2 + dy**2) / (2 * BELL**2)).clamp(max=0.99)
            middle[i] = torch.maximum(middle[i], torch.where(at, 1.0, bell))
            size = torch.tensor([wide, high]).log().expand(cells, cells, 2)
            box[i][at] = torch.cat([torch.stack([dx, dy], -1), size], -1)[at]
            colour[i][at] = colours[thing.colour]
            kind[i][at] = classes[thing.kind, thing.style]
    return {"middle": middle, "box": box, "colour": colour, "kind": kind}


def _as_kept(pixels: np.ndarray, codebook: PatchCodebook) -> np.ndarray:
    """What a draft's preview shows of a picture uint8 (side, side, 3)."""
    small = torch.from_numpy(smaller(pixels, DRAFT_SIDE).copy())[None]
    with torch.inference_mode():
        kept = copy_on(small.device, codebook)
        shown = kept.decode(kept.encode(small)).permute(0, 3, 1, 2).float()
    shown = F.interpolate(shown, (SIDE, SIDE), mode="bilinear", align_corners=False)
    return shown[0].permute(1, 2, 0).round().to(torch.uint8).numpy()
