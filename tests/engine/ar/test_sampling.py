"""Drawing a token: the inverse of the CDF at one uniform number, each row for itself."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.ar import sampling as sampling_room
from diptych.engine.ar.sampling import Sampler, Sampling
from diptych.engine.kernels.library import library

ALMOST_ONE = 1 - 2**-53  # the largest uniform number there is
LOGITS = torch.tensor([0.4, -0.3, 2.0, -1.2, 1.1, 0.0, -4.0, 1.9])


def draw(logits: torch.Tensor, sampling: Sampling, numbers: torch.Tensor) -> torch.Tensor:
    """The tokens of one row's `logits` (v,) at many uniform `numbers` (n,)."""
    rows = logits.expand(len(numbers), -1)
    return Sampler([sampling] * len(numbers), "cpu").draw(rows, numbers)


def even_numbers(count: int) -> torch.Tensor:
    """Uniform numbers without chance: the middles of `count` equal parts of [0, 1)."""
    return (torch.arange(count, dtype=torch.float64) + 0.5) / count


def shares(logits: torch.Tensor, sampling: Sampling, count: int = 20_000) -> torch.Tensor:
    tokens = draw(logits, sampling, even_numbers(count))
    return torch.bincount(tokens, minlength=len(logits)).double() / count


SAMPLING = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 0.3, 1.0, 4.0]),
    top_k=st.sampled_from([0, 1, 5, 64, 3000]),
    top_p=st.sampled_from([0.0, 0.11, 0.53, 0.95, 1.0]),
)


