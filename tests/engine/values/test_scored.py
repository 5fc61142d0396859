"""Beside words that were left out, no score reads as full success: in every place that shows both."""

from pathlib import Path

import pytest

from diptych.engine.values import Span
from diptych.engine.values.fact import scored

ROOT = Path(__file__).parents[3]
SHOWING = (
    *("pipelines/render_result.py", "pipelines/cli/upscale.py", "pipelines/cli/show.py"),
    *("pipelines/cli/tables/results.py", "pipelines/rendering/output/contact_sheet.py"),
    *("pipelines/rendering/sweep.py", "pipelines/explaining/page.py"),
)


def test_it_is_that_of_the_rest() -> None:
    dog = [Span(start=2, end=5, text="dog")]
    assert scored(1.0, dog) == "1.00 of the rest" and scored(1.0, []) == "1.00"
    assert scored(0.874, dog, percent=True) == "87 % of the rest" and scored(1.0, (), percent=True) == "100 %"


@pytest.mark.parametrize("name", SHOWING)
def test_whoever_shows_a_score_says_so(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "scored(" in text and "score:.2f}" not in text and "score:.0f}" not in text


def test_the_gallery_says_so() -> None:
    grid = (ROOT / "pipelines/rendering/gallery/page/grid.js").read_text(encoding="utf-8")
    assert grid.count("Math.round(100 * item.score)") == grid.count("${ofRest(item)}") == 2
