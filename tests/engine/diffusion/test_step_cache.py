"""Predictions that are left out: which, for which rows, and how far the result may be off."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.diffusion.step_cache import StepCache

SHAPE = (3, 4, 4)


class Model:
    """Predicts `slope` times what it is shown, a slope for each row; remembers which rows it was asked for."""

    def __init__(self, *slopes: float) -> None:
        self.slopes = torch.tensor(slopes)
        self.asked: list[list[int]] = []

    def __call__(self, noisy: torch.Tensor, sigma: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        assert len(noisy) == len(sigma) == len(rows)
        self.asked.append(rows.tolist())
        return 1 + self.slopes[rows][:, None, None, None] * noisy


def walk(cache: StepCache, model: Model, *levels: float) -> list[torch.Tensor]:
    """What comes of showing every row the same flat picture, once at each of these levels."""
    rows = len(model.slopes)
    predict = cache.over(model)
    return [predict(torch.full((rows, *SHAPE), level), torch.full((rows,), 0.5)) for level in levels]


def test_at_zero_every_prediction_is_made_and_is_the_models_own() -> None:
    model, cache = Model(0.0, 0.5), StepCache(0)
    found = walk(cache, model, 1, 1, 2)
    assert model.asked == [[0, 1]] * 3
    assert (cache.predicted, cache.reused) == (6, 0)
    assert [float(each[1, 0, 0, 0]) for each in found] == [1.5, 1.5, 2.0]


def test_two_predictions_are_made_before_any_is_left_out() -> None:
    model, cache = Model(0.0), StepCache(100)
    walk(cache, model, 1, 2, 3, 4, 5)
    assert model.asked == [[0], [0]]  # how much the estimate changes is not known before
    assert (cache.predicted, cache.reused) == (5, 3)


def test_a_row_is_predicted_anew_as_soon_as_it_would_change_by_the_threshold() -> None:
    model, cache = Model(1.0), StepCache(0.1)
    found = walk(cache, model, 1.0, 2.0, 2.2, 2.29, 2.31, 2.4)  # the estimate at 2 is 3: 0.3 more is a tenth
    assert [float(each[0, 0, 0, 0]) for each in found] == pytest.approx([2.0, 3.0, 3.0, 3.0, 3.31, 3.31])
    assert len(model.asked) == 3


@pytest.mark.parametrize("batch_invariant", [False, True])
def test_rows_are_decided_on_by_themselves(batch_invariant: bool) -> None:
    model, cache = Model(0.0, 4.0), StepCache(0.1, batch_invariant=batch_invariant)
    found = walk(cache, model, 1.0, 2.0, 3.0)
    assert model.asked == [[0, 1], [0, 1], [0, 1] if batch_invariant else [1]]
    assert cache.reused == 1
    assert [float(value) for value in found[-1][:, 0, 0, 0]] == [1.0, 13.0]
    alone = walk(StepCache(0.1, batch_invariant=batch_invariant), Model(4.0), 1.0, 2.0, 3.0)
    torch.testing.assert_close(found[-1][1:], alone[-1], rtol=0, atol=0)


def test_what_was_handed_out_is_not_written_over() -> None:
    cache, model = StepCache(0.01), Model(1.0, 0.0)
    first, second, third = walk(cache, model, 1.0, 2.0, 3.0)
    assert [float(each[0, 0, 0, 0]) for each in (first, second, third)] == [2.0, 3.0, 4.0]


@settings(max_examples=50, deadline=None)
@given(
    threshold=st.floats(0.01, 0.5),
    slope=st.floats(0.1, 2.0),
    levels=st.lists(st.integers(0, 40), min_size=3, max_size=12, unique=True),
)
def test_for_a_model_that_changes_evenly_nothing_is_off_by_more_than_the_threshold(
    threshold: float, slope: float, levels: list[int]
) -> None:
    shown = [level / 10 for level in levels]
    found = walk(StepCache(threshold), Model(slope), *shown)
    for level, estimate in zip(shown, found, strict=True):
        off = abs(float(estimate[0, 0, 0, 0]) - (1 + slope * level))
        assert off <= threshold * float(estimate[0, 0, 0, 0]) * 1.01 + 1e-4
