"""Which layers of a pipeline the names of a LoRA file mean.

A name is the path of a layer in one of several spellings, or one of another tool, which diffusers' own
conversion knows. That is asked with a stand-in for each layer, of rank one, whose numbers say which row of it
went where."""

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Mapping

import torch

from .layers import role_of
from .layout import Layout, Place
from .sd3_names import sd3_sites

_AROUND = ("base_model.model.", "module.")
_DENOISER = (
    "unet.", "transformer.", "prior.", "model.diffusion_model.", "diffusion_model.",
    "lora_unet_", "lora_transformer_", "lora_prior_unet_", "lycoris_",
)  # fmt: skip
_TEXTS: Mapping[str, tuple[str, ...]] = {
    "text_encoder.": ("text_encoder",),
    "text_encoder_2.": ("text_encoder_2",),
    "text_encoder_3.": ("text_encoder_3",),
    "lora_te_": ("text_encoder",),
    "lora_te1_": ("text_encoder",),
    "lora_te2_": ("text_encoder_2",),
    "lora_te3_": ("text_encoder_3", "text_encoder_2"),
    "text_encoders.clip_l.transformer.": ("text_encoder",),
    "text_encoders.clip_g.transformer.": ("text_encoder_2",),
    "text_encoders.t5xxl.transformer.": ("text_encoder_3", "text_encoder_2", "text_encoder"),
    "clip_l.": ("text_encoder",),
    "clip_g.": ("text_encoder_2",),
    "t5xxl.": ("text_encoder_3", "text_encoder_2", "text_encoder"),
}
ONE_ENCODER = "lora_te_"
"""How files for pipelines of one text encoder name it: Stable Diffusion 1 and 2."""

_OLDER = (  # names of processors, from before the layers themselves were named
    (".processor.", "."),
    (".to_out", ".to_out.0"),
    (".self_attn.to_q", ".self_attn.q_proj"),
    (".self_attn.to_k", ".self_attn.k_proj"),
    (".self_attn.to_v", ".self_attn.v_proj"),
    (".self_attn.to_out", ".self_attn.out_proj"),
)


@dataclasses.dataclass(frozen=True, eq=False)
class Site:
    """Where a layer of a file, or some rows of it, goes.

    Args:
        rows: of the file's layer, in the order of the pipeline's; `None` for all.
    """

    place: Place
    rows: torch.Tensor | None = None


def sites_of(shapes: Mapping[str, tuple[int, ...]], layout: Layout) -> dict[str, list[Site]]:
    """Where each layer goes; a name that means nothing in this pipeline is not among them.

    Args:
        shapes: of what the file's layers add, by their names; () of one that changes a bias alone.
    """
    found = {name: [Site(place)] for name in shapes if (place := _by_path(name, layout))}
    rest = {name: shape for name, shape in shapes.items() if name not in found}
    if rest and layout.name.startswith("StableDiffusion3"):
        found |= sd3_sites(rest, layout, Site)
    rest = {name: shape for name, shape in rest.items() if name not in found and shape}
    for spell in _SPELLINGS if rest else ():
        found |= _by_library({name: shape for name, shape in rest.items() if name not in found}, layout, spell)
    return found


def _by_path(name: str, layout: Layout) -> Place | None:
    """The place whose path a name is."""
    for around in _AROUND:
        name = name.removeprefix(around)
    for prefix, components in _TEXTS.items():
        if name.startswith(prefix):
            return _in(name.removeprefix(prefix), components, layout)
    for prefix in _DENOISER:
        if name.startswith(prefix):
            return _in(name.removeprefix(prefix), (layout.denoiser,), layout)
    return _in(name, tuple(layout.components), layout)


def _in(name: str, components: tuple[str, ...], layout: Layout) -> Place | None:
    for component in components:
        names = layout.spellings.get(component, {})
        for spelt in _older(name):
            if spelt in names:
                return component, names[spelt]
    return None


def _older(name: str) -> Iterator[str]:
    yield name
    for old, new in _OLDER:
        if old in name and not name.endswith(new):
            name = name.replace(old, new)
            yield name


_SPELLINGS = ("{name}", "lora_unet_{flat}", "diffusion_model.{bare}", "base_model.model.{bare}")
"""The ways of writing a name in which the library's conversions are asked."""


def _by_library(shapes: Mapping[str, tuple[int, ...]], layout: Layout, spell: str) -> dict[str, list[Site]]:
    """Where diffusers' own conversion of names takes each layer."""
    found = _converted(shapes, layout, spell)
    if found is None:  # one of them stops it
        each = (_converted({name: shape}, layout, spell) for name, shape in shapes.items())
        found = {name: sites for one in each if one for name, sites in one.items()}
    return found


def _converted(
    shapes: Mapping[str, tuple[int, ...]], layout: Layout, spell: str
) -> dict[str, list[Site]] | None:
    numbered = dict(enumerate(shapes, start=1))
    stands: dict[str, torch.Tensor] = {}
    for number, name in numbered.items():
        spelt, flat = _spelt(name, spell), "lora_" in name[:5] or "{flat}" in spell
        down, up = ("lora_down", "lora_up") if flat else ("lora_A", "lora_B")
        out, into, *kernel = (*shapes[name], 1)[:4] if len(shapes[name]) == 1 else shapes[name]
        ones = [1] * len(kernel)
        stands[f"{spelt}.{down}.weight"] = torch.full((1, into, *kernel), float(number))
        stands[f"{spelt}.{up}.weight"] = torch.arange(1.0, out + 1).reshape(out, 1, *ones)
        if flat:
            stands[f"{spelt}.alpha"] = torch.tensor(1.0)
    more = {} if layout.unet_config is None else {"unet_config": layout.unet_config}
    try:
        made = layout.kind.lora_state_dict(stands, **more)
    except (
        Exception
    ):  # of any kind: a conversion goes by what it knows, and by names it does not look for first
        return None
    return _read(made[0] if isinstance(made, tuple) else made, numbered, layout)


def _read(
    made: Mapping[str, torch.Tensor], numbered: Mapping[int, str], layout: Layout
) -> dict[str, list[Site]]:
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for tensor, value in made.items():
        if known := role_of(tensor):
            parts.setdefault(known[0], {})[known[1]] = value
    found: dict[str, list[Site]] = {}
    for converted, part in parts.items():
        place = _by_path(converted, layout)
        if place is None or not {"down", "up"} <= part.keys():
            continue
        number = round(float(part["down"].flatten()[0]))
        rows = part["up"].flatten(1)[:, 0].round().long() - 1
        with contextlib.suppress(KeyError):
            found.setdefault(numbered[number], []).append(Site(place, rows))
    return found


def _spelt(name: str, spell: str) -> str:
    bare = re.sub("|".join(re.escape(each) for each in (*_AROUND, *_DENOISER)), "", name, count=1)
    return spell.format(name=name, bare=bare, flat=bare.replace(".", "_"))
