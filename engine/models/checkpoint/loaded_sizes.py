"""How many bytes the tensors of a safetensors file take when they are loaded, from its header alone.

Numbers are cast to the dtype that the model is asked for, save those of quantised weights: what they are made
of stays as it is.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from .folder import loaded_bytes
from .kept_dtypes import is_kept

_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1}
SCALES = ("scale_weight", "weight_scale")
"""What ComfyUI's files call the scale of a layer's weight, of the older and of the newer kind."""

EIGHT_BIT = ("F8_E4M3", "F8_E5M2")
"""What a header calls eight-bit floats."""

_AS_IT_IS = re.compile(
    r".*\.(absmax|quant_map|nested_absmax|nested_quant_map|SCB)"
    r"|.*\.(scale_weight|weight_scale)"
    r"|(.*\.)?_\w+_(qdata|scale|zero_point|scale_and_zero|per_tensor_scale|act_\w+scale|act_\w+point)"
)
"""Names of what quantised weights are made of: by bitsandbytes, ComfyUI, torchao."""

_NOT_HELD = re.compile(
    r".*\.(quant_state\.bitsandbytes__\w+|weight_format|comfy_quant|scale_input|input_scale)|(.*\.)?scaled_fp8"
)
"""Names of what is read, and not part of the model."""


def loaded_sizes(header: Mapping[str, Any], size: int, *, kept: frozenset[str] = frozenset()) -> dict[str, int]:
    """Bytes by name.

    Args:
        header: as `read_header` gives it.
        size: bytes of a number in the model's dtype.
        kept: modules that stay in float32.
    """
    return {name: _loaded(name, entry, 4 if is_kept(name, kept) else size) for name, entry in header.items()}


def _loaded(name: str, entry: Mapping[str, Any], size: int) -> int:
    if _NOT_HELD.fullmatch(name):
        return 0
    if entry["dtype"] in _BYTES and (_AS_IT_IS.fullmatch(name) or _stays_small(name, entry)):
        return _BYTES[entry["dtype"]] * math.prod(entry["shape"])
    return loaded_bytes(dict(entry), size)


def _stays_small(name: str, entry: Mapping[str, Any]) -> bool:
    """As `slots` keeps them: a layer's weights, and neither norms nor biases."""
    return entry["dtype"] in EIGHT_BIT and len(entry["shape"]) > 1 and name.rpartition(".")[2] == "weight"


def small_weights(header: Mapping[str, Any]) -> bool:
    """Whether there are weights of layers in eight-bit floats, which are kept so."""
    return any(_stays_small(name, entry) for name, entry in header.items())
