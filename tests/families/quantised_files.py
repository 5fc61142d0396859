"""Checkpoints with quantised weights, in the layouts that people have; made of small ones with plain weights."""

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
    shutil.copytree(source, folder)
    for path in folder.rglob("*.safetensors"):
        rewrite(
            path, lambda name, tensor: {name: tensor.to(torch.float8_e4m3fn) if layer(name, tensor) else tensor}
        )


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
        made = {name: each for key in file.keys() for name, each in change(key, file.get_tensor(key)).items()}  # noqa: SIM118
        metadata = file.metadata()
    save_file(
        {name: each.contiguous().clone() for name, each in {**made, **more}.items()}, path, metadata=metadata
    )


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
