"""The decoding loops, over fakes, and over tiny random models of several classes against their `generate`."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from diptych.engine.ar.decoding import decode_grid, decode_text, guided
from diptych.engine.ar.sampling import Sampling
from diptych.engine.models.from_transformers import CachedDecoding
from diptych.engine.randomness import RowKey, uniforms
from diptych.engine.stage import Silent

VOCABULARY = 64
GREEDY = Sampling(temperature=0)
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "initializer_range": 0.4,  # large, so that random models do not say one word for ever
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": None,
    "tie_word_embeddings": False,
}


def llama() -> Any:
    return LlamaForCausalLM(LlamaConfig(num_hidden_layers=2, **SIZES))


def qwen() -> Any:
    return Qwen3ForCausalLM(Qwen3Config(num_hidden_layers=2, **SIZES))


def gemma() -> Any:
    """With layers that see a window of five tokens only, as Gemma's do."""
    layers = ["sliding_attention", "full_attention", "sliding_attention"]
    config = Gemma3TextConfig(
        num_hidden_layers=3, layer_types=layers, sliding_window=5, query_pre_attn_scalar=8, **SIZES
    )
    return Gemma3ForCausalLM(config)


def gpt2() -> Any:
    """With learned positions: unlike the others', its answers change if padding is counted as a place."""
    wanted = ("vocab_size", "initializer_range", "pad_token_id", "bos_token_id", "eos_token_id")
    sizes = {name: SIZES[name] for name in wanted}
    return GPT2LMHeadModel(GPT2Config(n_positions=64, n_embd=32, n_layer=2, n_head=4, **sizes))


