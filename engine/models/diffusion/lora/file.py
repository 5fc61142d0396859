"""Files of LoRA weights: a `.safetensors` file, a folder or an id of the Hub with one in it, an adapter's
folder of peft. Reads headers first, and tensors when they are wanted. Knows no model."""

import dataclasses
import functools
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open

from ....errors import CheckpointError
from ....messages import shown
from ...checkpoint.bounded import Unfit, parse_bounded
from ...checkpoint.folder import folder_of, read_header, read_json
from .layers import Layer, Shapes, is_whole, role_of, weight_shape

USUAL_NAMES = ("pytorch_lora_weights.safetensors", "adapter_model.safetensors")
_CONFIG = "adapter_config.json"  # of peft, beside the weights
_OF_DIFFUSERS = "lora_adapter_metadata"
_BASES = ("modelspec.architecture", "ss_base_model_version", "ss_sd_model_name", "baseModel")
"""What a file's header says of the model that it was made for, in the ways of several tools."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LoraFile:
    """What a file holds.

    Args:
        shapes: of each layer's tensors, by their roles, by the layer's name.
        tensors: the name of each of these tensors in the file.
        strays: tensors that belong to no layer of a known form.
        made_for: what the file says of it; empty where it says nothing.
    """

    path: Path
    shapes: Mapping[str, Shapes]
    tensors: Mapping[str, Mapping[str, str]]
    strays: tuple[str, ...]
    made_for: str
    config: Mapping[str, Any]

    def layers(self) -> dict[str, Layer]:
        """All of them, with their tensors: mapped from the file."""
        found: dict[str, Layer] = {}
        with safe_open(self.path, framework="pt", device="cpu") as file:
            for name, names in self.tensors.items():
                parts = {role: file.get_tensor(tensor) for role, tensor in names.items()}
                found[name] = Layer(name=name, parts=parts, scale=self._scale(name))
        return found

    def bytes_in(self, bytes_each: int) -> int:
        """Of all that a model takes to put them on, as a denoiser of so many bytes a number does: two small
        layers each, or, of forms that cannot be carried out so, as much as the weights that they change."""
        return sum(_numbers(shapes) * bytes_each for shapes in self.shapes.values())

    def _scale(self, name: str) -> float | None:
        """Of a layer whose factor the file itself does not say, but a config does."""
        if not self.config or "alpha" in self.tensors[name]:
            return None
        config = self._config_for(name)
        alpha, rank = config.get("lora_alpha", config.get("alpha")), config.get("r")
        alpha = _by_pattern(config.get("alpha_pattern"), name, alpha)
        rank = _by_pattern(config.get("rank_pattern"), name, rank)
        down = self.shapes[name].get("down")
        rank = down[0] if down else rank
        if not isinstance(alpha, int | float) or not isinstance(rank, int) or rank < 1:
            return None
        return float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)

    def _config_for(self, name: str) -> Mapping[str, Any]:
        """That of the component which a name begins with, where each has its own."""
        component = name.split(".", 1)[0]
        return self.config.get(component, {}) if _OF_DIFFUSERS in self.config else self.config


@functools.lru_cache(maxsize=64)
def _read(path: Path, _: tuple[int, int]) -> LoraFile:
    header = read_header(path)
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    tensors: dict[str, dict[str, str]] = {}
    strays: list[str] = []
    for tensor, entry in header.items():
        known = role_of(tensor)
        if known is None:
            strays.append(tensor)
            continue
        name, role = known
        shapes.setdefault(name, {})[role] = tuple(entry["shape"])
        tensors.setdefault(name, {})[role] = tensor
    for name in [name for name, roles in shapes.items() if not is_whole(roles)]:
        strays += tensors.pop(name).values()
        del shapes[name]
    for name, each in shapes.items():
        _check_shapes(path, name, each)
    metadata = _metadata(path)
    made_for = next((str(metadata[key]) for key in _BASES if metadata.get(key)), "")
    return LoraFile(
        path=path,
        shapes=shapes,
        tensors=tensors,
        strays=tuple(strays),
        made_for=shown(made_for, quoted=False, most=60) if made_for else "",
        config=_config(path, metadata),
    )


def read_lora(checkpoint: str) -> LoraFile:
    """What the LoRA weights of this name hold.

    Raises:
        CheckpointError: they are missing, damaged, or of no known form.
    """
    path = file_of(checkpoint)
    status = path.stat()
    return _read(path, (status.st_size, status.st_mtime_ns))


def file_of(checkpoint: str) -> Path:
    """The `.safetensors` file of LoRA weights.

    Raises:
        CheckpointError: there is none, or there are several.
    """
    path = Path(checkpoint).expanduser()
    if path.suffix == ".safetensors":
        if not path.is_file():
            raise CheckpointError(f"{checkpoint}: no such file: give LoRA weights in a .safetensors file")
        return path
    if path.is_file():
        raise CheckpointError(f"{checkpoint}: is no .safetensors file, and others can run any code when opened")
    folder = folder_of(checkpoint)
    found = sorted(folder.glob("*.safetensors"))
    usual = [file for file in found if file.name in USUAL_NAMES]
    if len(usual or found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise CheckpointError(f"{folder}: one .safetensors file of LoRA weights is needed, there are {names}")
    return (usual or found)[0]


def _check_shapes(path: Path, name: str, shapes: Shapes) -> None:
    """Raise `CheckpointError` where the factors of a layer cannot be multiplied."""
    try:
        ranks = [shapes[role][axis] for role, axis in _INNER if role in shapes and len(shapes[role]) > axis]
        pairs = [(shapes[a][i], shapes[b][j]) for a, i, b, j in _MEET if a in shapes and b in shapes]
        fits = all(one == other for one, other in pairs) and all(rank > 0 for rank in ranks)
        weight_shape(shapes)
    except (IndexError, KeyError, ValueError):
        fits = False
    if not fits:
        raise CheckpointError(f"{path}: the matrices of {name} do not fit each other: get the file again")


_INNER = (("down", 0), ("hada_w1_b", 0), ("lokr_w2_b", 0), ("lokr_w1_b", 0))
_MEET = (
    ("up", 1, "down", 0), ("lokr_w1_a", 1, "lokr_w1_b", 0),
)  # fmt: skip
"""Axes of factors that are as long as each other."""


def _numbers(shapes: Shapes) -> int:
    if "down" in shapes and not {"mid", "magnitude"} & shapes.keys():
        return math.prod(shapes["down"]) + math.prod(shapes["up"])
    return math.prod(weight_shape(shapes))


def _metadata(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt", device="cpu") as file:
        return dict(file.metadata() or {})


def _config(path: Path, metadata: Mapping[str, str]) -> Mapping[str, Any]:
    """What peft, or diffusers in the header, says of scales: by component, in the latter case."""
    if path.name == USUAL_NAMES[1] and (beside := path.with_name(_CONFIG)).is_file():
        return read_json(beside)
    if said := metadata.get(_OF_DIFFUSERS):
        try:
            table = parse_bounded(said.encode())
        except Unfit as error:
            raise CheckpointError(f"{path}: its header's {_OF_DIFFUSERS} {error}: get the file again") from None
        found: dict[str, Any] = {_OF_DIFFUSERS: True}
        for key, value in table.items() if isinstance(table, dict) else ():
            component, _, name = key.partition(".")
            found.setdefault(component, {})[name] = value
        return found
    return {}


def _by_pattern(patterns: Any, name: str, usual: Any) -> Any:
    """What the first pattern that a layer's name ends with says, as peft reads them."""
    for pattern, value in patterns.items() if isinstance(patterns, dict) else ():
        bare = str(pattern).removeprefix("^")
        if name == bare or name.endswith(f".{bare}") or re.fullmatch(rf"(.*\.)?({re.escape(bare)})", name):
            return value
    return usual
