"""The loop's benchmark: what it prints, and that what it reads off a trail is what a real loop comes to."""

import dataclasses
import io
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from diptych.benchmarks.harness.options import Options
from diptych.benchmarks.harness.report import dump
from diptych.benchmarks.loop import loop
from diptych.benchmarks.loop.alignment import Point, overall, point
from diptych.benchmarks.loop.plot import draw_alignment
from diptych.benchmarks.loop.trail import Trail, policy_of, render_trails, seconds_of
from diptych.engine.errors import InputError
from diptych.engine.values import Candidate, Outcome, Plan, Request, Verdict
from diptych.pipelines.evaluation.alignment import held_out_scenes
from diptych.pipelines.evaluation.inspector import Inspector, Seen, Sighting
from diptych.pipelines.pocket.world import Scene, prompt_of
from diptych.pipelines.text_to_image import TextToImage

SCENES = held_out_scenes(4)


def sighting_of(scene: Scene) -> Sighting:
    """What an inspector sees that sees all, in a picture that shows all."""
    count = len(scene.things)
    things = tuple(
        Seen(kind=thing.kind, colour=thing.colour, x=(i + 0.5) / count, y=(i + 0.5) / count)
        for i, thing in enumerate(scene.things)
    )
    return Sighting(things=things, setting=scene.setting, style=scene.style)


def look(pixels: torch.Tensor) -> Sequence[Sighting]:
    """Sees what depends on nothing but the pixels."""
    return [Sighting(things=(), setting=str(int(each.long().sum())), style=SCENES[0].style) for each in pixels]


def candidate(index: int, *, preview: float, score: float | None) -> Candidate:
    return Candidate(
        plan=Plan(request=Request(prompt="a boat", candidate=index), prompt="", facts=()),
        preview_verdict=Verdict(caption="", score=preview),
        verdict=None if score is None else Verdict(caption="", score=score),
    )


def settings_seen(*names: str) -> list[Sighting]:
    return [Sighting(things=(), setting=name, style="") for name in names]


def test_what_a_loop_comes_to_is_read_off_its_trail() -> None:
    rows = [candidate(0, preview=0.3, score=0.2), candidate(1, preview=0.9, score=0.4)]
    rows += [candidate(2, preview=0.8, score=0.9), candidate(3, preview=0.1, score=None)]
    trail = Trail(scene=SCENES[0], candidates=rows, seen=[*settings_seen("a", "b", "c"), None])
    came_to = {
        (1, None): "a",  # the plain chain
        (2, None): "b",
        (4, None): "c",
        (4, 1): "b",  # the best preview is not the best picture
        (4, 2): "c",
    }
    for (count, keep), name in came_to.items():
        seen = trail.chosen(policy_of(count, keep))
        assert seen is not None and seen.setting == name, (count, keep)
    only_lost = Trail(scene=SCENES[0], candidates=[dataclasses.replace(rows[3])], seen=[None])
    assert only_lost.chosen(policy_of(1)) is None
    assert Trail(scene=SCENES[0]).chosen(policy_of(4, 1)) is None


def test_a_real_loop_comes_to_what_the_trail_says(tiny: Options) -> None:
    pipe = TextToImage.from_recipe(tiny.recipe, device="cpu", deterministic=True, micro_batch=4)
    trails = render_trails(pipe, look, SCENES[:2], candidates=3)
    prompts = [prompt_of(scene) for scene in SCENES[:2]]
    for count, keep in ((1, None), (2, None), (3, 1), (3, 2)):
        for result in pipe.stream(prompts, candidates=count, keep=keep or count, rounds=1):
            assert isinstance(result, Outcome)
            chosen = trails[result.request.row - 1].chosen(policy_of(count, keep))
            assert [chosen] == look(result.picture.pixels[None]), (count, keep)


def test_seconds_are_those_of_the_stages_that_would_run(tiny: Options) -> None:
    pipe = TextToImage.from_recipe(tiny.recipe, device="cpu")
    seconds = {"plan": 1.0, "draft": 40.0, "preview": 4.0, "refine": 400.0, "judge": 4000.0}
    rows = [candidate(i, preview=0.5, score=0.5) for i in range(4)]
    trails = [Trail(scene=SCENES[0], candidates=rows, seconds=seconds), Trail(scene=SCENES[1])]
    assert seconds_of(pipe, trails, policy_of(1)) == pytest.approx(1 + 10 + 100 + 1000)
    assert seconds_of(pipe, trails, policy_of(4)) == pytest.approx(1 + 40 + 400 + 4000)
    assert seconds_of(pipe, trails, policy_of(4, 1)) == pytest.approx(1 + 40 + 4 + 100 + 1000)
    assert math.isnan(seconds_of(pipe, [Trail(scene=SCENES[0])], policy_of(1)))


