"""What is measured, to look at: every kind once, held-out prompts, what went wrong, and prompts as people type
them."""

from collections.abc import Sequence
from pathlib import Path

import PIL.Image

from ....engine.values import Outcome
from ...sheets.grid import Labels, grid
from ...text_to_image import TextToImage
from ..run import write_sheet
from .pictures import PLAIN, Judged

KIND_SIDE, KINDS_A_ROW = 72, 30  # pixels of a picture
TYPED_SIDE, TYPED_A_ROW = 200, 6
PROMPTS = 100  # on the sheet of held-out prompts
FAILURES = 200  # on a sheet, at most

TYPED = (
    "cute dog in the park", "a pink elephant", "dragon breathing fire", "pizza", "3 cats sitting on a couch",
    "red sports car at sunset", "an astronaut riding a horse", "Pirate ship in a storm",
    "a birthday cake with candles", "robot holding a flower", "the eiffel tower at night", "unicorn!!",
    "happy birthday card for my mom", "a fox and a rabbit in the forest", "two green apples on a table",
    "penguin on the beach, sticker", "a lion wearing a crown", "little house in the snow",
    "ghost in a haunted house", "a blue teapot next to a cup of coffee", "my cat named Whiskers",
    "santa claus with presents", "an octopus playing the drums", "guitar", "a man with a hat",
    "rocket flying to the moon", "pikachu", "a bowl of ramen", "snowman and a christmas tree",
    "a beautiful woman, 8k, masterpiece",
)  # fmt: skip
"""As people type them who have not read what can be drawn. Written once, and not chosen by what came out."""


def write_kinds(path: Path, judged: Sequence[Judged]) -> None:
    """Every kind once, its name below; in brackets what it is taken for, where that is another."""
    images = [_image(row) for row in judged]
    names = [_named(row) for row in judged]
    sheet = grid(images, columns=KINDS_A_ROW, labels=Labels(captions=names), side=KIND_SIDE)
    sheet.save(path)


def write_held_out(path: Path, judged: Sequence[Judged]) -> None:
    write_sheet(path, judged[:PROMPTS])


def write_failures(path: Path, judged: Sequence[Judged]) -> None:
    """Those in which something is wrong."""
    wrong = [row for row in judged if not row.right]
    write_sheet(path, wrong[:FAILURES])


def write_typed(path: Path, pipe: TextToImage, prompts: Sequence[str] = TYPED) -> None:
    """Pictures of prompts as they are typed; below each, what is said of it."""
    images: list[PIL.Image.Image | None] = []
    told: list[str] = []
    for prompt, result in zip(prompts, pipe.stream(prompts, seed=0, **PLAIN), strict=True):
        if isinstance(result, Outcome):
            images.append(result.image)
            left_out = ", ".join(span.text for span in result.plan.left_out)
            told.append(f"{prompt}{f' - not drawn: {left_out}' if left_out else ''}")
        else:
            images.append(None)
            told.append(f"{prompt} - refused")
    grid(images, columns=TYPED_A_ROW, labels=Labels(captions=told), side=TYPED_SIDE).save(path)


def _image(row: Judged) -> PIL.Image.Image | None:
    return None if row.pixels is None else PIL.Image.fromarray(row.pixels.numpy())


def _named(row: Judged) -> str:
    kind = row.scene.things[0].kind
    taken = [each.kind for each in row.seen.things] if row.seen else []
    return kind if kind in taken else f"{kind} ({taken[0] if taken else 'nothing'})"
