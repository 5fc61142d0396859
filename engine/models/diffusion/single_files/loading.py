"""A component of a pipeline whose weights lie in a single file, as a module; and how large it will be."""

import functools
import importlib
from pathlib import Path
from typing import Any

import torch

from ....errors import CheckpointError
from ...checkpoint.float8 import DTYPES, Float8Weight
from ...checkpoint.folder import outlined, read_header, read_json, whole
from .assembly import MARK, single_file_in
from .recognising import refuse_scaled
from .tensors import converted, names_of, read_tensors, text_state


def load_component(folder: Path, kind: Any, dtype: torch.dtype, device: torch.device) -> Any:
    """The module of a component's folder whose weights a single file has.

    Args:
        kind: the module's class.
        device: the CPU, or meta for an outline.

    Raises:
        CheckpointError: the file is damaged, or does not hold such a component.
    """
    file = single_file_in(folder)
    assert file is not None, f"{folder} has no {MARK}"
    outline = device.type == "meta"
    header = read_header(file)
    refuse_scaled(header, file)
    config = read_json(folder / "config.json")
    state = read_tensors(file, names_of(header, folder.name, config), header, outline=outline)
    if not state:
        raise CheckpointError(
            f'{file}: holds no {folder.name}: name one: [stages.paint.parts] {folder.name} = "…"'
        )
    make = _of_diffusers if hasattr(kind, "from_config") else _of_transformers
    return make(kind, folder, file, state, dtype, device).eval().requires_grad_(False)


def _of_diffusers(
    kind: Any, folder: Path, file: Path, state: dict[str, Any], dtype: torch.dtype, device: torch.device
) -> Any:
    from accelerate import init_empty_weights

    config = read_json(folder / "config.json")
    with init_empty_weights():
        module = kind.from_config(config)
    own: dict[str, Any] = module.state_dict()
    made = converted(kind, config, state, own, file)
    unfit = [
        (name, tuple(made[name].shape), tuple(own[name].shape))
        for name in own
        if name in made and made[name].shape != own[name].shape
    ]
    whole((module, {"missing_keys": own.keys() - made.keys(), "mismatched_keys": unfit}), file)
    kept = kind._keep_in_fp32_modules or []
    module.load_state_dict(
        {
            name: _cast(name, made[name], torch.float32 if set(kept) & set(name.split(".")) else dtype)
            for name in own
        },
        assign=True,
    )
    return module


def _cast(name: str, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """In the dtype of the work; weights of layers in eight-bit floats stay as they are."""
    if not tensor.is_floating_point():
        return tensor
    if tensor.dtype in DTYPES and tensor.ndim > 1 and name.rpartition(".")[2] == "weight":
        return torch.nn.Parameter(Float8Weight(tensor, None, dtype), requires_grad=False)
    return tensor.to(dtype)


def _of_transformers(
    kind: Any, folder: Path, file: Path, state: dict[str, Any], dtype: torch.dtype, device: torch.device
) -> Any:
    config = kind.config_class.from_dict(read_json(folder / "config.json"))
    state = text_state(kind, config, state, outline=device.type == "meta")
    loaded = kind.from_pretrained(
        None, config=config, state_dict=state, dtype=dtype, output_loading_info=True, **outlined(device)
    )
    return _kept_small(whole(loaded, file), state)


def _kept_small(module: torch.nn.Module, state: dict[str, Any]) -> torch.nn.Module:
    """The module, whose weights of layers stay in eight-bit floats where the file has such, as `_cast` lets
    them."""
    made: dict[int, torch.Tensor] = {}
    for name, tensor in module.named_parameters():
        held = state.get(name, state.get(f"text_model.{name}"))
        if held is not None and held.shape == tensor.shape:
            small = _cast(name, held, tensor.dtype)
            if isinstance(small, Float8Weight):
                made[id(tensor)] = small
    for part in module.modules():
        for name, tensor in list(part.named_parameters(recurse=False)):
            if id(tensor) in made:
                setattr(part, name, made[id(tensor)])
    return module


@functools.lru_cache(maxsize=64)
def component_bytes(
    folder: Path, library: str, class_name: str, dtype: str, stamp: tuple[int, int]
) -> dict[str, int]:
    """Bytes of each tensor of such a component once it is loaded, by its name in the module; from the header
    alone.

    Args:
        dtype: that it is loaded in.
        stamp: of the file, so that another one of this name is looked at anew.
    """
    module = load_component(folder, _class(library, class_name), getattr(torch, dtype), torch.device("meta"))
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return {name: tensor.numel() * _bytes_each(tensor) for name, tensor in tensors.items()}


def _bytes_each(tensor: torch.Tensor) -> int:
    return 1 if isinstance(tensor, Float8Weight) else tensor.element_size()


def _class(library: str, class_name: str) -> Any:
    """As an index of a pipeline names it."""
    return getattr(importlib.import_module(library), class_name)


def aliases_in(folder: Path, library: str, class_name: str) -> dict[str, list[str]]:
    """What a module's tensors are called in the single file that they were read from unchanged, by their
    names."""
    kind, file = _class(library, class_name), single_file_in(folder)
    assert file is not None, f"{folder} has no {MARK}"
    header, config = read_header(file), read_json(folder / "config.json")
    names = names_of(header, folder.name, config)
    if not hasattr(kind, "from_config"):
        return {
            each: [held] for name, held in names.items() for each in (name, name.removeprefix("text_model."))
        }
    state = read_tensors(file, names, header, outline=True)
    held = {id(tensor): names[name] for name, tensor in state.items()}
    from accelerate import init_empty_weights

    with init_empty_weights():
        own = kind.from_config(config).state_dict()
    made = converted(kind, config, state, own, file)
    return {name: [held[id(tensor)]] for name, tensor in made.items() if id(tensor) in held}
