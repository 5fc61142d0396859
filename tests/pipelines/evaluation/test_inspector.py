"""What the detector's maps are read as, and the inspector's own errors."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from diptych import CheckpointError
from diptych.pipelines.evaluation.evaluation import evaluate_inspector
from diptych.pipelines.evaluation.figures import Share
from diptych.pipelines.evaluation.inspector import Inspector, Sighting, pairs_of
from diptych.pipelines.pocket.world import Scene
from diptych.pipelines.training.data.source import scene_of
from diptych.pipelines.training.tasks.detector import CELLS

Perfect = Callable[[Scene], Sighting]


def test_peaks_are_read_as_things(scenes: list[Scene], perfect: Perfect, detector_of: Any) -> None:
    expected = [perfect(scene) for scene in scenes]
    seen = Inspector(detector_of(expected), batch_size=3).look(torch.zeros(8, 16, 16, 3, dtype=torch.uint8))
    for sighting, wanted, scene in zip(seen, expected, scenes, strict=True):
        assert sighting.pairs == pairs_of(scene)
        assert (sighting.setting, sighting.style) == (scene.setting, scene.style)
        places = sorted((round(t.x, 3), round(t.y, 3)) for t in wanted.things)
        assert sorted((round(t.x, 3), round(t.y, 3)) for t in sighting.things) == places


def test_a_slope_is_one_thing_and_a_doubtful_peak_none(perfect: Perfect, detector_of: Any) -> None:
    scene = scene_of("train", 0)
    maps = detector_of([perfect(scene)])(torch.zeros(1, 3, 96, 96))
    centre = torch.full((1, CELLS, CELLS), -9.0)
    centre[0, 4, 4], centre[0, 4, 5], centre[0, 9, 9] = 2.0, 1.0, -1.0
    sloped = dataclasses.replace(maps, centre=centre)
    (seen,) = Inspector(lambda _: sloped).look(torch.zeros(1, 8, 8, 3, dtype=torch.uint8))
    assert [(thing.x, thing.y) for thing in seen.things] == [(4 / CELLS, 4 / CELLS)]


def test_a_sighting_says_what_is_seen_from_the_left(scenes: list[Scene], perfect: Perfect) -> None:
    left, right = scenes[2].things
    said = str(perfect(scenes[2]))
    assert said.startswith(f"one {left.colour} {left.kind} and one {right.colour} {right.kind}; ")
    assert said.endswith(f"; {scenes[2].setting}; {scenes[2].style}")
    assert str(Sighting(things=(), setting="snow", style="ink")) == "nothing; snow; ink"


def test_the_inspectors_own_errors_are_counted(perfect: Perfect, detector_of: Any) -> None:
    seen = [perfect(scene_of("held-out", i)) for i in range(30)]
    right = evaluate_inspector(Inspector(detector_of(seen)), count=30)
    assert {figure.to_json()["value"] for figure in right.values()} == {1.0}
    assert right["setting"] == right["style"] == right["all_right"] == Share(30, 30)
    turned = evaluate_inspector(Inspector(detector_of(seen[1:] + seen[:1])), count=30)
    assert isinstance(turned["all_right"], Share) and turned["all_right"].count < 5


def test_an_inspector_that_is_not_there_is_missed_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint") as caught:
        Inspector.from_checkpoint(tmp_path / "none")
    assert "\n" not in str(caught.value)
