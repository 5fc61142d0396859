"""The scorer's benchmark: what it is tried on, and what comes of it."""

import pytest

from diptych.benchmarks.loop.scorer import FIRST, figures_of, measure_scorer
from diptych.engine.values import Verdict
from diptych.pipelines.evaluation.typed_prompts.scored import MATCHED
from diptych.pipelines.training.data.mismatch import MISMATCHES
from diptych.pipelines.training.tasks import calibration


def test_the_scorer_is_tried_on_other_renders_than_it_was_calibrated_on() -> None:
    judged: list[str] = []

    def judge(pictures: list[object]) -> list[Verdict]:
        judged.extend(picture.plan.prompt for picture in pictures)  # type: ignore[attr-defined]
        return [Verdict(caption="", score=0.5) for _ in pictures]

    scored = measure_scorer(judge, count=30)  # type: ignore[arg-type]
    assert len(judged) == len(scored) and sum(row.mismatch == MATCHED for row in scored) == 30
    assert {row.mismatch for row in scored} == {MATCHED, *MISMATCHES}
    assert sum(row.weight for row in scored) == pytest.approx(60)
    assert calibration.FIRST + 100_000 < FIRST
    found = figures_of(scored)
    assert set(found["scorer_auc"].values()) == {0.5} and found["calibration_error"] == pytest.approx(0)
