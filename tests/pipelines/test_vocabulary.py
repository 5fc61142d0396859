"""The words of a recipe: its planner's, or everyday ones; and pipelines that read any vocabulary."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import pytest

from diptych.engine.errors import CheckpointError
from diptych.engine.language.words.content import plain_words
from diptych.engine.models.checkpoint.folder import folder_of
from diptych.engine.values.fact import Fact
from diptych.engine.values.start import Wording
from diptych.pipelines.editing.instruction import changed
from diptych.pipelines.editing.phrases import OTHERS, phrase_of, with_others
from diptych.pipelines.recipes.reader import Recipe, read_recipe
from diptych.pipelines.vocabulary import (
    EVERYDAY,
    Vocabulary,
    WordTable,
    meaning,
    planner_vocabulary,
    usual,
    vocabulary_for,
)

ROBOTS: Vocabulary = WordTable(
    ways={
        "kind": {("robot",): "robot", ("roboter",): "robot", ("ufo",): "ufo"},
        "plural": {("robots",): "robot", ("roboter",): "robot", ("ufos",): "ufo"},
        "colour": {("silver",): "silver", ("silbern",): "silver", ("gold",): "gold"},
        "size": {("big",): "big", ("riesig",): "big"},
        "number": {("zwei",): "two", ("two",): "two"},
        "setting": {("on", "the", "moon"): "on the moon", ("auf", "dem", "mond"): "on the moon"},
        "style": {("as", "a", "blueprint"): "as a blueprint", ("as", "a", "photo"): "as a photo"},
    },
    plurals={"robot": "robots", "ufo": "ufos"},
    plain_size="normal",
    plain_style="as a photo",
)
"""Another planner's words, in two languages."""

WORDING = Wording(prompt="a silver robot, as a blueprint", facts=(Fact(kind="thing", text="a robot"),))


@pytest.fixture
def recipe() -> Recipe:
    return read_recipe("pocket")


@pytest.fixture
def moved(recipe: Recipe, tmp_path: Path) -> Recipe:
    """The recipe with a copy of its planner."""
    plan = recipe.stages["plan"]
    folder = shutil.copytree(folder_of(plan.model.checkpoint), tmp_path / "planner")
    model = dataclasses.replace(plan.model, checkpoint=str(folder))
    return dataclasses.replace(recipe, stages={**recipe.stages, "plan": dataclasses.replace(plan, model=model)})


def vocabulary_file(recipe: Recipe) -> Path:
    return Path(recipe.stages["plan"].model.checkpoint) / "vocabulary.json"


@pytest.mark.parametrize(
    ("instruction", "prompt"),
    [
        ("make the roboter gold", "a gold robot, as a blueprint"),
        ("make the robot riesig", "a big silver robot, as a blueprint"),
        ("replace the robot by a gold ufo", "a gold ufo, as a blueprint"),
        ("auf dem Mond", "a silver robot, as a blueprint, on the moon"),
        ("make it a photo", "a silver robot"),
    ],
)
def test_an_instruction_is_read_by_any_vocabulary(instruction: str, prompt: str) -> None:
    change = changed(WORDING, instruction, ROBOTS)
    assert change is not None and change.wording.prompt == prompt
    assert changed(WORDING, "make the robot red", ROBOTS) is None


def test_others_are_named_even_by_a_vocabulary_that_knows_no_other() -> None:
    text = "a gold robot and a silver ufo"
    phrase = phrase_of("ufo", text, ROBOTS)
    assert phrase is not None
    others = with_others(text, phrase, ROBOTS)
    assert len(others) == OTHERS and all("ufo" not in other for other in others)


def test_the_words_of_a_recipe_are_its_planners(recipe: Recipe) -> None:
    words, planner = vocabulary_for(recipe), planner_vocabulary(recipe)
    assert planner is not None
    assert usual(words, "style") == planner.styles and usual(words, "colour") == planner.colours
    assert usual(words, "kind") == tuple(planner.kinds)
    assert meaning(words, "kind", "Pussy-cat") == "cat" and meaning(words, "plural", "chats") == "cat"
    assert meaning(words, "setting", "under the stars") == "at night" and words.plurals["cactus"] == "cacti"


def test_a_planner_of_any_words_has_everyday_ones(moved: Recipe) -> None:
    vocabulary_file(moved).unlink()
    assert planner_vocabulary(moved) is None and vocabulary_for(moved) is EVERYDAY
    assert vocabulary_for(dataclasses.replace(moved, stages={})) is EVERYDAY


def test_everyday_words_mean_what_the_pocket_planner_means_by_them(recipe: Recipe) -> None:
    words = vocabulary_for(recipe)
    for category in EVERYDAY.ways:
        assert usual(EVERYDAY, category)[:1] == usual(words, category)[:1] or category == "number"
        for way, value in EVERYDAY.ways[category].items():
            if category != "number":  # there it is digits
                assert words.ways[category].get(way, value) == value, way
    assert words.plain_style == EVERYDAY.plain_style and words.plain_size == EVERYDAY.plain_size


def test_a_vocabulary_that_is_written_anew_is_read_anew(moved: Recipe) -> None:
    assert meaning(vocabulary_for(moved), "colour", "ultramarine") == ""
    path = vocabulary_file(moved)
    table = json.loads(path.read_text(encoding="utf-8"))
    table["colours"]["blue"].append("ultramarine")
    path.write_text(json.dumps(table), encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert meaning(vocabulary_for(moved), "colour", "ultramarine") == "blue"


def test_a_damaged_vocabulary_is_named(moved: Recipe) -> None:
    vocabulary_file(moved).write_text("{}", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"vocabulary\.json: .*: ship the planner again"):
        vocabulary_for(moved)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a boat, at sunset", "a boat, in the snow"),
        ("a boat in a forest beside a cat", "a boat, in the snow beside a cat"),
        ("a boat, forest, ink", "a boat, in the snow, ink"),
        ("a house downtown", "a house, in the snow"),
        ("a fish underwater in ink", "a fish, in the snow in ink"),
        ("a map of the desert", "a map of the desert, in the snow"),
        ("a city bus", "a city bus, in the snow"),
    ],
)
def test_a_setting_is_told_from_a_thing_of_the_same_name(before: str, after: str) -> None:
    change = changed(Wording(prompt=before), "in the snow", EVERYDAY)
    assert change is not None and change.wording.prompt == after


def test_plain_words_of_every_way_are_its_key() -> None:
    for ways in EVERYDAY.ways.values():
        assert all(way == plain_words(" ".join(way)) for way in ways)
