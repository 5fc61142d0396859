"""Hidden states are checked where they are made, and lie where their tokens stand."""

from typing import Any

import pytest
import torch

from diptych.engine.errors import InputError
from diptych.engine.models.language.hidden_states import HiddenStates


def made(**changed: Any) -> HiddenStates:
    """Of three tokens, the second of which does not count."""
    fields: dict[str, Any] = {
        "states": torch.arange(12.0).reshape(3, 4),
        "mask": torch.tensor([True, False, True]),
        "positions": torch.tensor([0, 1, 5]),
        "layers": (-2, -1),
    }
    return HiddenStates(**fields | changed)


def test_states_lie_on_the_grid_where_their_tokens_stand() -> None:
    laid = made().on_grid((2, 3))
    assert laid.shape == (4, 2, 3)
    assert laid[:, 0, 0].tolist() == [0, 1, 2, 3] and laid[:, 1, 2].tolist() == [8, 9, 10, 11]
    assert int((laid != 0).any(0).sum()) == 2, "what does not count leaves its place empty"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"states": torch.zeros(3)}, r"floating-point \(t, d\)"),
        ({"states": torch.zeros(3, 4, dtype=torch.long)}, "int64"),
        ({"mask": torch.ones(2, dtype=torch.bool)}, "their mask"),
        ({"positions": torch.zeros(3, 1, dtype=torch.long)}, "their positions"),
        ({"positions": torch.tensor([0, -1, 2])}, "places begin at 0"),
        ({"layers": (1, 2, 3)}, "they do not divide"),
        ({"layers": ()}, "0 layers"),
        ({"states": torch.full((3, 4), torch.inf)}, "NaN or infinity"),
    ],
)
def test_what_does_not_go_together_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        made(**changed)


def test_what_does_not_count_may_be_anything() -> None:
    states = torch.zeros(3, 4)
    states[1] = torch.nan
    assert made(states=states).on_grid((2, 3)).isfinite().all()


def test_a_token_outside_the_grid_is_refused() -> None:
    with pytest.raises(InputError, match="place 5 of a grid of 2x2"):
        made().on_grid((2, 2))
