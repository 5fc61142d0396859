"""Plan to Plan with a sketch: what the memory has is laid out, what is known by heart is left alone."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from diptych.engine.errors import CheckpointError, RowError
from diptych.engine.models.vision.picture_memory import PictureMemory, Remembered, write_memory
from diptych.engine.stage import ModelKey, RunContext
from diptych.engine.stages.recalling.places import BIG, CELLS, MEDIUM, SMALL
from diptych.engine.stages.recalling.recall import RecallStage, sketch_of
from diptych.engine.values import Plan, Request
from diptych.pipelines.pocket.art.things import known_kinds
from diptych.pipelines.pocket.art.vocabulary import vocabulary_table
from diptych.pipelines.pocket.art.words import SETTING_WORDS, style_words

STICKER, ICON = style_words("sticker")[0], style_words("icon")[0]
COLOURS = {"giraffe": (250, 200, 40), "cactus": (30, 160, 60), "bus": (120, 70, 30)}
SIZE = 256
PLAIN, PAPER = SETTING_WORDS["plain"][0], (244, 244, 240)


def square(colour: tuple[int, int, int], height: int = 64, width: int = 64) -> bytes:
    file = io.BytesIO()
    Image.new("RGBA", (width, height), (*colour, 255)).save(file, "PNG")
    return file.getvalue()


def write(folder: Path) -> Path:
    kinds = known_kinds()
    pictures = [(Remembered(kind=kind, style=STICKER), square(colour)) for kind, colour in COLOURS.items()]
    pictures += [(Remembered(kind="bus", style=STICKER, colour="blue"), square((20, 60, 220)))]
    pictures += [(Remembered(kind="giraffe", style=ICON), square((255, 0, 255), width=32))]
    write_memory(
        folder,
        pictures,
        meanings=vocabulary_table(kinds, ("sticker", "icon")),
        by_heart=["cat"],
        grounds={PLAIN: [PAPER]},
    )
    return folder


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> PictureMemory:
    return PictureMemory.from_pretrained(write(tmp_path_factory.mktemp("memory")))


@pytest.fixture(scope="module")
def sketched(memory: PictureMemory) -> Callable[..., np.ndarray]:
    """The sketch of a plan of these words, uint8 (h, w, 4)."""

    def draw(words: str, seed: int = 0, candidate: int = 0) -> np.ndarray:
        plan = Plan(request=Request(prompt=words, seed=seed, candidate=candidate), prompt=words, facts=())
        sketch = sketch_of(0, plan, memory)
        assert sketch is not None
        return sketch.pixels.numpy()

    return draw


def box_of(sketch: np.ndarray, colour: tuple[int, int, int]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of what has this colour, in cells."""
    seen = (sketch[..., 3] > 128) & (np.abs(sketch[..., :3].astype(int) - colour).max(2) < 12)
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    cell = SIZE / CELLS
    return columns[0] / cell, rows[0] / cell, (columns[-1] + 1) / cell, (rows[-1] + 1) / cell


def test_things_stand_as_the_plan_says(sketched: Callable[..., np.ndarray]) -> None:
    two = sketched("a giraffe on the left and a cactus on the right, in a meadow")
    giraffe, cactus = box_of(two, COLOURS["giraffe"]), box_of(two, COLOURS["cactus"])
    assert giraffe[2] <= cactus[0] and abs(giraffe[3] - cactus[3]) <= 2
    stacked = sketched("a giraffe above a cactus, in a meadow")
    assert box_of(stacked, COLOURS["giraffe"])[3] <= box_of(stacked, COLOURS["cactus"])[1]
    front = sketched("a cactus in front of a giraffe, in a meadow")
    assert box_of(front, COLOURS["cactus"])[3] > box_of(front, COLOURS["giraffe"])[3]


@pytest.mark.parametrize(("size", "cells"), [("small", SMALL), ("big", BIG)])
def test_things_have_the_size_that_is_asked_for(
    sketched: Callable[..., np.ndarray], size: str, cells: int
) -> None:
    for seed in range(4):
        sketch = sketched(f"a {size} cactus in the middle, in a meadow", seed)
        left, top, right, bottom = box_of(sketch, COLOURS["cactus"])
        assert right - left == bottom - top == pytest.approx(cells, abs=0.01)
        assert bottom == 14


@pytest.mark.parametrize(
    ("words", "cells"), [("a cactus, in a meadow", (7, 8)), ("a cactus beside a bus, in a meadow", (7,))]
)
def test_the_seed_says_how_large_a_thing_is_and_how_low_where_nobody_asks(
    sketched: Callable[..., np.ndarray], words: str, cells: tuple[int, ...]
) -> None:
    boxes = [box_of(sketched(words, seed), COLOURS["cactus"]) for seed in range(40)]
    sizes, feet = {round(right - left) for left, _, right, _ in boxes}, {box[3] for box in boxes}
    assert sizes == set(cells) and feet == {13, 14, 15} and len(set(boxes)) >= 6
    assert all(0 <= left < right <= CELLS and 0 <= top < bottom <= CELLS for left, top, right, bottom in boxes)


