"""Checkpoints with quantised weights, in the layouts that people have; made of small ones with plain ones."""

import contextlib
import importlib
import importlib.util
import json
import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from .planner_twins import CHATML, SIZES
from .texts import byte_level

WIDE: dict[str, Any] = {**SIZES, "hidden_size": 64, "intermediate_size": 128, "head_dim": 16}
"""Sizes that the kernels of all libraries take."""


def has(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


def wide_llama(folder: Path) -> None:
    """A Llama with ChatML whose matrices are of whole blocks."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = byte_level(
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        chat_template=CHATML,
    )
    ids = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **ids, **WIDE)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def even_qwen2(folder: Path) -> None:
    """A Qwen2 with ChatML and as many rows as there are tokens."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    tokenizer = byte_level(
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=CHATML,
    )
    ids = {name: getattr(tokenizer, name) for name in ("eos_token_id", "pad_token_id")}
    torch.manual_seed(0)
    sizes = {name: value for name, value in WIDE.items() if name != "head_dim"}
    config = Qwen2Config(vocab_size=len(tokenizer), tie_word_embeddings=False, **ids, **sizes)
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _quantised_planner(source: Path, folder: Path, config: Any) -> None:
    from transformers import AutoModelForCausalLM

    made: Any = AutoModelForCausalLM.from_pretrained(source, quantization_config=config, dtype=torch.float32)
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
    made.save_pretrained(folder)


def torchao_int8(source: Path, folder: Path) -> None:
    quantisation: Any = importlib.import_module("torchao.quantization")
    from transformers import TorchAoConfig

    _quantised_planner(
        source, folder, TorchAoConfig(quantisation.Int8WeightOnlyConfig(set_inductor_config=False))
    )


def torchao_fp8(source: Path, folder: Path) -> None:
    quantisation: Any = importlib.import_module("torchao.quantization")
    from transformers import TorchAoConfig

    _quantised_planner(
        source, folder, TorchAoConfig(quantisation.Float8WeightOnlyConfig(set_inductor_config=False))
    )


def bitsandbytes_nf4(source: Path, folder: Path) -> None:
    from transformers import BitsAndBytesConfig

    how = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)
    _quantised_planner(source, folder, how)


def bitsandbytes_int8(source: Path, folder: Path) -> None:
    from transformers import BitsAndBytesConfig

    _quantised_planner(source, folder, BitsAndBytesConfig(load_in_8bit=True))


def stored_fp8(source: Path, folder: Path) -> None:
    """All weights of layers as eight-bit floats, without scales, as some upload them."""

    def small(name: str, tensor: torch.Tensor) -> dict[str, torch.Tensor]:
        return {name: tensor.to(torch.float8_e4m3fn) if layer(name, tensor) else tensor}

    shutil.copytree(source, folder)
    for path in folder.rglob("*.safetensors"):
        rewrite(path, small)


def scaled_fp8(source: Path, folder: Path, *, scale: str = "scale_weight") -> None:
    """As ComfyUI scales them: the largest number of a layer becomes the largest of eight bits."""

    def scaled(name: str, tensor: torch.Tensor) -> dict[str, torch.Tensor]:
        if not layer(name, tensor):
            return {name: tensor}
        by = tensor.abs().max().float() / torch.finfo(torch.float8_e4m3fn).max
        module = name.removesuffix(".weight")
        small = (tensor / by).to(torch.float8_e4m3fn)
        return {name: small, f"{module}.{scale}": by, f"{module}.scale_input": torch.tensor(1.0)}

    shutil.copytree(source, folder)
    for path in folder.rglob("*.safetensors"):
        rewrite(path, scaled, scaled_fp8=torch.empty(2, dtype=torch.float8_e4m3fn))


def layer(name: str, tensor: torch.Tensor) -> bool:
    return name.endswith(".weight") and tensor.ndim > 1 and tensor.is_floating_point()


