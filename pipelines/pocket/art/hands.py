"""A hand's drawings: made once of a set of SVG bodies, kept in one file, read from there without copies.

A hand is one way of drawing: a set of pictures of the same kinds by the same people, named by what it looks
like.
"""

import json
import os
import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ....engine.errors import InputError
from ....engine.messages import reason_of
from .colours import turned
from .svg import Pixels, draw_svg
from .things import OWN, own_kinds

DRAWN_SIDE = 128  # pixels of the longer side of every drawing
FINER = 2  # drawn this much larger first, and then reduced
COPIES_KEPT = 768  # in other colours, of all hands: at most 64 KiB each
LARGEST_HEAD_BYTES = 2**20


class Hand:
    """The drawings of one hand, in a file that `write_hand` wrote. Safe to read from many processes.

    Raises:
        InputError: there is no such file, or it is not one of drawings.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                (length,) = struct.unpack("<Q", file.read(8))
                head = json.loads(file.read(min(length, LARGEST_HEAD_BYTES)))
            pixels, sizes, told = head["pixels"], head["sizes"], head["__metadata__"]
            self.name: str = told["hand"]
            self.source: str = told.get("source", "")
            self.kinds: tuple[str, ...] = tuple(json.loads(told["kinds"]))
            self._pixels = _mapped(path, pixels, 8 + length, size, (len(self.kinds), DRAWN_SIDE, DRAWN_SIDE, 4))
            self._sizes = _mapped(path, sizes, 8 + length, size, (len(self.kinds), 2))
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({reason_of(error)}): fetch the art first") from None
        except (KeyError, TypeError, ValueError, AttributeError, struct.error, RecursionError):
            raise InputError(f"{path}: not a file of drawings: remove it, and fetch the art again") from None
        self._numbers = {kind: number for number, kind in enumerate(self.kinds)}

    def __contains__(self, kind: str) -> bool:
        return kind in self._numbers

    def drawing(self, kind: str, colour: str = "", part: str = "") -> Pixels:
        """The drawing of a kind, its longer side `DRAWN_SIDE` px, as it is or turned to one of the world's
        colours.

        `part` is one of `colours.PARTS`. Not to be written to. Raises `KeyError` for a kind that this hand has
        not drawn.
        """
        return _coloured(self, kind, colour, part) if colour else self._plain(kind)

    def _plain(self, kind: str) -> Pixels:
        number = self._numbers[kind]
        height, width = (int(side) for side in self._sizes[number])
        return self._pixels[number, :height, :width]


def write_hand(name: str, drawings: Iterable[tuple[str, Pixels]], path: Path, *, source: str = "") -> None:
    """Write the drawings of the kinds of a hand as safetensors: 'pixels' uint8 (n, 128, 128, 4), 'sizes' uint8
    (n, 2).

    Each is brought to `DRAWN_SIDE` px and lies in the upper left corner; 'sizes' are its height and width. The
    metadata names the 'hand', its 'kinds' (JSON) and the `source`.

    Raises:
        InputError: there is none, or the file cannot be written.
    """
    from safetensors.numpy import save_file

    kinds, pixels, sizes = [], [], []
    for kind, drawing in drawings:
        fitted = fit_side(drawing)
        cell = np.zeros((DRAWN_SIDE, DRAWN_SIDE, 4), np.uint8)
        cell[: fitted.shape[0], : fitted.shape[1]] = fitted
        kinds.append(kind)
        pixels.append(cell)
        sizes.append(fitted.shape[:2])
    if not kinds:
        raise InputError(f"{path}: no drawings to write")
    told = {"hand": name, "kinds": json.dumps(kinds), "source": source}
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({"pixels": np.stack(pixels), "sizes": np.array(sizes, np.uint8)}, beside, metadata=told)
        os.replace(beside, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({reason_of(error)})") from None


def draw_icons(icons: bytes, names: Mapping[str, str], *, where: str) -> Iterable[tuple[str, Pixels]]:
    """Draw kinds of an Iconify set: `names` are the icons by kind.

    Raises:
        InputError: the set is not in Iconify's JSON format, or lacks one of them.
    """
    try:
        table = json.loads(icons)
        bodies, aliases = table["icons"], table.get("aliases", {})
        usual = (table.get("width", 16), table.get("height", 16))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(f"{where}: not an icon set in Iconify's JSON format") from None
    for kind, name in names.items():
        icon = bodies.get(name) or bodies.get(aliases.get(name, {}).get("parent"))
        if icon is None:
            raise InputError(
                f"{where}: has no icon {name!r} for {kind!r}: it is not the version that is asked for"
            )
        yield kind, draw_svg(_document(icon, usual), DRAWN_SIDE * FINER, where=f"{where}: {name}")


def draw_own() -> Iterable[tuple[str, Pixels]]:
    """Draw the kinds of `own_kinds`, as large as those of hands."""
    for name, kind in own_kinds().items():
        path = OWN / f"{kind.icon}.svg"
        text = path.read_text(encoding="utf-8")
        yield name, fit_side(draw_svg(text, DRAWN_SIDE * FINER, where=str(path)))


def fit_side(drawing: Pixels) -> Pixels:
    """`drawing` with its longer side `DRAWN_SIDE` px."""
    height, width = drawing.shape[:2]
    by = DRAWN_SIDE / max(height, width)
    size = (max(1, round(width * by)), max(1, round(height * by)))
    if size == (width, height):
        return drawing
    return np.asarray(Image.fromarray(drawing).resize(size, Image.Resampling.LANCZOS))


@lru_cache(maxsize=COPIES_KEPT)
def _coloured(hand: Hand, kind: str, colour: str, part: str) -> Pixels:
    return turned(hand._plain(kind), colour, part)


def _document(icon: Mapping[str, Any], usual: tuple[float, float]) -> str:
    width, height = icon.get("width", usual[0]), icon.get("height", usual[1])
    space = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    box = f"{icon.get('left', 0)} {icon.get('top', 0)} {width} {height}"
    return f'<svg {space} viewBox="{box}">{icon["body"]}</svg>'


def _mapped(path: Path, told: Mapping[str, Any], begin: int, size: int, shape: tuple[int, ...]) -> np.ndarray:
    """A tensor of a safetensors file, as it lies on the disk."""
    first, last = told["data_offsets"]
    if told["dtype"] != "U8" or tuple(told["shape"]) != shape or first < 0:
        raise ValueError("not of the shape that is written")
    if last - first != int(np.prod(shape)) or begin + last > size:
        raise ValueError("cut off")
    return np.memmap(path, dtype=np.uint8, mode="r", offset=begin + first, shape=shape)
