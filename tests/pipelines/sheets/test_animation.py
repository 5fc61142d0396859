"""Frames as a file that moves."""

from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest

from diptych.engine.errors import InputError
from diptych.pipelines.sheets.animation import Animation
from diptych.pipelines.text_to_image import TextToImage


@pytest.fixture
def animation(make_pipe: Callable[..., TextToImage]) -> Animation:
    return Animation(make_pipe()(["a", "b", "c", "d"]).outcomes)


@pytest.mark.parametrize("kind", ["gif", "webp", "png"])
def test_it_runs_there_and_back_for_ever(animation: Animation, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "made" / f"film.{kind}"
    animation.save(path, fps=10)
    with PIL.Image.open(path) as film:
        assert getattr(film, "n_frames", 1) == 6
        assert film.info.get("loop", 0) == 0
        assert film.size == animation.images[0].size


def test_it_may_run_one_way(animation: Animation, tmp_path: Path) -> None:
    animation.save(tmp_path / "film.gif", there_and_back=False)
    with PIL.Image.open(tmp_path / "film.gif") as film:
        assert getattr(film, "n_frames", 1) == 4


def test_a_file_that_cannot_move_and_a_pace_that_cannot_be_are_refused(animation: Animation) -> None:
    with pytest.raises(InputError, match=r"film.jpg: no such animation: name a file that ends in .gif"):
        animation.save("film.jpg")
    with pytest.raises(InputError, match="fps = 0: must lie between 1 and 50"):
        animation.save("film.gif", fps=0)
