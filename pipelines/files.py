"""Files and folders that are written: what they are called, and that none is ever there by half."""

import collections
import contextlib
import errno
import hashlib
import io
import os
import re
import shutil
import stat
import tempfile
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..engine.errors import InputError
from ..engine.messages import reason_of

if TYPE_CHECKING:
    import PIL.Image
    import PIL.PngImagePlugin

RESULTS = "results.jsonl"
GALLERY = "index.html"
SHEET = "contact_sheet.png"
PREVIEW_SIDE = 256  # pixels
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
"""By these a picture's file is told from a thing's name, or a folder's."""
_ASIDE = re.compile(r"\..+\.\d+\.part")
_SLUG_CHARACTERS = 48
MOST_BYTES_OF_NAME = 255  # of a file, on most file systems


def slug(prompt: str) -> str:
    """The prompt as part of a file name: small letters, digits and hyphens only; `picture` if none is left."""
    plain = unicodedata.normalize("NFKD", prompt[:400]).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)
    name = ""
    for word in words:
        longer = f"{name}-{word}" if name else word[:_SLUG_CHARACTERS]
        if len(longer) > _SLUG_CHARACTERS:
            break
        name = longer
    return name or "picture"


def fitting_name(stem: str, ending: str) -> str:
    """A file's name that the system takes: of a long stem the beginning, and a mark of the whole.

    Args:
        ending: is kept, e.g. `-x2.png`.
    """
    name = f"{stem}{ending}"
    if len(os.fsencode(name)) <= MOST_BYTES_OF_NAME:
        return name
    mark = hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]
    room = MOST_BYTES_OF_NAME - len(os.fsencode(f"-{mark}{ending}"))
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return f"{stem}-{mark}{ending}"


def picture_name(row: int, prompt: str) -> str:
    return f"{row:04d}-{slug(prompt)}.png"


def preview_name(row: int) -> str:
    return f"previews/{row:04d}.png"


def is_file(path: Path) -> bool:
    """Whether there is such a file; whatever was typed, a long text say, is none or one."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, a NUL in it, a loop of links
        return False


def why_no_file(path: Path) -> str:
    """Why `is_file` says no: `no such file`, or what lies there."""
    try:
        kind = what_it_is(path)
    except FileNotFoundError:
        return "is a link to a file that is not there" if path.is_symlink() else "no such file"
    except OSError as error:
        return "no such file" if error.errno == errno.ENAMETOOLONG else f"cannot be read ({error.strerror})"
    except ValueError:  # a NUL in its name
        return "no such file"
    return f"is {kind}, not a file" if kind else "cannot be read"


def is_folder(path: Path) -> bool:
    """As `is_file`, of a folder."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def refuse_if_not_a_folder(out: Path) -> None:
    """Raises `InputError` if `out`, or what it would lie in, is a file, or is to be a folder with a picture's
    name; writes nothing."""
    try:
        nearest = next((path for path in (out, *out.parents) if path.exists()), None)
    except (OSError, ValueError) as error:  # a name too long, or a folder that may not be looked into
        reason = reason_of(error)
        raise InputError(f"{out}: cannot be used ({reason}): name another folder with -o") from None
    if nearest is not None and not nearest.is_dir():
        raise InputError(f"{nearest}: is a file, not a folder: name another folder with -o")
    if nearest != out and out.suffix.lower() in PICTURE_ENDINGS:
        raise InputError(f"{out}: is a picture's name, and a folder is made here: leave out {out.suffix}")


def written_to(paths: Sequence[Path], out: Path, name_of: Callable[[Path], str]) -> dict[Path, Path]:
    """Where what is made of each picture goes: into the folder `out`, or to `out` itself if it ends in `.png`.

    Args:
        name_of: what it is called in a folder.

    Raises:
        InputError: two would have the same name, or one that of the picture which it is made of.
    """
    into_file = out.suffix.lower() == ".png" and not is_folder(out)
    if into_file and len(paths) > 1:
        raise InputError(f"{out}: is one file for {len(paths)} pictures: name a folder with -o")
    if not into_file:
        refuse_if_not_a_folder(out)
    targets = {path: out if into_file else out / name_of(path) for path in paths}
    for target, count in collections.Counter(targets[path] for path in paths).items():
        if count > 1:
            raise InputError(f"{target}: {count} of the pictures would have this name: name a folder for each")
    for path, target in targets.items():
        if is_file(target) and is_file(path) and target.samefile(path):
            raise InputError(f"{target}: is the picture itself: name another folder with -o")
    return targets