def test_alignment_counts_a_missing_picture_as_wrong_and_its_interval_holds_it() -> None:
    right = point("right", 1.0, [sighting_of(scene) for scene in SCENES], SCENES)
    half = point("half", 1.0, [sighting_of(SCENES[0]), None, sighting_of(SCENES[2]), None], SCENES)
    none = point("none", 1.0, [None] * len(SCENES), SCENES)
    assert none.overall == 0 < half.overall < right.overall
    assert half.over(none).value == pytest.approx(half.overall) and half.over(half).half_width == 0
    assert none.to_json()["all_right"] == 0 and none.to_json()["overall"]["interval"] == [0.0, 0.0]


def test_overall_is_the_mean_of_categories_whatever_their_size() -> None:
    truths = np.full((3, 9), np.nan)
    truths[:, 0] = 1.0  # three right in one category
    truths[0, 1] = 0.0  # one wrong in another
    truths[:, 8] = 0.0  # all_right is not one of them
    assert overall(truths) == 0.5


def test_the_plot_shows_each_setting_where_it_belongs() -> None:
    points = [
        Point(name=str(i), seconds=2.0**i, truths=np.full((2, 9), share)) for i, share in enumerate((0.4, 0.8))
    ]
    image = Image.open(io.BytesIO(draw_alignment({"a line": points}, "title"))).convert("RGB")
    found = np.argwhere((np.asarray(image) == (28, 98, 200)).all(-1))
    dots = found[found[:, 1] < 700]
    first, last = dots[dots[:, 1].argmin()], dots[dots[:, 1].argmax()]
    assert last[0] < first[0] and last[1] > first[1]  # more seconds to the right, better above


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """An inspector that sees the same in all pictures."""
    inspector = type("Fake", (), {"look": staticmethod(look)})
    monkeypatch.setattr(Inspector, "from_checkpoint", lambda _: inspector)
    monkeypatch.setattr(loop, "MOST", 2)


def test_the_promised_figures_are_printed(tiny: Options, blind: None) -> None:
    report = loop.measure(dataclasses.replace(tiny, candidates="1,2", first=3))
    body: dict[str, Any] = json.loads(dump(report.to_json({"device": "none"})))
    assert set(body["alignment"]) == {"plain chain", "best of 2", "2 drafts, 1 painted", *ROUNDS, *REPAIRS}
    for found in body["alignment"].values():
        assert {"overall", "setting", "style", "all_right", "seconds"} <= set(found) and found["seconds"] > 0
        assert found["atoms"]["value"] == 0 == found["whole_prompts"]["value"] and found["atoms"]["of"] == 2
    assert set(body["scorer_auc"]) > {"overall", "colour", "thing"}
    assert 0 <= body["calibration_error"] <= 1 and body["pruned_cost"] > 0
    assert body["pruned_share_of_full_lift"] is None or math.isfinite(body["pruned_share_of_full_lift"])
    for name in ("lift_points", "hybrid_minus_tokens_only", "hybrid_minus_diffusion_only"):
        assert -100 <= body[name] <= 100
    assert "preview_rank_correlation" in body and body["repair_minus_pruned"] == 0
    assert set(body["details"]["repairs"]) == set(REPAIRS) and "repair_broken" in body
    assert body["details"]["first"] == 3 and body["details"]["temperature"] is None
    assert {name: data[:4] for name, data in report.pictures.items()} == {
        "loop.png": b"\x89PNG",
        "loop-panels.png": b"\x89PNG",
    }


ROUNDS = ("plain chain, 2 rounds", "2 drafts, 1 painted, 2 rounds")
REPAIRS = ("plain chain, 2 repairs",)


def test_repairs_alone_are_measured_with_what_they_are_compared_with(tiny: Options, blind: None) -> None:
    report = loop.measure(dataclasses.replace(tiny, only="repairs", candidates="1,2"))
    assert set(report.figures) == {"alignment", "repair_minus_pruned", "repair_broken"}
    assert set(report.figures["alignment"]) == {"plain chain", "best of 2", "2 drafts, 1 painted", *REPAIRS}
    assert set(report.pictures) == {"loop-repairs.png"} and report.details["temperature"] is None


def test_the_scorer_alone_needs_no_inspector(tiny: Options) -> None:
    report = loop.measure(dataclasses.replace(tiny, only="scorer", inspector="/nowhere", first=3))
    assert set(report.figures) == {"scorer_auc", "calibration_error"} and not report.pictures
    assert set(report.details) == {"prompts", "repeats", "clock"}  # others do not bear on it


@pytest.mark.parametrize("candidates", ["", "1,two", "0", "1,99999", "4;8"])
def test_numbers_of_candidates_that_are_none_are_refused(candidates: str) -> None:
    with pytest.raises(InputError, match=r"candidates .* must be numbers from 1 to"):
        Options(candidates=candidates)


def test_a_part_that_is_not_known_is_refused() -> None:
    with pytest.raises(InputError, match="only 'score': not known: choose one of scorer, repairs"):
        Options(only="score")
    assert Options(candidates="8, 2").counts == (1, 2, 8)
