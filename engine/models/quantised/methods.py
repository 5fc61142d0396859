"""Checkpoints that were saved with quantised weights: which are read, and what is said of the others."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import CheckpointError, InputError
from ..checkpoint.loaded_sizes import EIGHT_BIT, SCALES

_EXTRAS = {"bitsandbytes": "bitsandbytes", "torchao": "torchao"}
"""Method of quantising: the extra of this package that brings what reads it."""

_PACKAGES = {
    "aqlm": "aqlm",
    "auto-round": "auto-round",
    "awq": "gptqmodel",
    "compressed-tensors": "compressed-tensors",
    "eetq": "eetq",
    "gptq": "gptqmodel",
    "higgs": "flute-kernel",
    "hqq": "hqq",
    "modelopt": "nvidia-modelopt",
    "quanto": "optimum-quanto",
    "quark": "amd-quark",
    "sdnq": "sdnq",
    "spqr": "spqr-quant",
    "svdquant": "nunchaku",
    "vptq": "vptq",
}
"""Other methods: the package that reads it, none of which was tried here."""

_IMPORTED = {"nvidia-modelopt": "modelopt", "optimum-quanto": "optimum", "amd-quark": "quark"}
_OF_TRANSFORMERS_ALONE = ("aqlm", "awq", "compressed-tensors", "eetq", "gptq", "higgs", "hqq", "spqr", "vptq")

PLAIN = 'name the same model with plain weights, and say quantize = "int8" in the recipe'


def refuse_unread(path: Path, config: Mapping[str, Any], header: Mapping[str, Any]) -> None:
    """Raise where the weights beside a `config.json` are quantised in a way that is not read here.

    Args:
        path: of the config.
        header: of the weights beside it, as `read_header` gives it.

    Raises:
        CheckpointError: so it is, or scales of the weights are missing.
        InputError: what reads it is not installed.
    """
    _refuse_missing_scales(path.parent, header)
    said = config.get("quantization_config")
    if isinstance(said, Mapping):
        _refuse_method(path.parent, _method(said), is_diffusers="_diffusers_version" in config)


def _method(said: Mapping[str, Any]) -> str:
    if said.get("load_in_4bit") or said.get("load_in_8bit"):
        return "bitsandbytes"
    method = said.get("quant_method")
    return str(getattr(method, "value", method)).lower()


def _refuse_method(folder: Path, method: str, *, is_diffusers: bool) -> None:
    if method.startswith("bitsandbytes"):
        method = "bitsandbytes"
    if method in _EXTRAS:
        if importlib.util.find_spec(method) is None:
            raise InputError(
                f"{folder}: its weights are quantised by {method}: pip install 'diptych[{_EXTRAS[method]}]', or"
                f" {PLAIN}"
            )
        return
    if is_diffusers and method in _OF_TRANSFORMERS_ALONE:
        raise CheckpointError(
            f"{folder}: its weights are quantised by {method}, which diffusers does not read: {PLAIN}, or name"
            " a .gguf file of it under parts"
        )
    package = _PACKAGES.get(method)
    if package is not None and importlib.util.find_spec(_IMPORTED.get(package, package)) is None:
        raise CheckpointError(
            f"{folder}: its weights are quantised by {method}, which the package {package} reads, and it is not"
            f" installed: {PLAIN}"
        )
    if package is None and method == "none":
        raise CheckpointError(f"{folder}/config.json: quantization_config says no quant_method: {PLAIN}")


def _refuse_missing_scales(folder: Path, header: Mapping[str, Any]) -> None:
    """Of ComfyUI's scaled fp8: raise `CheckpointError` where a weight lacks its scale: it would be noise."""
    scaled = {name for name in header if name.rpartition(".")[2] in SCALES}
    if not scaled and not any(name.rpartition(".")[2] == "scaled_fp8" for name in header):
        return
    for name, entry in header.items():
        layer, dot, last = name.rpartition(".")
        small = last == "weight" and entry["dtype"] in EIGHT_BIT and len(entry["shape"]) > 1
        if small and not any(f"{layer}{dot}{each}" in scaled for each in SCALES):
            raise CheckpointError(
                f"{folder}: {name} is of scaled fp8, and lacks its scale ({layer}{dot}{SCALES[0]}): get the"
                " file again"
            )
