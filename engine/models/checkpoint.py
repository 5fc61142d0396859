"""Checkpoint folders: where one lies, whether it is whole, how large it is. Reads headers, loads no weights.

Only safetensors are read: a pickle can run any code when it is opened.
"""

import json
from pathlib import Path
from typing import Any

from ..errors import CheckpointError

POCKET = Path(__file__).parents[2] / "pipelines" / "pocket" / "weights"
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def folder_of(checkpoint: str) -> Path:
    """The folder of a checkpoint: `pocket/NAME` is one that ships in the package, anything else is a path.

    Raises:
        CheckpointError: there is no such folder.
    """
    if checkpoint.startswith("pocket/"):
        folder = POCKET / checkpoint.removeprefix("pocket/")
        hint = "install the package again, or train it: diptych train all"
    else:
        folder = Path(checkpoint).expanduser()
        hint = "give the folder of a checkpoint, or pocket/NAME for one that ships in the package"
    if not folder.is_dir() or ".." in Path(checkpoint).parts:
        raise CheckpointError(f"{checkpoint}: no such checkpoint: {hint}")
    return folder


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a checkpoint and its parts.

    Raises:
        CheckpointError: there are none.
    """
    files = sorted(folder.rglob("*.safetensors"))
    if not files:
        pickles = [path.name for path in sorted(folder.rglob("*")) if path.suffix in _PICKLES]
        if pickles:
            raise CheckpointError(
                f"{folder}: {pickles[0]} is a pickle, which can run any code when opened: save it as safetensors"
            )
        raise CheckpointError(f"{folder}: has no .safetensors file: copy the checkpoint again")
    return files


def read_header(path: Path) -> dict[str, Any]:
    """What a safetensors file holds: name to {dtype, shape, data_offsets}.

    Layout as the format's specification says: 8 bytes of header length, little-endian, the JSON header, the data.

    Raises:
        CheckpointError: the file is cut off or is no safetensors file.
    """
    broken = CheckpointError(f"{path}: is damaged or cut off: copy the checkpoint again")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > size - 8:
                raise broken
            header = json.loads(file.read(length))
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        end = max((entry["data_offsets"][1] for entry in tensors.values()), default=0)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise broken from error
    if size != 8 + length + end:
        raise broken
    return tensors


def parameter_count(folder: Path) -> int:
    """How many numbers a checkpoint's weights are; from the headers alone.

    Raises:
        CheckpointError: a file is missing or damaged.
    """
    count = 0
    for path in weight_files(folder):
        for entry in read_header(path).values():
            numbers = 1
            for side in entry["shape"]:
                numbers *= side
            count += numbers
    return count


def read_json(path: Path) -> dict[str, Any]:
    """A checkpoint's JSON file.

    Raises:
        CheckpointError: it is missing or no JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file: copy the checkpoint again") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error}): copy the checkpoint again") from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: holds no JSON object: copy the checkpoint again")
    return value
