"""The same arrivals for all ways, and figures of each."""

import itertools

import pytest

from diptych.benchmarks.serve import arrivals
from diptych.engine.values import Request
from diptych.pipelines.recipes.reader import Recipe
from diptych.pipelines.text_to_image import TextToImage

from ..engine.world import wish, world


@pytest.fixture
def pipe() -> TextToImage:
    recipe = Recipe(name="fake", summary="", stages={}, defaults=wish().settings)
    return TextToImage(world().runner, recipe)


def requests() -> list[Request]:
    import dataclasses

    return [dataclasses.replace(wish(f"a boat {i}", seed=i % 9), row=i + 1) for i in range(6)]


def test_arrivals_are_as_far_apart_as_is_wished_in_the_mean() -> None:
    found = arrivals.drawn([wish()] * 2000, 0.5, seed=3)
    gaps = [b - a for (a, _), (b, _) in itertools.pairwise(found)]
    assert sum(gaps) / len(gaps) == pytest.approx(0.5, rel=0.1)
    assert found == arrivals.drawn([wish()] * 2000, 0.5, seed=3)


def test_every_way_carries_out_all_requests(pipe: TextToImage) -> None:
    coming = arrivals.drawn(requests(), 0.001, seed=0)
    for way in (arrivals.one_at_a_time, arrivals.in_waves, arrivals.at_the_desk):
        seen = way(pipe, coming)
        assert len(seen.waits) == 6 and min(seen.waits) > 0 and seen.a_minute > 0
        assert seen.at(0.5) <= seen.at(0.95) == max(seen.waits)


def test_figures_are_told_for_all_loads(pipe: TextToImage) -> None:
    lines: list[str] = []
    found = arrivals.report(pipe, requests(), first=0, say=lines.append)
    assert len(lines) == 9
    for way, load in itertools.product(("one", "waves", "desk"), (50, 80, 95)):
        assert found.figures[f"{way}_at_{load}_p95_s"] > 0
    assert {"throughput_of_batch", "p95_of_one_at_a_time_at_80", "first_view_alone_s"} <= found.figures.keys()
