"""Tiny planners with random weights, in the folders that `AutoModelForCausalLM` and a chat template make."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast

from .texts import byte_level, sentence_pieces

SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 1024,
    "initializer_range": 0.4,  # large, so that random models do not say one word for ever
}

CHATML = """{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}{{ '<|im_start|>assistant\n' }}"""
QWEN3 = (
    CHATML
    + "{% if enable_thinking is defined and enable_thinking is false %}"
    + "{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}"
)
ALWAYS_THINKS = CHATML + "{{ '<think>\\n' }}"
LLAMA3 = """{{ bos_token }}{% if not date_string is defined %}{% set date_string = strftime_now("%d %b %Y") %}\
{% endif %}Today Date: {{ date_string }}

{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>

{{ m.content }}<|eot_id|>{% endfor %}<|start_header_id|>assistant<|end_header_id|>

"""
MISTRAL = """{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}\
{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}[INST] {{ m.content }} [/INST]\
{% endfor %}"""
GEMMA = """{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}\
{{ raise_exception('System role not supported') }}{% endif %}<start_of_turn>{{ m.role }}
{{ m.content }}<end_of_turn>
{% endfor %}<start_of_turn>model
"""


def qwen3(folder: Path, *, template: str = QWEN3) -> None:
    """Qwen3: ChatML, thinks unless it is told not to; the matrices have more rows than there are tokens."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    tokenizer = byte_level(
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=template,
    )
    tokenizer.add_tokens(["<think>", "</think>"])
    _save(folder, Qwen3ForCausalLM, Qwen3Config(**_ids(tokenizer, extra=9), **SIZES), tokenizer)


def thinker(folder: Path) -> None:
    """As Qwen3-Thinking: its template always opens the reasoning."""
    qwen3(folder, template=ALWAYS_THINKS)


def llama3(folder: Path) -> None:
    """Llama 3: the rotation of Llama 3, and one matrix for both ends."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = byte_level(
        ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
        bos_token="<|begin_of_text|>",
        eos_token="<|eot_id|>",
        chat_template=LLAMA3,
    )
    rope = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0}
    rope |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 128}
    config = LlamaConfig(rope_parameters=rope, tie_word_embeddings=True, **_ids(tokenizer), **SIZES)
    _save(folder, LlamaForCausalLM, config, tokenizer)


def smollm(folder: Path) -> None:
    """SmolLM2: a small Llama with ChatML."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = byte_level(
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        chat_template=CHATML,
    )
    _save(folder, LlamaForCausalLM, LlamaConfig(**_ids(tokenizer), **SIZES), tokenizer)


def byte_llama(folder: Path) -> None:
    """A Llama whose tokenizer knows no more than bytes: its instructions are many hundreds of tokens."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = byte_level(
        ["<|begin_of_text|>", "<|eot_id|>"],
        size=258,
        bos_token="<|begin_of_text|>",
        eos_token="<|eot_id|>",
        chat_template=CHATML,
    )
    config = LlamaConfig(**_ids(tokenizer), **{**SIZES, "max_position_embeddings": 4096})
    _save(folder, LlamaForCausalLM, config, tokenizer)


def mistral(folder: Path) -> None:
    """Mistral: a SentencePiece-like vocabulary, a sliding window, no system message."""
    from transformers import MistralConfig, MistralForCausalLM

    tokenizer = sentence_pieces(
        ["<s>", "</s>", "[INST]", "[/INST]"], bos_token="<s>", eos_token="</s>", chat_template=MISTRAL
    )
    config = MistralConfig(sliding_window=16, **_ids(tokenizer), **SIZES)
    _save(folder, MistralForCausalLM, config, tokenizer)


def gemma2(folder: Path) -> None:
    """Gemma 2: caps its logits, so that the library's own forward carries it out; no system message."""
    from transformers import Gemma2Config, Gemma2ForCausalLM

    tokenizer = sentence_pieces(
        ["<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"],
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        chat_template=GEMMA,
    )
    config = Gemma2Config(
        sliding_window=16, query_pre_attn_scalar=8, tie_word_embeddings=False, **_ids(tokenizer), **SIZES
    )
    _save(folder, Gemma2ForCausalLM, config, tokenizer)


def gemma3(folder: Path) -> None:
    """Gemma 3: layers that see a window of tokens among those that see all, norms on both sides."""
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    tokenizer = sentence_pieces(
        ["<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"],
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        chat_template=GEMMA,
    )
    layers = ["sliding_attention", "full_attention"]
    config = Gemma3TextConfig(
        layer_types=layers,
        sliding_window=16,
        query_pre_attn_scalar=8,
        tie_word_embeddings=False,
        **_ids(tokenizer),
        **SIZES,
    )
    _save(folder, Gemma3ForCausalLM, config, tokenizer)


def gpt2(folder: Path) -> None:
    """GPT-2: no chat template, learned positions, and names of its own for its sizes."""
    from transformers import GPT2Config, GPT2LMHeadModel

    tokenizer = byte_level(["<|endoftext|>"], eos_token="<|endoftext|>")
    config = GPT2Config(
        n_positions=1024, n_embd=32, n_layer=2, n_head=4, initializer_range=0.4, **_ids(tokenizer)
    )
    _save(folder, GPT2LMHeadModel, config, tokenizer)


PLANNERS: dict[str, Callable[[Path], None]] = {
    make.__name__: make for make in (qwen3, thinker, llama3, smollm, mistral, gemma2, gemma3, gpt2)
}


def _ids(tokenizer: PreTrainedTokenizerFast, *, extra: int = 0) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer) + extra,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def _save(folder: Path, kind: Any, config: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    torch.manual_seed(0)
    kind(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
