"""Loads models of every known family by their adapters, which are imported when they are needed."""

import contextlib
import importlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, cast
from weakref import WeakValueDictionary

from .. import extensions
from ..errors import CheckpointError, InputError
from ..extensions import extension
from ..messages import did_you_mean, shown
from ..stage import Handle, Lora, ModelKey
from .checkpoint.blocks import streamed_size
from .checkpoint.folder import folder_of, read_header, read_json, weight_files
from .checkpoint.kept_dtypes import kept_in_float32
from .checkpoint.loaded_sizes import loaded_sizes
from .checkpoint.roots import short_name
from .checkpoint.vetting import vet
from .diffusion.pipeline_parts import DENOISER, components_of
from .diffusion.pipeline_sizes import BYTES, vae_dtype
from .diffusion.references.adapter_folder import adapter_folder
from .diffusion.single_files.assembly import (
    by_real_names,
    gguf_for,
    is_put_together,
    pipeline_folder,
    single_file_in,
)
from .families import FAMILIES, LIBRARIES, PARTS, STREAMED, WITH_CODE
from .quantised.gguf_header import ENDING, gguf_sizes
from .quantised.gguf_planner import gguf_in, whole_sizes
from .told import told_of
from .weights import look_at_weights, modules_of, quantised_to, safetensors_of, to_quantise

if TYPE_CHECKING:
    from .checkpoint.host_weights import HostWeights
    from .checkpoint.pinned import PinnedPool
    from .checkpoint.slots import Shared


class Registry:
    """Loads models of every known family; the `Loader` of `DeviceMemory`. Keeps the masters on the host."""

    def __init__(self) -> None:
        self._host_weights: dict[ModelKey[object], HostWeights[object]] = {}
        self._shared: Shared = WeakValueDictionary()
        self._vetted: set[tuple[Path, str]] = set()
        self._saved: dict[ModelKey[object], dict[str, dict[str, int]]] = {}
        self._pool: PinnedPool | None = None

    def weights(self, key: ModelKey[object], *, streamed: bool = False, device: str = "cpu") -> dict[str, int]:
        """Bytes on the device of each of the checkpoint's files, from their headers.

        Args:
            streamed: with the part that can be streamed as one, and as small as that makes it.
            device: on which.

        Raises:
            CheckpointError: the checkpoint is missing or damaged.
            InputError: the family or the dtype is not known.
        """
        known_family(key.family)
        _known("dtype", key.dtype, BYTES)
        with by_real_names():
            return self._weights(key, streamed=streamed, device=device)

    def _weights(self, key: ModelKey[object], *, streamed: bool, device: str) -> dict[str, int]:
        self.vet(key)
        name = _streamed(key) if streamed else ""
        part = _folder(key) / ("" if key.family == "control" else name) if name else None
        form = key.dtype
        if key.loras or key.embeddings:  # what is merged, or has more words, is nobody else's
            form += f" with {key.loras} and {key.embeddings}"
        form += " channels last" if dict(key.tuning).get("channels_last") else ""  # nor are those laid out anew
        form += f" quantised to {how}" if (how := quantised_to(key)) else ""
        pieces: dict[str, int] = {}
        passing: dict[str, int] = {}
        for path in _files(key):
            tensors = _tensors(key, path)
            if part is not None and path.is_relative_to(part):
                passing |= tensors
            else:
                pieces[f"{path.resolve()}{_component(path)} as {form}"] = sum(tensors.values())
        if (file := gguf_in(_folder(key))) is not None:
            pieces[f"{file} as {form}"] = sum(whole_sizes(file, BYTES[key.dtype]).values())
        if key.embeddings:
            from .diffusion.texts.embeddings import embedding_bytes

            pieces[f"embeddings as {form}"] = embedding_bytes(key.embeddings, BYTES[key.dtype])
        saved = self._saved_bytes(key) if how else {}
        if passing:
            less = saved.pop(name, {})
            passing = {each: count - less.get(each, 0) for each, count in passing.items()}
            pieces[f"{part} as {form}, streamed"] = streamed_size(passing, device)
        for module, less in saved.items():
            pieces[f"{module} of {_folder(key)} as {form}"] = -sum(less.values())
        return pieces

    def _saved_bytes(self, key: ModelKey[object]) -> dict[str, dict[str, int]]:
        """By how many bytes a model is smaller than its files, since it is quantised when it is loaded: by the
        part of its handle, and the tensor's name."""
        if key not in self._saved:
            from .quantised.at_load import saved_bytes

            modules = to_quantise(_loaded(key, "meta"))
            self._saved[key] = saved_bytes(modules, quantised_to(key))
        return {**self._saved[key]}

    def vet(self, key: ModelKey[object]) -> None:
        """Look once at the small files of a checkpoint, before any library reads them; see `vetting`.

        Raises:
            CheckpointError: one of them says what cannot be.
        """
        with by_real_names():
            folder = _folder(key)
            part = key.part if _in_parts(key) else ""  # a pipeline's folder holds several models
            if key.family in FAMILIES and (folder, part) not in self._vetted:
                if not any(each == folder for each, _ in self._vetted):
                    vet(folder)
                look_at_weights(safetensors_of(_files_if_whole(key)))
            self._vetted.add((folder, part))

    def outline(self, key: ModelKey[Handle]) -> Handle | None:
        """The handle as it will be loaded, with all but its weights: built on the meta device, where tensors
        have shapes and no bytes. Whatever keeps a checkpoint from being loaded is so found out without reading
        it.

        Returns:
            `None` of a family that another package brings.

        Raises:
            CheckpointError: as `load`.
        """
        if key.family not in FAMILIES:
            return None
        self.vet(key)
        handle = cast(Handle, _loaded(key, "meta"))
        self.weights(key)  # their headers: whether the files are whole
        return handle

    def weight_bytes(self, key: ModelKey[object]) -> int:
        """Bytes of the weights on the device; errors as `weights`."""
        return sum(self.weights(key).values())

    def load(self, key: ModelKey[Handle], device: str, *, streamed: bool = False) -> Handle:
        """A handle, its weights on `device`.

        Args:
            streamed: let the blocks of the part that can be streamed come and go as it works.

        Raises:
            CheckpointError: the checkpoint is missing, damaged or not of its family.
        """
        if key not in self._host_weights:
            if short_name(_folder(key)) is None:  # what ships in the package fits
                self.outline(key)
            self._host_weights[key] = _read(key, self._shared, self._pinned())
        return cast(Handle, self._host_weights[key].fill(device, streamed=streamed))

    def _pinned(self) -> "PinnedPool":
        if self._pool is None:
            from .checkpoint.pinned import PinnedPool

            self._pool = PinnedPool()
        return self._pool

    def brought(self, key: ModelKey[object]) -> tuple[int, float]:
        """Bytes that were streamed so far, and how many seconds that took."""
        stream = self._host_weights[key].stream if key in self._host_weights else None
        return (stream.bytes, stream.seconds) if stream else (0, 0.0)

    def can_load_ahead(self, key: ModelKey[object], device: str) -> bool:
        """Whether there is a stream to load on, and a master that need not be read first."""
        return device.startswith("cuda") and key in self._host_weights

    def load_ahead(self, key: ModelKey[object], device: str) -> Callable[[], object]:
        """Begin to load; what is returned waits, and gives the handle."""
        master = self._host_weights[key]
        master.begin_to_fill(device)
        return master.arrive

    def unload(self, key: ModelKey[object]) -> None:
        """Drop the weights from the device; the master stays."""
        if key in self._host_weights:
            self._host_weights[key].drop()


