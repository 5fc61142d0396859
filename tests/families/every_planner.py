"""Every causal language model of the installed transformers, tiny and with random weights: what becomes of it
as a planner. Prints a table; `test_more_planners.py` tries some of them.

    python -m diptych.tests.families.every_planner [NAME ...]     # from the folder above the repository
"""

import inspect
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import torch

TINY: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 32,
    "n_embd": 32,
    "d_model": 32,
    "embed_dim": 32,
    "emb_dim": 32,
    "intermediate_size": 48,
    "ffn_dim": 48,
    "n_inner": 48,
    "moe_intermediate_size": 16,
    "shared_expert_intermediate_size": 16,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "num_hidden_layers": 2,
    "n_layer": 2,
    "n_layers": 2,
    "num_layers": 2,
    "decoder_layers": 2,
    "encoder_layers": 2,
    "num_attention_heads": 4,
    "n_head": 4,
    "n_heads": 4,
    "num_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 128,
    "n_positions": 128,
    "n_ctx": 128,
    "context_length": 128,
    "num_experts": 4,
    "num_local_experts": 4,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
    "first_k_dense_replace": 1,
    "q_lora_rank": 16,
    "kv_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
    "state_size": 8,
    "time_step_rank": 4,
    "sliding_window": 16,
    "initializer_range": 0.3,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
MORE: dict[str, dict[str, Any]] = {
    "bailing_hybrid": {"layer_types": ["linear_attention", "full_attention"]},
    "bamba": {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_state": 8, "attn_layer_indices": [1]},
    "codegen": {"rotary_dim": 8},
    "gptj": {"rotary_dim": 8},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "granitemoehybrid": {
        "mamba_n_heads": 8,
        "mamba_d_head": 8,
        "mamba_d_state": 8,
        "layer_types": ["mamba", "attention"],
    },
    "kimi_linear": {"layer_types": ["linear_attention", "full_attention"]},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},
    "qwen4_exp_text": {"layer_types": ["linear_attention", "full_attention"]},
    "cpmant": {"dim_head": 8, "dim_ff": 48, "prompt_length": 4, "prompt_types": 4, "segment_types": 4},
    "minimax": {"layer_types": ["full_attention", "linear_attention"], "block_size": 8},
    "mamba": {"intermediate_size": 64},
    "mamba2": {"num_heads": 8, "head_dim": 8, "expand": 2, "n_groups": 2, "chunk_size": 8},
    "rwkv": {"attention_hidden_size": 32},
    "gemma3n_text": {
        "hidden_size_per_layer_input": 8,
        "vocab_size_per_layer_input": 96,
        "intermediate_size": [48, 48],
        "layer_types": ["sliding_attention", "full_attention"],
        "num_kv_shared_layers": 0,
        "laurel_rank": 4,
        "activation_sparsity_pattern": [0.0, 0.0],
        "altup_num_inputs": 2,
    },
}
"""What a kind of model needs beside."""
OTHERWISE: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    ((), {}),
    (("head_dim",), {}),
    (("sliding_window",), {}),
    (("head_dim", "num_key_value_heads"), {}),
    ((), {"num_hidden_layers": 4}),
    (("head_dim",), {"num_hidden_layers": 8}),
)
"""What is left out, and what is said instead, where the sizes do not fit."""
MOST = 10_000_000  # numbers of a twin
PREFIXES = ([5, 9, 11, 4, 8, 21, 33], [7, 12, 3], [17] * 12)
NEW = 8


def names() -> list[str]:
    """Of all kinds, as configs call them."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return list(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


def twins(name: str, **sizes: Any) -> Iterator[Any]:
    """Models of this kind, of random weights: whatever can be built, for not all sizes fit every kind.

    Args:
        sizes: that differ from `TINY`.

    Raises:
        ValueError: none can be built so small; says why.
    """
    from transformers import AutoModelForCausalLM
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    kind = CONFIG_MAPPING[name]
    known = set(inspect.signature(kind.__init__).parameters) | set(getattr(kind, "attribute_map", {}))
    known |= {each for each in TINY if hasattr(kind, each)}
    said = {key: value for key, value in (TINY | sizes).items() if key in known} | MORE.get(name, {})
    reasons: list[str] = []
    for left_out, more in OTHERWISE:
        try:
            left = {key: value for key, value in said.items() if key not in left_out}
            config = kind(**left | {key: value for key, value in more.items() if key in left})
            with torch.device("meta"):
                count = sum(each.numel() for each in AutoModelForCausalLM.from_config(config).parameters())
            if count > MOST:
                raise ValueError(f"{count} numbers")
            torch.manual_seed(0)
            yield AutoModelForCausalLM.from_config(config).eval()
        except Exception as error:
            reasons.append(_short(error))
    raise ValueError(reasons[0] if reasons else "none of them generates")


def tiny(name: str, **sizes: Any) -> Any:
    """The first of the `twins`."""
    return next(twins(name, **sizes))


def theirs(model: Any, prefix: list[int]) -> list[int]:
    """What `generate` writes, greedily."""
    from transformers import GenerationConfig

    ids = torch.tensor([prefix])
    model.generation_config = GenerationConfig()  # without tokens that it forces
    written = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=NEW,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )
    return written[0, len(prefix) :].tolist()


def generating(name: str) -> tuple[Any, list[list[int]]]:
    """The first of the `twins` that generates, and what it writes after `PREFIXES`; raises as they do."""
    why = ""
    try:
        for model in twins(name):
            try:
                return model, [theirs(model, list(prefix)) for prefix in PREFIXES]
            except Exception as error:
                why = why or _short(error)
    except ValueError as error:
        why = why or str(error)
    raise ValueError(why)


def ours(model: Any, kind: Any = None) -> list[list[int]]:
    """What the planner's decoding writes, greedily, in a batch."""
    from diptych.engine.models.language.decoding.ways import begin

    how: dict[str, Any] = {"new_tokens": NEW, "prefix_tokens": 12}
    decoding = kind(model, PREFIXES, **how) if kind else begin(model, PREFIXES, **how)
    rows: dict[int, list[int]] = {i: [] for i in range(len(PREFIXES))}
    alive = list(rows)
    for step in range(NEW):
        tokens = decoding.logits.argmax(-1)
        for row, token in zip(alive, tokens.tolist(), strict=True):
            rows[row].append(token)
        decoding.step(tokens)
        if step == NEW // 2:  # one text ends before the others
            decoding.keep([0, 2])
            alive = [0, 2]
    return list(rows.values())


def verdict(model: Any, kind: Any, expected: list[list[int]]) -> str:
    try:
        found = ours(model, kind)
        are_same = all(row == other[: len(row)] for row, other in zip(found, expected, strict=True))
        return "same" if are_same else "DIFFERENT"
    except Exception as error:
        return _short(error)


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:90]}"


def table(wanted: list[str]) -> Iterator[str]:
    from diptych.engine.models.language.decoding.by_library import CachedDecoding
    from diptych.engine.models.language.decoding.stepped import SteppedDecoding

    for name in wanted:
        try:
            model, expected = generating(name)
        except ValueError as error:
            yield f"| {name} | no twin: {error} | | | |"
            continue
        flags = f"{'keeps a state' if model._is_stateful else ''}"
        found = [verdict(model, kind, expected) for kind in (None, CachedDecoding, SteppedDecoding)]
        yield f"| {name} | {flags} | {' | '.join(found)} |"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    import transformers

    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    for line in table(sys.argv[1:] or names()):
        print(line, flush=True)
