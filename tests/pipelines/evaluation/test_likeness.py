"""Distances between pictures and renders, and between pictures of one prompt."""

from typing import Any

import numpy as np
import pytest
import torch

from diptych.pipelines.evaluation.alignment import Judged
from diptych.pipelines.evaluation.figures import Measure
from diptych.pipelines.evaluation.inspector import Inspector
from diptych.pipelines.evaluation.likeness import (
    evaluate_diversity,
    evaluate_likeness,
    frechet_distance,
    spread,
)
from diptych.pipelines.pocket.world import Scene
from diptych.pipelines.training.data.source import WorldData


def test_frechets_distance_is_that_of_the_formula() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4)) @ rng.normal(size=(4, 4))
    y = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4)) + 1.0
    s1, s2 = np.cov(x.T, bias=True), np.cov(y.T, bias=True)
    roots = np.sqrt(np.linalg.eigvals(s1 @ s2).real.clip(0))
    expected = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(s1) + np.trace(s2) - 2 * roots.sum()
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x + 2) == pytest.approx(4 * 2**2)


def test_fewer_pictures_than_features_are_no_trouble() -> None:
    x = np.random.default_rng(1).normal(size=(5, 40))
    assert frechet_distance(x, x[::-1]) == pytest.approx(0, abs=1e-9)


def test_spread_is_the_mean_distance_of_two() -> None:
    assert spread(torch.tensor([[0.0], [1.0], [3.0]]).double()) == pytest.approx(2)


def test_renders_are_as_like_renders_as_can_be(scenes: list[Scene], blind_detector: Any) -> None:
    pixels = WorldData("held-out").render(scenes, 256).pixels
    judged = [Judged(scene=s, pixels=p, preview=255 - p) for s, p in zip(scenes, pixels, strict=True)]
    figures = evaluate_likeness(Inspector(blind_detector).features, judged)
    assert list(figures) == ["pictures", "drafts", "renders"]
    values = {name: figure.value for name, figure in figures.items()}
    assert values["pictures"] == pytest.approx(0, abs=1e-6)
    assert 0 < values["renders"] < values["drafts"]
    failed = [Judged(scene=scenes[0], error="draft: no ink")]
    assert evaluate_likeness(Inspector(blind_detector).features, failed) == {}


def test_pictures_that_are_all_the_same_have_no_diversity(scenes: list[Scene], make_pipe: Any) -> None:
    def same(pixel_values: torch.Tensor) -> Any:
        from types import SimpleNamespace

        return SimpleNamespace(features=torch.ones(len(pixel_values), 3))

    class Looking(Inspector):
        def look(self, pixels: torch.Tensor) -> list[Any]:
            return [None] * len(pixels)

    figures = evaluate_diversity(make_pipe(), Looking(same), scenes[:2], seeds=3)
    pictures = figures["pictures"]
    assert isinstance(pictures, Measure) and pictures.value == 0 and pictures.of == 2
    assert figures["renders"].value == 0
