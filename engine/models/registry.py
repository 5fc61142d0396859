"""Families of models: which adapter loads a checkpoint of which family. Adapters are imported when needed."""

import contextlib
import dataclasses
import importlib
from collections.abc import Callable, Collection, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakValueDictionary

from .. import extensions
from ..errors import CheckpointError, DiptychError, InputError
from ..extensions import extension
from ..messages import did_you_mean, first_line, shown
from ..stage import Handle, ModelKey
from .checkpoint.blocks import streamed_size
from .checkpoint.bounded import Unfit
from .checkpoint.folder import folder_of, read_header, read_json, weight_files
from .checkpoint.loaded_sizes import loaded_sizes
from .checkpoint.roots import short_name
from .checkpoint.vetting import refuse_absent_layers, vet
from .diffusion.pipeline_parts import DENOISER, VAE, components_of
from .diffusion.pipeline_sizes import vae_dtype
from .quantised.gguf_header import ENDING, gguf_sizes
from .quantised.gguf_planner import gguf_in, whole_sizes
from .quantised.methods import refuse_unread
from .quiet import quiet

if TYPE_CHECKING:
    import torch

    from .checkpoint.host_weights import HostWeights
    from .checkpoint.pinned import PinnedPool
    from .checkpoint.slots import Shared

FAMILIES: dict[str, tuple[str, str]] = {
    "causal-lm": ("language.causal_lm", "load_language_model"),
    "image-token-lm": ("language.causal_lm", "load_image_token_model"),
    "multimodal-lm": ("language.multimodal_lm", "load_drafter"),
    "image-text-to-text": ("vision.captioner", "load_any_captioner"),
    "diffusers": ("diffusion.refiner", "load_refiner"),
    "image-tokenizer": ("vision.patch_codebook", "load_codebook"),
}
"""Family: (module of this folder, function of (folder, dtype, device) that loads one)."""

STREAMED: dict[str, str] = {"diffusers": "unet"}
"""Family: the part of it whose blocks may be streamed, as both the handle and the checkpoint's folder call it.
Its blocks must be called as modules: their weights are not there for code that reads them from outside."""

PARTS: dict[str, tuple[str, str]] = {"diffusers": ("diffusion.pipeline_folder", "load_part")}
"""Family: as `FAMILIES`, the function that loads one of `pipeline_parts.PARTS`, where a key names one."""

WITH_CODE = ("causal-lm",)
"""Families whose adapters can run code that comes with a checkpoint, where a key asks for it."""

LIBRARIES: dict[str, tuple[str, ...]] = {
    **{name: ("transformers",) for name in FAMILIES},
    "diffusers": ("transformers", "diffusers"),
    "image-tokenizer": (),
}
"""Family: the libraries that load it."""

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


class Registry:
    """Loads models of every known family; the `Loader` of `DeviceMemory`. Keeps the masters on the host."""

    def __init__(self) -> None:
        self._host_weights: dict[ModelKey[object], HostWeights[object]] = {}
        self._shared: Shared = WeakValueDictionary()
        self._vetted: set[Path] = set()
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
        _known_family(key.family)
        _known("dtype", key.dtype, BYTES)
        self.vet(key)
        name = _streamed(key) if streamed else ""
        part = _folder(key) / name if name else None
        form = f"{key.dtype} with {key.loras}" if key.loras else key.dtype  # merged weights are nobody else's
        form += " channels last" if dict(key.tuning).get("channels_last") else ""  # nor are those laid out anew
        form += f" quantised to {how}" if (how := _quantised(key)) else ""
        pieces: dict[str, int] = {}
        passing: dict[str, int] = {}
        for path in (*_files(key), *_elsewhere(key).values()):
            size = BYTES[_dtype_of(key, path)]
            ours = part is not None and (path.is_relative_to(part) or path == _elsewhere(key).get(name))
            tensors = gguf_sizes(path, size) if path.suffix == ENDING else loaded_sizes(read_header(path), size)
            if ours:
                passing |= tensors
            else:
                pieces[f"{path.resolve()} as {form}"] = sum(tensors.values())
        if (file := gguf_in(_folder(key))) is not None:
            pieces[f"{file} as {form}"] = sum(whole_sizes(file, BYTES[key.dtype]).values())
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

            modules = _to_quantise(_loaded(key, "meta"))
            self._saved[key] = saved_bytes(modules, _quantised(key))
        return {**self._saved[key]}

    def vet(self, key: ModelKey[object]) -> None:
        """Look once at the small files of a checkpoint, before any library reads them; see `vetting`.

        Raises:
            CheckpointError: one of them says what cannot be.
        """
        folder = _folder(key)
        if folder not in self._vetted and key.family in FAMILIES:
            vet(folder)
            _look_at_weights(key)
        self._vetted.add(folder)

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
    folder = folder_of(key.checkpoint)
    return folder_of(str(folder / key.part)) if key.part and not _in_parts(key) else folder


def _files(key: ModelKey[object]) -> list[Path]:
    folder = _folder(key)
    if not _in_parts(key):
        return [] if gguf_in(folder) is not None else weight_files(folder)
    names = [name for name in components_of(folder, key.part) if name not in _elsewhere(key)]
    return [path for name in names for path in weight_files(folder / name)]


