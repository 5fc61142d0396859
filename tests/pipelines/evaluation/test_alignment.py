"""Counting what pictures show: prompts, pictures, drafts."""

from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from diptych.pipelines.evaluation.alignment import (
    Judged,
    alignment_of_drafts,
    alignment_of_pictures,
    full_wording,
    held_out_scenes,
    render_scenes,
)
from diptych.pipelines.evaluation.evaluation import seconds_of
from diptych.pipelines.evaluation.figures import Measure, Share
from diptych.pipelines.evaluation.inspector import Sighting
from diptych.pipelines.pocket.world import ARRANGEMENTS, STYLES, Scene, is_held_out, prompt_of
from diptych.pipelines.recipes.reader import read_recipe

Perfect = Callable[[Scene], Sighting]


def test_prompts_are_held_out_and_always_the_same() -> None:
    scenes = held_out_scenes(40)
    assert all(is_held_out(t.kind, t.colour, s.setting) for s in scenes for t in s.things)
    assert scenes == held_out_scenes(40) != held_out_scenes(40, seed=1)
    assert scenes[:5] == held_out_scenes(5)


def test_arrangements_and_styles_take_turns() -> None:
    scenes = held_out_scenes(80)
    assert Counter(scene.style for scene in scenes) == dict.fromkeys(STYLES, 16)
    counted = Counter(scene.arrangement for scene in scenes)
    assert set(counted) == set(ARRANGEMENTS) and counted["alone"] == counted["group"] == 20
    both = Counter((scene.style, scene.arrangement) for scene in scenes)
    assert len(both) == len(STYLES) * len(ARRANGEMENTS)


def test_every_picture_is_looked_at_beside_its_own_prompt(
    make_pipe_of_greys: Any, scenes: list[Scene], perfect: Perfect
) -> None:
    pipe, looked = make_pipe_of_greys(failing=(2,)), list[int]()

    def look(pixels: torch.Tensor) -> list[Sighting]:
        looked.append(int(pixels[0, 0, 0, 0]))
        grey = looked[-1]
        return [perfect(scenes[(grey if grey < 128 else 255 - grey) - 1])]

    judged = render_scenes(pipe, look, scenes[:4], steps=3)
    assert looked == [1, 254, 3, 252, 4, 251]  # the picture, then the draft's preview
    assert [row.right for row in judged] == [True, False, True, True]
    assert [row.error for row in judged] == ["", "draft: no ink", "", ""]
    assert judged[1].wrong == ["counting", "setting", "style"] and judged[0].wrong == []
    assert pipe.wishes == {"candidates": 1, "rounds": 1, "repairs": 0, "num_inference_steps": 3}
    for figures in (alignment_of_pictures(judged), alignment_of_drafts(judged)):
        assert figures["one_thing"] == Share(1, 1) and figures["counting"] == Share(0, 1)
        assert figures["two_things"] == figures["colour_binding"] == Share(2, 2)
        assert figures["position"] == Share(3, 3) and figures["all_right"] == Share(3, 4)


def test_categories_that_no_prompt_asks_about_are_left_out(scenes: list[Scene], perfect: Perfect) -> None:
    judged = [Judged(scene=scenes[1], seen=perfect(scenes[1]))]
    assert list(alignment_of_pictures(judged)) == ["counting", "setting", "style", "all_right"]
    assert alignment_of_drafts(judged) == {}


def test_time_is_told_by_stage_of_what_was_rendered(make_pipe_of_greys: Any, scenes: list[Scene]) -> None:
    nothing = Sighting(things=(), setting="", style="")
    judged = render_scenes(make_pipe_of_greys(failing=(1,)), lambda pixels: [nothing], scenes)
    figures = seconds_of(judged)
    assert list(figures) == ["draft", "refine", "all"] and seconds_of(judged[:1]) == {}
    total = figures["all"]
    assert isinstance(total, Measure) and total.value == 0.75 and total.of == 7


def test_a_flat_drawing_is_asked_for_where_another_style_is_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = read_recipe("pocket")
    flat, inked = (next(s for s in held_out_scenes(20) if s.style == style) for style in ("flat", "ink"))
    assert full_wording(flat, recipe) == prompt_of(flat)
    usual = SimpleNamespace(plain_style="as a sticker")
    monkeypatch.setattr("diptych.pipelines.evaluation.alignment.planner_vocabulary", lambda _: usual)
    assert full_wording(flat, recipe) == f"{prompt_of(flat)}, as a flat drawing"
    assert full_wording(inked, recipe) == prompt_of(inked)
