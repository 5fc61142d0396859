"""What the benchmarks of upscaling and storyboards count, on pictures whose answer is known."""

import pytest
import torch

from diptych.benchmarks.storyboard import SCENES, WITH_OTHERS, cast_of, in_panels, scenes_of
from diptych.benchmarks.upscale import borders, psnr, seams
from diptych.pipelines.pocket.world import COLOURS, KINDS


def test_borders_are_where_tiles_begin_and_end() -> None:
    assert borders(512, 512, 0) == borders(512, 512, 1) == [128, 256, 384]
    assert borders(256, 512, 0) == []


def test_a_seam_is_seen_and_its_absence_too() -> None:
    even = torch.randint(0, 255, (512, 512, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    assert seams(even) == pytest.approx(1, abs=0.02)
    stepped = (even // 8).clone()
    stepped[128:] += 100
    assert seams(stepped) > 2


def test_psnr_is_in_decibels() -> None:
    black = torch.zeros(4, 4, 3, dtype=torch.uint8)
    assert psnr(black, black + 255) == pytest.approx(0, abs=1e-6)
    assert psnr(black, black + 1) == pytest.approx(48.13, abs=0.01)


def test_a_hero_meets_somebody_of_another_kind_and_colour() -> None:
    for index in range(20):
        cast, (kind, colour) = cast_of(index)
        assert kind in KINDS and colour in COLOURS and f"{colour} {kind}" in cast["Mia"]
        assert kind not in cast["Bo"] and colour not in cast["Bo"]
        scenes = scenes_of(index)
        assert len(set(scenes)) == SCENES and all("Mia" in scene for scene in scenes)
        assert [i for i, scene in enumerate(scenes) if "Bo" in scene] == list(WITH_OTHERS)


def test_a_panel_that_failed_shows_no_hero() -> None:
    assert in_panels(None, [], 3, ("cat", "red")) == [False] * 3  # pyright: ignore[reportArgumentType]
