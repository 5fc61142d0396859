"""Scores of right and wrong texts: AUC by kind, calibration error, and their intervals."""

import math

from diptych.pipelines.evaluation.typed_prompts.scored import (
    AS_PAINTED,
    MATCHED,
    Scored,
    auc_by_kind,
    error_of,
    measured,
)


def test_each_kind_of_mismatch_has_its_own_auc() -> None:
    scored = [Scored(MATCHED, 1.0, 0.9), Scored("colour", 0.5, 0.1), Scored("thing", 0.5, 0.95)]
    assert auc_by_kind(scored) == {"thing": 0.0, "colour": 1.0, "overall": 0.5}


def test_pictures_are_resampled_with_their_texts() -> None:
    pictures = [
        [Scored(MATCHED, 1.0, 0.9), Scored("colour", 1.0, 0.1)],
        [Scored(MATCHED, 1.0, 0.8), Scored("thing", 1.0, 0.2)],
        [Scored(AS_PAINTED, 1.0, 0.3)],
    ]
    found = measured(pictures, "renders")
    assert list(found) == [
        *(f"renders, AUC, {kind}" for kind in ("thing", "colour", AS_PAINTED, "overall")),
        "renders, calibration error",
    ]
    assert found["renders, AUC, overall"].value == 1.0 and found["renders, AUC, thing"].half_width == 0
    assert abs(found["renders, calibration error"].value - 0.9 / 5) < 1e-9
    assert all(math.isfinite(each.half_width) and each.of == 3 for each in found.values())
    assert measured([], "renders") == {} and math.isnan(error_of([]))
