"""The calibration of a memory's judge, and what is measured of it: on scenes that were made up, seen perfectly
or not at all."""

from typing import Any

import pytest

from diptych.engine.language.closed_vocabulary.vocabulary import vocabulary_of
from diptych.engine.models.vision.calibration import read_calibration
from diptych.engine.models.vision.things_found import FoundThing, View
from diptych.engine.stages.judging.found_facts import FactReader
from diptych.pipelines.evaluation.art.judging import JudgeMeasure, held_out
from diptych.pipelines.pocket.art import Art, ArtScene
from diptych.pipelines.pocket.art.vocabulary import vocabulary_table
from diptych.pipelines.pocket.art.words import SETTING_WORDS, style_words
from diptych.pipelines.training.data.mosaics import crowd_of, shrunk
from diptych.pipelines.training.tasks import finder_calibration
from diptych.pipelines.training.tasks.finder_calibration import (
    answer,
    asked_together,
    calibrate_finder,
    statements,
    write_calibration,
)

from ...pocket.art.conftest import art as art
from ...pocket.art.conftest import hands as hands
from ...pocket.art.conftest import kinds as kinds


class Finder:
    """Knows the tiny art's words, and nothing of pictures."""

    def __init__(self, art: Art) -> None:
        self.words = vocabulary_of(vocabulary_table(art.kinds, art.hands) | {"plain_kind": "ball"})
        self.calibration: Any = None


def seen(scene: ArtScene, art: Art) -> View:
    """What a finder sees that errs nowhere, and is a little unsure."""
    things = [
        FoundThing(
            sure=0.95,
            x=thing.box[0] + thing.box[2] / 2,
            y=thing.box[1] + thing.box[3] / 2,
            wide=thing.box[2],
            high=thing.box[3],
            kinds={thing.kind: 0.9},
            colours={thing.colour: 0.9},
            styles={style_words(thing.style)[0]: 0.9},
        )
        for thing in crowd_of(scene, art, shrunk).things
    ]
    settings = {SETTING_WORDS[scene.setting][0]: 0.9}
    return View(things=tuple(things), settings=settings, styles={style_words(scene.style)[0]: 0.9})


@pytest.fixture(scope="module")
def scenes(art: Art) -> list[ArtScene]:
    return held_out(art, 60, first=500_000)


@pytest.fixture
def finder(art: Art, scenes: list[ArtScene], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(
        finder_calibration, "views_of", lambda finder, pictures: [seen(scene, art) for scene in scenes]
    )
    return Finder(art)


def test_of_what_is_asked_together_one_is_false_in_half_of_the_pictures(
    art: Art, scenes: list[ArtScene]
) -> None:
    for i, scene in enumerate(scenes):
        asked = asked_together(scene, art, i)
        assert sum(not true for _, true in asked) == (i % 2 == 0)
        true = set(art.facts_of(scene))
        assert all((fact in true) == holds for fact, holds in asked if holds)
    said = statements(scenes[0], art, 0)
    assert {fact for fact, holds in said if holds} == set(art.facts_of(scenes[0]))


def test_true_and_false_are_told_apart_with_numbers_that_mean_what_they_say(
    art: Art, scenes: list[ArtScene], finder: Any
) -> None:
    calibration = calibrate_finder(finder, art, scenes, say=lambda line: None)
    reader = FactReader(finder.words)
    right, total = 0, 0
    for i, scene in enumerate(scenes):
        for fact, holds in statements(scene, art, i):
            right += (answer(reader, calibration, fact, seen(scene, art)) >= 0.5) == holds
            total += 1
    assert right / total > 0.97
    assert calibration.score([0.99, 0.98]) > 0.5 > calibration.score([0.99, 0.02])


def test_it_is_read_as_it_was_written(art: Art, scenes: list[ArtScene], finder: Any, tmp_path: Any) -> None:
    calibration = calibrate_finder(finder, art, scenes, say=lambda line: None)
    write_calibration(calibration, tmp_path)
    assert read_calibration(tmp_path) == calibration


def test_a_judge_that_sees_all_is_right_and_one_that_sees_nothing_accepts_nothing(
    art: Art, scenes: list[ArtScene], finder: Any
) -> None:
    finder.calibration = calibrate_finder(finder, art, scenes, say=lambda line: None)
    measure = JudgeMeasure(finder, art, scenes)
    views = [seen(scene, art) for scene in scenes]
    assert measure.kinds(views)["all"]["value"] == 1
    assert measure.facts(views)["all"]["value"] > 0.97
    swaps = measure.swaps(views)
    assert swaps["their own things"]["value"] > 0.9
    assert swaps["one kind wrong"]["value"] < 0.05 and swaps["another picture's things"]["value"] < 0.05
    blind = [View(things=(), settings={"at night": 1.0}, styles={"as an emoji": 1.0})] * len(scenes)
    assert measure.kinds(blind)["all"]["value"] == 0
    assert measure.swaps(blind)["their own things"]["value"] == 0
    assert measure.requests([None] * len(scenes))["true ones accepted"]["of"] == 0