def rewrite(
    path: Path, change: Callable[[str, torch.Tensor], dict[str, torch.Tensor]], **more: torch.Tensor
) -> None:
    """Write a safetensors file anew."""
    with safe_open(path, framework="pt") as file:
        names, metadata = list(file.keys()), file.metadata()
        made = {name: each for key in names for name, each in change(key, file.get_tensor(key)).items()}
    whole = {name: each.contiguous().clone() for name, each in {**made, **more}.items()}
    save_file(whole, path, metadata=metadata)


def unscaled(source: Path, folder: Path) -> None:
    """The plain weights that a folder of eight-bit floats stands for."""
    shutil.copytree(source, folder)
    for path in folder.rglob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata()
        plain: dict[str, torch.Tensor] = {}
        for name, tensor in tensors.items():
            if name.endswith(("scale_weight", "weight_scale", "scale_input", "scaled_fp8")):
                continue
            if tensor.dtype == torch.float8_e4m3fn:
                module = name.removesuffix(".weight")
                scale = tensors.get(f"{module}.scale_weight", tensors.get(f"{module}.weight_scale"))
                tensor = tensor.float() if scale is None else tensor.float() * scale
            plain[name] = tensor
        save_file(plain, path, metadata=metadata)


def config_of(folder: Path, **more: Any) -> None:
    """Say something more in a folder's `config.json`."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | more))


def quantised_pipeline(source: Path, folder: Path, make: Callable[[Path, Path], None], *names: str) -> None:
    """A pipeline's folder, of which some components are made anew."""
    shutil.copytree(source, folder)
    for name in names:
        shutil.rmtree(folder / name)
        make(source / name, folder / name)


def torchao_denoiser(source: Path, folder: Path) -> None:
    """As diffusers quantises and saves it."""

    quantisation: Any = importlib.import_module("torchao.quantization")

    diffusers: Any = importlib.import_module("diffusers")
    kind = getattr(diffusers, json.loads((source / "config.json").read_text())["_class_name"])
    how = diffusers.TorchAoConfig(quantisation.Int8WeightOnlyConfig(set_inductor_config=False))
    kind.from_pretrained(source, quantization_config=how, torch_dtype=torch.float32).save_pretrained(folder)


def bitsandbytes_denoiser(source: Path, folder: Path, *, bits: int = 4) -> None:
    """As diffusers quantises and saves it; on a CPU, where it says that it needs a GPU, but does not."""
    diffusers: Any = importlib.import_module("diffusers")
    quantisers: Any = importlib.import_module("diffusers.quantizers.bitsandbytes.bnb_quantizer")
    kind = getattr(diffusers, json.loads((source / "config.json").read_text())["_class_name"])
    plain: Any = kind.from_pretrained(source)
    narrow = [  # bitsandbytes' four bits on a CPU are for whole blocks alone
        name
        for name, module in plain.named_modules()
        if isinstance(module, torch.nn.Linear) and (module.in_features % 64 or module.out_features % 32)
    ]
    four = {
        "llm_int8_skip_modules": narrow,
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": True,
    }
    how = diffusers.BitsAndBytesConfig(**(four if bits == 4 else {"load_in_8bit": True}))
    with on_a_cpu(quantisers):
        made = kind.from_pretrained(
            source, quantization_config=how, torch_dtype=torch.float32, device_map={"": "cpu"}
        )
        made.save_pretrained(folder)


@contextlib.contextmanager
def on_a_cpu(quantisers: Any) -> Generator[None]:
    """diffusers' reading of bitsandbytes without its question for a GPU."""
    kinds = (quantisers.BnB4BitDiffusersQuantizer, quantisers.BnB8BitDiffusersQuantizer)
    asked = [kind.validate_environment for kind in kinds]
    for kind in kinds:
        kind.validate_environment = lambda *_, **__: None
    try:
        yield
    finally:
        for kind, ask in zip(kinds, asked, strict=True):
            kind.validate_environment = ask


