"""Scenes that are nearly right: wrong in the one respect that is asked for, and in no other."""

import dataclasses
import random

import pytest

from diptych.pipelines.pocket.world import ARRANGEMENTS, facts_of, prompt_of
from diptych.pipelines.training.data.mismatch import MISMATCHES, mismatched, mismatches_of, without_sizes
from diptych.pipelines.training.data.source import scene_of

FIELDS = {"thing": "kind", "colour": "colour", "place": "place"}


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_a_mismatch_changes_what_it_says_and_nothing_else(arrangement: str) -> None:
    rng = random.Random(0)
    for i in range(60):
        scene = scene_of("held-out", i, arrangement)
        for mismatch in mismatches_of(scene):
            wrong = mismatched(scene, mismatch, rng)
            assert prompt_of(wrong) != prompt_of(scene)
            assert set(facts_of(wrong)) != set(facts_of(scene)), mismatch
            if mismatch in FIELDS:
                changed = {
                    field.name
                    for one, two in zip(scene.things, wrong.things, strict=True)
                    for field in dataclasses.fields(one)
                    if getattr(one, field.name) != getattr(two, field.name)
                }
                assert changed == {FIELDS[mismatch]}
            if mismatch not in ("setting", "style"):
                assert (wrong.setting, wrong.style) == (scene.setting, scene.style)
            else:
                assert wrong.things == scene.things


def test_swapped_things_are_the_same_things_elsewhere() -> None:
    rng = random.Random(1)
    for i in range(60):
        scene = scene_of("held-out", i, "side by side")
        colours = mismatched(scene, "swapped colours", rng)
        assert {t.colour for t in colours.things} == {t.colour for t in scene.things}
        assert [t.kind for t in colours.things] == [t.kind for t in scene.things]
        assert all(a.colour != b.colour for a, b in zip(scene.things, colours.things, strict=True))
        places = mismatched(scene, "relation", rng)
        assert {(t.kind, t.colour) for t in places.things} == {(t.kind, t.colour) for t in scene.things}
        assert places.things[0].kind == scene.things[1].kind


def test_a_group_has_another_count() -> None:
    rng = random.Random(2)
    for i in range(40):
        scene = scene_of("held-out", i, "group")
        wrong = mismatched(scene, "count", rng)
        assert len(wrong.things) != len(scene.things) and set(wrong.things) == set(scene.things)


def test_every_mismatch_is_of_some_arrangement() -> None:
    offered = {name for a in ARRANGEMENTS for name in mismatches_of(scene_of("train", 0, a))}
    assert offered == set(MISMATCHES)


def test_a_scene_without_sizes_is_worded_without_them() -> None:
    for i in range(60):
        words = prompt_of(without_sizes(scene_of("train", i))).split()
        assert not {"small", "big"} & set(words)
