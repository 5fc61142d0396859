"""A tiny Llama of random weights as a GGUF file, with tokenizer and chat template, as llama.cpp reads it."""

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from .texts import byte_level

CHATML = """{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
SIZE, INNER, HEADS, LAYERS, CONTEXT = 64, 96, 4, 2, 4096


def write_gguf(path: Path, *, seed: int = 0) -> None:
    """Write the file."""
    gguf: Any = importlib.import_module("gguf")  # may be missing

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = byte_level(special, eos_token="<|im_end|>")
    read: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    tokens = [token for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])]
    draws = np.random.default_rng(seed)

    def numbers(*shape: int) -> np.ndarray:
        return (draws.standard_normal(shape) * 0.3).astype(np.float32)

    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(SIZE)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(SIZE // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in special else 1 for token in tokens])
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in read["merges"]]
    writer.add_token_merges(merges)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHATML)
    writer.add_tensor("token_embd.weight", numbers(len(tokens), SIZE))
    writer.add_tensor("output_norm.weight", np.ones(SIZE, np.float32))
    writer.add_tensor("output.weight", numbers(len(tokens), SIZE))
    for i in range(LAYERS):
        for name, shape in {
            "attn_q": (SIZE, SIZE),
            "attn_k": (SIZE, SIZE),
            "attn_v": (SIZE, SIZE),
            "attn_output": (SIZE, SIZE),
            "ffn_gate": (INNER, SIZE),
            "ffn_up": (INNER, SIZE),
            "ffn_down": (SIZE, INNER),
        }.items():
            writer.add_tensor(f"blk.{i}.{name}.weight", numbers(*shape))
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{i}.{name}.weight", np.ones(SIZE, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
