"""Layers of LoRA weights: what each adds to a weight, in every form that tools write.

    LoRA    up · down (Hu et al. 2021, "LoRA: low-rank adaptation of large language models"); of convolutions
            too (LoCon), with a core of their size in the middle or not
    LoHa    the products of two such, number by number (Hyeon-Woo et al. 2021, "FedPara")
    LoKr    a Kronecker product (Edalati et al. 2022, "KronA")
    DoRA    any of these, with the lengths of the changed weight's rows, or columns, as they were learned (Liu
    et al.
            2024, "DoRA: weight-decomposed low-rank adaptation")
    full    the difference itself

The factors are as LyCORIS names them (Yeh et al. 2023, "Navigating text-to-image customization"). Knows
tensors, and no model.
"""

import dataclasses
import math
import re
from collections.abc import Mapping

import torch

_HALF = {
    half: rf"\.lora_{letter}(?:\.default)?\.weight|(?:\.lora_|[._]lora\.|\.lora_linear_layer\.){half}\.weight"
    for half, letter in (("down", "A"), ("up", "B"))
}
ROLES: Mapping[str, str] = {
    **_HALF,
    "mid": r"\.lora_mid\.weight",
    "up_bias": r"\.lora_B(?:\.default)?\.bias",
    "alpha": r"(?:\.lora|_lora)?\.alpha",
    "magnitude": r"\.lora_magnitude_vector(?:\.default)?(?:\.weight)?",
    "dora_scale": r"\.dora_scale",
    **{f"hada_{end}": rf"\.hada_{end}" for end in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")},
    **{f"lokr_{end}": rf"\.lokr_{end}" for end in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")},
    "diff": r"\.diff|\.w_norm",
    "diff_b": r"\.diff_b|\.b_norm",
}
"""What the names of a layer's tensors end with, in the ways of several tools, by the part they play."""

LENGTHS = frozenset({"magnitude", "dora_scale"})
"""Roles of the lengths that DoRA learns."""

_ROLE = {role: re.compile(rf"(?P<name>.+?)(?:{ends})(?<![.])$") for role, ends in ROLES.items()}
_NEEDED = (
    {"down", "up"},
    {"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"},
    {"diff"},
    {"diff_b"},
)
_KRON = ({"lokr_w1"}, {"lokr_w1_a", "lokr_w1_b"}), ({"lokr_w2"}, {"lokr_w2_a", "lokr_w2_b"})

Shapes = Mapping[str, tuple[int, ...]]


def role_of(tensor: str) -> tuple[str, str] | None:
    """The name of a tensor's layer, and the part that it plays there; `None` where it is no known one."""
    for role, pattern in _ROLE.items():
        if found := pattern.match(tensor):
            return found["name"], role
    return None


def is_whole(roles: Mapping[str, object]) -> bool:
    """Whether a layer with tensors of these roles has all that it takes."""
    has = set(roles)
    kron = all(any(way <= has for way in half) for half in _KRON)
    return kron or any(needed <= has for needed in _NEEDED)


def weight_shape(shapes: Shapes) -> tuple[int, ...]:
    """Of what a layer adds, from the shapes of its factors: (out, in) or (out, in, height, width); () of one
    that changes a bias alone."""
    if "down" in shapes:
        down, kernel = shapes["down"], shapes.get("mid", shapes["down"])[2:]
        return (shapes["up"][0], down[1], *kernel)
    if "hada_w1_a" in shapes:
        if "hada_t1" in shapes:
            return (shapes["hada_w1_a"][1], shapes["hada_w1_b"][1], *shapes["hada_t1"][2:])
        return (shapes["hada_w1_a"][0], *shapes["hada_w1_b"][1:])
    if any(role.startswith("lokr") for role in shapes):
        first = shapes.get("lokr_w1") or (shapes["lokr_w1_a"][0], shapes["lokr_w1_b"][1])
        second = shapes.get("lokr_w2") or _of_pair(shapes)
        return (first[0] * second[0], first[1] * second[1], *second[2:])
    return shapes.get("diff", ())


def _of_pair(shapes: Shapes) -> tuple[int, ...]:
    if "lokr_t2" in shapes:
        return (shapes["lokr_w2_a"][1], shapes["lokr_w2_b"][1], *shapes["lokr_t2"][2:])
    return (shapes["lokr_w2_a"][0], *shapes["lokr_w2_b"][1:])


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """One layer of a file.

    Args:
        parts: its tensors by `ROLES`, on the CPU.
        scale: what its product is multiplied by; `None` for its alpha over its rank.
    """

    name: str
    parts: Mapping[str, torch.Tensor]
    scale: float | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """See `weight_shape`."""
        return weight_shape({role: tuple(tensor.shape) for role, tensor in self.parts.items()})

    @property
    def is_low_rank(self) -> bool:
        """Whether it can be carried out as two small layers, one after the other."""
        return "down" in self.parts and "mid" not in self.parts and not self.has_lengths

    @property
    def has_lengths(self) -> bool:
        """Whether it says the lengths of the changed weight: it is DoRA."""
        return not LENGTHS.isdisjoint(self.parts)

    @property
    def factor(self) -> float:
        """What the product of its factors is multiplied by."""
        rank = self._rank
        if self.scale is not None:
            return self.scale
        alpha = float(self.parts["alpha"]) if "alpha" in self.parts else None
        return 1.0 if alpha is None or not rank or not math.isfinite(alpha) else alpha / rank

    @property
    def _rank(self) -> int:
        """0 where nothing is decomposed."""
        for role in ("down", "hada_w1_b", "lokr_w2_b", "lokr_w1_b"):
            if role in self.parts:
                return self.parts[role].shape[0]
        return 0

    def product(self, device: torch.device | str = "cpu") -> torch.Tensor | None:
        """What is added to a weight at strength 1, before any magnitude: float32, of `shape`; `None` where it
        changes a bias alone."""
        part = {role: tensor.to(device, torch.float32) for role, tensor in self.parts.items()}
        if not self.shape:
            return None
        if "diff" in part:
            return part["diff"] * (1.0 if self.scale is None else self.scale)
        if "down" in part:
            made = _low_rank(part)
        elif "hada_w1_a" in part:
            made = _hadamard(part)
        else:
            made = _kronecker(part)
        return made.reshape(self.shape) * self.factor

    def change(
        self, weight: torch.Tensor, strength: float, rows: torch.Tensor | None = None
    ) -> torch.Tensor | None:
        """What is added to this weight: float32, as large as it, on its device.

        Args:
            rows: of this layer that are the weight's, in its order; `None` for all.
        """
        made = self.product(weight.device)
        if made is None:
            return None
        made = made if rows is None else made[rows.to(weight.device)]
        made = made.reshape(weight.shape) * strength
        if not self.has_lengths:
            return made
        by_column = _is_by_column(self.parts)
        lengths = next(self.parts[role] for role in LENGTHS if role in self.parts)
        lengths = lengths.to(weight.device, torch.float32).flatten()
        if rows is not None and not by_column:
            lengths = lengths[rows.to(weight.device)]
        base = weight.float()
        return _with_lengths(base + made, lengths, by_column=by_column) - base

    @property
    def bias(self) -> torch.Tensor | None:
        """What is added to a bias at strength 1."""
        if "up_bias" in self.parts:
            return self.parts["up_bias"].float() * self.factor
        return self.parts["diff_b"].float() if "diff_b" in self.parts else None


def _low_rank(part: Mapping[str, torch.Tensor]) -> torch.Tensor:
    down, up = part["down"], part["up"].flatten(1)
    if "mid" in part:
        return torch.einsum("om,mn...,ni->oi...", up, part["mid"], down.flatten(1))
    return up @ down.flatten(1)


def _hadamard(part: Mapping[str, torch.Tensor]) -> torch.Tensor:
    if "hada_t1" in part:
        first, second = (
            torch.einsum("ij...,jr,ip->pr...", part[f"hada_t{i}"], part[f"hada_w{i}_b"], part[f"hada_w{i}_a"])
            for i in (1, 2)
        )
        return first * second
    first, second = (part[f"hada_w{i}_a"] @ part[f"hada_w{i}_b"].flatten(1) for i in (1, 2))
    return first * second


def _kronecker(part: Mapping[str, torch.Tensor]) -> torch.Tensor:
    first = part["lokr_w1"] if "lokr_w1" in part else part["lokr_w1_a"] @ part["lokr_w1_b"]
    if "lokr_w2" in part:
        second = part["lokr_w2"]
    elif "lokr_t2" in part:
        second = torch.einsum("ij...,ip,jr->pr...", part["lokr_t2"], part["lokr_w2_a"], part["lokr_w2_b"])
    else:
        wide = part["lokr_w2_b"]
        second = (part["lokr_w2_a"] @ wide.flatten(1)).reshape(-1, *wide.shape[1:])
    return torch.kron(first.reshape(*first.shape, *[1] * (second.dim() - 2)), second.contiguous())


def _is_by_column(parts: Mapping[str, torch.Tensor]) -> bool:
    """Whether lengths are those of columns, over all outputs: (1, in), as LyCORIS may write them; peft has
    those of rows alone."""
    said = parts.get("dora_scale")
    return said is not None and said.dim() > 1 and said.shape[0] == 1


def _with_lengths(weight: torch.Tensor, lengths: torch.Tensor, *, by_column: bool) -> torch.Tensor:
    """The weight with the lengths of its rows, or of its columns, as they are to be."""
    axis = 1 if by_column else 0
    others = [each for each in range(weight.dim()) if each != axis]
    norms = torch.linalg.vector_norm(weight, dim=others, keepdim=True)
    scales = lengths.reshape(norms.shape) / norms
    return weight * torch.where(norms > 0, scales, 0.0)  # a row of zeros has no direction
