"""Causal LMs under way, lean and by the library: tiny random models of several classes against their
`generate`."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from diptych.engine.ar.decoding import Decoding, Reading, decode_grid
from diptych.engine.ar.sampling import Sampling
from diptych.engine.kernels.library import Library, library
from diptych.engine.models.language.decoding import captured as captured_decoding
from diptych.engine.models.language.decoding.by_library import CachedDecoding
from diptych.engine.models.language.decoding.captured import CapturedDecoding
from diptych.engine.models.language.decoding.lean import LeanDecoding
from diptych.engine.models.language.decoding.lean_layers import is_lean
from diptych.engine.models.language.decoding.native import NativeDecoding
from diptych.engine.models.language.decoding.ways import begin
from diptych.engine.randomness import RowKey, uniforms
from diptych.engine.stage import RunContext

from ....simulated_graph import recorded

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
QWEN2_SIZES = {name: size for name, size in SIZES.items() if name != "head_dim"}


def llama() -> Any:
    return LlamaForCausalLM(LlamaConfig(num_hidden_layers=2, **SIZES))


def stretched_llama() -> Any:
    """With the rotation of Llama 3, and one matrix for both ends."""
    rope = {"rope_type": "llama3", "rope_theta": 500.0, "factor": 4.0, "low_freq_factor": 1.0}
    rope |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 16}
    sizes: dict[str, Any] = SIZES | {"tie_word_embeddings": True, "attention_bias": True}
    return LlamaForCausalLM(LlamaConfig(num_hidden_layers=2, rope_parameters=rope, **sizes))


def mistral() -> Any:
    return MistralForCausalLM(MistralConfig(num_hidden_layers=2, sliding_window=6, **SIZES))


def qwen2() -> Any:
    return Qwen2ForCausalLM(Qwen2Config(num_hidden_layers=2, **QWEN2_SIZES))


def qwen3() -> Any:
    return Qwen3ForCausalLM(Qwen3Config(num_hidden_layers=2, **SIZES))


def gemma3() -> Any:
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


@dataclasses.dataclass(frozen=True)
class Subject:
    """A model, and how it is decoded."""

    model: Any
    kind: Callable[..., Decoding]

    def begin(self, rows: Sequence[Sequence[int]], **options: Any) -> Decoding:
        return self.kind(self.model, rows, **({"new_tokens": 12} | options))


def captured(model: Any, rows: Sequence[Sequence[int]], **options: Any) -> Decoding:
    """With steps that are recorded and played again, as a CUDA graph is: no Python runs then."""
    return CapturedDecoding(model, rows, recorder=recorded, **options)


LEAN = [llama, stretched_llama, mistral, qwen2, qwen3, gemma3]
NATIVE = [(make, NativeDecoding) for make in LEAN] if library() is not None else []
PAIRS = [
    *((make, LeanDecoding) for make in LEAN),
    *((make, captured) for make in LEAN),
    *NATIVE,
    *((make, CachedDecoding) for make in (llama, gemma3, gpt2)),
]


@pytest.fixture(scope="module", params=PAIRS, ids=lambda pair: f"{pair[0].__name__}-{pair[1].__name__}")
def subject(request: pytest.FixtureRequest) -> Subject:
    torch.manual_seed(0)
    make, kind = request.param
    model = make().eval().requires_grad_(False)
    for name, weight in model.named_parameters():
        if "norm" in name or name.endswith("bias"):
            torch.nn.init.normal_(weight, 0.5, 0.3)  # as the library begins, they would do nothing
    return Subject(model, kind)


@pytest.fixture(autouse=True)
def short_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captured_decoding, "BUCKET", 5)


def prefixes(lengths: Sequence[int], *, seed: int = 1) -> list[list[int]]:
    torch.manual_seed(seed)
    return [torch.randint(2, VOCABULARY, (length,)).tolist() for length in lengths]


def padded(rows: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask, padded on the left."""
    width = max(map(len, rows))
    ids = torch.tensor([[0] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return ids, mask


def write(
    subject: Subject,
    rows: Sequence[list[int]],
    sampling: Sampling,
    *,
    count: int = 12,
    seeds: Sequence[int] = (),
    guidance: float | None = None,
    **options: Any,
) -> torch.Tensor:
    """Tokens (b, count) after the prefixes `rows`; with guidance, the free branch reads their last."""
    both = [*rows, *([row[-1]] for row in rows)] if guidance is not None else rows
    return decode_grid(
        subject.begin(both, new_tokens=count, **options),
        count=count,
        sampling=[sampling] * len(rows),
        guidance=None if guidance is None else [guidance] * len(rows),
        uniforms=uniforms([RowKey(seed) for seed in seeds or range(len(rows))], "draft", count),
        context=RunContext(),
    )


@pytest.mark.parametrize("lengths", [[7], [1], [7, 7, 7], [9, 4, 1]], ids=str)
def test_greedy_decoding_is_what_generate_gives(subject: Subject, lengths: list[int]) -> None:
    rows = prefixes(lengths)
    ids, mask = padded(rows)
    reference = subject.model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=12, do_sample=False)
    assert write(subject, rows, GREEDY).tolist() == reference[:, ids.shape[1] :].tolist()


def test_a_step_gives_what_reading_all_at_once_gives(subject: Subject) -> None:
    (row,) = prefixes([12])
    decoding = subject.begin([row[:8]])
    for i in range(8, 12):
        whole = subject.model(input_ids=torch.tensor([row[:i]]), use_cache=False).logits[:, -1]
        torch.testing.assert_close(decoding.logits, whole, rtol=1e-4, atol=1e-4)
        decoding.step(torch.tensor([row[i]]))


@pytest.mark.parametrize("lengths", [[4, 4], [9, 2]], ids=str)
@pytest.mark.parametrize("batch_invariant", [True, False])
def test_a_run_read_at_once_gives_what_its_steps_give(
    subject: Subject, lengths: list[int], batch_invariant: bool
) -> None:
    rows, legal = prefixes(lengths), slice(16, 48)
    stepping, running = (subject.begin(rows, legal=legal, batch_invariant=batch_invariant) for _ in range(2))
    tokens = torch.randint(0, 32, (2, 12))
    steps = torch.stack([stepping.step(tokens[:, i]) for i in range(12)], 1)
    assert isinstance(running, Reading)
    parts = [running.extend(tokens[:, :7]), running.step(tokens[:, 7])[:, None], running.extend(tokens[:, 8:])]
    torch.testing.assert_close(torch.cat(parts, 1), steps, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(running.logits, stepping.logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("guidance", [None, 3.0])
def test_a_row_is_the_same_alone_and_in_a_batch(subject: Subject, guidance: float | None) -> None:
    rows = prefixes([3, 9, 5, 1, 7])
    sampling = Sampling(temperature=0.9, top_k=40, top_p=0.95)
    together = write(subject, rows, sampling, guidance=guidance)
    others = write(
        subject, [*prefixes([4, 6, 2, 8], seed=9), rows[2]], sampling, seeds=[8, 9, 7, 6, 2], guidance=guidance
    )
    alone = write(subject, rows[2:3], sampling, seeds=[2], guidance=guidance)
    wide = write(
        subject, rows[2:3], sampling, seeds=[2], prefix_tokens=20, batch_invariant=True, guidance=guidance
    )
    assert together[2].tolist() == others[4].tolist() == alone[0].tolist() == wide[0].tolist()
    assert len({tuple(row) for row in together.tolist()}) == 5


def test_rows_may_share_a_prefix(subject: Subject) -> None:
    one, other = prefixes([6, 6])
    decoding = subject.begin([one, other, one, one])
    alone = subject.begin([one])
    for token in (5, 9):
        torch.testing.assert_close(decoding.logits[2], alone.logits[0], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(decoding.logits[0], decoding.logits[3])
        decoding.step(torch.tensor([token, 7, token, token]))
        alone.step(torch.tensor([token]))


@pytest.mark.parametrize("batch_invariant", [True, False])
def test_rows_that_are_kept_go_on_as_if_nothing_had_happened(subject: Subject, batch_invariant: bool) -> None:
    rows = prefixes([5, 2, 9, 5, 7])
    whole, part = (
        subject.begin(rows, batch_invariant=batch_invariant),
        subject.begin(rows, batch_invariant=batch_invariant),
    )
    kept = [0, 4, 3]
    for tokens in (torch.tensor([3, 4, 5, 6, 7]), torch.tensor([9, 9, 8, 8, 7]), torch.tensor([2, 3, 2, 3, 2])):
        whole.step(tokens)
        part.step(tokens if len(part.logits) == 5 else tokens[kept])
        if len(part.logits) == 5:
            part.keep(kept)
        torch.testing.assert_close(part.logits, whole.logits[kept], rtol=1e-4, atol=1e-4)
    part.keep([2])
    torch.testing.assert_close(part.logits, whole.logits[[3]], rtol=1e-4, atol=1e-4)


def test_an_alphabet_is_counted_from_its_first_id(subject: Subject) -> None:
    rows, legal = prefixes([3, 9]), slice(16, 48)
    inside, whole = subject.begin(rows, legal=legal), subject.begin(rows)
    for token in (0, 31, 5):
        torch.testing.assert_close(inside.logits, whole.logits[:, legal], rtol=1e-5, atol=1e-5)
        inside.step(torch.tensor([token, token]))
        whole.step(torch.tensor([token, token]) + 16)


def test_a_guidance_scale_of_one_is_no_guidance(subject: Subject) -> None:
    rows = prefixes([3, 9])
    sampling = Sampling(temperature=0.8, top_p=0.9)
    plain = write(subject, rows, sampling, legal=slice(16, 48))
    assert torch.equal(write(subject, rows, sampling, guidance=1.0, legal=slice(16, 48)), plain)
    assert not torch.equal(write(subject, rows, sampling, guidance=4.0, legal=slice(16, 48)), plain)


def test_in_half_precision_the_lean_way_stays_near_the_librarys(subject: Subject) -> None:
    if subject.kind is not LeanDecoding:
        pytest.skip("the library against itself")
    model = type(subject.model)(subject.model.config).eval().requires_grad_(False)
    model.load_state_dict(subject.model.state_dict())
    model.to(torch.bfloat16)
    rows = prefixes([3, 9])
    lean, library = LeanDecoding(model, rows, new_tokens=4), CachedDecoding(model, rows, new_tokens=4)
    spread = float(library.logits.float().std())
    for token in (5, 9, 2):
        assert lean.logits.dtype == torch.bfloat16
        apart = lean.logits.float() - library.logits.float()
        assert float(apart.square().mean().sqrt()) < 0.045 * spread  # of 12 models of each class 0.036 at most
        lean.step(torch.tensor([token, token]))
        library.step(torch.tensor([token, token]))


@pytest.mark.parametrize("make", LEAN, ids=lambda make: make.__name__)
def test_the_architectures_that_are_known_run_lean(make: Callable[[], Any]) -> None:
    model = make().eval()
    kind = LeanDecoding if library() is None else NativeDecoding
    assert isinstance(begin(model, [[1, 2]], new_tokens=1), kind)
    assert isinstance(begin(model.bfloat16(), [[1, 2]], new_tokens=1), LeanDecoding)


@pytest.mark.skipif(library() is None, reason="the machine code was not built")
def test_a_row_has_the_same_bits_alone_and_in_a_batch_and_by_any_instruction_set() -> None:
    torch.manual_seed(0)
    model = llama().eval().requires_grad_(False)
    rows = prefixes([5, 9, 9, 2, 7] * 3)
    tokens = torch.randint(0, VOCABULARY, (15, 6))
    best = library()
    assert best is not None

    def logits(code: Library, chosen: Sequence[int]) -> torch.Tensor:
        decoding = NativeDecoding(model, [rows[i] for i in chosen], new_tokens=12, code=code)
        run = decoding.extend(tokens[chosen, :3])
        return torch.cat([run, *(decoding.step(tokens[chosen, i])[:, None] for i in range(3, 6))], 1)

    together = logits(best, range(15))
    for level in range(1, best.level + 1):
        code = best.at_level(level)
        assert torch.equal(logits(code, range(15)), together)
        for i in range(5):
            assert torch.equal(logits(code, [i])[0], together[i])


def test_what_is_not_known_to_the_last_operation_runs_by_the_library() -> None:
    capped = gemma3()
    capped.config.final_logit_softcapping = 30.0
    turning = llama()
    turning.config.rope_parameters = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}
    for model in (gpt2(), capped, turning):
        assert not is_lean(model)
    assert isinstance(begin(gpt2().eval(), [[1, 2]], new_tokens=1), CachedDecoding)


def test_a_step_is_recorded_once_for_each_bucket_and_each_set_of_rows() -> None:
    torch.manual_seed(0)
    model, counts = llama().eval().requires_grad_(False), [0]

    def counting(work: Callable[[], None]) -> Callable[[], Any]:
        counts[0] += 1
        return recorded(work)

    decoding = CapturedDecoding(model, prefixes([3, 3, 2]), new_tokens=30, recorder=counting)
    found = []
    for i in range(12):
        decoding.step(torch.tensor([3, 4, 5])[: len(decoding.logits)])
        found.append(counts[0])
        if i == 7:
            decoding.keep([0, 1])
    # places 3 and 4 step by step; from 5 to 9 one recording, at 10 the next, after `keep` two steps
    assert found == [0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3]


def test_where_nothing_can_be_recorded_steps_go_on_without(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    model = llama().eval().requires_grad_(False)
    monkeypatch.setattr(captured_decoding, "_refused", set())
    tried = []

    def refuses(work: Callable[[], None]) -> Callable[[], Any]:
        tried.append(work)
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    rows = prefixes([3, 5])
    options: Any = {"new_tokens": 12}
    plain, one = (
        LeanDecoding(model, rows, **options),
        CapturedDecoding(model, rows, recorder=refuses, **options),
    )
    for token in range(8):
        tokens = torch.tensor([token, 9])
        torch.testing.assert_close(one.step(tokens), plain.step(tokens))
    assert len(tried) == 1 and len(caplog.messages) == 1 and "more" not in caplog.messages[0]

    def runs_out(work: Callable[[], None]) -> Callable[[], Any]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    captured_decoding._refused.clear()
    full = CapturedDecoding(model, rows, recorder=runs_out, **options)
    with pytest.raises(torch.OutOfMemoryError):
        for _ in range(5):
            full.step(torch.tensor([1, 2]))
    assert not captured_decoding._refused


def test_logits_of_a_step_stay_when_the_next_is_played() -> None:
    torch.manual_seed(0)
    decoding = captured(llama().eval().requires_grad_(False), prefixes([3]), new_tokens=12)
    kept = [decoding.step(torch.tensor([i])) for i in range(9)]
    copies = [each.clone() for each in kept]
    decoding.step(torch.tensor([3]))
    assert all(torch.equal(a, b) for a, b in zip(kept, copies, strict=True))
