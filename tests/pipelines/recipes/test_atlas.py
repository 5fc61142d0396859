"""Recipe `atlas`: all that recipe `pocket` knows, and what its memory shows beside; documents say how much."""

import json
import re
from pathlib import Path

import pytest
import torch

from diptych import Edit, Inpaint, Interpolate, TextToImage
from diptych.engine.language.closed_vocabulary.wish_reader import wish_of
from diptych.engine.models.vision.picture_memory import PictureMemory
from diptych.engine.values import Outcome
from diptych.pipelines.pocket.art.things import known_kinds, own_kinds
from diptych.pipelines.pocket.world import KINDS
from diptych.pipelines.recipes.reader import POCKET_WEIGHTS, read_recipe
from diptych.pipelines.vocabulary import planner_vocabulary

ROOT = Path(__file__).parents[3]
BETWEEN = "a brown lighthouse between a black cat and a white car, in a meadow"


@pytest.fixture(scope="module")
def memory() -> PictureMemory:
    return PictureMemory.from_pretrained(POCKET_WEIGHTS / "memory")


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    pipe = TextToImage.from_recipe("atlas")
    found = pipe.run([pipe.request("a dog in a park", row=1), pipe.request(BETWEEN, row=2)])
    return [each for each in found if isinstance(each, Outcome)]


def test_the_memory_shows_every_kind_of_both_tables_once(memory: PictureMemory) -> None:
    assert [each.kind for each in memory.pictures] == [*known_kinds(), *own_kinds()]
    assert set(memory.vocabulary.kinds) == {*known_kinds(), *own_kinds()}


def test_all_kinds_of_pocket_are_known_by_heart_and_shown(memory: PictureMemory) -> None:
    assert memory.by_heart == set(KINDS) <= set(memory.vocabulary.kinds)
    pocket = planner_vocabulary(read_recipe("pocket"))
    assert pocket is not None and set(pocket.kinds) == set(KINDS)


def test_the_judge_knows_what_the_memory_shows(memory: PictureMemory) -> None:
    config = json.loads((POCKET_WEIGHTS / "thing_finder" / "config.json").read_text(encoding="utf-8"))
    assert {tuple(each) for each in config["known"]} == {(each.kind, each.style) for each in memory.pictures}
    assert set(config["by_heart"]) == set(KINDS)


def test_documents_say_how_many_kinds_there_are(memory: PictureMemory) -> None:
    count, drawn = len(memory.vocabulary.kinds), len(known_kinds())
    own = len(own_kinds())
    for name in (
        "README.md",
        "NOTICE",
        "CHANGELOG.md",
        "docs/recipes.md",
        "docs/training.md",
        "pipelines/pocket/MODEL_CARD.md",
        "pipelines/recipes/atlas.toml",
    ):
        text = (ROOT / name).read_text(encoding="utf-8")
        said = {int(number) for number in re.findall(r"\b(\d{2,4})(?= (?:drawn )?kinds\b| drawings\b)", text)}
        assert str(count) in text and {number for number in said if number > 50} <= {count, drawn, own}, name


def test_a_dog_in_a_park_is_drawn_and_accepted(outcomes: list[Outcome]) -> None:
    dog = outcomes[0]
    assert dog.verdict is not None and dog.verdict.score >= 0.5 and not dog.plan.left_out
    assert dog.plan.sketch is not None
    asked = {answer.fact.text: answer.shown for answer in dog.verdict.answers if answer.fact.asked}
    assert asked["a dog"]


def test_nothing_that_pocket_draws_is_left_out(outcomes: list[Outcome]) -> None:
    between = outcomes[1]
    assert not between.plan.left_out
    assert {"a lighthouse", "a cat", "a car", "a brown lighthouse"} <= {
        fact.text for fact in between.plan.facts
    }
    assert between.verdict is not None and between.verdict.score >= 0.5


@pytest.fixture(scope="module")
def pair() -> tuple[TextToImage, Outcome]:
    pipe = TextToImage.from_recipe("atlas", deterministic=True)
    return pipe, pipe("a dog and an elephant", seed=5).outcomes[0]


def changed_columns(before: Outcome, after: Outcome) -> torch.Tensor:
    """bool (width,): where anything differs."""
    return (before.picture.pixels != after.picture.pixels).any(2).any(0)


@pytest.mark.parametrize(
    "instruction", ["make the dog black", "remove the dog", "put a zebra instead of the dog"]
)
def test_an_edit_changes_the_thing_that_it_names_and_nothing_else(
    pair: tuple[TextToImage, Outcome], instruction: str
) -> None:
    pipe, before = pair
    after = Edit.from_pipe(pipe)(instruction, image=before, seed=2).outcomes[0]
    changed = changed_columns(before, after)
    assert after.accepted and changed[:128].any() and not changed[160:].any()


def test_the_things_stay_where_they_stand_in_another_setting(pair: tuple[TextToImage, Outcome]) -> None:
    pipe, before = pair
    after = Edit.from_pipe(pipe)("at night", image=before.image, seed=2).outcomes[0]
    assert before.plan.sketch is not None and after.plan.sketch is not None and after.accepted
    assert torch.equal(after.plan.sketch.pixels, before.plan.sketch.pixels)


def test_a_thing_of_the_memory_is_found_by_its_name(pair: tuple[TextToImage, Outcome]) -> None:
    pipe, before = pair
    after = Inpaint.from_pipe(pipe)("a cat", image=before, mask_image="elephant", seed=2).outcomes[0]
    changed = changed_columns(before, after)
    assert after.accepted and changed[128:].any() and not changed[:96].any()


def test_an_interpolation_ends_with_the_pictures_of_its_prompts(pair: tuple[TextToImage, Outcome]) -> None:
    pipe, _ = pair
    prompts = ["a dog in a park", "a red boat at sunset"]  # of the memory, and by heart
    frames = Interpolate.from_pipe(pipe)(prompts, seed=4, frames=2).images
    for frame, prompt in zip(frames, prompts, strict=True):
        picture = pipe(prompt, seed=4).images[0]
        assert picture is not None and frame.tobytes() == picture.tobytes()


@pytest.mark.parametrize(
    ("prompt", "left_out"),
    [
        ("a dog in watercolour", ["in watercolour"]),
        ("a cat and a dog in ink", ["in ink"]),
        ("a cat in ink", []),
        ("a dog as a sticker", []),
        ("a cat as a sticker", []),
    ],
)
def test_a_style_that_a_thing_is_not_drawn_in_is_told(
    memory: PictureMemory, prompt: str, left_out: list[str]
) -> None:
    wish = wish_of(prompt, memory.vocabulary)
    assert [span.text for span in wish.left_out] == left_out and (wish.style is None) == bool(left_out)
