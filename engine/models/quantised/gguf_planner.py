"""Language models in GGUF files, by transformers' reader: a folder of what else they need, made from the file.

The reader makes the weights whole when it loads them, so that they take as much as those of any folder: a GGUF
file spares the disk here, and not the memory.
"""

import atexit
import contextlib
import functools
import importlib.util
import json
import math
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

from ...errors import CheckpointError, DiptychError, InputError
from ...messages import first_line
from .gguf_header import GgufHeader, read_gguf_header

LINK = "weights.gguf"
"""In a folder made here: a link to the file."""

_NO_WEIGHTS = ("rope_freqs.weight",)


def unpacked(file: Path) -> Path:
    """A folder with the config and the tokenizer that a file has, and a link to it; it lies in a temporary
    folder of this process.

    Raises:
        CheckpointError: the file is damaged, or of a model that transformers does not read from such files.
        InputError: gguf is not installed.
    """
    status = file.stat()
    return _unpacked(file.resolve(), status.st_mtime_ns, status.st_size)


def gguf_in(folder: Path) -> Path | None:
    """The GGUF file that has the weights of a folder made here; `None` for any other folder."""
    return (folder / LINK).resolve() if (folder / LINK).is_symlink() else None


def whole_sizes(file: Path, size: int) -> dict[str, int]:
    """How many bytes a file's tensors take as a language model's, by name.

    Args:
        size: bytes of a number in the model's dtype.
    """
    tensors = read_gguf_header(file).tensors
    return {name: size * math.prod(each.shape) for name, each in tensors.items() if name not in _NO_WEIGHTS}


def read_gguf(kind: Any, file: Path, **options: Any) -> Any:
    """A model of such a file, and what the library says of its loading.

    Args:
        kind: an `Auto` class of transformers.
        options: of its `from_pretrained`.
    """
    from transformers import GgufConfig

    return kind.from_pretrained(
        str(file.parent),
        gguf_file=file.name,
        quantization_config=GgufConfig(dequantize=True),
        output_loading_info=True,
        **{name: value for name, value in options.items() if name != "use_safetensors"},
    )


@functools.lru_cache(maxsize=32)
def _unpacked(file: Path, *stamp: int) -> Path:
    header = read_gguf_header(file)
    _refuse_others(file, header)
    if importlib.util.find_spec("gguf") is None:
        raise InputError(f"{file}: GGUF files need the package gguf: pip install 'diptych[gguf]'")
    folder = Path(tempfile.mkdtemp(dir=_workplace())) / file.stem
    folder.mkdir()
    try:
        with _quietly():
            _write(file, folder)
    except (DiptychError, MemoryError):
        raise
    except Exception as error:  # whatever the library makes of what the file says
        family = header.facts.get("general.architecture")
        raise CheckpointError(
            f"{file}: transformers does not read {family} models from GGUF files, or not this one"
            f" ({first_line(error)}): name the folder of the same model with safetensors in it"
        ) from error
    os.symlink(file, folder / LINK)
    return folder


def _write(file: Path, folder: Path) -> None:
    from transformers import AutoConfig, AutoTokenizer

    where: dict[str, Any] = {"gguf_file": file.name, "local_files_only": True}
    config = AutoConfig.from_pretrained(str(file.parent), **where)
    config.save_pretrained(folder)
    AutoTokenizer.from_pretrained(str(file.parent), **where).save_pretrained(folder)
    said = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    said.pop("quantization_config", None)
    (folder / "config.json").write_text(json.dumps(said), encoding="utf-8")


def _refuse_others(file: Path, header: GgufHeader) -> None:
    """Raise `CheckpointError` where a file has no language model."""
    if not any(name.startswith("token_embd") for name in header.tensors):
        family = header.facts.get("general.architecture", "something else")
        raise CheckpointError(
            f"{file}: is no language model, but {family}: the denoiser of a pipeline is named under parts, as"
            ' parts.transformer = "…"'
        )


@contextlib.contextmanager
def _quietly() -> Generator[None]:
    """Without the library's warnings and bars."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@functools.cache
def _workplace() -> str:
    """A temporary folder, until this process ends."""
    folder = tempfile.mkdtemp(prefix="diptych-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
