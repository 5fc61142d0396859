"""`diptych train memory`: a memory of pictures, and a recipe that plans, drafts, paints and judges with it.

Nothing is trained: the shipped models draw what they are shown. The pictures are those of the art, of a user's
own folders, or both.
"""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...engine.errors import InputError
from ...engine.messages import reason_of
from ...engine.models.vision.picture_memory import Remembered, write_memory
from ..files import refuse_if_not_a_folder, replacing_folder, write_atomically
from ..pocket.art import Art, Kinds, prepare
from ..pocket.art.drawing import PLAIN_COLOURS, RIM_STYLES
from ..pocket.art.hands import Hand, draw_own
from ..pocket.art.scene import PLAIN
from ..pocket.art.svg import Pixels
from ..pocket.art.things import own_kinds
from ..pocket.art.vocabulary import vocabulary_table
from ..pocket.art.words import SETTING_WORDS, USUAL_STYLE, style_words
from ..pocket.world import COLOURS, KINDS
from ..pocket.world.words import STYLE_WORDS
from .data.art_data import ArtSource
from .memory_judge import write_judge

SIDE = 112  # pixels of a picture's longer side: what a thing of medium size has in a picture of 256
QUALITY, OPACITY_QUALITY = 85, 80  # of WebP
BY_HEART = STYLE_WORDS["flat"][0]  # how the drafter draws what it knows by heart

RECIPE = """\
# Pictures of {count} kinds of things that the models were never trained on: they are shown them. Made by
# `diptych train memory`.
summary = "The small models of the package, shown pictures from a memory: {count} kinds of things."
use = "What the illustrated world does not know."
licence = "The models: Apache-2.0. The pictures: see {pictures}."

[picture]
height = 256
width = 256

[defaults]
num_inference_steps = 1
guidance_scale = 1.0
temperature = 0.5
top_k = 64
top_p = 0.95
draft_guidance_scale = 1.0
candidates = 1
rounds = 1
accept = 0.5

[stages.plan]
family = "causal-lm"
checkpoint = "pocket/planner"
settings = {{ temperature = 0.3 }}

[stages.plan.models.memory]
family = "picture-memory"
checkpoint = "./memory"

[stages.recall]
family = "picture-memory"
checkpoint = "./memory"

[stages.draft]
family = "image-token-lm"
checkpoint = "pocket/drafter"

[stages.draft.models.codebook]
family = "image-tokenizer"
checkpoint = "pocket/tokenizer"

[stages.draft.models.reader]
family = "sketch-reader"
checkpoint = "pocket/sketch_reader"

[stages.refine]
family = "diffusers"
checkpoint = "pocket/refiner"
dtype = "auto"

# What is drawn by heart, as without the memory, the captioner judges.
[stages.judge]
family = "thing-finder"
checkpoint = "./judge"

[stages.judge.models.captioner]
family = "image-text-to-text"
checkpoint = "pocket/captioner"
"""


def make_memory(out: Path, art: ArtSource, *, say: Callable[[str], None] = print) -> Path:
    """Write `out/memory`, `out/judge` and `out/recipe.toml`; returns the recipe's path.

    Args:
        art: folders alone are remembered alone; with neither, the art is fetched into `out/art`.

    Raises:
        InputError: the pictures cannot be had or read, or `out` cannot be written.
    """
    refuse_if_not_a_folder(out)
    packaged = not art.folders or art.cache is not None or art.source is not None
    drawn = prepare(
        art.cache or out / "art",
        source=art.source,
        folders=art.folders,
        packaged=packaged,
        tell=lambda line: say(f"memory: {line}"),
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
        with replacing_folder(out / "memory") as part:
            count = remember(
                drawn, part, plain_style=BY_HEART if packaged else style_words(next(iter(drawn.hands)))[0]
            )
        with replacing_folder(out / "judge") as part:
            write_judge(part, out / "memory", say=lambda line: say(f"memory: {line}"))
        pictures = "NOTICE, and your own folders" if art.folders else "NOTICE"
        recipe = RECIPE.format(count=len(remembered(drawn)), pictures=pictures)
        write_atomically(out / "recipe.toml", recipe.encode())
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({reason_of(error)}): name another with --out") from None
    say(f"memory: kinds: {len(remembered(drawn))}; pictures: {count}; drawn by: {', '.join(drawn.hands)}")
    return out / "recipe.toml"


def remember(art: Art, folder: Path, *, plain_style: str = BY_HEART) -> int:
    """Write a memory of all drawings of the art, and of our own, into `folder`; how many there are.

    Args:
        plain_style: the style that goes without saying; one that is none of the hands', where things that are
            known by heart are drawn so as long as nobody asks for anything else.
    """
    kinds = remembered(art)
    meanings: dict[str, Any] = vocabulary_table(kinds, art.hands) | {"plain_style": plain_style}
    for name in kinds:
        meanings["kinds"][name]["drawn_in"] = _styles_of(name, art)
    return write_memory(
        folder,
        _pictures(art, kinds),
        meanings=meanings,
        rimmed=[style_words(style)[0] for style in RIM_STYLES],
        by_heart=[kind for kind in KINDS if kind in kinds],
        grounds={SETTING_WORDS[PLAIN][0]: PLAIN_COLOURS},
        colours=COLOURS,
    )


def remembered(art: Art) -> Kinds:
    """The kinds of a memory of the art: with the usual hand go those that we drew ourselves."""
    own = own_kinds() if USUAL_STYLE in art.hands else {}
    return {**art.kinds, **{name: kind for name, kind in own.items() if name not in art.kinds}}


def _styles_of(kind: str, art: Art) -> list[str]:
    """The styles that a kind is drawn in: those of its pictures, and those in which it is known by heart."""
    hands = [style for style, hand in art.hands.items() if kind in hand]
    if kind in own_kinds() and USUAL_STYLE in art.hands:
        hands.append(USUAL_STYLE)
    by_heart = [ways[0] for ways in STYLE_WORDS.values()] if kind in KINDS else []
    return sorted({*(style_words(style)[0] for style in hands), *by_heart})


def _pictures(art: Art, kinds: Kinds) -> Iterator[tuple[Remembered, bytes]]:
    """The usual hand first; each kind in its own colour, and with those that it may be turned to."""
    for style in sorted(art.hands, key=lambda style: style != USUAL_STYLE):
        for name, drawing in _drawings(art.hands[style], style):
            kind = kinds[name]
            which = Remembered(
                kind=name,
                style=style_words(style)[0],
                floats=kind.floats,
                colours=tuple(colour for colour in kind.looks if colour and colour != kind.own),
                turns=kind.turns,
            )
            yield which, _coded(Image.fromarray(np.ascontiguousarray(drawing)))


def _drawings(hand: Hand, style: str) -> Iterator[tuple[str, Pixels]]:
    yield from ((name, hand.drawing(name)) for name in hand.kinds)
    if style == USUAL_STYLE:
        yield from draw_own()


def _coded(picture: Image.Image) -> bytes:
    by = SIDE / max(picture.size)
    size = (max(1, round(picture.width * by)), max(1, round(picture.height * by)))
    file = io.BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(
        file, "WEBP", quality=QUALITY, alpha_quality=OPACITY_QUALITY, method=6
    )
    return file.getvalue()
