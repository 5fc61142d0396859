"""Opens the files of pictures: PNG, JPEG and WebP, told by their content, and nothing else ever.

The three readers of Pillow are called by name. `PIL.Image.open` would try every kind that Pillow knows, and
hand an EPS to Ghostscript. Of an animated picture the first frame is read.
"""

import contextlib
import io
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ...engine.errors import InputError
from ...engine.messages import reason_of, shown_path
from ...prompts.plain_files import open_plain

if TYPE_CHECKING:
    import PIL.Image

MAX_SIDE = 8192  # pixels
MAX_BYTES = 2**29  # of a file: 8192 x 8192 pixels of 64 bits each
NAMES = "PNG, JPEG or WebP"
_HEAD = 16
_OTHERS = (  # what people try beside them, by how it begins
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"%!PS", "a PostScript file"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript file"),
    (b"%PDF", "a PDF"),
    (b"8BPS", "a Photoshop file"),
    (b"\x76\x2f\x31\x01", "an OpenEXR file"),
    (b"<svg", "an SVG"),
    (b"\xff\x0a", "a JPEG XL"),
)
_BRANDS = {b"avif": "an AVIF", b"avis": "an AVIF", b"heic": "a HEIC", b"heix": "a HEIC", b"mif1": "a HEIF"}


def damaged() -> tuple[type[Exception], ...]:
    """What Pillow raises at pictures that are damaged, or made to do harm."""
    import PIL.Image

    return (
        *(OSError, SyntaxError, ValueError, RuntimeError, OverflowError, EOFError),
        *(TypeError, AttributeError, LookupError, struct.error, zlib.error),
        *(PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning),
    )


@contextlib.contextmanager
def opened(source: Path | bytes, *, name: str = "") -> "Iterator[PIL.Image.Image]":
    """The picture, not yet decoded. What goes wrong with it inside the block becomes an InputError, too.

    Args:
        source: its file, or what that holds.
        name: what messages call it; the path, if not given.

    Raises:
        InputError: it is not there, is no plain file, is larger than `MAX_BYTES` or `MAX_SIDE` on a side, is of
            another kind, or damaged.
    """
    name = name or (shown_path(source) if isinstance(source, Path) else "the picture")
    try:
        with _stream(source, name) as stream:
            kind = kind_of(stream.read(_HEAD))
            stream.seek(0)
            with _READERS[kind](stream) if kind in _READERS else _refuse(kind, name) as image:
                if max(image.size) > MAX_SIDE:
                    size = f"{image.width} x {image.height}"
                    raise InputError(f"{name}: is {size} pixels: at most {MAX_SIDE} a side are read")
                yield image
    except InputError:
        raise
    except damaged() as error:
        reason = reason_of(error)
        raise InputError(f"{name}: cannot be read ({reason}): use a sound {NAMES} file") from None


def kind_of(head: bytes) -> str:
    """What a file is, by its first bytes: `PNG`, `JPEG`, `WEBP`; or another kind, as messages put it; or ``."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "a video")
    return next((kind for begin, kind in _OTHERS if head.startswith(begin)), "")


def _stream(source: Path | bytes, name: str) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    try:
        file = open_plain(source)
    except FileNotFoundError:
        raise InputError(f"{name}: no such file: check the path") from None
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if size > MAX_BYTES:
        file.close()
        raise InputError(f"{name}: is larger than {MAX_BYTES // 2**20} MiB: pictures of that size are not read")
    return file


def _refuse(kind: str, name: str) -> "PIL.Image.Image":
    what = f" (it is {kind})" if kind else ""
    raise InputError(f"{name}: is no picture of a kind that is read{what}: use {NAMES}")


def _png(stream: BinaryIO) -> "PIL.Image.Image":
    import PIL.PngImagePlugin

    return PIL.PngImagePlugin.PngImageFile(stream)


def _jpeg(stream: BinaryIO) -> "PIL.Image.Image":
    import PIL.JpegImagePlugin

    return PIL.JpegImagePlugin.JpegImageFile(stream)


def _webp(stream: BinaryIO) -> "PIL.Image.Image":
    import PIL.WebPImagePlugin

    return PIL.WebPImagePlugin.WebPImageFile(stream)


_READERS: "dict[str, Callable[[BinaryIO], PIL.Image.Image]]" = {"PNG": _png, "JPEG": _jpeg, "WEBP": _webp}