@pytest.mark.parametrize(
    ("words", "count", "side"), [("two", 2, MEDIUM), ("three", 3, SMALL), ("four", 4, SMALL)]
)
def test_several_are_as_many(sketched: Callable[..., np.ndarray], words: str, count: int, side: int) -> None:
    sketch = sketched(f"{words} cacti, in a meadow")
    assert (sketch[..., 3] > 128).sum() == count * (side * SIZE / CELLS) ** 2


def test_the_seed_says_where_a_thing_stands_that_may_stand_in_several_places(
    sketched: Callable[..., np.ndarray],
) -> None:
    words = "a cactus on the left, in a meadow"
    lefts = {box_of(sketched(words, seed), COLOURS["cactus"])[0] for seed in range(12)}
    assert len(lefts) == 3
    assert np.array_equal(sketched(words, 5), sketched(words, 5))


@pytest.mark.parametrize("seed", range(8))
def test_candidates_have_sketches_of_their_own(sketched: Callable[..., np.ndarray], seed: int) -> None:
    words = "a cactus, in a meadow"
    boxes = [box_of(sketched(words, seed, candidate), COLOURS["cactus"]) for candidate in range(12)]
    stand = [(right - left, bottom) for left, _, right, bottom in boxes]
    assert len(set(stand[:6])) == 6 and stand[6:] == stand[:6], "two sizes on three feet, each in turn"
    assert len(set(boxes)) > 6, "and further to the left or to the right"
    assert np.array_equal(sketched(words, seed, 3), sketched(words, seed, 3))
    assert np.array_equal(sketched(words, seed, 0), sketched(words, seed))


def test_the_colour_that_is_asked_for_is_taken_where_there_is_one(sketched: Callable[..., np.ndarray]) -> None:
    box_of(sketched("a blue bus in the middle, in a meadow"), (20, 60, 220))
    box_of(sketched("a bus in the middle, in a meadow"), COLOURS["bus"])
    box_of(sketched("a blue cactus in the middle, in a meadow"), COLOURS["cactus"])  # its own: none other


def test_pictures_are_of_the_style_that_is_asked_for_or_refused(
    memory: PictureMemory, sketched: Callable[..., np.ndarray]
) -> None:
    left, top, right, bottom = box_of(sketched(f"a giraffe in the middle, in a meadow, {ICON}"), (255, 0, 255))
    assert (right - left) * 2 == pytest.approx(bottom - top, abs=0.1), "as narrow as it is drawn"
    with pytest.raises(
        RowError, match=f"no picture of 'cactus' {ICON}; it has {STICKER}: ask for another style"
    ):
        sketched(f"a cactus in the middle, in a meadow, {ICON}")


def test_a_plain_ground_is_part_of_the_sketch(sketched: Callable[..., np.ndarray]) -> None:
    sketch = sketched(f"a cactus in the middle, {PLAIN}")
    assert (sketch[..., 3] == 255).all() and tuple(sketch[0, 0, :3]) == PAPER
    assert box_of(sketch, COLOURS["cactus"])[3] in (13, 14, 15)


def test_what_the_drafter_knows_by_heart_is_not_sketched(memory: PictureMemory) -> None:
    def sketch(words: str) -> object:
        return sketch_of(0, Plan(request=Request(prompt=words), prompt=words, facts=()), memory)

    assert sketch("a cat in the middle, in a meadow, in watercolour") is None
    assert sketch("a cactus in the middle, in a meadow, in watercolour") is not None
    assert sketch("nothing that it knows") is None


def test_models_read_no_name_that_they_do_not_know(memory: PictureMemory) -> None:
    words = "a giraffe on the left and a cactus on the right, in the snow"
    plan = Plan(request=Request(prompt=words), prompt=words, facts=())
    key: ModelKey[PictureMemory] = ModelKey("picture-memory", "anything")
    models: Any = {key: memory}
    (shown,) = RecallStage(model=key).run([plan], models, RunContext())
    assert shown.prompt == words and shown.wording == f"in the snow, {STICKER}"
    assert shown.sketch is not None and shown.sketch.shows == (("giraffe", STICKER), ("cactus", STICKER))
    assert plan.wording == words


def test_a_damaged_memory_is_one_line(tmp_path: Path) -> None:
    folder = write(tmp_path / "memory")
    table = json.loads((folder / "pictures.json").read_text())
    for what, content in (
        ("do not belong together", {"pictures": table["pictures"][:-1]}),
        (
            "does not know 'dragonfruitish'",
            {"pictures": [*table["pictures"][:-1], {"kind": "dragonfruitish", "style": STICKER}]},
        ),
        ("make it again", {"pictures": [{"nonsense": 1}]}),
    ):
        (folder / "pictures.json").write_text(json.dumps(content))
        with pytest.raises(CheckpointError, match=what):
            PictureMemory.from_pretrained(folder)
    (folder / "pictures.json").write_text(json.dumps(table))
    memory = PictureMemory.from_pretrained(folder)
    memory.data = torch.zeros_like(memory.data)
    with pytest.raises(CheckpointError, match=r"picture of 'giraffe' .* is damaged .*: make it again"):
        memory.picture(0)