def _in_parts(key: ModelKey[object]) -> bool:
    """Whether the key names a part of a pipeline, which may lie in several subfolders."""
    return bool(key.part) and key.family in PARTS


def _folder(key: ModelKey[object]) -> Path:
    if key.beside:
        return adapter_folder(key)
    if is_put_together(key) and (_in_parts(key) or not key.checkpoint.endswith(ENDING)):
        if not _in_parts(key):
            who = f"{key.checkpoint}: a model of family {key.family}"
            raise InputError(f"{who} is a folder: single files, parts and config are for pipelines that paint")
        return pipeline_folder(key)
    folder = folder_of(key.checkpoint)
    return folder_of(str(folder / key.part)) if key.part and not _in_parts(key) else folder


def _files(key: ModelKey[object]) -> list[Path]:
    folder = _folder(key)
    if not _in_parts(key):
        return [] if gguf_in(folder) is not None else weight_files(folder)
    folders = [folder / name for name in components_of(folder, key.part)]
    for each in folders:
        if (file := gguf_for(each)) is not None and quantised_to(key):
            raise CheckpointError(f"{file}: is quantised already: leave quantize out")
    return [
        path for each in folders for path in (weight_files(each) if gguf_for(each) is None else [each / _GGUF])
    ]


_GGUF = f"model{ENDING}"  # what a folder that is put together calls it


def _tensors(key: ModelKey[object], path: Path) -> dict[str, int]:
    """Bytes of the tensors of a file of weights once they are loaded, by name, from the headers."""
    dtype = _dtype_of(key, path)
    if path.suffix == ENDING:
        return gguf_sizes(path, BYTES[dtype])
    if (single := single_file_in(path.parent)) is None:
        return loaded_sizes(read_header(path), BYTES[dtype], kept=_kept(key, path.parent.name, dtype))
    from .diffusion.single_files.loading import component_bytes

    library, class_name = components_of(_folder(key), key.part)[path.parent.name]
    status = single.stat()
    with _told_of(key):
        return component_bytes(path.parent, library, class_name, dtype, (status.st_mtime_ns, status.st_size))


