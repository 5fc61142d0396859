"""What the pixels of a picture from outside are: one rule, whichever way it is handed over.

    upright         turned as its EXIF says
    8 bits          of 16 the upper 8 count; numbers with a point lie between 0 and 1
    on white        what is transparent shows white paper
    RGB             grey, palettes and CMYK become that

A picture is a file's path, what a file holds (bytes), a PIL picture, a numpy array or a tensor. Of an animated
one the first frame counts. A mask is what a picture's transparency says, if it has any; else its lightness.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from ...engine.errors import InputError
from ...engine.messages import shown_path
from .opening import MAX_SIDE, damaged, opened

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image
    import torch

AnyPicture: TypeAlias = Union["PIL.Image.Image", "np.ndarray", "torch.Tensor", str, Path, bytes]
_ORIENTATION = 0x0112  # of EXIF
_STRIP = 32  # rows of a smaller copy that are made at a time
_UNKNOWN_WHITE = {"I": "32-bit whole numbers", "F": "numbers with a point"}


def rgb_of(given: AnyPicture, *, most: int | None = None) -> "PIL.Image.Image":
    """The picture in RGB, upright, 8 bits a colour, transparency on white.

    Args:
        most: of a larger file, in pixels a side, a smaller copy will do; it takes far less memory.

    Raises:
        InputError: it cannot be read, is no picture, or is larger than `MAX_SIDE` on a side.
    """
    if most is not None and isinstance(given, str | Path):
        with opened(Path(given)) as image:
            if max(image.size) > most:
                return _reduced(image, most, str(given))
    return _on_white(upright(given))


def _reduced(image: "PIL.Image.Image", most: int, name: str) -> "PIL.Image.Image":
    """A copy with at most so many pixels a side: each of its pixels is the mean of a square of the picture's.
    Made strip by strip, so that beside the decoded picture hardly anything is in memory."""
    import PIL.Image
    import PIL.ImageOps

    image.draft("RGB", (most, most))  # JPEG files are decoded at a half, a quarter or an eighth of their size
    _refuse_unknown_white(image, name)
    turn = image.getexif()
    factor = -(-max(image.size) // most)
    width, height = (-(-side // factor) for side in image.size)
    small = PIL.Image.new("RGB", (width, height))
    for top in range(0, height, _STRIP):
        rows = (top * factor, min((top + _STRIP) * factor, image.height))
        strip = image.crop((0, rows[0], image.width, rows[1]))
        strip = _on_white(_eight_bits(strip) if strip.mode.startswith("I;16") else strip)
        small.paste(strip.reduce(factor) if factor > 1 else strip, (0, top))
    if _ORIENTATION in turn:
        small.info["exif"] = turn.tobytes()  # which says what is up
        small = PIL.ImageOps.exif_transpose(small)
    return small


def mask_of(given: AnyPicture) -> "PIL.Image.Image":
    """A mask in 8 bits of grey: the alpha of a picture that is transparent anywhere, else its lightness.

    Raises:
        InputError: as `rgb_of`.
    """
    image = upright(given)
    alpha = alpha_of(image)
    return _on_white(image).convert("L") if alpha is None else alpha


def alpha_of(image: "PIL.Image.Image") -> "PIL.Image.Image | None":
    """How opaque an `upright` picture is, in 8 bits of grey; `None` for one that is opaque throughout."""
    if not image.has_transparency_data:
        return None
    alpha = image.convert("RGBA").getchannel("A")
    return None if alpha.getextrema() == (255, 255) else alpha


def see_through(image: "PIL.Image.Image", alpha: "PIL.Image.Image") -> "PIL.Image.Image":
    """A picture that was put on white, transparent again: `alpha`, of any size, is scaled to its own.

    The white that shone through is taken out of its colours, so that it looks the same on white as before.
    """
    import numpy as np
    import PIL.Image

    scaled = alpha.resize(image.size, PIL.Image.Resampling.LANCZOS)
    share = np.asarray(scaled, dtype=np.float32)[..., None] / 255  # (h, w, 1)
    colours = 255 - (255 - np.asarray(image, dtype=np.float32)) / np.maximum(share, 1 / 255)
    own = PIL.Image.fromarray(colours.clip(0, 255).round().astype(np.uint8))
    own.putalpha(scaled)
    return own


def pixels_of(given: AnyPicture) -> "torch.Tensor":
    """The picture by the same rule, as uint8 (h, w, 3) on the CPU. Errors as `rgb_of`."""
    import numpy as np
    import torch

    return torch.from_numpy(np.array(rgb_of(given)))


def upright(given: AnyPicture, *, name: str = "the picture") -> "PIL.Image.Image":
    """The picture upright and of 8 bits, its transparency kept. Errors as `rgb_of`.

    Args:
        name: what messages call it, if it is no file.
    """
    import PIL.Image

    if isinstance(given, (str, Path, bytes)):
        source, called = (given, name) if isinstance(given, bytes) else (Path(given), shown_path(given))
        with opened(source, name=called) as image:
            return _turned(image, called)
    if isinstance(given, PIL.Image.Image):
        _check_size(given.size)
        try:
            return _turned(given, name)
        except InputError:
            raise
        except damaged() as error:
            raise InputError(f"{name} cannot be read ({error}): give a sound one") from None
    return _of_array(given)


def _turned(image: "PIL.Image.Image", name: str) -> "PIL.Image.Image":
    import PIL.ImageOps

    _refuse_unknown_white(image, name)
    image.load()
    image = _eight_bits(image) if image.mode.startswith("I;16") else image
    turn = image.getexif().get(_ORIENTATION, 1)
    return image if turn == 1 else PIL.ImageOps.exif_transpose(image)


def _refuse_unknown_white(image: "PIL.Image.Image", name: str) -> None:
    if image.mode in _UNKNOWN_WHITE:
        what = f"{name}: is of {_UNKNOWN_WHITE[image.mode]} (mode {image.mode})"
        raise InputError(f"{what}, which do not say what white is: convert it to RGB first")


def _eight_bits(image: "PIL.Image.Image") -> "PIL.Image.Image":
    """Grey of 16 bits in 8, with alpha where one grey stands for nothing."""
    import numpy as np
    import PIL.Image

    values = np.asarray(image).astype(np.uint16)
    grey = PIL.Image.fromarray((values >> 8).astype(np.uint8))
    if isinstance(clear := image.info.get("transparency"), int):
        grey = grey.convert("LA")
        grey.putalpha(PIL.Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    grey.info |= {name: value for name, value in image.info.items() if name != "transparency"}
    return grey


def _on_white(image: "PIL.Image.Image") -> "PIL.Image.Image":
    import PIL.Image

    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    layer = image.convert("RGBA")
    paper = PIL.Image.new("RGBA", layer.size, "white")
    return PIL.Image.alpha_composite(paper, layer).convert("RGB")


def _of_array(given: Any) -> "PIL.Image.Image":
    """A picture of numbers: (h, w), (h, w, c) or (c, h, w), of 1, 2, 3 or 4 channels."""
    import numpy as np
    import PIL.Image
    import torch

    if isinstance(given, torch.Tensor):
        given = given.detach().cpu()
        given = (given.float() if given.is_floating_point() else given).numpy()
    if not isinstance(given, np.ndarray):
        kind = type(given).__name__
        raise InputError(
            f"a {kind} is no picture: give a PIL image, a path, an array, or an outcome of this pipeline"
        )
    values = given
    if values.ndim == 3 and values.shape[2] not in (1, 2, 3, 4) and values.shape[0] in (1, 2, 3, 4):
        values = values.transpose(1, 2, 0)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.ndim not in (2, 3) or values.size == 0 or (values.ndim == 3 and values.shape[2] not in (2, 3, 4)):
        shape = tuple(given.shape)
        raise InputError(f"an array of shape {shape} is no picture: give (height, width, 3)")
    _check_size((values.shape[1], values.shape[0]))
    return PIL.Image.fromarray(np.ascontiguousarray(_bytes(values)))


def _bytes(values: "np.ndarray") -> "np.ndarray":
    import numpy as np

    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * 255
    if values.dtype == np.uint16:
        return (values >> 8).astype(np.uint8)
    if not np.issubdtype(values.dtype, np.floating):
        raise InputError(f"an array of {values.dtype} is no picture: give uint8, or numbers from 0 to 1")
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise InputError("an array of numbers with a point is a picture where all lie between 0 and 1")
    return (values * 255).round().astype(np.uint8)


def _check_size(size: tuple[int, int]) -> None:
    if max(size) > MAX_SIDE:
        raise InputError(f"the picture is {size[0]} x {size[1]} pixels: at most {MAX_SIDE} a side are read")
    if min(size) < 1:
        raise InputError(f"the picture is {size[0]} x {size[1]} pixels: it holds nothing")