@pytest.mark.skipif(library() is None, reason="the machine code was not built")
@given(
    rows=st.lists(SAMPLING, min_size=1, max_size=4),
    count=st.sampled_from([1, 2, 7, 9, 64, 300]),
    spread=st.sampled_from([0.1, 1.0, 5.0, 40.0]),
    masked=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_machine_code_draws_the_same_tokens(
    rows: list[Sampling], count: int, spread: float, masked: bool, seed: int
) -> None:
    by_chance = torch.Generator().manual_seed(seed)
    logits = spread * torch.randn(len(rows), count, generator=by_chance)
    if masked:
        logits[:, 1:] = logits[:, 1:].masked_fill(torch.rand(count - 1, generator=by_chance) < 0.5, -torch.inf)
    uniform = torch.rand(len(rows), dtype=torch.float64, generator=by_chance)
    sampler = Sampler(rows, "cpu")
    with pytest.MonkeyPatch.context() as patch:
        drawn = sampler.draw(logits, uniform)
        patch.setattr(sampling_room, "library", lambda: None)
        assert sampler.draw(logits, uniform).tolist() == drawn.tolist()


@pytest.mark.skipif(library() is None, reason="the machine code was not built")
@pytest.mark.parametrize("bad", [[0.0, float("nan")], [float("inf"), 0.0], [-float("inf")] * 2])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_machine_code_knows_logits_that_are_no_numbers(bad: list[float], temperature: float) -> None:
    logits = torch.tensor([[1.0, 2.0], bad])
    sampler = Sampler([Sampling(temperature=temperature)] * 2, "cpu")
    assert sampler.draw(logits, torch.full((2,), 0.5, dtype=torch.float64)).tolist()[1] == -1


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_tokens_are_drawn_as_often_as_they_are_probable(temperature: float) -> None:
    probable = (LOGITS.double() / temperature).softmax(-1)
    torch.testing.assert_close(shares(LOGITS, Sampling(temperature=temperature)), probable, rtol=0, atol=1e-4)


def test_a_larger_number_never_draws_an_earlier_token() -> None:
    tokens = draw(LOGITS, Sampling(), even_numbers(999))
    assert bool((tokens.diff() >= 0).all())


@pytest.mark.parametrize("number", [0.0, 0.5, ALMOST_ONE])
def test_no_temperature_takes_the_likeliest(number: float) -> None:
    for sampling in (Sampling(temperature=0), Sampling(temperature=0, top_k=3, top_p=0.5)):
        assert draw(LOGITS, sampling, torch.tensor([number], dtype=torch.float64)).item() == 2


def test_top_k_keeps_the_k_likeliest_and_their_proportions() -> None:
    probable = LOGITS.double().softmax(-1)
    kept = torch.zeros(8, dtype=torch.bool)
    kept[[2, 7, 4]] = True
    expected = torch.where(kept, probable, 0) / probable[kept].sum()
    torch.testing.assert_close(shares(LOGITS, Sampling(top_k=3)), expected, rtol=0, atol=1e-4)


def test_top_k_of_equals_keeps_the_first() -> None:
    assert shares(torch.zeros(6), Sampling(top_k=2)).tolist() == [0.5, 0.5, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("top_p", "kept"), [(0.0, 1), (0.4, 1), (0.41, 2), (0.7, 2), (0.71, 3), (0.9, 3), (0.91, 4), (1.0, 4)]
)
def test_top_p_keeps_the_smallest_set_of_that_probability(top_p: float, kept: int) -> None:
    logits = torch.tensor([0.1, 0.4, 0.2, 0.3]).log()  # ranked: 0.4, 0.3, 0.2, 0.1
    drawn = shares(logits, Sampling(top_p=top_p)) > 0
    assert drawn.nonzero()[:, 0].tolist() == sorted([1, 3, 2, 0][:kept])


def test_a_token_without_probability_is_never_drawn() -> None:
    logits = torch.full((9,), -torch.inf)
    logits[[2, 3, 6]] = torch.tensor([0.0, -30.0, 1.0])
    numbers = torch.tensor([0.0, 5e-324, 2**-53, 0.25, 0.5, 0.75, ALMOST_ONE], dtype=torch.float64)
    for sampling in (
        Sampling(),
        Sampling(top_k=8),
        Sampling(top_p=1.0, temperature=5.0),
        Sampling(temperature=0),
    ):
        assert set(draw(logits, sampling, numbers).tolist()) <= {2, 3, 6}


def test_the_extreme_numbers_draw_the_first_and_the_last_token() -> None:
    ends = torch.tensor([0.0, ALMOST_ONE], dtype=torch.float64)
    assert draw(LOGITS, Sampling(), ends).tolist() == [0, 7]
    logits = LOGITS.clone()
    logits[[0, 7]] = -torch.inf
    assert draw(logits, Sampling(), ends).tolist() == [1, 6]


def test_a_number_that_was_rounded_up_to_one_draws_the_last_legal_token() -> None:
    one = torch.ones(1, dtype=torch.float64)
    logits = LOGITS.clone()
    logits[7] = -torch.inf
    assert draw(logits, Sampling(), one).tolist() == [6]
    assert draw(logits, Sampling(top_k=2), one).tolist() == [4]


def test_whole_numbers_will_do_as_settings() -> None:
    numbers = even_numbers(50)
    assert torch.equal(
        draw(LOGITS, Sampling(temperature=1, top_p=1), numbers), draw(LOGITS, Sampling(), numbers)
    )
    assert draw(LOGITS, Sampling(temperature=0), numbers).unique().tolist() == [2]


def test_a_row_that_keeps_all_is_not_touched_by_a_neighbour_that_filters() -> None:
    """The first token is so improbable that the sum of the likelier ones rounds to 1: it still counts."""
    logits = torch.tensor([[-60.0, 0.0, -61.0]])
    number = torch.zeros(1, dtype=torch.float64)
    alone = Sampler([Sampling()], "cpu").draw(logits, number)
    beside = Sampler([Sampling(), Sampling(top_k=1)], "cpu").draw(logits.repeat(2, 1), number.repeat(2))
    assert (alone.tolist(), beside.tolist()) == ([0], [0, 1])


SAMPLINGS = st.builds(
    Sampling,
    temperature=st.one_of(st.just(0.0), st.floats(0.05, 5)),
    top_k=st.integers(0, 12),
    top_p=st.floats(0, 1),
)
NUMBERS = st.one_of(st.just(0.0), st.just(ALMOST_ONE), st.floats(0, 1, exclude_max=True))
LOGIT = st.one_of(st.just(-float("inf")), st.floats(-40, 40, width=32))
ROWS = st.tuples(st.lists(LOGIT, min_size=9, max_size=9), SAMPLINGS, NUMBERS).filter(
    lambda row: max(row[0]) > -float("inf")
)


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(ROWS, min_size=1, max_size=5))
def test_a_row_draws_the_same_legal_token_alone_and_in_a_batch(
    rows: list[tuple[list[float], Sampling, float]],
) -> None:
    logits = torch.tensor([row[0] for row in rows])
    numbers = torch.tensor([row[2] for row in rows], dtype=torch.float64)
    together = Sampler([row[1] for row in rows], "cpu").draw(logits, numbers)
    for i, (row, sampling, _) in enumerate(rows):
        alone = Sampler([sampling], "cpu").draw(logits[i : i + 1], numbers[i : i + 1])
        assert alone.item() == together[i].item()
        assert row[int(alone)] > -float("inf")
        if sampling.top_k:
            better = sum(value > row[int(alone)] for value in row)
            assert better < sampling.top_k