def _kept(key: ModelKey[object], component: str, dtype: str) -> frozenset[str]:
    """As `kept_in_float32`, of a pipeline's component."""
    if not _in_parts(key) or component not in (named := components_of(_folder(key), key.part)):
        return frozenset()
    return kept_in_float32(*named[component], dtype)


def _component(path: Path) -> str:
    """What tells apart the models whose weights are in one file."""
    return f" ({path.parent.name})" if single_file_in(path.parent) is not None else ""


def _dtype_of(key: ModelKey[object], path: Path) -> str:
    """What a file of weights is loaded in: a refiner's latent space has a dtype of its own."""
    if key.family != "diffusers" or key.part or path.parent.name != "latents":
        return key.dtype
    kind = read_json(path.parent / "config.json").get("_class_name")
    return vae_dtype(key.dtype) if kind == "AutoencoderKL" else "float32"


def _files_if_whole(key: ModelKey[object]) -> list[Path]:
    """As `_files`; none where one is missing, which others say."""
    try:
        return _files(key)
    except CheckpointError:
        return []


def _streamed(key: ModelKey[object]) -> str:
    """What of the model may be streamed, see `STREAMED`; empty for nothing."""
    if not _in_parts(key):
        return STREAMED.get(key.family, "")
    return next(iter(components_of(_folder(key), DENOISER))) if key.part == DENOISER else ""


def _read(key: ModelKey[object], shared: "Shared", pool: "PinnedPool") -> "HostWeights[object]":
    from .checkpoint.host_weights import HostWeights

    handle = _loaded(key, "cpu")
    if dict(key.tuning).get("compile") and (name := _streamed(key)):
        from .compiling import compile_blocks

        compile_blocks(getattr(handle, name), key.checkpoint)
    with _told_of(key):
        aliases = _aliases(key)
        return HostWeights(
            handle, safetensors_of(_files(key)), shared, streams=_streamed(key), pool=pool, aliases=aliases
        )


def _aliases(key: ModelKey[object]) -> dict[str, list[str]]:
    """What the tensors of modules are called in a single file, where that is another name, by their own."""
    from .diffusion.single_files.loading import aliases_in

    found: dict[str, list[str]] = {}
    folder = _folder(key)
    if not (is_put_together(key) and _in_parts(key)):
        return {}
    for name, entry in components_of(folder, key.part).items():
        if single_file_in(folder / name) is not None and gguf_for(folder / name) is None:
            for tensor, held in aliases_in(folder / name, *entry).items():
                found.setdefault(tensor, []).extend(held)
    return found


def _loaded(key: ModelKey[object], device: str) -> object:
    """What the adapter of a key's family makes of its folder.

    Args:
        device: `cpu`, or `meta` for an outline.
    """
    import torch

    folder = _folder(key)
    loader = _loader(key)
    more: dict[str, object] = {}
    if _in_parts(key):
        offers = {
            "on_request": key.on_request,
            "lora_folder": key.lora_folder,
            "embeddings": key.embeddings,
        }
        more = {"part": key.part, "loras": [Lora(*each) for each in key.loras], **offers}
    if key.remote_code:
        if key.family not in WITH_CODE:
            raise InputError(f"{folder}: code that comes with a checkpoint of family {key.family} is not run")
        more["trust_remote_code"] = True
    if (key.loras or key.on_request or key.lora_folder) and not _in_parts(key):
        raise InputError(f"{folder}: LoRA weights are for pipelines of diffusers alone: leave them out")
    with by_real_names(), _told_of(key):
        handle = loader(folder, getattr(torch, _known("dtype", key.dtype, BYTES)), torch.device(device), **more)
    if how := quantised_to(key):
        from .quantised.at_load import quantise

        quantise(to_quantise(handle), how, str(folder))
    if dict(key.tuning).get("channels_last"):
        for module in modules_of(handle).values():
            module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return handle


def _told_of(key: ModelKey[object]) -> contextlib.AbstractContextManager[None]:
    return told_of(_folder(key), key.family, LIBRARIES.get(key.family, ()))


def known_family(name: str, *, more: Collection[str] = ()) -> None:
    """Raises `InputError` where neither this package nor another one has the family.

    Args:
        more: families of which nothing is loaded here, for the message.
    """
    if name not in FAMILIES and extension(extensions.FAMILIES, name) is None:
        others = [*extensions.names(extensions.FAMILIES), *more]
        _known("family", name, {**FAMILIES, **dict.fromkeys(others)})


def _loader(key: ModelKey[object]) -> Callable[..., object]:
    """The function that loads models of the key's family."""
    known_family(key.family)
    if key.family not in FAMILIES:
        return extension(extensions.FAMILIES, key.family)
    module, function = (PARTS if _in_parts(key) else FAMILIES)[key.family]
    return getattr(importlib.import_module(f".{module}", __package__), function)


def _known(what: str, name: str, table: Collection[str]) -> str:
    if name not in table:
        hint = did_you_mean(name, table)
        raise InputError(f"{what} {shown(name)} is not known{hint}; known are {', '.join(table)}")
    return name
