"""IP-Adapters: a projection of what an image encoder saw, and attention to it beside that to the text (Ye et
al. 2023, "IP-Adapter: text compatible image prompt adapter for text-to-image diffusion models").

The library turns a file into modules, for the denoiser that they are for; here they are kept apart from it, so
that it may wear them for some rows, and no others.
"""

import contextlib
import copy
import dataclasses
import functools
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from ....errors import CheckpointError, InputError
from ....messages import first_line, shown
from ....stage import ModelKey
from ...checkpoint.folder import read_header, read_json
from .adapter_folder import DENOISER_CONFIG, WEIGHTS, adapter_folder

_PROJECTION = ("image_proj.", "ip_adapter_proj_model.")
_ATTENTION = ("ip_adapter.", "double_blocks.")
"""How the names of tensors begin; the latter each in the files of FLUX.1."""
_FLUX = (
    ("ip_adapter_double_stream_k_proj", "to_k_ip"),
    ("ip_adapter_double_stream_v_proj", "to_v_ip"),
    ("processor.", ""),
)
States = dict[str, dict[str, torch.Tensor]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReferenceAdapter:
    """An adapter's modules.

    Args:
        projection: of what the image encoder saw.
        attention: processors of the denoiser's attention layers that are modules, in the order of its own.
        names: of those layers' processors, in the same order.
        several: whether several pictures may be taken after at once.
    """

    projection: torch.nn.Module
    attention: torch.nn.ModuleList
    names: tuple[str, ...]
    several: bool

    def processors(self, weights: Sequence[float]) -> dict[str, Any]:
        """The processors for so many pictures, by the names of the layers. They share the adapter's weights."""
        return {
            name: _weighted(processor, weights, several=self.several)
            for name, processor in zip(self.names, self.attention, strict=True)
        }

    def projections(self, count: int) -> Any:
        """What takes the place of the denoiser's projection, for so many pictures."""
        from diffusers.models.embeddings import MultiIPAdapterImageProjection

        return MultiIPAdapterImageProjection([self.projection] * count) if self.several else self.projection


def load_adapter(folder: Path, dtype: torch.dtype, device: torch.device) -> ReferenceAdapter:
    """An adapter of a folder that `adapter_folder` made.

    Args:
        device: `cpu`, or `meta` for an outline.

    Raises:
        CheckpointError: the file holds no adapter, or one for another kind of pipeline.
    """
    file = (folder / WEIGHTS).resolve()
    states = _states(file, dtype, device)
    class_name = str(read_json(folder / "config.json")["denoiser"])
    denoiser = _denoiser(class_name, read_json(folder / DENOISER_CONFIG), str(file))
    several = not hasattr(denoiser, "image_proj")
    made_for = _MadeFor(denoiser, dtype, device)
    kind: Any = type(denoiser)
    try:
        with _without_weights(device):
            given = [states] if several else states["ip_adapter"]
            processors = kind._convert_ip_adapter_attn_to_diffusers(made_for, given, low_cpu_mem_usage=False)
            projection = kind._convert_ip_adapter_image_proj_to_diffusers(
                made_for, states["image_proj"], low_cpu_mem_usage=False
            )
    except (RuntimeError, KeyError, IndexError, ValueError, AttributeError, UnboundLocalError) as error:
        reason = shown(first_line(error).rstrip(":"), quoted=False, most=160)
        raise CheckpointError(
            f"{file}: does not fit {class_name} of this pipeline ({reason}): name an IP-Adapter that was"
            " made for it"
        ) from error
    found = {name: each for name, each in processors.items() if isinstance(each, torch.nn.Module)}
    if not found or projection is None:
        raise CheckpointError(
            f"{file}: is no IP-Adapter that {class_name} can wear: name one that was made for it"
        )
    attention = torch.nn.ModuleList(found.values())
    for module in (attention, projection):
        module.to(device=device, dtype=dtype).eval().requires_grad_(False)
    return ReferenceAdapter(projection=projection, attention=attention, names=tuple(found), several=several)


def adapter_outline(key: ModelKey[ReferenceAdapter]) -> ReferenceAdapter:
    """The adapter of a key without its weights; errors as `load_adapter`."""
    return _outline(adapter_folder(key), key.dtype)


@contextlib.contextmanager
def taking_after(denoiser: Any, adapter: ReferenceAdapter, weights: Sequence[float]) -> Generator[None]:
    """While a denoiser works, it takes after so many pictures, each with a weight.

    Raises:
        InputError: it takes after one alone.
    """
    processors, before = dict(denoiser.attn_processors), dict(denoiser.attn_processors)
    processors |= adapter.processors(weights)
    place = "encoder_hid_proj" if adapter.several else "image_proj"
    projection, kind = getattr(denoiser, place, None), denoiser.config.get("encoder_hid_dim_type")
    try:
        denoiser.set_attn_processor(processors)
        setattr(denoiser, place, adapter.projections(len(weights)))
        denoiser.config.encoder_hid_dim_type = "ip_image_proj"
        yield
    finally:
        setattr(denoiser, place, projection)  # first, as a projection may have processors of its own
        denoiser.set_attn_processor(before)
        denoiser.config.encoder_hid_dim_type = kind


@functools.lru_cache(maxsize=8)
def _outline(folder: Path, dtype: str) -> ReferenceAdapter:
    return load_adapter(folder, getattr(torch, dtype), torch.device("meta"))


def _weighted(processor: Any, weights: Sequence[float], *, several: bool) -> Any:
    """A copy that shares its layers, for as many pictures as there are weights."""
    made = copy.copy(processor)
    if not several:
        if len(weights) != 1:
            raise InputError(f"{len(weights)} reference pictures: this adapter takes one: give one")
        made.scale = weights[0]
        return made
    made._modules = dict(processor._modules)
    for name in ("to_k_ip", "to_v_ip"):
        (layer,) = getattr(processor, name)
        made._modules[name] = torch.nn.ModuleList([layer] * len(weights))
    made.scale = list(weights)
    if hasattr(processor, "num_tokens"):
        made.num_tokens = list(processor.num_tokens) * len(weights)
    return made


class _MadeFor:
    """A denoiser without weights, as the library asks it for what adapters must fit; in the dtype and on the
    device where these are to be."""

    def __init__(self, denoiser: Any, dtype: torch.dtype, device: torch.device) -> None:
        self._denoiser = denoiser
        self.dtype = dtype
        self.device = device

    def __getattr__(self, name: str) -> Any:
        return getattr(self._denoiser, name)


def _denoiser(class_name: str, config: Mapping[str, Any], file: str) -> Any:
    import diffusers
    from accelerate import init_empty_weights

    kind: Any = getattr(diffusers, class_name, None)
    if not hasattr(kind, "_convert_ip_adapter_attn_to_diffusers"):
        raise CheckpointError(f"{file}: {class_name} wears no IP-Adapter: leave references out of the recipe")
    with init_empty_weights():
        denoiser = kind.from_config(config)
    if class_name.startswith("SD3"):
        denoiser.image_proj = None  # where the library puts the projection
    return denoiser


def _without_weights(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    from accelerate import init_empty_weights

    return init_empty_weights(include_buffers=True) if device.type == "meta" else contextlib.nullcontext()


def _states(file: Path, dtype: torch.dtype, device: torch.device) -> States:
    """The tensors of a file, by their two groups and by the names that the library has for them."""
    header = read_header(file)
    found: States = {"image_proj": {}, "ip_adapter": {}}
    with safe_open(file, framework="pt", device="cpu") as opened:
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            group = "image_proj" if name.startswith(_PROJECTION) else "ip_adapter"
            if group == "ip_adapter" and not name.startswith(_ATTENTION):
                continue
            held = (
                torch.empty(tuple(entry["shape"]), dtype=dtype, device="meta")
                if device.type == "meta"
                else opened.get_tensor(name).to(dtype)
            )
            found[group][_plain(name)] = held
    if not all(found.values()):
        raise CheckpointError(
            f"{file}: holds no IP-Adapter (image_proj and ip_adapter): name the .safetensors file of one"
        )
    if _of_faces(found["image_proj"]):
        raise CheckpointError(
            f"{file}: reads the embeddings of faces, which are not made here: take another adapter"
        )
    return found


def _of_faces(projection: Mapping[str, object]) -> bool:
    """Whether the embeddings of faces are projected: by layers that are numbered, with a norm behind them."""
    pooled = "proj.weight" in projection or "proj.3.weight" in projection
    return "perceiver_resampler.proj_in.weight" in projection or ("norm.weight" in projection and not pooled)


def _plain(name: str) -> str:
    plain = name.partition(".")[2]
    if name.startswith("double_blocks."):
        for old, new in _FLUX:
            plain = plain.replace(old, new)
    return plain
