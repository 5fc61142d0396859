"""Which tensors of a single file make up one component of a pipeline, under which names, and how they become
those of the libraries' modules: the conversion is the libraries' own. Works on headers alone as well, on the
meta device."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from ....errors import CheckpointError
from ....messages import first_line
from ..pipeline_parts import COMPONENTS, DENOISER, TEXT, VAE
from .flux import converted_flux
from .recognising import DENOISER_PREFIX, TEXT_PREFIX, VAE_PREFIXES, Header, unused

State = dict[str, Any]
"""Tensors by name."""

_DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "I64": torch.int64, "I32": torch.int32,
    "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip


def names_of(header: Header, component: str, config: Mapping[str, Any]) -> dict[str, str]:
    """The tensors of a component, by the names that conversion expects: what they are called in the file.
    None, where the file does not have it.

    Args:
        component: as a pipeline's index calls it.
        config: its own.
    """
    dropped = set(unused(header))
    names = [name for name in header if name not in dropped]
    if COMPONENTS.get(component) == DENOISER:
        return _denoiser(names)
    if COMPONENTS.get(component) == VAE:
        prefix = next((each for each in VAE_PREFIXES if any(name.startswith(each) for name in names)), "")
        if not prefix and (_holds_more(names) or _kind_alone(names) != VAE):
            return {}
        return {name[len(prefix) :]: name for name in names if name.startswith(prefix)}
    return _text_encoder(header, names, component, config)


def _holds_more(names: list[str]) -> bool:
    """Whether a file's names say which component each belongs to."""
    return any(name.startswith((DENOISER_PREFIX, *VAE_PREFIXES)) or TEXT_PREFIX.match(name) for name in names)


def _kind_alone(names: list[str]) -> str:
    """Which part of a pipeline a file holds that holds but one."""
    if any(name.endswith(("embed_tokens.weight", "token_embedding.weight", "shared.weight")) for name in names):
        return TEXT
    is_vae = any(re.match(r"decoder\.(conv_in|conv1|middle|mid_block|project_in)\.", name) for name in names)
    return VAE if is_vae else DENOISER


def _denoiser(names: list[str]) -> dict[str, str]:
    own = {name[len(DENOISER_PREFIX) :]: name for name in names if name.startswith(DENOISER_PREFIX)}
    is_one = not _holds_more(names) and _kind_alone(names) == DENOISER
    return own or ({name: name for name in names} if is_one else {})


def _text_encoder(
    header: Header, names: list[str], component: str, config: Mapping[str, Any]
) -> dict[str, str]:
    """Of those in the file the one of this config's kind and width; where several are, in the file's usual
    order."""
    if not _holds_more(names):
        return {name: name for name in names} if _kind_alone(names) == TEXT else {}
    prefixes = sorted({found[0] for name in names if (found := TEXT_PREFIX.match(name))})
    prefixes.sort(key=lambda each: ".clip_g." in each)  # it is always the second
    fitting = [each for each in prefixes if _fits(header, names, each, config)]
    if not fitting:
        return {}
    place = min(int(component.removeprefix("text_encoder").removeprefix("_") or 1), len(fitting)) - 1
    prefix = fitting[place]
    return {name[len(prefix) :]: name for name in names if name.startswith(prefix)}


_EMBEDDINGS = {
    "clip": (
        "text_model.embeddings.token_embedding.weight",
        "embeddings.token_embedding.weight",
        "token_embedding.weight",
    ),
    "t5": ("shared.weight",),
    "": ("model.embed_tokens.weight", "embed_tokens.weight", "model.language_model.embed_tokens.weight"),
}
"""What the table of tokens is called in text encoders of a kind; of all others last."""


def _fits(header: Header, names: list[str], prefix: str, config: Mapping[str, Any]) -> bool:
    kind = str(config.get("model_type", ""))
    table = _EMBEDDINGS.get("clip" if kind.startswith("clip") else "t5" if kind.endswith("t5") else "", ())
    nested = config.get("text_config")
    said = {**config, **nested} if isinstance(nested, dict) else config
    width = said.get("hidden_size") or said.get("d_model")
    held = [header[prefix + name]["shape"] for name in table if prefix + name in header]
    return bool(held) and width in (None, held[0][-1])


