"""Atoms and whole prompts; rivals at equal time; and what repairs break, by hand."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from diptych.benchmarks.loop.alignment import Point, point
from diptych.benchmarks.loop.atoms import am_and_gm, atoms_of, atoms_right
from diptych.benchmarks.loop.repair import Mending, Repaired, Repairs, at_equal_time, render_repaired
from diptych.engine.values import Candidate, Failure, Outcome, Picture, Plan, Request, Verdict
from diptych.pipelines.evaluation.figures import Share
from diptych.pipelines.evaluation.inspector import Seen, Sighting
from diptych.pipelines.pocket.world import Scene, Thing

CAT = Thing(kind="cat", colour="red", size="big", place="left")
SCENE = Scene(things=(CAT,), setting="snow", style="ink")
GROUP = Scene(things=(Thing(kind="cat", colour="red"),) * 2, setting="snow", arrangement="group")
RIGHT = Sighting(things=(Seen(kind="cat", colour="red", x=0.2, y=0.5),), setting="snow", style="ink")
NO_SNOW = dataclasses.replace(RIGHT, setting="night")
NO_INK = dataclasses.replace(RIGHT, style="flat")
SIGHTINGS = (RIGHT, NO_SNOW, NO_INK)


def setting_of(name: str, seconds: float, wholes: Sequence[float]) -> Point:
    atoms = np.array([(whole, whole) for whole in wholes])
    return Point(name=name, seconds=seconds, truths=np.ones((len(wholes), 9)), atoms=atoms)


def test_atoms_are_what_the_prompt_asks_for_and_the_inspector_can_tell() -> None:
    assert [kind for kind, _ in atoms_of(SCENE)] == ["thing", "colour", "place", "setting", "style"]
    assert [kind for kind, _ in atoms_of(GROUP)] == ["thing", "colour", "setting", "count"]
    assert atoms_right(RIGHT, SCENE) == [True] * 5
    assert atoms_right(NO_SNOW, SCENE) == [True, True, True, False, True]
    assert atoms_right(None, SCENE) == [False] * 5


def test_a_prompt_has_a_share_of_its_atoms_and_is_whole_or_not() -> None:
    assert am_and_gm([RIGHT, NO_SNOW, None], [SCENE] * 3).tolist() == [[1, 1], [0.8, 0], [0, 0]]
    made = point("three", 1.0, [RIGHT, NO_SNOW, None], [SCENE] * 3)
    assert made.atoms_right.value == pytest.approx(0.6) and made.whole_prompts.value == pytest.approx(1 / 3)
    none = point("none", 1.0, [None] * 3, [SCENE] * 3)
    assert made.atoms_over(none).value == pytest.approx(0.6)
    assert made.whole_over(none).value == pytest.approx(1 / 3) and made.whole_over(made).half_width == 0


def test_the_rival_is_never_the_quicker_one_where_there_is_another() -> None:
    mended = setting_of("mended", 2.0, [1, 1, 0, 1])
    rivals = [setting_of(str(seconds), seconds, [1, 0, 0, 1]) for seconds in (4.0, 1.9, 2.1, 3.0)]
    found = at_equal_time(mended, rivals)
    assert found.rival.name == "2.1" and found.slower and found.whole_prompts.value == 0.25
    found = at_equal_time(mended, rivals[1:2])
    assert found.rival.name == "1.9" and not found.slower
    repairs = Repairs(mended=[Repaired(point=mended, mendings=[], prompts=Share(0, 4))], against=[found])
    assert repairs.figures == {"repair_minus_pruned": 25.0, "repair_broken": None}
    assert len(repairs.notes) == 1 and "is quicker" in repairs.notes[0]
    assert at_equal_time(mended, [mended]).slower


def test_what_repairs_break_and_mend_is_counted_by_atoms() -> None:
    mendings = [
        Mending([True, True, False], [True, True, True], taken=True),
        Mending([True, True, False], [False, True, False], taken=False),
    ]
    found = Repaired(point=setting_of("mended", 1.0, [1]), mendings=mendings, prompts=Share(2, 5))
    assert found.broken == Share(1, 4) and found.broken_where_taken == Share(0, 2)
    assert found.mended == Share(1, 2)
    assert found.to_json()["repairs"] == 2 and found.to_json()["prompts_repaired"]["of"] == 5


class Pipe:
    """Paints what the pixels' first value numbers in `SIGHTINGS`: first no snow, then mended to no ink."""

    def stream(self, prompts: Sequence[str], **loop: Any) -> Iterator[Outcome | Failure]:
        assert loop == {"rounds": 1, "candidates": 1, "repairs": 2}
        for row, prompt in enumerate(prompts, start=1):
            request = Request(prompt=prompt, row=row)
            if row == 3:
                yield Failure(request=request, stage="plan", reason="no")
                continue
            trail = [
                _candidate(request, 0, 1, None),
                _candidate(request, 1, 2, 0),
                _candidate(request, 2, 0, 1),
            ]
            trail = trail[:1] if row == 2 else trail
            yield Outcome(
                request=request, best=trail[-1], accepted=True, trail=tuple(trail), timings={"a": 3.0}
            )


def _candidate(request: Request, index: int, shows: int, repairs: int | None) -> Candidate:
    plan = Plan(request=dataclasses.replace(request, candidate=index), prompt="", facts=())
    pixels = torch.full((8, 8, 3), shows, dtype=torch.uint8)
    verdict = Verdict(caption="", score=0.5)
    picture = Picture(pixels=pixels, plan=plan)
    return Candidate(plan=plan, picture=picture, verdict=verdict, repairs=repairs)


def look(pixels: torch.Tensor) -> list[Sighting]:
    return [SIGHTINGS[int(each[0, 0, 0])] for each in pixels]


def test_repairs_are_read_from_the_trail_of_loops_that_ran() -> None:
    scenes = [SCENE] * 3
    found = render_repaired(Pipe(), look, scenes, name="mended", candidates=1, repairs=2)  # type: ignore[arg-type]
    assert found.prompts == Share(1, 3) and [each.taken for each in found.mendings] == [False, True]
    assert (
        found.broken == Share(1, 8) and found.broken_where_taken == Share(0, 4) and found.mended == Share(2, 2)
    )
    assert found.point.seconds == 2.0 and found.point.atoms[:, 1].tolist() == [1, 0, 0]
    assert math.isclose(found.point.atoms_right.value, (1 + 0.8 + 0) / 3)
