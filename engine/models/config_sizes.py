"""How large models are, from their configs alone: built by the libraries on the meta device, without bytes.

For planning memory before anything is downloaded but a few JSON files. Of what has weights on this disk, their
headers are read, by the registry.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CheckpointError
from ..messages import first_line
from ..stage import ModelKey
from .checkpoint.blocks import streamed_size
from .checkpoint.folder import folder_of, read_json
from .checkpoint.kept_dtypes import is_kept, kept_in_float32
from .diffusion.pipeline_parts import DENOISER, PARTS, components_of
from .diffusion.single_files.assembly import is_put_together
from .language.multimodal_lm import KINDS
from .language.text_models import auto_class
from .quantised.gguf_planner import gguf_in
from .registry import BYTES, Registry
from .weights import quantised_to

if TYPE_CHECKING:
    from torch.nn import Module


class Configs:
    """A `memory.Loader` that knows sizes, and loads nothing: for rehearsing what a recipe would do."""

    def __init__(self) -> None:
        self._registry = Registry()

    def weights(
        self, key: ModelKey[object], /, *, streamed: bool = False, device: str = "cpu"
    ) -> dict[str, int]:
        """As `Registry.weights`; of a checkpoint without any weights, by its configs.

        Raises:
            CheckpointError: not even the configs are there, or a file is damaged.
        """
        if is_put_together(key):
            return self._registry.weights(key, streamed=streamed, device=device)
        folder = folder_of(key.checkpoint)
        folders = _folders(folder, key)
        if key.parts or any(_has_weights(each) for each in folders):
            return self._registry.weights(key, streamed=streamed, device=device)
        self._registry.vet(key)
        pieces: dict[str, int] = {}
        for each in folders:
            sizes = _sizes(each, key, _kept(folder, key, each.name))
            passing = streamed and key.part == DENOISER
            form = "streamed, by its config" if passing else "by its config"
            form += f", quantised to {how}" if (how := quantised_to(key)) else ""
            pieces[f"{each} as {key.dtype}, {form}"] = (
                streamed_size(sizes, device) if passing else sum(sizes.values())
            )
        return pieces

    def load(self, key: ModelKey[object], device: str, /, *, streamed: bool = False) -> object:
        raise CheckpointError(f"{key.checkpoint}: only its configs are looked at here")

    def brought(self, key: ModelKey[object], /) -> tuple[int, float]:
        return 0, 0.0

    def can_load_ahead(self, key: ModelKey[object], device: str, /) -> bool:
        return False

    def load_ahead(self, key: ModelKey[object], device: str, /) -> Callable[[], object]:
        raise CheckpointError(f"{key.checkpoint}: only its configs are looked at here")

    def unload(self, key: ModelKey[object], /) -> None:
        return None


def parameters(folder: Path, family: str) -> dict[str, int]:
    """How many numbers each tensor has of the model of a folder's `config.json`; those that are shared, once.

    Raises:
        CheckpointError: the libraries make no model of it.
    """
    return _numbers(_model(folder, family))


def _numbers(model: "Module") -> dict[str, int]:
    return {name: each.numel() for name, each in (*model.named_parameters(), *model.named_buffers())}


def _sizes(folder: Path, key: ModelKey[object], kept: frozenset[str]) -> dict[str, int]:
    """Bytes of each tensor of a folder's model, in the key's dtype, or quantised as it says.

    Args:
        kept: modules that stay in float32.
    """
    model, size = _model(folder, key.family), BYTES[key.dtype]
    sizes = {name: (4 if is_kept(name, kept) else size) * count for name, count in _numbers(model).items()}
    if how := quantised_to(key):
        from .quantised.at_load import saved_bytes

        for name, saved in saved_bytes({"model": model}, how, size=size)["model"].items():
            sizes[name] -= saved
    return sizes


def _has_weights(folder: Path) -> bool:
    return gguf_in(folder) is not None or next(folder.rglob("*.safetensors"), None) is not None


def _model(folder: Path, family: str) -> "Module":
    import torch

    read_json(folder / "config.json")  # is there one?
    try:
        with torch.device("meta"):
            return _pipeline_part(folder) if family == "diffusers" else _language_model(folder, family)
    except CheckpointError:
        raise
    except KeyError:
        raise CheckpointError(f"{folder}: has no .safetensors file: copy the checkpoint again") from None
    except Exception as error:  # whatever a library makes of a config that is not as it should be
        raise CheckpointError(
            f"{folder}/config.json: no model can be made of it: {first_line(error)}"
        ) from error


def _folders(folder: Path, key: ModelKey[object]) -> list[Path]:
    """Where the configs of a key's models lie."""
    if key.family == "diffusers" and key.part in PARTS:
        return [folder / name for name in components_of(folder, key.part)]
    return [folder / key.part if key.part else folder]


def _kept(folder: Path, key: ModelKey[object], component: str) -> frozenset[str]:
    """As `kept_in_float32`, of a pipeline's component."""
    if key.family != "diffusers" or key.part not in PARTS:
        return frozenset()
    return kept_in_float32(*components_of(folder, key.part)[component], key.dtype)


def _language_model(folder: Path, family: str) -> "Module":
    match family:
        case "causal-lm":
            return _of_transformers(folder, "")
        case "image-text-to-text":
            return _of_transformers(folder, "AutoModelForImageTextToText")
        case _:
            return _of_transformers(folder, KINDS[read_json(folder / "config.json")["model_type"]])


def _of_transformers(folder: Path, name: str) -> "Module":
    """Of a class of this name; of the one that a planner is loaded as, if it is empty."""
    import transformers

    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    name = name or auto_class(config)
    kind = getattr(transformers, name)
    return kind.from_config(config) if name.startswith("Auto") else kind(config)


def _pipeline_part(folder: Path) -> "Module":
    """A component of a pipeline, of the class that the pipeline's index names."""
    library, name = read_json(folder.parent / "model_index.json")[folder.name]
    if library == "transformers":
        return _of_transformers(folder, name)
    kind = getattr(importlib.import_module("diffusers"), name)
    return kind.from_config(kind.load_config(folder))
