import random
from collections import Counter

import pytest

from diptych.pipelines.pocket.art.scene import (
    ARRANGEMENTS,
    PLAIN,
    SETTINGS,
    SHARES,
    ArtScene,
    ArtThing,
    may_be_on,
    sample_scene,
)
from diptych.pipelines.pocket.art.things import Kinds, known_kinds
from diptych.pipelines.pocket.world import SceneError, is_held_out

STYLES = ("sticker", "icon")


def some(kinds: Kinds, count: int = 150, *, held_out: bool = False) -> list[ArtScene]:
    return [sample_scene(random.Random(f"{i}"), kinds, STYLES, held_out=held_out) for i in range(count)]


@pytest.mark.parametrize("held_out", [False, True])
def test_every_thing_lies_on_the_asked_side_of_the_split(held_out: bool) -> None:
    for scene in some(known_kinds(), held_out=held_out):
        assert all(is_held_out(t.kind, t.colour, scene.setting) == held_out for t in scene.things)


def test_scenes_repeat() -> None:
    assert some(known_kinds(), 20) == some(known_kinds(), 20)


def test_colours_are_those_that_a_kind_may_have() -> None:
    kinds = known_kinds()
    for scene in some(kinds):
        assert all(thing.colour in kinds[thing.kind].looks for thing in scene.things)


def test_all_arrangements_settings_and_styles_come_up() -> None:
    scenes = some(known_kinds(), 600)
    assert {scene.setting for scene in scenes} == set(SETTINGS) and PLAIN in SETTINGS
    assert {scene.style for scene in scenes} == set(STYLES)
    counts = Counter(scene.arrangement for scene in scenes)
    for arrangement, share in SHARES.items():
        assert counts[arrangement] / 600 == pytest.approx(share, abs=0.06)
    assert sum(SHARES.values()) == pytest.approx(1) and set(SHARES) == set(ARRANGEMENTS)


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_an_arrangement_that_is_asked_for_is_drawn(arrangement: str, kinds: Kinds) -> None:
    for i in range(20):
        scene = sample_scene(random.Random(i), kinds, STYLES, arrangement)
        assert scene.arrangement == arrangement
        if arrangement == "on":
            assert may_be_on(kinds[scene.things[0].kind], kinds[scene.things[1].kind])
        if arrangement == "in front":
            assert not kinds[scene.things[1].kind].floats


def test_too_few_kinds_are_said(kinds: Kinds) -> None:
    one = {"ball": kinds["ball"]}
    with pytest.raises(SceneError, match="too few"):
        sample_scene(random.Random(0), one, STYLES, "on")


@pytest.mark.parametrize(
    ("things", "arrangement"),
    [
        ((ArtThing(kind="a", place="left"), ArtThing(kind="a", place="right")), "side by side"),
        ((ArtThing(kind="a", colour="red", place="on"), ArtThing(kind="b", colour="red", place="under")), "on"),
        ((ArtThing(kind="a", place="on"), ArtThing(kind="b", place="under", size="small")), "on"),
        ((ArtThing(kind="a", place="under"), ArtThing(kind="b", place="on")), "on"),
        ((ArtThing(kind="a"),) * 5, "group"),
        ((ArtThing(kind="a"), ArtThing(kind="b")), "group"),
        ((ArtThing(kind="a"),), "alone"),
        ((ArtThing(kind="a", place="left", size="big"), ArtThing(kind="b", place="right")), "side by side"),
    ],
)
def test_scenes_that_cannot_be_are_refused(things: tuple[ArtThing, ...], arrangement: str) -> None:
    with pytest.raises(SceneError):
        ArtScene(things=things, setting="plain", style="icon", arrangement=arrangement)


@pytest.mark.parametrize("fields", [{"colour": "mauve"}, {"size": "huge"}, {"place": "beside"}])
def test_words_outside_the_vocabulary_are_refused(fields: dict[str, str]) -> None:
    with pytest.raises(SceneError, match="unknown"):
        ArtThing(kind="a", **fields)


def test_things_without_a_named_colour_may_stand_together() -> None:
    things = (ArtThing(kind="a", place="front"), ArtThing(kind="b", place="behind"))
    assert ArtScene(things=things, setting="plain", style="icon", arrangement="in front").things == things