def read_tensors(file: Path, names: Mapping[str, str], header: Header, *, outline: bool) -> State:
    """Tensors by the names given: memory-mapped, or without any bytes.

    Args:
        names: what they are called in the file, by what they are to be called.
    """
    if outline:
        return {
            name: torch.empty(
                header[held]["shape"], dtype=_DTYPES.get(header[held]["dtype"], torch.uint8), device="meta"
            )
            for name, held in names.items()
        }
    from safetensors import safe_open

    with safe_open(file, framework="pt", device="cpu") as opened:
        return {name: opened.get_tensor(held) for name, held in names.items()}


def converted(kind: Any, config: Mapping[str, Any], state: State, own: Mapping[str, Any], file: Path) -> State:
    """A component's tensors under the names of its module of diffusers.

    Args:
        kind: the module's class.
        own: the module's tensors.

    Raises:
        CheckpointError: they are not those of such a module.
    """
    if own.keys() <= state.keys():
        return {name: state[name] for name in own}
    convert = _conversion(kind)
    if convert is None:
        return state
    try:
        made = convert(checkpoint=dict(state), config=config)
    except Exception as error:  # whatever the library makes of names that it does not know
        raise CheckpointError(
            f"{file}: cannot be read as a {kind.__name__} of this config ({first_line(error, named=True)}):"
            " if the"
            ' model is an unusual one, name its configs: config = "folder"'
        ) from error
    return {name: tensor for name, tensor in made.items() if tensor is not None}


def _conversion(kind: Any) -> Callable[..., State] | None:
    from diffusers.loaders import single_file_model, single_file_utils

    if kind.__name__ == "FluxTransformer2DModel":
        return converted_flux
    if kind.__name__ == "AutoencoderKLFlux2":
        return _flux2_vae
    if kind.__name__ == "AutoencoderKLQwenImage":  # it is Wan's, of which pictures are single frames
        return lambda checkpoint, config: single_file_utils.convert_wan_vae_to_diffusers(checkpoint)
    known: dict[str, Any] = single_file_model.SINGLE_FILE_LOADABLE_CLASSES
    name = next((each.__name__ for each in kind.__mro__ if each.__name__ in known), None)
    if name is None:
        return None
    convert = known[name]["checkpoint_mapping_fn"]
    if name != "UNet2DConditionModel":
        return convert

    def unet(checkpoint: State, config: Mapping[str, Any]) -> State:
        return convert(
            checkpoint={DENOISER_PREFIX + key: value for key, value in checkpoint.items()}, config=config
        )

    return unet


def _flux2_vae(checkpoint: State, config: Mapping[str, Any]) -> State:
    """FLUX.2's autoencoder is FLUX.1's and a norm of latents; its makers have the last convolutions
    elsewhere."""
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

    moved = {
        re.sub(r"^(encoder\.(?=quant_conv)|decoder\.(?=post_quant_conv))", "", name): each
        for name, each in checkpoint.items()
    }
    norms = {name: each for name, each in moved.items() if name.startswith("bn.")}
    return {**convert_ldm_vae_checkpoint(moved, config), **norms}


def text_state(kind: Any, config: Any, state: State, outline: bool) -> State:
    """A text encoder's tensors under the names of transformers.

    Args:
        config: of the library's class.
    """
    if "token_embedding.weight" in state:  # OpenCLIP's
        from diffusers.loaders.single_file_utils import convert_open_clip_checkpoint

        class _Sized:
            pass

        sized: Any = _Sized()
        sized.config = config
        prefix = "conditioner.embedders.1.model."  # of another the library leaves out what SDXL needs
        known = {prefix + name: tensor for name, tensor in state.items()}
        layers = config.num_hidden_layers  # the maker's file has one more than is read
        known = {name: each for name, each in known.items() if _layer(name) < layers}
        state = convert_open_clip_checkpoint(sized, known, prefix)
    if kind.__name__ == "CLIPTextModelWithProjection" and "text_projection.weight" not in state:
        size = (config.projection_dim, config.hidden_size)
        state = {**state, "text_projection.weight": torch.eye(*size, device="meta" if outline else "cpu")}
    return state


def _layer(name: str) -> int:
    found = re.search(r"resblocks\.(\d+)\.", name)
    return int(found[1]) if found else -1