def gguf(source: Path, path: Path, *, kind: str = "Q8_0", makers_names: bool = False) -> None:
    """A denoiser as a GGUF file: matrices of whole blocks in blocks, all else in float32.

    Args:
        source: its folder.
        kind: of ggml, for the blocks.
        makers_names: of a Z-Image, as its makers call the layers, and not as diffusers does.
    """
    import numpy

    library: Any = importlib.import_module("gguf")
    quants: Any = importlib.import_module("gguf.quants")

    tensors: dict[str, torch.Tensor] = {}
    for file in sorted(source.glob("*.safetensors")):
        with safe_open(file, framework="pt") as opened:
            tensors |= {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    block = library.GGML_QUANT_SIZES[library.GGMLQuantizationType[kind]][0]
    writer = library.GGUFWriter(path, "flux")
    for name, tensor in (as_tongyi(tensors) if makers_names else tensors).items():
        numbers = tensor.float().numpy()
        if name.endswith("weight") and numbers.ndim == 2 and numbers.shape[1] % block == 0:
            data = quants.quantize(numbers, library.GGMLQuantizationType[kind])
            writer.add_tensor(name, data, raw_dtype=library.GGMLQuantizationType[kind])
        else:
            writer.add_tensor(name, numpy.ascontiguousarray(numbers))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def as_tongyi(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights of a Z-Image of diffusers under the names of its makers, and merged as they merge them."""
    made: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        if ".to_q." in name:
            parts = [tensors[name.replace(".to_q.", f".to_{each}.")] for each in "qkv"]
            made[name.replace(".to_q.", ".qkv.")] = torch.cat(parts)
        elif ".to_k." not in name and ".to_v." not in name:
            for theirs, ours in _TONGYI.items():
                name = name.replace(ours, theirs)
            made[f"model.diffusion_model.{name}"] = tensor
    return {name if "qkv" not in name else f"model.diffusion_model.{name}": each for name, each in made.items()}


_TONGYI = {
    "final_layer.": "all_final_layer.2-1.",
    "x_embedder.": "all_x_embedder.2-1.",
    ".attention.k_norm.": ".attention.norm_k.",
    ".attention.q_norm.": ".attention.norm_q.",
    ".attention.out.": ".attention.to_out.0.",
}


def gguf_planner(source: Path, path: Path, *, kind: str = "Q8_0") -> None:
    """A Qwen2 as llama.cpp's converter writes it, with its tokenizer."""
    library: Any = importlib.import_module("gguf")
    quants: Any = importlib.import_module("gguf.quants")
    from transformers import AutoConfig, AutoTokenizer

    config: Any = AutoConfig.from_pretrained(source)
    writer: Any = library.GGUFWriter(path, "qwen2")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    tokenizer: Any = AutoTokenizer.from_pretrained(source)
    said = json.loads((source / "tokenizer.json").read_text())
    words = [tokenizer.convert_ids_to_tokens(i) for i in range(len(tokenizer))]
    special = set(tokenizer.all_special_tokens) | {each["content"] for each in said["added_tokens"]}
    words += [f"[PAD{i}]" for i in range(len(words), config.vocab_size)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(words)
    kinds = library.TokenType
    writer.add_token_types([kinds.CONTROL if each in special else kinds.NORMAL for each in words])
    merges = said["model"]["merges"]
    writer.add_token_merges([each if isinstance(each, str) else " ".join(each) for each in merges])
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_chat_template(tokenizer.chat_template)
    with safe_open(source / "model.safetensors", framework="pt") as file:
        for name in file.keys():  # noqa: SIM118
            numbers = file.get_tensor(name).float().numpy()
            if numbers.ndim == 2 and numbers.shape[1] % 32 == 0:
                data = quants.quantize(numbers, library.GGMLQuantizationType[kind])
                writer.add_tensor(_in_gguf(name), data, raw_dtype=library.GGMLQuantizationType[kind])
            else:
                writer.add_tensor(_in_gguf(name), numbers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _in_gguf(name: str) -> str:
    for ours, theirs in _QWEN2.items():
        name = name.replace(ours, theirs)
    return name


_QWEN2 = {
    "model.layers.": "blk.",
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
