"""What the layers of the Llama family compute, without the library's overhead.

One step of a small model is a few hundred kernels of some microseconds each. A library that serves every model
spends as long again on masks, positions and wrappers. Only architectures whose arithmetic is known to the last
operation are computed here (see `is_lean`); parity tests compare them with the library's own forward pass.

This file knows the shape of the library's modules and does not import the library. Weights are looked up by
reference when a decoding starts: nothing is copied, and nothing is stored on the model.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.functional import linear

CLASSES = (
    "LlamaForCausalLM",
    "MistralForCausalLM",
    "Qwen2ForCausalLM",
    "Qwen3ForCausalLM",
    "Gemma3ForCausalLM",
)
ROTATIONS = ("default", "linear", "llama3", "yarn")
"""Kinds of rotary embedding whose angles depend on nothing but the place."""

Weights = tuple[torch.Tensor, torch.Tensor | None]
"""Of a linear layer: its matrix and its bias."""

Attend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""From q (b, t, heads, size), k and v (b, t, key heads, size) to (b, t, heads · size)."""


def is_lean(model: Any) -> bool:
    """Whether a transformers model is one whose arithmetic is known here."""
    config = model.config
    if type(model).__name__ not in CLASSES:
        return False
    rope = config.rope_parameters
    kinds = {rope["rope_type"]} if "rope_type" in rope else {each["rope_type"] for each in rope.values()}
    odd = ("use_bidirectional_attention", "final_logit_softcapping", "attn_logit_softcapping")
    if not kinds.issubset(ROTATIONS) or any(getattr(config, name, None) for name in odd):
        return False
    return is_plain(model)


HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_hf_hook", "_diffusers_hook", "forward")
"""Under which a module has something of its own to do when it is called."""


def is_plain(model: Any) -> bool:
    """Whether nothing but plain layers with plain numbers is in a model: no quantised weights, no adapters, no
    hooks. What is not plain is the library's to compute."""
    for layer in model.model.layers:
        attention, mlp = layer.self_attn, layer.mlp
        products = (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj)
        if any(
            type(each) is not torch.nn.Linear for each in (*products, mlp.gate_proj, mlp.up_proj, mlp.down_proj)
        ):
            return False
    if type(model.lm_head) is not torch.nn.Linear:
        return False
    dtype = model.lm_head.weight.dtype
    for module in model.modules():
        state = vars(module)
        if any(state.get(name) for name in HOOKS):
            return False
        for weight in state["_parameters"].values():
            if weight is not None and (type(weight) is not torch.nn.Parameter or weight.dtype != dtype):
                return False
    return True


@dataclasses.dataclass(frozen=True, slots=True)
class Rotation:
    """Rotary position embedding (Su et al. 2021) at some places.

    Args:
        cos, sin: (places, size); the first half of `sin` is negated, so that turning needs one roll.
    """

    cos: torch.Tensor
    sin: torch.Tensor

    @classmethod
    def of(cls, model: Any, kind: str, places: int) -> "Rotation":
        """The model's own angles at places 0 to `places`; `kind` is the kind of layer, where they differ."""
        like = model.model.embed_tokens.weight
        at = torch.arange(places, device=like.device)[None]
        cos, sin = model.model.rotary_emb(like, at, *([kind] if "rope_type" not in _rope(model) else []))
        half = sin.shape[-1] // 2
        return cls(cos[0], torch.cat([-sin[0, :, :half], sin[0, :, half:]], -1))

    def at(self, places: torch.Tensor | slice) -> "Rotation":
        """At places (b, t), or at a run that all rows share; shaped to turn heads (b, t, heads, size)."""
        cos, sin = self.cos[places], self.sin[places]
        if isinstance(places, slice):
            return Rotation(cos[None, :, None], sin[None, :, None])
        return Rotation(cos[:, :, None], sin[:, :, None])

    def turn(self, x: torch.Tensor) -> torch.Tensor:
        """x (b, t, heads, size)."""
        return torch.addcmul(x * self.cos, x.roll(x.shape[-1] // 2, -1), self.sin)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Norm:
    """Root mean square normalisation (Zhang & Sennrich 2019)."""

    weight: torch.Tensor
    eps: float

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One layer.

    Args:
        size: numbers of a head.
        norms: before the attention, after it, before the feed-forward part, after it; `None` where there is
        none.
        head_norms: of queries and of keys.
        window: how many of the latest tokens it sees; `None` for all.
        kind: which rotation it uses.
    """

    q: Weights
    k: Weights
    v: Weights
    out: Weights
    gate: Weights
    up: Weights
    down: Weights
    act: Callable[[torch.Tensor], torch.Tensor]
    norms: tuple[Norm, Norm | None, Norm, Norm | None]
    head_norms: tuple[Norm, Norm] | None
    size: int
    scale: float
    window: int | None
    kind: str

    def __call__(self, x: torch.Tensor, rotation: Rotation, attend: Attend) -> torch.Tensor:
        """x (b, t, d)."""
        before_attention, after_attention, before_mlp, after_mlp = self.norms
        y = before_attention(x)
        heads = (*y.shape[:2], -1, self.size)
        q, k, v = (linear(y, *each).view(heads) for each in (self.q, self.k, self.v))
        if self.head_norms is not None:
            q, k = self.head_norms[0](q), self.head_norms[1](k)
        y = linear(attend(rotation.turn(q), rotation.turn(k), v), *self.out)
        x = x + (y if after_attention is None else after_attention(y))
        y = before_mlp(x)
        y = linear(self.act(linear(y, *self.gate)) * linear(y, *self.up), *self.down)
        return x + (y if after_mlp is None else after_mlp(y))


def layers_of(model: Any) -> list[Layer]:
    """The layers of a model for which `is_lean` holds."""
    return [_layer(model.config, layer, i) for i, layer in enumerate(model.model.layers)]


def norm_of(module: Any) -> Norm:
    """A library's norm; Gemma's weights are counted from 1."""
    if type(module).__name__.startswith("Gemma"):
        return Norm(weight=1 + module.weight, eps=module.eps)
    return Norm(weight=module.weight, eps=module.variance_epsilon)


def _layer(config: Any, layer: Any, index: int) -> Layer:
    attention, mlp = layer.self_attn, layer.mlp
    names = (
        "input_layernorm",
        "post_attention_layernorm",
        "pre_feedforward_layernorm",
        "post_feedforward_layernorm",
    )
    if not hasattr(layer, names[2]):  # the Llamas', where the second stands before the feed-forward part
        names = (names[0], "", names[1], "")
    first, second, third, fourth = (norm_of(getattr(layer, name)) if name else None for name in names)
    assert first is not None and third is not None
    head_norms = (
        (norm_of(attention.q_norm), norm_of(attention.k_norm)) if hasattr(attention, "q_norm") else None
    )
    kinds = getattr(config, "layer_types", None)
    return Layer(
        q=_weights(attention.q_proj),
        k=_weights(attention.k_proj),
        v=_weights(attention.v_proj),
        out=_weights(attention.o_proj),
        gate=_weights(mlp.gate_proj),
        up=_weights(mlp.up_proj),
        down=_weights(mlp.down_proj),
        act=mlp.act_fn,
        norms=(first, second, third, fourth),
        head_norms=head_norms,
        size=attention.head_dim,
        scale=attention.scaling,
        window=getattr(attention, "sliding_window", getattr(config, "sliding_window", None)),
        kind=kinds[index] if kinds else "full_attention",
    )


def _weights(module: Any) -> Weights:
    return module.weight, module.bias


def _rope(model: Any) -> dict[str, Any]:
    return model.config.rope_parameters
