import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from diptych.benchmarks.harness.arithmetic import ATTENTION, CONVOLUTION, PRODUCT, Tally, counted_by_layer
from diptych.benchmarks.harness.peak import measured_peak, seconds_alone


class Small(torch.nn.Module):
    """A convolution, attention and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.linear = torch.nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.convolution(x).flatten(2).transpose(1, 2)[:, None]  # (b, 1, h·w, 8)
        return self.linear(torch.nn.functional.scaled_dot_product_attention(y, y, y))


CONVOLUTIONS = 2 * 2 * 8 * 16 * (3 * 9)
PRODUCTS = 2 * 2 * 16 * 8 * 5
LOOKS = 2 * (2 * 2 * 16 * 16 * 8)


@pytest.fixture
def tally() -> Tally:
    with torch.inference_mode(), Tally() as tally:
        Small()(torch.randn(2, 3, 4, 4))
    return tally


def test_each_kind_is_counted_as_its_definition_says(tally: Tally) -> None:
    assert tally.by_kind() == {CONVOLUTION: CONVOLUTIONS, PRODUCT: PRODUCTS, ATTENTION: LOOKS}
    assert tally.flops == CONVOLUTIONS + PRODUCTS + LOOKS


def test_torchs_own_counter_agrees_where_it_counts() -> None:
    model, x = Small(), torch.randn(2, 3, 4, 4)
    with torch.inference_mode(), FlopCounterMode(display=False) as theirs:
        model(x)
    assert theirs.get_total_flops() in (CONVOLUTIONS + PRODUCTS, CONVOLUTIONS + PRODUCTS + LOOKS)


def test_counting_by_layer_agrees_but_for_attention() -> None:
    model, x = Small(), torch.randn(2, 3, 4, 4)
    assert counted_by_layer({"it": model}, lambda: model(x)) == CONVOLUTIONS + PRODUCTS
    assert counted_by_layer({"it": model}, lambda: None) == 0


def test_onednns_own_product_is_a_product() -> None:
    with Tally() as tally:
        torch.ops.mkldnn._linear_pointwise(torch.randn(6, 7), torch.randn(5, 7), None, "none", [], "")
    assert tally.by_kind() == {PRODUCT: 2 * 6 * 7 * 5}


def test_what_ran_can_be_run_again_alone(tally: Tally) -> None:
    seconds = seconds_alone(tally.flops_of, "cpu", clock=_clock())
    assert seconds.keys() == tally.calls.keys() and len(seconds) >= 3


def test_the_peak_is_never_below_what_an_operation_reached(tally: Tally) -> None:
    fast = dict.fromkeys(tally.calls, 1e30)
    peak = measured_peak("cpu", torch.float32, used=fast, clock=_clock())
    assert set(peak.values()) == {1e30}


def _clock():
    """Moves on by a second with every look, so that one call is enough for a timing."""
    seconds = iter(range(10**6))
    return lambda: float(next(seconds))
