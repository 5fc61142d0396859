"""Facts made wrong: exactly what was to be wrong is, and all facts say the same of it."""

import random
from collections.abc import Callable

import pytest

from diptych.pipelines.evaluation.inspector import Sighting
from diptych.pipelines.evaluation.typed_prompts.facts_seen import is_canonical, shows
from diptych.pipelines.evaluation.typed_prompts.facts_wrong import made_wrong
from diptych.pipelines.pocket.world import Scene, facts_of

KINDS = ("thing", "colour", "setting", "style", "place", "relation", "count")


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_does_not_show_what_was_made_wrong(
    kind: str, scenes: list[Scene], perfect: Callable[[Scene], Sighting]
) -> None:
    tried = 0
    for scene in scenes:
        claims = made_wrong(facts_of(scene), kind, random.Random(scene.variation))
        if claims is None:
            continue
        tried += 1
        changed = [claim for claim, old in zip(claims, facts_of(scene), strict=True) if claim != old]
        assert all(is_canonical(claim) for claim in claims)
        assert [claim[0] for claim in changed] == [kind] or kind == "thing"
        assert any(shows(perfect(scene), claim) is False for claim in changed)
    assert tried


def test_another_kind_of_thing_is_told_throughout() -> None:
    claims = [("thing", "a cat"), ("colour", "an orange cat"), ("count", "three cats"), ("thing", "an apple")]
    said = made_wrong([claims[0], *claims[1:3]], "thing", random.Random(1))
    assert said is not None
    new = said[0][1].split()[-1]
    assert new != "cat" and said[1][1] == f"an orange {new}" and said[2][1].startswith("three ")


def test_nothing_is_made_wrong_of_which_there_is_nothing() -> None:
    for kind in ("setting", "size", "other"):
        assert made_wrong([("thing", "a cat"), ("size", "a big cat")], kind, random.Random(0)) is None
    assert made_wrong([("count", "several cats")], "count", random.Random(0)) is None
