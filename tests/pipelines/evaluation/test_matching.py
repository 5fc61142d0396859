"""What counts as right: one question a category."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from diptych.pipelines.evaluation.inspector import Seen, Sighting
from diptych.pipelines.evaluation.matching import CATEGORIES, QUESTIONS, answers, asked_of, place_of
from diptych.pipelines.pocket.world import SETTINGS, STYLES, Scene
from diptych.pipelines.training.data.source import scene_of

Perfect = Callable[[Scene], Sighting]


def wrong_in(seen: Sighting | None, scene: Scene) -> set[str]:
    return {name for name, truth in answers(seen, scene).items() if not truth}


@pytest.mark.parametrize("split", ["train", "held-out"])
def test_a_render_that_is_seen_as_it_is_is_right_in_everything(split: str, perfect: Perfect) -> None:
    asked = set[str]()
    for i in range(120):
        scene = scene_of(split, i)
        assert wrong_in(perfect(scene), scene) == set(), scene
        asked |= set(asked_of(scene))
    assert asked == set(QUESTIONS) == set(CATEGORIES) - {"all_right"}


def test_a_prompt_without_a_picture_is_wrong_in_all_it_asks(scenes: list[Scene]) -> None:
    for scene in scenes:
        assert wrong_in(None, scene) == {*asked_of(scene), "all_right"}


def changed(seen: Sighting, place: int, **fields: Any) -> Sighting:
    things = list(seen.things)
    things[place] = dataclasses.replace(things[place], **fields)
    return dataclasses.replace(seen, things=tuple(things))


def test_things_alone(scenes: list[Scene], perfect: Perfect) -> None:
    scene = scenes[0]
    seen, other = perfect(scene), scenes[2].things[0]
    assert wrong_in(changed(seen, 0, colour="none"), scene) == {"colours", "all_right"}
    assert wrong_in(changed(seen, 0, kind="none"), scene) == {"one_thing", "colours", "position", "all_right"}
    more = Seen(kind=other.kind, colour=other.colour, x=0.1, y=0.1)
    assert wrong_in(dataclasses.replace(seen, things=(*seen.things, more)), scene) == {"all_right"}
    elsewhere = (seen.things[0].x + 0.4) % 1
    assert wrong_in(changed(seen, 0, x=elsewhere), scene) == {"position", "all_right"}


def test_settings_and_styles(scenes: list[Scene], perfect: Perfect) -> None:
    for scene in scenes:
        seen = perfect(scene)
        setting = next(each for each in SETTINGS if each != scene.setting)
        style = next(each for each in STYLES if each != scene.style)
        assert wrong_in(dataclasses.replace(seen, setting=setting), scene) == {"setting", "all_right"}
        assert wrong_in(dataclasses.replace(seen, style=style), scene) == {"style", "all_right"}


def test_a_count_is_exact(scenes: list[Scene], perfect: Perfect) -> None:
    for scene in (scenes[1], scenes[5]):
        seen = perfect(scene)
        fewer = dataclasses.replace(seen, things=seen.things[1:])
        more = dataclasses.replace(seen, things=(*seen.things, seen.things[0]))
        assert wrong_in(fewer, scene) == wrong_in(more, scene) == {"counting", "all_right"}
        assert wrong_in(changed(seen, 0, colour="none"), scene) == {"all_right"}


def test_colours_are_bound_to_their_things(scenes: list[Scene], perfect: Perfect) -> None:
    for scene in (scenes[2], scenes[3]):
        seen = perfect(scene)
        first, second = seen.things
        swapped = changed(changed(seen, 0, colour=second.colour), 1, colour=first.colour)
        assert wrong_in(swapped, scene) == {"colour_binding", "all_right"}
        missing = dataclasses.replace(seen, things=(first,))
        assert wrong_in(missing, scene) == {"two_things", "colour_binding", "position", "all_right"}


def test_relations_hold_between_centres(scenes: list[Scene], perfect: Perfect) -> None:
    for scene in (scenes[2], scenes[3], scenes[7]):
        seen = perfect(scene)
        first, last = seen.things[0], seen.things[-1]
        turned = changed(changed(seen, 0, x=last.x, y=last.y), len(seen.things) - 1, x=first.x, y=first.y)
        assert wrong_in(turned, scene) == {"position", "all_right"}
        along = "y" if scene.arrangement == "stacked" else "x"
        hardly = changed(seen, 0, **{along: getattr(seen.things[1], along) - 0.05})
        assert wrong_in(hardly, scene) == {"position", "all_right"}


def test_of_several_things_of_a_kind_the_one_in_the_right_colour_is_looked_at(
    scenes: list[Scene], perfect: Perfect
) -> None:
    scene = scenes[2]
    seen = perfect(scene)
    stray = dataclasses.replace(seen.things[0], colour="none", x=0.95)
    assert wrong_in(dataclasses.replace(seen, things=(stray, *seen.things)), scene) == {"all_right"}


def test_places_are_told_apart_half_way() -> None:
    assert [place_of(x) for x in (0.1, 0.36, 0.45, 0.5, 0.55, 0.64, 0.9)] == [
        "left", "left", "middle", "middle", "middle", "right", "right",
    ]  # fmt: skip
