"""Checkpoints with quantised weights, in the layouts that people have; made of small ones with plain ones."""

import importlib
import importlib.util
import json
import shutil
from collections.abc import Callable
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


def _quantised_planner(source: Path, folder: Path, config: Any) -> None:
    from transformers import AutoModelForCausalLM

    made: Any = AutoModelForCausalLM.from_pretrained(source, quantization_config=config, dtype=torch.float32)
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
    made.save_pretrained(folder)


def torchao_int8(source: Path, folder: Path) -> None:
    from torchao.quantization import Int8WeightOnlyConfig  # pyright: ignore[reportMissingImports]
    from transformers import TorchAoConfig

    _quantised_planner(source, folder, TorchAoConfig(Int8WeightOnlyConfig(set_inductor_config=False)))


def torchao_fp8(source: Path, folder: Path) -> None:
    from torchao.quantization import Float8WeightOnlyConfig  # pyright: ignore[reportMissingImports]
    from transformers import TorchAoConfig

    _quantised_planner(source, folder, TorchAoConfig(Float8WeightOnlyConfig(set_inductor_config=False)))


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
    from diffusers import TorchAoConfig
    from torchao.quantization import Int8WeightOnlyConfig  # pyright: ignore[reportMissingImports]

    diffusers: Any = importlib.import_module("diffusers")
    kind = getattr(diffusers, json.loads((source / "config.json").read_text())["_class_name"])
    how = TorchAoConfig(Int8WeightOnlyConfig(set_inductor_config=False))
    kind.from_pretrained(source, quantization_config=how, torch_dtype=torch.float32).save_pretrained(folder)


def gguf(source: Path, path: Path, *, kind: str = "Q8_0", flux_names: bool = False) -> None:
    """A denoiser as a GGUF file: matrices of whole blocks in blocks, all else in float32.

    Args:
        source: its folder.
        kind: of ggml, for the blocks.
        flux_names: as Black Forest Labs call the layers, and not as diffusers does.
    """
    import numpy
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFWriter  # pyright: ignore[reportMissingImports]
    from gguf.quants import quantize  # pyright: ignore[reportMissingImports]

    tensors: dict[str, torch.Tensor] = {}
    for file in sorted(source.glob("*.safetensors")):
        with safe_open(file, framework="pt") as opened:
            tensors |= {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    block = GGML_QUANT_SIZES[GGMLQuantizationType[kind]][0]
    writer = GGUFWriter(path, "flux")
    for name, tensor in (as_black_forest_labs(tensors) if flux_names else tensors).items():
        numbers = tensor.float().numpy()
        if name.endswith("weight") and numbers.ndim == 2 and numbers.shape[1] % block == 0:
            data = quantize(numbers, GGMLQuantizationType[kind])
            writer.add_tensor(name, data, raw_dtype=GGMLQuantizationType[kind])
        else:
            writer.add_tensor(name, numpy.ascontiguousarray(numbers))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def as_black_forest_labs(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights of a FLUX.1 of diffusers under the names of its makers, and merged as they merge them."""

    def joined(*names: str) -> torch.Tensor:
        return torch.cat([tensors[name] for name in names])

    made: dict[str, torch.Tensor] = {}
    for kind in ("weight", "bias"):
        for theirs, ours in _OUTSIDE.items():
            made[f"{theirs}.{kind}"] = tensors[f"{ours}.{kind}"]
        made[f"final_layer.linear.{kind}"] = tensors[f"proj_out.{kind}"]
        shift, scale = tensors[f"norm_out.linear.{kind}"].chunk(2)[::-1]
        made[f"final_layer.adaLN_modulation.1.{kind}"] = torch.cat([shift, scale])
        for i in range(1 + max(_number(name) for name in tensors if name.startswith("transformer_blocks."))):
            ours, theirs = f"transformer_blocks.{i}", f"double_blocks.{i}"
            for a, b in _DOUBLE.items():
                made[f"{theirs}.{a}.{kind}"] = tensors[f"{ours}.{b}.{kind}"]
            q, k, v = (f"{ours}.attn.{name}.{kind}" for name in ("to_q", "to_k", "to_v"))
            made[f"{theirs}.img_attn.qkv.{kind}"] = joined(q, k, v)
            q, k, v = (f"{ours}.attn.{name}.{kind}" for name in ("add_q_proj", "add_k_proj", "add_v_proj"))
            made[f"{theirs}.txt_attn.qkv.{kind}"] = joined(q, k, v)
        for i in range(1 + max(_number(name) for name in tensors if name.startswith("single_"))):
            ours, theirs = f"single_transformer_blocks.{i}", f"single_blocks.{i}"
            parts = (f"{ours}.{name}.{kind}" for name in ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"))
            made[f"{theirs}.linear1.{kind}"] = joined(*parts)
            made[f"{theirs}.linear2.{kind}"] = tensors[f"{ours}.proj_out.{kind}"]
            made[f"{theirs}.modulation.lin.{kind}"] = tensors[f"{ours}.norm.linear.{kind}"]
    for name, tensor in tensors.items():
        kind, _, rest = name.partition("_blocks.")
        number, _, norm = rest.removesuffix(".weight").partition(".")
        if norm in _NORMS and kind == "transformer":
            made[f"double_blocks.{number}.{_NORMS[norm]}.scale"] = tensor
        elif norm in _NORMS:
            made[f"single_blocks.{number}.{_NORMS[norm].partition('.')[2]}.scale"] = tensor
    return made


def _number(name: str) -> int:
    return int(name.split(".")[1])


_OUTSIDE = {
    "time_in.in_layer": "time_text_embed.timestep_embedder.linear_1",
    "time_in.out_layer": "time_text_embed.timestep_embedder.linear_2",
    "vector_in.in_layer": "time_text_embed.text_embedder.linear_1",
    "vector_in.out_layer": "time_text_embed.text_embedder.linear_2",
    "guidance_in.in_layer": "time_text_embed.guidance_embedder.linear_1",
    "guidance_in.out_layer": "time_text_embed.guidance_embedder.linear_2",
    "txt_in": "context_embedder",
    "img_in": "x_embedder",
}
_DOUBLE = {
    "img_mod.lin": "norm1.linear",
    "txt_mod.lin": "norm1_context.linear",
    "img_mlp.0": "ff.net.0.proj",
    "img_mlp.2": "ff.net.2",
    "txt_mlp.0": "ff_context.net.0.proj",
    "txt_mlp.2": "ff_context.net.2",
    "img_attn.proj": "attn.to_out.0",
    "txt_attn.proj": "attn.to_add_out",
}
_NORMS = {
    "attn.norm_q": "img_attn.norm.query_norm",
    "attn.norm_k": "img_attn.norm.key_norm",
    "attn.norm_added_q": "txt_attn.norm.query_norm",
    "attn.norm_added_k": "txt_attn.norm.key_norm",
}
