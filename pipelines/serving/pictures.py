"""Pictures on their way in and out: base64, files of forms, masks as other tools mean them, formats, sizes."""

import base64
import binascii
import dataclasses
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ...engine.errors import InputError
from ..files import png_bytes, write_atomically
from ..pictures.opening import opened
from ..pictures.pixels import alpha_of, mask_of, upright
from ..recipes.environment import Environment
from .queue.jobs import TooLargeError
from .replies import without_paths

if TYPE_CHECKING:
    import PIL.Image

Format = Literal["png", "jpeg", "webp"]
MEDIA_TYPES: dict[str, str] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
_ENDINGS = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}


def decoded(text: str, *, called: str = "image") -> bytes:
    """What base64, or a `data:` URL of it, holds.

    Raises:
        InputError: it is neither; addresses elsewhere are not looked up.
    """
    head, comma, tail = text.partition(",") if text.startswith("data:") else ("", "", text)
    if head and (not comma or ";base64" not in head):
        raise InputError(f"{called}: a data: URL must be of base64")
    if tail[:8].lower().startswith(("http://", "https://", "ftp://", "file:")):
        raise InputError(f"{called}: addresses are not looked up: send the picture itself, in base64")
    try:
        return base64.b64decode("".join(tail.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InputError(f"{called}: is no base64: send the bytes of a PNG, JPEG or WebP so") from None


def kind_of_picture(data: bytes, *, most_pixels: int, called: str = "image") -> str:
    """The format of a picture, as Pillow calls it, by its first bytes: it is not decoded.

    Raises:
        InputError: it is no picture of a kind that is read.
        TooLargeError: it has more pixels than are read.
    """
    with opened(data, name=called) as image:
        if image.width * image.height > most_pixels:
            raise TooLargeError(f"{called}: {image.width}x{image.height} pixels are more than are read here")
        return image.format or "PNG"


def checked(data: bytes, *, most_pixels: int, called: str = "image") -> str:
    """As `kind_of_picture`, of one that is decoded. Raises `InputError` where it is damaged, too."""
    kind = kind_of_picture(data, most_pixels=most_pixels, called=called)
    upright(data, name=called)
    return kind


def kept(data: bytes, inputs: Path, *, most_pixels: int, called: str = "image") -> str:
    """Put a picture among the server's inputs; returns its name there, which is that of its content. Errors as
    `checked`."""
    kind = checked(data, most_pixels=most_pixels, called=called)
    name = f"{hashlib.sha256(data).hexdigest()}{_ENDINGS[kind]}"
    if not (inputs / name).exists():
        write_atomically(inputs / name, data)
    return name


def mask_of_holes(data: bytes, *, called: str = "mask") -> bytes | None:
    """The mask that a picture's transparency means for OpenAI: white where it is see-through, and so may
    change; `None` for one that is rather opaque throughout: its edges may be soft, or it faint."""
    import PIL.ImageOps

    alpha = alpha_of(upright(data, name=called))
    if alpha is None or is_all_black(mask := png_bytes(PIL.ImageOps.invert(alpha))):
        return None
    return mask


def mask_of_light(data: bytes, *, size: tuple[int, int], invert: bool = False) -> bytes:
    """The mask that a picture's lightness means for AUTOMATIC1111: white may change.

    Args:
        size: width and height of the picture that it is for; it is scaled to that.
    """
    import PIL.Image
    import PIL.ImageOps

    grey = mask_of(data)
    if grey.size != size:
        grey = grey.resize(size, PIL.Image.Resampling.BILINEAR)
    return png_bytes(PIL.ImageOps.invert(grey) if invert else grey)


def is_all_black(mask: bytes) -> bool:
    """Whether a mask allows nothing to change."""
    import numpy as np

    return int(np.asarray(mask_of(mask)).max()) < 128


def encoded(
    png: bytes, *, format: Format = "png", quality: int = 95, within: tuple[int, int] | None = None
) -> bytes:
    """A picture as a client wants it; the file as it is, history and all, where that is a PNG of this size.

    Args:
        quality: 0 to 100, of the formats that lose something.
        within: width and height that it is enlarged, or made smaller, to fit into.
    """
    if format == "png" and within is None:
        return png
    with opened(png, name="the picture") as image:
        image.load()
        made = _fitted(image, within)
        if format == "png":
            import PIL.PngImagePlugin

            chunks = PIL.PngImagePlugin.PngInfo()
            for name, text in image.info.items():
                if isinstance(text, str):
                    chunks.add_text(str(name), text)
            return png_bytes(made, chunks)
        stream = io.BytesIO()
        made.convert("RGB").save(stream, format=format.upper(), quality=quality)
        return stream.getvalue()


def size_of(png: bytes, within: tuple[int, int] | None) -> tuple[int, int]:
    """Width and height of what `encoded` gives."""
    with opened(png, name="the picture") as image:
        return _size(image.size, within)


def preview(pixels: Any, *, format: Format = "png", within: tuple[int, int] | None = None) -> bytes:
    """What there is to be seen of a picture that is not done.

    Args:
        pixels: uint8 (h, w, 3).
        within: as `encoded` has it.
    """
    import PIL.Image

    image = PIL.Image.fromarray(pixels.cpu().numpy())
    made = _fitted(image, within)
    stream = io.BytesIO()
    made.save(stream, format=format.upper())
    return stream.getvalue()


def _size(size: tuple[int, int], within: tuple[int, int] | None) -> tuple[int, int]:
    if within is None:
        return size
    scale = min(within[0] / size[0], within[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _fitted(image: "PIL.Image.Image", within: tuple[int, int] | None) -> "PIL.Image.Image":
    import PIL.Image

    size = _size(image.size, within)
    return image if size == image.size else image.resize(size, PIL.Image.Resampling.LANCZOS)


def public(environment: Environment) -> Environment:
    """What pictures say of how they were made, without paths of this machine. It names the same weights, by
    their content; several of the same name are told apart."""
    names: dict[str, str] = {}
    for name in environment.revisions:
        short = without_paths(name)
        alike = sum(other == short or other.startswith(f"{short}~") for other in names.values())
        names[name] = f"{short}~{alike + 1}" if alike else short
    revisions = {names[name]: each for name, each in environment.revisions.items()}
    return dataclasses.replace(environment, table=_plain(environment.table, names), revisions=revisions)


def _plain(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(each, names) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each, names) for each in value]
    return names.get(value, without_paths(value)) if isinstance(value, str) else value