def _elsewhere(key: ModelKey[object]) -> dict[str, Path]:
    """The components of a pipeline's part whose weights lie elsewhere, and their files.

    Raises:
        CheckpointError: what they are to be quantised to, they cannot be.
    """
    if not (key.parts and _in_parts(key)):
        return {}
    names = components_of(_folder(key), key.part)
    found = {name: Path(file) for name, file in key.parts if name in names}
    if found and _quantised(key):
        raise CheckpointError(f"{next(iter(found.values()))}: is quantised already: leave quantize out")
    return found


def _dtype_of(key: ModelKey[object], path: Path) -> str:
    """What a file of weights is loaded in: a refiner's latent space has a dtype of its own."""
    if key.family != "diffusers" or key.part or path.parent.name != "latents":
        return key.dtype
    kind = read_json(path.parent / "config.json").get("_class_name")
    return vae_dtype(key.dtype) if kind == "AutoencoderKL" else "float32"


def _look_at_weights(key: ModelKey[object]) -> None:
    """Raises `CheckpointError` where a config says layers that its weights do not have, or they are quantised
    in a way that is not read."""
    headers: dict[Path, dict[str, Any]] = {}
    for path in _files_if_whole(key):
        headers.setdefault(path.with_name("config.json"), {}).update(read_header(path))
    for path, header in headers.items():
        if path.is_file():
            config = read_json(path)
            refuse_unread(path, config, header)
            try:
                refuse_absent_layers(config, header)
            except Unfit as error:
                raise CheckpointError(f"{path}: {error}: copy both files again") from None


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
        return HostWeights(handle, _files(key), shared, streams=_streamed(key), pool=pool)


def _loaded(key: ModelKey[object], device: str) -> object:
    """What the adapter of a key's family makes of its folder.

    Args:
        device: `cpu`, or `meta` for an outline.
    """
    import torch

    folder = _folder(key)
    loader = _loader(key)
    more: dict[str, object] = {"part": key.part, "loras": key.loras} if _in_parts(key) else {}
    if elsewhere := _elsewhere(key):
        more["parts"] = elsewhere
    if key.remote_code:
        if key.family not in WITH_CODE:
            raise InputError(f"{folder}: code that comes with a checkpoint of family {key.family} is not run")
        more["trust_remote_code"] = True
    if key.loras and not _in_parts(key):
        raise InputError(f"{folder}: LoRA weights are merged into pipelines of diffusers alone: leave them out")
    with _told_of(key):
        handle = loader(folder, getattr(torch, _known("dtype", key.dtype, BYTES)), torch.device(device), **more)
    if how := _quantised(key):
        from .quantised.at_load import quantise

        quantise(_to_quantise(handle), how, str(folder))
    if dict(key.tuning).get("channels_last"):
        for module in _modules(handle).values():
            module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return handle


def _quantised(key: ModelKey[object]) -> str:
    """To what the model's weights are quantised when it is loaded; empty, where they are not. Autoencoders are
    nearly all convolutions: nothing would be saved."""
    return "" if key.part == VAE else str(dict(key.tuning).get("quantize", ""))


def _to_quantise(handle: object) -> "dict[str, torch.nn.Module]":
    return {name: module for name, module in _modules(handle).items() if name not in (VAE, "latents")}


def _modules(handle: object) -> "dict[str, torch.nn.Module]":
    """Of a handle: itself, or those among its fields, by name."""
    import torch

    fields = dataclasses.fields(handle) if dataclasses.is_dataclass(handle) else ()
    held = {"model": handle, **{field.name: getattr(handle, field.name) for field in fields}}
    return {name: each for name, each in held.items() if isinstance(each, torch.nn.Module)}


@contextlib.contextmanager
def _told_of(key: ModelKey[object]) -> Generator[None]:
    """Whatever a library makes of files that are not as they should be becomes one line, which names them."""
    import torch

    try:
        with quiet(LIBRARIES.get(key.family, ())):
            yield
    except (DiptychError, MemoryError, torch.OutOfMemoryError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        if isinstance(error, RuntimeError) and "memory" in str(error):
            raise
        if (
            not isinstance(error, Exception) and type(error).__name__ != "PanicException"
        ):  # of tokenizers, in Rust
            raise
        reason = f"{error} is missing" if isinstance(error, KeyError) else first_line(error)
        if "ignore_mismatched_sizes" in reason:  # the library's advice, which is for its own callers
            reason = "config.json and the weights do not fit each other: copy both again"
        raise CheckpointError(f"{_folder(key)}: cannot be loaded as {key.family}: {reason}") from error


def _known_family(name: str) -> None:
    """Raises `InputError` where neither this package nor another one has the family."""
    if name not in FAMILIES and extension(extensions.FAMILIES, name) is None:
        _known("family", name, {**FAMILIES, **dict.fromkeys(extensions.names(extensions.FAMILIES))})


def _loader(key: ModelKey[object]) -> Callable[..., object]:
    """The function that loads models of the key's family."""
    _known_family(key.family)
    if key.family not in FAMILIES:
        return extension(extensions.FAMILIES, key.family)
    module, function = (PARTS if _in_parts(key) else FAMILIES)[key.family]
    return getattr(importlib.import_module(f".{module}", __package__), function)


def _known(what: str, name: str, table: Collection[str]) -> str:
    if name not in table:
        hint = did_you_mean(name, table)
        raise InputError(f"{what} {shown(name)} is not known{hint}; known are {', '.join(table)}")
    return name
