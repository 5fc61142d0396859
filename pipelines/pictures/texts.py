"""What a picture's file says beside its pixels: text chunks of a PNG, texts in EXIF and XMP.

Tools keep there how a picture was made. This file knows where such texts lie and how they are encoded; what
they mean, it does not know. Pixels are decoded only where a PNG says nothing before them.
"""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .opening import opened

if TYPE_CHECKING:
    import PIL.Image

MAX_CHARACTERS = 64 * 2**20  # of a text
USER_COMMENT, XMP_COMMENT = "UserComment", "XMP UserComment"
_EXIF = {0x010E: "ImageDescription", 0x010F: "Make", 0x0110: "Model", 0x0131: "Software"}
_PHOTO = {0x9286: USER_COMMENT, 0x927C: "MakerNote"}
_PHOTO_FOLDER = 0x8769  # where EXIF keeps what a camera says
_XMP = re.compile(
    r"<exif:UserComment>\s*<rdf:Alt>\s*<rdf:li[^>]{0,200}>([^<]*)</rdf:li>|exif:UserComment=\"([^\"]*)\"",
    re.ASCII,
)


def texts_of(source: Path | bytes) -> dict[str, str]:
    """The texts of a picture by the names that they have there: PNG keywords; `UserComment`, `Make`, `Model`,
    `ImageDescription`, `Software` and `MakerNote` of EXIF; `XMP UserComment`; `comment` of a JPEG.

    Raises:
        InputError: it cannot be read, or is no picture of a kind that is read.
    """
    with opened(source) as image:
        texts = dict(_texts(image))
        if image.format == "PNG" and not texts:
            image.load()  # what stands behind the pixels
            texts = dict(_texts(image))
        return texts


def _texts(image: "PIL.Image.Image") -> Iterator[tuple[str, str]]:
    import PIL.Image

    exif = PIL.Image.Image.getexif(image)  # not the PNG reader's, which decodes the pixels first
    photo = exif.get_ifd(_PHOTO_FOLDER)
    for tags, names in ((exif, _EXIF), (photo, _PHOTO)):
        for tag, name in names.items():
            if text := _decoded(tags.get(tag)):
                yield name, text
    for key, value in image.info.items():
        name = str(key)
        if name in ("xmp", "XML:com.adobe.xmp"):
            if found := _XMP.search(_decoded(value)):
                yield XMP_COMMENT, html.unescape(found[1] or found[2] or "")
        elif isinstance(value, str):
            yield name, str(value)
        elif name == "comment" and isinstance(value, bytes):
            yield name, _decoded(value)


def _decoded(value: Any) -> str:
    """Text of EXIF: as it is, or behind eight bytes that name its code, of which people write any."""
    if isinstance(value, str):
        return value[:MAX_CHARACTERS].rstrip("\0")
    if not isinstance(value, bytes):
        return ""
    code, data = value[:8], value[8:MAX_CHARACTERS]
    if code == b"UNICODE\0":
        return _utf16(data)
    if code in (b"ASCII\0\0\0", b"\0" * 8):
        return data.decode("utf-8", "replace").rstrip("\0")
    return value[:MAX_CHARACTERS].decode("utf-8", "replace").rstrip("\0")


def _utf16(data: bytes) -> str:
    """In the order of bytes that its mark or its zeros speak for; UTF-8 where there are none."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace").rstrip("\0")
    first, second = data[::2].count(0), data[1::2].count(0)
    if not first and not second:
        return data.decode("utf-8", "replace")
    return data.decode("utf-16-be" if first >= second else "utf-16-le", "replace").rstrip("\0")