def prepare_folder(out: Path) -> None:
    """Makes the folder, if it is not there, and makes sure that files can be written into it.

    Raises:
        InputError: it is a file, or cannot be made or written to.
    """
    refuse_if_not_a_folder(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out) as probe:
            probe.write(b"0")
    except OSError as error:
        reason = reason_of(error)
        raise InputError(f"{out}: cannot be written ({reason}): name another folder with -o") from None


def write_atomically(path: Path, data: bytes, *, sync: bool = True) -> None:
    """The file at `path` is what it was before, or holds all of `data`.

    Args:
        sync: it is safely on disk when this returns, first its bytes, then its name. Without, a power cut may
            take it back; that is many times quicker.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    with replacing(path, sync=sync) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(path: Path, *, sync: bool = True) -> Iterator[BinaryIO]:
    """A file to write into, which takes the place of the one at `path` when the block is left without an error;
    see `write_atomically`."""
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(fitting_name(f".{path.name}", f".{os.getpid()}{threading.get_ident()}.part"))
    try:
        with created(aside) as file:
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.replace(aside, path)
        if sync:
            sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise


def created(path: Path) -> BinaryIO:
    """A new file to write into, in the place of what has that name: a link that lies there is taken away, not
    followed.

    Raises:
        OSError: it cannot be made.
    """
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o666), "wb")


def opened(path: Path, *, follow: bool = True) -> BinaryIO:
    """The file at `path`, to be read. What is no file is refused at once: a pipe would be waited for, and a
    device has no end.

    Args:
        follow: a link, to the file that it leads to; else a link is refused, too.

    Raises:
        OSError: it is not there, cannot be read, or is no file; `strerror` says so.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not follow:
        flags |= getattr(os, "O_NOFOLLOW", 0)
    if kind := what_it_is(path, follow=follow):
        raise OSError(errno.EINVAL, f"is {kind}, not a file")
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # it was changed between the two
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is no file")
    return os.fdopen(descriptor, "rb")


def what_it_is(path: Path, *, follow: bool = True) -> str:
    """What lies at `path`, in words, if that is no file: `a pipe`; empty for a file.

    Raises:
        OSError: nothing is there, or it may not be looked at.
    """
    mode = (path.stat() if follow else path.lstat()).st_mode
    if stat.S_ISREG(mode):
        return ""
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFLNK: "a link",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
    }
    return kinds.get(stat.S_IFMT(mode), "a device")


@contextlib.contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """An empty folder to fill; it takes the place of `folder` at the end, and is gone if anything goes wrong.

    Raises:
        OSError: it cannot be written; `folder` is as it was.
    """
    part, old = folder.with_name(f".{folder.name}.part"), folder.with_name(f".{folder.name}.old")
    for leftover in (part, old):
        if leftover.exists():
            shutil.rmtree(leftover)
    part.mkdir(parents=True)
    try:
        yield part
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    if folder.exists():
        folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Makes sure that the names in a folder outlive a power cut, where the system can do that."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems sync files alone
            raise
    finally:
        os.close(descriptor)


def sweep(folder: Path) -> None:
    """Take away what a killed run had written aside, in the folder and those in it."""
    _sweep(os.fspath(folder), depth=2)


def _sweep(folder: str, *, depth: int) -> None:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name[0] == "." and _ASIDE.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)
            elif depth and entry.is_dir(follow_symlinks=False):
                _sweep(entry.path, depth=depth - 1)


def png_bytes(image: "PIL.Image.Image", chunks: "PIL.PngImagePlugin.PngInfo | None" = None) -> bytes:
    """The picture as a PNG file, with these text chunks; the same pixels and chunks give the same bytes."""
    stream = io.BytesIO()
    image.save(stream, format="PNG", pnginfo=chunks)
    return stream.getvalue()


def preview_bytes(image: "PIL.Image.Image") -> bytes:
    """A draft's preview as a PNG file, its longer side enlarged to `PREVIEW_SIDE`, its pixels still seen."""
    import PIL.Image

    factor = PREVIEW_SIDE / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return png_bytes(image.resize(size, PIL.Image.Resampling.NEAREST))
