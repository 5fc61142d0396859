"""Checkpoint folders: where one lies, whether it is whole, how large it is. Reads headers, loads no weights.

Only safetensors are read: a pickle can run any code when it is opened.
"""

import contextlib
import math
import os
import re
from pathlib import Path
from typing import Any

from ...errors import CheckpointError
from .bounded import MOST_BYTES, Unfit, is_file, parse_bounded, read_bounded
from .hub import cached, how_to_get, is_unfinished
from .roots import OPENERS, ROOTS, root_of
from .vetting import files_in, most_bytes, values_of

_SAFETENSORS = ".safetensors"
_INDEX = re.compile(r".*\.safetensors\.index(\.[\w-]+)?\.json")  # that of a variant has its name in it
_USUAL = ("model", "diffusion_pytorch_model")
_MOST_HEADER = 100_000_000  # bytes, as the format's own reader has it
_MOST_HEADER_VALUES = 8_000_000
_DTYPE_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip
_SINGLE = {
    _SAFETENSORS: (
        "is a single file: those are read for stages that paint (family diffusers): name this model's folder"
    ),
    ".ckpt": "is a pickle, which can run any code when opened: name a folder with safetensors in it",
}
"""What is said of a file in the place of a folder, by its ending."""
_OTHER_FORMS = ("original", "metal", "onnx", "openvino")
"""Folders beside a model's weights in which they lie once more, as its makers or other programs have them."""
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def folder_of(checkpoint: str) -> Path:
    """The folder of a checkpoint: `pocket/NAME` lies in the folder that `roots` has by this name. Anything else
    is a path, or an id of the Hub (`ORGANISATION/NAME`, and `@REVISION` if one is pinned) that lies in this
    machine's cache.

    Raises:
        CheckpointError: there is no such folder.
    """
    if rooted := root_of(checkpoint):
        root, name = rooted[0], Path(rooted[1])
        folder, hint = root.folder / name, root.hint
        found = not name.is_absolute() and len(name.parts) > 0
    else:
        folder = Path(checkpoint)
        with contextlib.suppress(RuntimeError):  # the home of a user that there is not
            folder = folder.expanduser()
        if folder.suffix in OPENERS and is_file(folder):
            return OPENERS[folder.suffix](folder)
        if not _is_folder(folder):
            folder = cached(checkpoint) or folder
        found = True
        shipped = "".join(f", or {name}/NAME for one that ships in the package" for name in ROOTS)
        hint = f"give the folder of a checkpoint{shipped}"
        if command := how_to_get(checkpoint):
            hint = f"it is no folder, and not in the Hub's cache: get it with {command}"
    if not found or ".." in folder.parts or not _is_folder(folder):
        if folder.suffix in _SINGLE and is_file(folder):
            raise CheckpointError(f"{checkpoint}: {_SINGLE[folder.suffix]}")
        raise CheckpointError(f"{shown_name(checkpoint)}: no such checkpoint: {hint}")
    return folder


def _is_folder(path: Path) -> bool:
    """Whether there is such a folder; a name that can be none is no folder."""
    try:
        return os.path.isdir(path)
    except ValueError:  # a NUL in it
        return False


