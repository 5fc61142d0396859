"""Reads single files out of a package's tarball, which nobody need trust: nothing is written, and all is
bounded."""

import gzip
import tarfile
import zlib
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import IO, cast

from .....engine.errors import InputError
from .....engine.messages import reason_of

LARGEST_TARBALL_BYTES = 64 * 2**20
LARGEST_CONTENT_BYTES = 160 * 2**20  # of all members and their heads, unpacked
LARGEST_FILE_BYTES = 64 * 2**20
MOST_MEMBERS = 4096


def read_tarball(path: Path, wanted: Collection[str]) -> dict[str, bytes]:
    """The contents of `wanted` files, by their names in the tarball ('package/icons.json').

    Raises:
        InputError: it cannot be read, is no gzip-compressed tarball, lacks a file, or holds what a package has
            no use for: links, devices, paths that lead outside, a name twice, more than the limits of this
            file.
    """
    try:
        if path.stat().st_size > LARGEST_TARBALL_BYTES:
            raise InputError(
                f"{path}: more than {LARGEST_TARBALL_BYTES >> 20} MiB: not one of the art's packages"
            )
        with gzip.open(path) as unpacked, _open(_Bounded(cast(IO[bytes], unpacked), path)) as tar:
            found = _read(tar, frozenset(wanted), path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({reason_of(error)})") from None
    except (tarfile.TarError, EOFError, zlib.error, ValueError, OverflowError, RecursionError) as error:
        raise InputError(f"{path}: not a whole package ({error}): fetch it again") from None
    if missing := sorted(set(wanted) - found.keys()):
        raise InputError(f"{path}: has no {missing[0]}: not the package that was asked for")
    return found


class _Bounded:
    """A stream that ends in an `InputError` before it has given out more than it may."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self._stream, self._path, self._left = stream, path, LARGEST_CONTENT_BYTES

    def read(self, size: int) -> bytes:
        self._left -= size
        if self._left < 0:
            raise InputError(f"{self._path}: more than {LARGEST_CONTENT_BYTES >> 20} MiB unpacked; refused")
        return self._stream.read(size)


def _open(stream: _Bounded) -> tarfile.TarFile:
    return tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|")


def _read(tar: tarfile.TarFile, wanted: frozenset[str], path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for number, member in enumerate(tar):
        if number >= MOST_MEMBERS:
            raise InputError(f"{path}: more than {MOST_MEMBERS} files; refused")
        _check(member, path)
        if not member.isfile() or member.name not in wanted:
            continue
        if member.name in found:
            raise InputError(f"{path}: holds {member.name} twice; refused")
        if member.size > LARGEST_FILE_BYTES:
            raise InputError(f"{path}: {member.name} has more than {LARGEST_FILE_BYTES >> 20} MiB; refused")
        content = tar.extractfile(member)
        assert content is not None, member
        found[member.name] = content.read()
        if len(found[member.name]) != member.size:
            raise InputError(f"{path}: {member.name} is cut off: fetch it again")
    return found


def _check(member: tarfile.TarInfo, path: Path) -> None:
    name = PurePosixPath(member.name)
    if not (member.isfile() or member.isdir()):
        raise InputError(f"{path}: holds a link or a device ({member.name!r}); refused")
    if name.is_absolute() or ".." in name.parts or "\\" in member.name or ":" in member.name:
        raise InputError(f"{path}: holds a path that leads outside ({member.name!r}); refused")
