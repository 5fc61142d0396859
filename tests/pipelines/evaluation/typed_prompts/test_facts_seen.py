"""What the inspector's sighting says of facts: of true and false ones of renders, and in what it is asked."""

import random
from collections.abc import Callable

import pytest
import torch

from diptych.pipelines.evaluation.inspector import Inspector, Seen, Sighting
from diptych.pipelines.evaluation.typed_prompts.facts_seen import is_canonical, several, shows, turned
from diptych.pipelines.evaluation.typed_prompts.score import sighting_of
from diptych.pipelines.pocket.world import Scene, facts_of, false_facts_of
from diptych.pipelines.training.data.source import PICTURE_SIDE, WorldData


def thing(kind: str, x: float = 0.5, y: float = 0.5, colour: str = "red") -> Seen:
    return Seen(kind=kind, colour=colour, x=x, y=y)


def seen(*things: Seen) -> Sighting:
    return Sighting(things=things, setting="snow", style="ink")


def test_a_perfect_eye_agrees_with_every_fact_of_a_render(
    scenes: list[Scene], perfect: Callable[[Scene], Sighting]
) -> None:
    for scene in scenes:
        for claim in facts_of(scene):
            assert shows(perfect(scene), claim) is (None if claim[0] == "size" else True), (claim, scene)
        for claim in false_facts_of(scene, random.Random(0)):
            assert shows(perfect(scene), claim) is (None if claim[0] == "size" else False), (claim, scene)


def test_the_inspector_agrees_with_true_facts_of_renders_and_contradicts_false_ones() -> None:
    batch = WorldData("held-out").take(range(700_000, 700_050), PICTURE_SIDE)
    sightings = Inspector.from_checkpoint().look(batch.pixels)
    true = [shows(s, c) for s, scene in zip(sightings, batch.scenes, strict=True) for c in facts_of(scene)]
    false = [
        shows(s, claim)
        for s, scene in zip(sightings, batch.scenes, strict=True)
        for claim in false_facts_of(scene, random.Random(scene.variation))
    ]
    for told, truth in ((true, True), (false, False)):
        known = [each for each in told if each is not None]
        assert len(known) > 200 and sum(each is truth for each in known) >= 0.97 * len(known)


def test_sightings_of_masks_are_those_of_boxes(
    scenes: list[Scene], perfect: Callable[[Scene], Sighting]
) -> None:
    batch = WorldData("held-out").render(scenes, PICTURE_SIDE)
    for scene, mask in zip(scenes, batch.masks, strict=True):
        for mine, theirs in zip(sighting_of(scene, mask).things, perfect(scene).things, strict=True):
            assert (mine.kind, mine.colour) == (theirs.kind, theirs.colour)
            assert torch.tensor([mine.x, mine.y]).allclose(torch.tensor([theirs.x, theirs.y]), atol=0.02)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("thing", "a cat", True),
        ("thing", "an apple", False),
        ("colour", "a red cat", True),
        ("colour", "a blue cat", False),
        ("size", "a big cat", None),
        ("count", "two cats", True),
        ("count", "one cat", False),
        ("count", "three things", True),
        ("count", several("cat"), True),
        ("count", several("house"), False),
        ("place", "a cat on the right", True),
        ("place", "a house on the right", False),
        ("relation", "a cat to the left of a house", True),
        ("relation", "a house to the left of a cat", True),
        ("relation", "a cat above a house", False),
        ("relation", "a house between a cat and a cat", True),
        ("relation", "a cat to the left of an apple", False),
        ("setting", "in the snow", True),
        ("setting", "at night", False),
        ("style", "in ink", True),
        ("style", "as a flat drawing", False),
        ("other", "a cat wearing a hat", None),
        ("thing", "a dog", None),
        ("relation", "a cat behind a house", None),
        ("relation", "a cat to the left of a dog", None),
        ("relation", "an cat above a house", None),
        ("relation", "a cat between a house", None),
    ],
)
def test_facts_are_told_by_things_and_their_centres(kind: str, text: str, expected: bool | None) -> None:
    shown = seen(thing("cat", x=0.1), thing("house", x=0.5, colour="blue"), thing("cat", x=0.9))
    assert shows(shown, (kind, text)) is expected


def test_centres_that_are_not_apart_stand_in_no_relation() -> None:
    near = seen(thing("cat", x=0.50), thing("house", x=0.55))
    assert shows(near, ("relation", "a cat to the left of a house")) is False
    assert shows(near, ("relation", "a cat to the right of a house")) is False


def test_relations_are_turned_round_and_nothing_else() -> None:
    for one, other in (
        ("a cat above an apple", "an apple below a cat"),
        ("a cat to the left of a house", "a house to the right of a cat"),
        ("a cat between a house and an apple", "a cat between an apple and a house"),
    ):
        assert turned(("relation", one)) == ("relation", other)
        assert turned(("relation", other)) == ("relation", one)
    assert turned(("thing", "a cat")) == ("thing", "a cat")
    assert turned(("relation", "a cat behind a dog")) == ("relation", "a cat behind a dog")


def test_facts_in_other_words_are_not_canonical() -> None:
    assert is_canonical(("size", "a small cat")) and not is_canonical(("size", "a medium cat"))
    assert not is_canonical(("thing", "a kitten")) and not is_canonical(("setting", "a cat"))