def shown_name(checkpoint: str) -> str:
    """A checkpoint's name as a message shows it: on one line, and not too long."""
    name = checkpoint if checkpoint.isprintable() else repr(checkpoint)
    return name if len(name) <= 300 else f"{name[:297]}..."


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a checkpoint and its parts: of each folder those that the libraries load, and
    not the same weights once more in another form.

    Raises:
        CheckpointError: there are none, or one of several shards is missing.
    """
    found = list(files_in(folder))
    folders = dict.fromkeys(path.parent for path in found if _SAFETENSORS in path.name)
    folders = [each for each in folders if each.name not in _OTHER_FORMS] or list(folders)
    files = [path for each in folders for path in _loaded_files(each)]
    if not files:
        pickles = [path.name for path in found if path.suffix in _PICKLES]
        if pickles:
            raise CheckpointError(
                f"{folder}: {pickles[0]} is a pickle, which can run any code when opened:"
                " save it as safetensors"
            )
        raise CheckpointError(f"{folder}: has no .safetensors file: {_again(folder)}")
    return files


def _loaded_files(folder: Path) -> list[Path]:
    """Of one folder: the file of the usual name, else the shards that an index names, else what there is; those
    of a variant (`model.fp16.safetensors`) where there is nothing else."""
    found = sorted(folder.glob(f"*{_SAFETENSORS}"))
    usual = [path for path in found if path.name.removesuffix(_SAFETENSORS) in _USUAL]
    if usual:
        return usual
    indices = [path for path in folder.iterdir() if _INDEX.fullmatch(path.name)]
    indices.sort(key=lambda path: (path.name.count("."), path.name))
    if not indices:
        plain = [path for path in found if "." not in path.name.removesuffix(_SAFETENSORS)]
        variants = sorted({path.name.split(".")[1] for path in found if path not in plain})
        return plain or [path for path in found if path.name.split(".")[1] == variants[0]]
    shards = read_json(indices[0]).get("weight_map")
    names = sorted(set(shards.values())) if isinstance(shards, dict) else []
    if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise CheckpointError(f"{indices[0]}: names no shards: {_again(folder)}")
    for name in names:
        if not (folder / name).exists():
            raise CheckpointError(
                f"{folder / name}: no such file, which {indices[0].name} names: {_again(folder)}"
            )
    return [folder / name for name in names]


def _again(folder: Path) -> str:
    if is_unfinished(folder):
        return "the download was broken off: run it again"
    return "copy the checkpoint again"


def read_header(path: Path) -> dict[str, Any]:
    """What a safetensors file holds: name to {dtype, shape, data_offsets}.

    Layout as the format's specification says: 8 bytes of header length, little-endian, the header, the data.

    Raises:
        CheckpointError: the file is cut off or is no safetensors file.
    """
    broken = CheckpointError(f"{path}: is damaged or cut off: copy the checkpoint again")
    if not is_file(path):
        raise CheckpointError(f"{path}: is no file: copy the checkpoint again")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > min(size - 8, _MOST_HEADER):
                raise broken
            header = parse_bounded(file.read(length), values=_MOST_HEADER_VALUES, depth=4, unique=True)
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        end = _end_of_all(tensors)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise broken from error
    if size != 8 + length + end:
        raise broken
    return tensors


def _end_of_all(tensors: dict[str, Any]) -> int:
    """Where the data of all tensors end. Raises if they do not lie one behind the other."""
    at = 0
    for start, end in sorted((entry["data_offsets"][0], _end_of(entry)) for entry in tensors.values()):
        if start != at:
            raise ValueError(f"the data of a tensor begin at {start}, and those before end at {at}")
        at = end
    return at


def _end_of(entry: dict[str, Any]) -> int:
    """Where a tensor's data end. Raises if its shape and offsets are no numbers, are none at all, or do not go
    together."""
    start, end = entry["data_offsets"]
    for number in (start, end, *entry["shape"]):
        if type(number) is not int or number < 0:
            raise ValueError(f"{number!r} is no size")
    if not isinstance(kind := entry["dtype"], str):
        raise TypeError(f"{kind!r} is no dtype")
    if kind in _DTYPE_BYTES and end - start != _DTYPE_BYTES[kind] * math.prod(entry["shape"]):
        raise ValueError("a tensor has not the bytes of its shape")
    return end


def loaded_bytes(entry: dict[str, Any], size: int) -> int:
    """Of a tensor that a header tells of, loaded with `size` bytes a number; whole numbers stay as they are."""
    kept = {"I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}.get(entry["dtype"], size)
    return kept * math.prod(entry["shape"])


def parameter_count(folder: Path) -> int:
    """How many numbers a checkpoint's weights are; from the headers alone.

    Raises:
        CheckpointError: a file is missing or damaged.
    """
    headers = (read_header(path) for path in weight_files(folder))
    return sum(math.prod(entry["shape"]) for header in headers for entry in header.values())


def whole(loaded: Any, folder: Path) -> Any:
    """The model of the pair that a library's `from_pretrained(..., output_loading_info=True)` gave.

    Raises:
        CheckpointError: the checkpoint lacks some of its weights; the libraries make do with random numbers.
    """
    model, info = loaded
    missing = sorted(info["missing_keys"])
    if missing:
        others = f" and {len(missing) - 1} others" if len(missing) > 1 else ""
        raise CheckpointError(f"{folder}: lacks the weights {missing[0]}{others}: copy the checkpoint again")
    unfit: list[Any] = sorted(info.get("mismatched_keys") or ())
    if unfit:
        name, held, wanted = unfit[0]
        shapes = f"{tuple(held)}, and config.json says {tuple(wanted)}"
        raise CheckpointError(f"{folder}: {name} has the shape {shapes}: copy both files again")
    return model


def outlined(device: Any) -> dict[str, Any]:
    """What to tell a library's `from_pretrained` beside the rest: on the meta device, to read no weights."""
    return {"device_map": "meta"} if device is not None and device.type == "meta" else {}


def read_json(path: Path) -> dict[str, Any]:
    """A checkpoint's JSON file, read within bounds.

    Raises:
        CheckpointError: it is missing, too large, or no JSON object.
    """
    try:
        value = parse_bounded(
            read_bounded(path, most=most_bytes(path.name) or MOST_BYTES), values=values_of(path.name)
        )
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file: {_other_kind(path)}") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error}): copy the checkpoint again") from None
    except Unfit as error:
        raise CheckpointError(f"{path}: {error}: copy the checkpoint again") from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: holds no JSON object: copy the checkpoint again")
    return value


def _other_kind(path: Path) -> str:
    """What to do where one of the two files is missing by which checkpoints are told apart."""
    pipeline, model = path.with_name("model_index.json"), path.with_name("config.json")
    if path == model and is_file(pipeline):
        return "it is a pipeline of diffusers, and one model is wanted here: name another checkpoint"
    if path == pipeline and is_file(model):
        return "it is one model, and a pipeline of diffusers is wanted here: name another checkpoint"
    single = [each for ending in _SINGLE for each in sorted(path.parent.glob(f"*{ending}"))]
    if single and path in (pipeline, model):
        return f"the folder holds {single[0].name}: name that file itself (diptych recipes new {single[0]})"
    return "copy the checkpoint again"


def read_config(checkpoint: str, *needed: str) -> dict[str, Any]:
    """A checkpoint's `config.json`, which says at least what is `needed`.

    Raises:
        CheckpointError: there is no such checkpoint or file, or it is of another kind.
    """
    path = folder_of(checkpoint) / "config.json"
    config = read_json(path)
    for name in needed:
        if name not in config:
            raise CheckpointError(f"{path}: says nothing of {name}: name another checkpoint for this stage")
    return config
