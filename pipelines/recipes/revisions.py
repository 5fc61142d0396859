"""Revisions of checkpoints: the hash of what is in their files, so that weights trained anew have another.

Names, shapes and sizes would not do: training changes none of them. Hashing reads every byte once, about a
second for a gigabyte, in the order in which loading will want them from the disk anyway. A process remembers
the result by path, size and time of change, and for large files the user's cache folder does. A file of the
Hub's cache is named after its hash, and is not read at all.
"""

import contextlib
import functools
import hashlib
import json
import os
import re
import time
from pathlib import Path

from ...engine.errors import CheckpointError
from ...engine.messages import reason_of
from ...engine.models.diffusion.single_files.places import place_of
from ..files import write_atomically

REMEMBERED_BYTES = 64 * 2**20  # files from this size on
SETTLED_NS = 2_000_000_000  # after its last change, a file's times tell it from what it is later
_READ = (".safetensors", ".json", ".jinja", ".model", ".txt")  # what adapters read of a checkpoint
_SINGLE = (".safetensors", ".gguf")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@functools.cache
def cache_file() -> Path:
    """Where hashes of large files are remembered."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "diptych" / "revisions.json"


def revision_of(checkpoint: str, *, part: str = "", weights: bool = True) -> str:
    """Sixteen hex digits that name the content of a checkpoint: weights, configuration and tokenizer.

    Args:
        part: of a pipeline, the folder whose content counts.
        weights: whether those count, beside the small files.

    Raises:
        CheckpointError: there is no such checkpoint, or it cannot be read.
    """
    folder = place_of(checkpoint)
    if folder.is_file():
        return _hash_of(folder)[:16]
    if part and (folder / "model_index.json").is_file():
        folder = folder / part
    digest = hashlib.sha256()
    try:
        for path in sorted(folder.rglob("*")):
            if path.suffix in _READ and path.is_file() and (weights or path.suffix != ".safetensors"):
                digest.update(f"{path.relative_to(folder).as_posix()}\0{_hash_of(path)}\n".encode())
    except OSError as error:
        raise CheckpointError(f"{folder}: cannot be read ({reason_of(error)}): check its rights") from None
    return digest.hexdigest()[:16]


def _hash_of(path: Path) -> str:
    real = path.resolve()
    if real.parent.name == "blobs" and _SHA256.fullmatch(real.name):
        return real.name
    status = real.stat()
    if status.st_size < REMEMBERED_BYTES:
        changed = max(status.st_mtime_ns, status.st_ctime_ns)
        if time.time_ns() - changed < SETTLED_NS:  # a second change might bear the time of this one
            return _read(real)
        return _read_once(real, status.st_ino, status.st_size, changed)
    key = f"{real}|{status.st_size}|{status.st_mtime_ns}"
    remembered = _remembered()
    if key not in remembered:
        remembered[key] = _read(real)
        with contextlib.suppress(OSError):  # it is only slower without
            cache_file().parent.mkdir(parents=True, exist_ok=True)
            write_atomically(cache_file(), json.dumps(remembered, indent=1).encode())
    return remembered[key]


@functools.lru_cache(4096)
def _read_once(path: Path, *state: int) -> str:
    """As `_read`, of a file in this state."""
    return _read(path)


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remembered() -> dict[str, str]:
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(cache_file().read_bytes())
        if isinstance(found, dict):
            return {key: value for key, value in found.items() if _SHA256.fullmatch(str(value))}
    return {}
