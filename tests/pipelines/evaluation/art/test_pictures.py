"""What is seen in the shipped recipe's pictures, in small."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from diptych.engine.models.vision.picture_memory import load_picture_memory
from diptych.pipelines.evaluation.art import colours, sheets
from diptych.pipelines.evaluation.art.finding import looks_with
from diptych.pipelines.evaluation.art.measure import readable
from diptych.pipelines.evaluation.art.nearest import NearestKinds
from diptych.pipelines.evaluation.art.pictures import Judged, judged_pictures
from diptych.pipelines.evaluation.inspector import Seen, Sighting
from diptych.pipelines.pocket.art import ArtScene, ArtThing
from diptych.pipelines.recipes.reader import POCKET_WEIGHTS
from diptych.pipelines.text_to_image import TextToImage

FINDER = "pocket/thing_finder"


@pytest.fixture(scope="module")
def pipe() -> TextToImage:
    return TextToImage.from_recipe("atlas")


@pytest.fixture(scope="module")
def nearest() -> NearestKinds:
    memory = load_picture_memory(POCKET_WEIGHTS / "memory", torch.float32, torch.device("cpu"))
    known = NearestKinds(memory)
    known.kinds = ["banana", "dog", "pizza", "zebra"]
    return known


def alone(kind: str, colour: str = "") -> ArtScene:
    thing = ArtThing(kind=kind, colour=colour, place="middle")
    return ArtScene(things=(thing,), setting="beach", style="sticker")


def test_both_eyes_see_what_was_asked_for_and_not_what_was_not(
    pipe: TextToImage, nearest: NearestKinds
) -> None:
    rows = [
        (alone("pizza"), "a pizza in the middle, at the beach", 0),
        (alone("dog"), "a zebra in the middle, at the beach", 0),
    ]
    pizza, other = judged_pictures(pipe, looks_with(FINDER), rows, nearest=nearest, keep=lambda n, row: n == 0)
    assert pizza.right and pizza.nearest == "pizza" and pizza.pixels is not None and not pizza.left_out
    assert "one_thing" in other.wrong and other.nearest == "zebra" and other.pixels is None


def test_a_prompt_that_is_refused_is_wrong_in_everything(pipe: TextToImage) -> None:
    (row,) = judged_pictures(pipe, looks_with(FINDER), [(alone("dog"), "nothing at all", 0)])
    assert row.error and row.seen is None and not row.right and {"one_thing", "setting"} <= {*row.wrong}


def test_a_pink_elephant_is_pink_and_what_cannot_be_turned_is_told(pipe: TextToImage) -> None:
    asked = [("elephant", "pink"), ("lion", "blue")]
    shares, images = colours.measured(pipe, looks_with(FINDER), asked)
    assert (shares["drawn"].count, shares["drawn"].of) == (1, 2)
    assert shares["told"].value == shares["by pixels"].value == 1.0 and None not in images


def test_what_the_render_does_not_show_is_not_counted_against_the_picture() -> None:
    scene = alone("dog", "red")
    dog = Seen(kind="dog", colour="red", x=0.5, y=0.7)
    right = Sighting(things=(dog,), setting="beach", style="sticker")
    unread = Sighting(things=(), setting="beach", style="sticker")
    assert readable([(unread, scene)], [right])["one_thing"].value == 0.0
    assert "one_thing" not in readable([(unread, scene)], [unread])


def test_sheets_are_written(tmp_path: Path, pipe: TextToImage) -> None:
    pixels = torch.from_numpy(np.zeros((64, 64, 3), np.uint8))
    seen = Sighting(things=(Seen(kind="cat", colour="red", x=0.5, y=0.5),), setting="beach", style="sticker")
    rows = [Judged(scene=alone("dog"), prompt="a dog", pixels=pixels, seen=seen)]
    sheets.write_kinds(tmp_path / "kinds.png", rows)
    sheets.write_failures(tmp_path / "failures.png", rows)
    sheets.write_typed(tmp_path / "typed.png", pipe, ("a dog", "pikachu"))
    for name in ("kinds", "failures", "typed"):
        with PIL.Image.open(tmp_path / f"{name}.png") as sheet:
            assert sheet.width > 64
