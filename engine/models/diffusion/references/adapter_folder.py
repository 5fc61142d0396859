"""The folder of an IP-Adapter beside the denoiser that it is for: a link to its file, and the denoiser's
config.

It lies in a temporary folder of this process, so that everything else reads it as it reads any model's folder.
"""

import atexit
import functools
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from ....errors import CheckpointError
from ....messages import shown
from ....stage import ModelKey
from ...checkpoint.bounded import is_file
from ...checkpoint.folder import folder_of, read_json, shown_name
from ..pipeline_parts import DENOISER, components_of
from ..single_files.assembly import REAL, pipeline_folder

WEIGHTS = "model.safetensors"
DENOISER_CONFIG = "denoiser.json"
_ENDING = ".safetensors"


def adapter_folder(key: ModelKey[Any]) -> Path:
    """The folder of an adapter's key, whose `beside` is the key of the pipeline that it is for.

    Raises:
        CheckpointError: there is no such file, or the pipeline is not there.
    """
    file = adapter_file(key.checkpoint)
    (pipeline,) = key.beside
    folder = pipeline_folder(pipeline)
    name, (_, class_name) = next(iter(components_of(folder, DENOISER).items()))
    config = folder / name / "config.json"
    stamps = tuple((path.stat().st_mtime_ns, path.stat().st_size) for path in (file, config))
    return _written(file, config, class_name, stamps)


def adapter_file(checkpoint: str) -> Path:
    """The file of a checkpoint: itself, or the only one of its folder.

    Raises:
        CheckpointError: there is none, or several, or it is a pickle.
    """
    path = Path(checkpoint).expanduser()
    if path.suffix == _ENDING and is_file(path):
        return path.resolve()
    if path.suffix in (".bin", ".pt", ".ckpt") and is_file(path):
        raise CheckpointError(
            f"{shown_name(checkpoint)}: is a pickle, which can run any code when opened: take the .safetensors"
            " file of the same adapter"
        )
    if path.suffix == _ENDING:
        raise CheckpointError(
            f"{shown_name(checkpoint)}: no such file: name the .safetensors file of an adapter"
        )
    found = sorted(folder_of(checkpoint).glob(f"*{_ENDING}"))
    if len(found) != 1:
        names = ", ".join(each.name for each in found[:6]) or "none"
        raise CheckpointError(
            f"{shown_name(checkpoint)}: {len(found)} .safetensors files ({shown(names, quoted=False)}): name"
            " the file of the adapter"
        )
    return found[0].resolve()


@functools.lru_cache(maxsize=32)
def _written(file: Path, config: Path, class_name: str, _: tuple[tuple[int, int], ...]) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="diptych-adapter-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    said = {"_class_name": "IPAdapter", "denoiser": class_name}
    (folder / "config.json").write_text(json.dumps(said), encoding="utf-8")
    (folder / DENOISER_CONFIG).write_text(json.dumps(read_json(config)), encoding="utf-8")
    (folder / WEIGHTS).symlink_to(file)
    REAL[str(folder)] = str(file)
    return folder