@pytest.fixture(scope="module", params=[llama, qwen, gemma, gpt2], ids=lambda make: make.__name__)
def model(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    return request.param().eval().requires_grad_(False)


def prefixes(lengths: Sequence[int], *, seed: int = 1) -> list[list[int]]:
    torch.manual_seed(seed)
    return [torch.randint(2, VOCABULARY, (length,)).tolist() for length in lengths]


def padded(rows: Sequence[list[int]], *, width: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask, padded on the left."""
    width = max(width, *map(len, rows))
    ids = torch.tensor([[0] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return ids, mask


def write(
    model: Any,
    rows: Sequence[list[int]],
    sampling: Sampling,
    *,
    count: int = 12,
    seeds: Sequence[int] = (),
    width: int = 0,
    guidance: float | None = None,
    legal: slice = slice(0, VOCABULARY),
) -> torch.Tensor:
    """Tokens (b, count) after the prefixes `rows`; with guidance, the free branch reads their last."""
    both = [*rows, *([row[-1]] for row in rows)] if guidance is not None else rows
    ids, mask = padded(both, width=width)
    return decode_grid(
        CachedDecoding(model, ids, mask=mask, new_tokens=count),
        count=count,
        legal=legal,
        sampling=[sampling] * len(rows),
        guidance=None if guidance is None else [guidance] * len(rows),
        uniforms=uniforms([RowKey(seed) for seed in seeds or range(len(rows))], "draft", count),
        report=Silent(),
    )


@pytest.mark.parametrize("lengths", [[7], [1], [7, 7, 7], [9, 4, 1]], ids=str)
def test_greedy_decoding_is_what_generate_gives(model: Any, lengths: list[int]) -> None:
    rows = prefixes(lengths)
    ids, mask = padded(rows)
    reference = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=12, do_sample=False)
    assert write(model, rows, GREEDY).tolist() == reference[:, ids.shape[1] :].tolist()


def test_without_padding_no_mask_is_needed(model: Any) -> None:
    ids, mask = padded(prefixes([6, 6]))
    bare = CachedDecoding(model, ids, mask=None, new_tokens=3)
    masked = CachedDecoding(model, ids, mask=mask, new_tokens=3)
    for token in (5, 9, 2):
        torch.testing.assert_close(bare.logits, masked.logits)
        for decoding in (bare, masked):
            decoding.step(torch.full((2,), token))


def test_a_step_gives_what_reading_all_at_once_gives(model: Any) -> None:
    (row,) = prefixes([12])
    decoding = CachedDecoding(model, torch.tensor([row[:8]]), mask=None, new_tokens=4)
    for i in range(8, 12):
        whole = model(input_ids=torch.tensor([row[:i]]), use_cache=False).logits[:, -1]
        torch.testing.assert_close(decoding.logits, whole, rtol=1e-4, atol=1e-4)
        decoding.step(torch.tensor([row[i]]))


@pytest.mark.parametrize("guidance", [None, 3.0])
def test_a_row_is_the_same_alone_and_in_a_batch(model: Any, guidance: float | None) -> None:
    rows = prefixes([3, 9, 5, 1, 7])
    sampling = Sampling(temperature=0.9, top_k=40, top_p=0.95)
    together = write(model, rows, sampling, guidance=guidance)
    others = write(
        model, [*prefixes([4, 6, 2, 8], seed=9), rows[2]], sampling, seeds=[8, 9, 7, 6, 2], guidance=guidance
    )
    alone = write(model, rows[2:3], sampling, seeds=[2], guidance=guidance)
    wide = write(model, rows[2:3], sampling, seeds=[2], width=20, guidance=guidance)
    assert together[2].tolist() == others[4].tolist() == alone[0].tolist() == wide[0].tolist()
    assert len({tuple(row) for row in together.tolist()}) == 5


def test_a_guidance_scale_of_one_is_no_guidance(model: Any) -> None:
    rows = prefixes([3, 9])
    sampling = Sampling(temperature=0.8, top_p=0.9)
    legal = slice(16, 48)
    plain = write(model, rows, sampling, legal=legal)
    assert torch.equal(write(model, rows, sampling, guidance=1.0, legal=legal), plain)
    assert not torch.equal(write(model, rows, sampling, guidance=4.0, legal=legal), plain)


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

    @property
    def logits(self) -> torch.Tensor:
        return self.noise[len(self.fed)]

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        self.fed.append(tokens.tolist())
        return self.logits


@dataclasses.dataclass
class Steps:
    done: list[tuple[int, int]] = dataclasses.field(default_factory=list)

    def step(self, i: int, n: int, /) -> None:
        self.done.append((i, n))


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 9),
    rows=st.integers(1, 3),
    legal=st.tuples(st.integers(0, 12), st.integers(1, 8)).map(lambda pair: slice(pair[0], sum(pair))),
    sampling=st.builds(Sampling, temperature=st.floats(0, 5), top_k=st.integers(0, 30), top_p=st.floats(0, 1)),
    guidance=st.one_of(st.none(), st.floats(0, 20)),
    seed=st.integers(0, 999),
)
def test_a_grid_has_exactly_its_count_of_legal_tokens(
    count: int, rows: int, legal: slice, sampling: Sampling, guidance: float | None, seed: int
) -> None:
    branches = 1 if guidance is None else 2
    noise = 9 * torch.randn(count, branches * rows, 20, generator=torch.Generator().manual_seed(seed))
    noise[..., : legal.start] = 1e4  # what is illegal is what the model would say
    noise[..., legal.stop :] = 1e4
    decoding, steps = Recorded(noise), Steps()
    tokens = decode_grid(
        decoding,
        count=count,
        legal=legal,
        sampling=[sampling] * rows,
        guidance=None if guidance is None else [guidance] * rows,
        uniforms=uniforms([RowKey(seed + i) for i in range(rows)], "draft", count),
        report=steps,
    )
    assert tokens.shape == (rows, count) and tokens.dtype == torch.int64
    assert int(tokens.min()) >= 0 and int(tokens.max()) < legal.stop - legal.start
    assert decoding.fed == [(column + legal.start).tolist() * branches for column in tokens.T[:-1]]
    assert steps.done == [(i + 1, count) for i in range(count)]


class Countdown:
    """A grammar that wants tokens above 9, `length` of them, and then the end, 2."""

    def __init__(self, length: int) -> None:
        self.left = length
        self.finished = False

    def allowed(self) -> torch.Tensor:
        ids = torch.arange(24)  # more than the model has, as for a tokenizer with spare ids
        return ids > 9 if self.left and not self.finished else ids == 2

    def accept(self, token: int) -> None:
        assert not self.finished and bool(self.allowed()[token])
        self.finished = self.left == 0
        self.left -= 1


def tell(lengths: Sequence[int], *, most: int) -> tuple[list[list[int]], Recorded, list[Countdown]]:
    noise = torch.randn(most, len(lengths), 20, generator=torch.Generator().manual_seed(0))
    decoding, grammars = Recorded(noise), [Countdown(length) for length in lengths]
    rows = decode_text(
        decoding,
        grammars=grammars,
        sampling=[Sampling()] * len(lengths),
        uniforms=uniforms([RowKey(i) for i in range(len(lengths))], "plan", most),
        stop=2,
        report=Silent(),
    )
    return rows, decoding, grammars


def test_each_row_of_text_ends_where_its_grammar_does() -> None:
    rows, decoding, grammars = tell([3, 0, 5], most=20)
    assert [len(row) for row in rows] == [3, 0, 5]
    assert all(token > 9 for row in rows for token in row)
    assert all(grammar.finished for grammar in grammars)
    assert [fed[1] for fed in decoding.fed] == [2] * 5  # the longest row, and its end, which is not fed


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
            report=Silent(),
        )
        assert written[1][:1] == written[0] and written[1][:2] == written[2]
