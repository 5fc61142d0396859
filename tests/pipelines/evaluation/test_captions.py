"""What captions are understood to say."""

import random

import pytest

from diptych.pipelines.evaluation.captions import read_caption, right_of
from diptych.pipelines.evaluation.inspector import pairs_of
from diptych.pipelines.pocket.world import caption_of, prompt_of
from diptych.pipelines.training.data.source import scene_of


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("a small red boat on the left, at sunset", {("boat", "red"): 1}),
        ("a red boat and a crimson kitten", {("boat", "red"): 1, ("cat", "red"): 1}),
        ("a cat and a blue car", {("cat", ""): 1, ("car", "blue"): 1}),
        ("a mug that is big and green", {("cup", "green"): 1}),
        ("a little toadstool in white, in the snow", {("mushroom", "white"): 1}),
        ("a cat that is black and a jet-black bird", {("cat", "black"): 1, ("bird", "black"): 1}),
        ("a yellow hot-air balloon", {("balloon", "yellow"): 1}),
        ("Orange cat, big, left", {("cat", "orange"): 1}),
        ("three brown fish, under water", {("fish", "brown"): 3}),
        ("a pair of pink butterflies and a lamp", {("butterfly", "pink"): 2, ("lamp", ""): 1}),
        ("a group of four rose cacti", {("cactus", "pink"): 4}),
        ("2 alarm clocks", {("clock", ""): 2}),
        ("a lighthouse", {("lighthouse", ""): 1}),
        ("nothing much", {}),
    ],
)
def test_a_caption_is_parsed_into_things_numbers_and_colours(
    caption: str, expected: dict[tuple[str, str], int]
) -> None:
    assert read_caption(caption).things == expected


def test_settings_and_styles_are_named_by_whole_words() -> None:
    read = read_caption("a cat in pink, in the woods, drawn in ink")
    assert (read.setting, read.style) == ("forest", "ink")
    assert (read_caption("a cat").setting, read_caption("a cat").style) == ("", "flat")


def test_whatever_the_world_says_of_a_scene_is_understood() -> None:
    for i in range(300):
        scene = scene_of("train", i)
        assert set(right_of(prompt_of(scene), scene).values()) == {True}, prompt_of(scene)
        caption = caption_of(scene, random.Random(i))
        read, truth = read_caption(caption), pairs_of(scene)
        assert read.kinds == {kind for kind, _ in truth}, caption
        assert sum(read.things.values()) == len(scene.things), caption
        assert all(colour == "" or (kind, colour) in truth for kind, colour in read.things), caption
        assert read.setting in ("", scene.setting) and read.style in ("flat", scene.style), caption


def test_each_kind_of_fact_can_be_wrong_by_itself() -> None:
    scene = next(s for s in map(lambda i: scene_of("train", i), range(99)) if s.arrangement == "group")
    thing, caption = scene.things[0], prompt_of(scene)
    colour = "red" if thing.colour != "red" else "blue"
    wrong = {
        name for name, truth in right_of(caption.replace(thing.colour, colour), scene).items() if not truth
    }
    assert wrong == {"colour", "word for word"}
    said = right_of(f"{caption}, in the snow at night", scene)
    assert not said["setting"] and said["thing"] and said["count"]
