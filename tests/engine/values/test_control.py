"""Controls: ranges, sizes, and what of them names a request."""

import dataclasses
from typing import Any

import pytest
import torch

from diptych.engine.errors import InputError
from diptych.engine.runner import shape_of
from diptych.engine.values import Control, Request

GREY = torch.full((64, 32, 3), 128, dtype=torch.uint8)


def control(**more: Any) -> Control:
    return Control(**{"kind": "edges", "picture": GREY, **more})


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"weight": 2.1}, "control_weight = 2.1: must lie between 0 and 2"),
        ({"weight": float("nan")}, "control_weight = nan: must lie between 0 and 2"),
        ({"weight": True}, "control_weight = True: must lie between 0 and 2"),
        ({"start": -0.1}, "control_start = -0.1: must lie between 0 and 1"),
        ({"stop": 1.5}, "control_stop = 1.5: must lie between 0 and 1"),
        ({"start": 0.5, "stop": 0.5}, "control_start = 0.5: must lie below control_stop, which is 0.5"),
        ({"kind": " "}, "control_type = ' ': must be a name, such as edges"),
    ],
)
def test_what_lies_outside_its_range_is_refused(said: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError) as caught:
        control(**said)
    assert str(caught.value) == why


def test_a_control_is_of_the_requests_size_and_one_of_its_kind() -> None:
    Request(prompt="a boat", height=64, width=32, controls=(control(), control(kind="depth")))
    with pytest.raises(InputError, match="the control picture is 32x64 pixels, the request 64x64: scale it"):
        Request(prompt="a boat", height=64, width=64, controls=(control(),))
    with pytest.raises(InputError, match="control_type 'edges' is asked for twice"):
        Request(prompt="a boat", height=64, width=32, controls=(control(), control(weight=0.5)))
    with pytest.raises(InputError, match="at most 8 at once"):
        Request(prompt="a boat", height=64, width=32, controls=tuple(control(kind=str(i)) for i in range(9)))


def test_all_that_a_control_says_is_in_its_digest() -> None:
    other = {"kind": "depth", "picture": GREY + 1, "weight": 0.5, "start": 0.1, "stop": 0.9, "ready": True}
    digests = {dataclasses.replace(control(), **{name: value}).digest for name, value in other.items()}
    assert len(digests | {control().digest}) == len(other) + 1
    assert control().digest == control(picture=GREY.clone()).digest


def test_rows_with_other_weights_or_ranges_are_not_painted_together() -> None:
    def shape(**more: Any) -> Any:
        return shape_of(Request(prompt="a boat", height=64, width=32, controls=(control(**more),)))

    assert shape() == shape(picture=GREY + 9)
    assert len({shape(), shape(weight=0.5), shape(stop=0.5), shape(start=0.5), shape(kind="depth")}) == 5
