"""The decoding loops, over fakes whose logits are known."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.ar.decoding import TokenConstraints, decode_grid, decode_text, guided, token_log_probs
from diptych.engine.ar.sampling import Sampling
from diptych.engine.randomness import RowKey, uniforms
from diptych.engine.stage import NoProgress, RunContext


def test_guidance_goes_from_the_free_branch_past_the_asked_one() -> None:
    asked, free = torch.tensor([[0.5, 0.25, 0.25]]).log(), torch.tensor([[0.25, 0.5, 0.25]]).log()
    both = torch.cat([asked + 7, free - 3])  # logits know no zero
    expected = torch.tensor([[0.5**3 / 0.25**2, 0.25**3 / 0.5**2, 0.25]]).log()
    torch.testing.assert_close(guided(both, torch.tensor([[3.0]])), expected)
    torch.testing.assert_close(guided(both, torch.tensor([[0.0]])), free)
    assert guided(both, None) is both


@dataclasses.dataclass
class Recorded:
    """A decoding whose logits are what `noise` says, and that keeps what it was fed."""

    noise: torch.Tensor  # (steps, b, v)
    fed: list[list[int]] = dataclasses.field(default_factory=list)
    rows: list[int] = dataclasses.field(default_factory=list)  # those kept, if any were let go

    @property
    def logits(self) -> torch.Tensor:
        logits = self.noise[len(self.fed)]
        return logits[self.rows] if self.rows else logits

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        self.fed.append(tokens.tolist())
        return self.logits

    def keep(self, rows: Sequence[int]) -> None:
        assert all(row >= place for place, row in enumerate(rows))
        before = self.rows or list(range(self.noise.shape[1]))
        self.rows = [before[row] for row in rows]


class Steps(NoProgress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[tuple[int, int]] = []

    def step(self, i: int, n: int, /) -> None:
        self.done.append((i, n))


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 9),
    rows=st.integers(1, 3),
    sampling=st.builds(Sampling, temperature=st.floats(0, 5), top_k=st.integers(0, 30), top_p=st.floats(0, 1)),
    guidance=st.one_of(st.none(), st.floats(0, 20)),
    seed=st.integers(0, 999),
)
def test_a_grid_has_exactly_its_count_of_tokens(
    count: int, rows: int, sampling: Sampling, guidance: float | None, seed: int
) -> None:
    branches = 1 if guidance is None else 2
    noise = 9 * torch.randn(count, branches * rows, 20, generator=torch.Generator().manual_seed(seed))
    decoding, steps = Recorded(noise), Steps()
    tokens = decode_grid(
        decoding,
        count=count,
        sampling=[sampling] * rows,
        guidance=None if guidance is None else [guidance] * rows,
        uniforms=uniforms([RowKey(seed + i) for i in range(rows)], "draft", count),
        context=RunContext(steps),
    )
    assert tokens.shape == (rows, count) and tokens.dtype == torch.int64
    assert int(tokens.min()) >= 0 and int(tokens.max()) < 20
    assert decoding.fed == [column.tolist() * branches for column in tokens.T[:-1]]
    assert steps.done == [(i + 1, count) for i in range(count)]


class Countdown:
    """A grammar that wants tokens above 9, `length` of them, and then the end, 2."""

    def __init__(self, length: int) -> None:
        self.left = length
        self.finished = False

    def allowed(self) -> torch.Tensor:
        ids = range(10, 40) if self.left and not self.finished else [2]
        words = [
            sum(1 << i for i in range(32) if start + i in ids) for start in (0, 32)
        ]  # more than the model has
        return torch.tensor(words).to(torch.int32)

    def accept(self, token: int) -> None:
        assert not self.finished and (token > 9 if self.left else token == 2)
        self.finished = self.left == 0
        self.left -= 1


def tell(
    lengths: Sequence[int], *, most: int, batch_invariant: bool = False
) -> tuple[list[list[int]], Recorded, list[Countdown]]:
    noise = torch.randn(most, len(lengths), 36, generator=torch.Generator().manual_seed(0))
    decoding, grammars = Recorded(noise), [Countdown(length) for length in lengths]
    rows = decode_text(
        decoding,
        grammars=grammars,
        sampling=[Sampling(temperature=1 + i / 9) for i in range(len(lengths))],
        uniforms=uniforms([RowKey(i) for i in range(len(lengths))], "plan", most),
        stop=2,
        context=RunContext(batch_invariant=batch_invariant),
    )
    whole = [row for row in rows if row is not None]
    assert len(whole) == len(rows)
    return whole, decoding, grammars


@pytest.mark.parametrize("batch_invariant", [False, True])
def test_each_row_of_text_ends_where_its_grammar_does(batch_invariant: bool) -> None:
    rows, _, grammars = tell([3, 0, 5], most=20, batch_invariant=batch_invariant)
    assert [len(row) for row in rows] == [3, 0, 5]
    assert all(token > 9 for row in rows for token in row)
    assert all(grammar.finished for grammar in grammars)


def test_rows_leave_the_batch_when_they_are_finished() -> None:
    _, decoding, _ = tell([3, 0, 5], most=20)
    assert [len(fed) for fed in decoding.fed] == [2, 2, 2, 1, 1]  # the last row's end is not fed
    assert decoding.rows == [2]


def test_rows_that_stay_go_on_with_the_end() -> None:
    _, decoding, _ = tell([3, 0, 5], most=20, batch_invariant=True)
    assert [fed[1] for fed in decoding.fed] == [2] * 5
    assert all(len(fed) == 3 for fed in decoding.fed)


@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(st.integers(0, 7), min_size=1, max_size=6), most=st.integers(1, 9))
def test_text_is_the_same_whether_rows_leave_or_stay(lengths: list[int], most: int) -> None:
    assert tell(lengths, most=most)[0] == tell(lengths, most=most, batch_invariant=True)[0]


def test_text_is_cut_off_where_its_draws_are_used_up() -> None:
    rows, decoding, grammars = tell([3, 50], most=6)
    assert [len(row) for row in rows] == [3, 6]
    assert [grammar.finished for grammar in grammars] == [True, False]
    assert len(decoding.fed) == 5


def test_text_is_the_same_whatever_the_neighbours_and_the_limit() -> None:
    noise = torch.randn(9, 1, 20, generator=torch.Generator().manual_seed(0)).expand(9, 3, 20)
    for most in (6, 9):
        written = decode_text(
            Recorded(noise[:most]),
            grammars=[Countdown(length) for length in (1, 4, 2)],
            sampling=[Sampling()] * 3,
            uniforms=uniforms([RowKey(5)] * 3, "plan", most),
            stop=2,
            context=RunContext(),
        )
        first, second, third = written
        assert second is not None and second[:1] == first and second[:2] == third


def test_given_tokens_are_kept_and_the_others_take_their_usual_numbers() -> None:
    noise = torch.randn(6, 2, 20, generator=torch.Generator().manual_seed(3))
    draws = uniforms([RowKey(1), RowKey(2)], "draft", 6)
    kept = torch.tensor([[True, False, True, False, False, True], [False] * 6])
    standing = torch.full((2, 6), 7)

    def decoded(given: TokenConstraints | None) -> tuple[torch.Tensor, list[list[int]]]:
        decoding = Recorded(noise)
        sampling = [Sampling()] * 2
        tokens = decode_grid(
            decoding,
            count=6,
            sampling=sampling,
            guidance=None,
            uniforms=draws,
            context=RunContext(),
            given=given,
        )
        return tokens, decoding.fed

    free, _ = decoded(None)
    tokens, fed = decoded(TokenConstraints(tokens=standing, kept=kept))
    assert torch.equal(tokens, torch.where(kept, standing, free))  # these logits depend on nothing that was fed
    assert fed == tokens.T[:-1].tolist()


@dataclasses.dataclass
class Runs(Recorded):
    """One that reads a run of tokens at once, and notes how long each was."""

    lengths: list[int] = dataclasses.field(default_factory=list)

    def extend(self, tokens: torch.Tensor) -> torch.Tensor:
        self.lengths.append(tokens.shape[1])
        return torch.stack([self.step(tokens[:, i]) for i in range(tokens.shape[1])], 1)


@pytest.mark.parametrize("batch_invariant", [False, True])
@pytest.mark.parametrize("guidance", [None, [2.0, 3.0]])
def test_what_stands_in_all_rows_is_read_at_once_unless_shapes_are_batch_invariant(
    batch_invariant: bool, guidance: list[float] | None
) -> None:
    branches = 1 if guidance is None else 2
    noise = torch.randn(9, 2 * branches, 20, generator=torch.Generator().manual_seed(3))
    kept = torch.tensor([[1, 1, 1, 0, 0, 1, 1, 1, 1], [1, 1, 1, 0, 1, 1, 0, 1, 1]]).bool()
    given = TokenConstraints(tokens=torch.full((2, 9), 7), kept=kept)
    draws = uniforms([RowKey(1), RowKey(2)], "draft", 9)
    looked: list[tuple[int, list[float]]] = []

    class Looked(Steps):
        def view(self, what: str, i: int, make: Callable[[], Iterable[Any]], /) -> None:
            looked.append((i, list(make())))

    def decoded(decoding: Recorded) -> torch.Tensor:
        looked.clear()
        return decode_grid(
            decoding,
            count=9,
            sampling=[Sampling()] * 2,
            guidance=guidance,
            uniforms=draws,
            context=RunContext(Looked(), batch_invariant=batch_invariant),
            given=given,
        )

    slow = decoded(Recorded(noise))
    expected = list(looked)
    runs = Runs(noise)
    assert torch.equal(decoded(runs), slow) and looked == expected
    assert runs.lengths == ([] if batch_invariant else [3])  # the two at the end are followed by nothing
    assert len(runs.fed) == 8


def test_the_likelihood_of_a_token_is_told_by_the_logits_before_it() -> None:
    noise = torch.randn(4, 2, 9, generator=torch.Generator().manual_seed(5))
    tokens = torch.tensor([[1, 2, 3, 4], [8, 0, 8, 0]])
    decoding = Recorded(noise)
    found = token_log_probs(decoding, tokens, RunContext())
    expected = noise.log_softmax(-1).permute(1, 0, 2).gather(2, tokens[..., None])[..., 0]
    torch.testing.assert_close(found, expected)
    assert decoding.fed == tokens.T[:-1].tolist()
    runs = Runs(noise)
    assert torch.equal(token_log_probs(runs, tokens, RunContext()), found) and runs.lengths == [3]
