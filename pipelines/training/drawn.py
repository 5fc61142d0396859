"""Pictures of the world that are drawn once and kept in a file, which all models and processes of a training
share: drawing one takes ten milliseconds, reading it a tenth of one.

A picture is drawn when it is first asked for. Two processes that ask at the same time both draw it, and write
the same bytes.
"""

import multiprocessing
import os
import shutil
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ...engine.errors import InputError

Drawing = tuple[np.ndarray, np.ndarray]
"""A picture, uint8 (side, side, 3), and the numbers of its things, uint8 (side, side)."""

BYTES_A_PIXEL = 4


class DrawnPictures:
    """The first `count` pictures of a split, as far as they were drawn.

    Args:
        folder: where they are kept; it is made.
        side: pixels.
        draw: the picture of a number.

    Raises:
        InputError: the disk has no room for all of them, or cannot be written.
    """

    def __init__(self, folder: Path, count: int, *, side: int, draw: Callable[[int], Drawing]) -> None:
        self.count, self._draw = count, draw
        first = b"".join(part.tobytes() for part in draw(0))  # another world's pictures go elsewhere
        self._folder = folder / f"{zlib.crc32(first):08x}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._pixels = self._array("pixels", (count, side, side, 3))
            self._things = self._array("things", (count, side, side))
            self._is_drawn = self._array("drawn", (count,))
        except OSError as error:
            raise InputError(f"{folder}: cannot be written ({error.strerror or error})") from None
        wanted = (count - int(self._is_drawn.sum(dtype=np.int64))) * BYTES_A_PIXEL * side * side
        free = shutil.disk_usage(self._folder).free
        if wanted > free:
            raise InputError(
                f"{folder}: {count:,} drawn pictures need {wanted / 2**30:.1f} GiB more, {free / 2**30:.1f} are"
                " free: leave out --cache, or set fewer `pictures` in the config"
            )

    def __getitem__(self, number: int) -> Drawing:
        """The picture of a number, from 0 on: not to be written to."""
        if self._is_drawn[number]:
            return self._pixels[number], self._things[number]
        pixels, things = self._draw(number)
        self._pixels[number], self._things[number] = pixels, things
        self._is_drawn[number] = 1  # last: what is half written is drawn again
        return pixels, things

    def draw_ahead(self, count: int, *, processes: int) -> None:
        """Draw those of the first `count` that were not drawn yet, in so many processes where they can fork."""
        missing = [number for number in range(min(count, self.count)) if not self._is_drawn[number]]
        if processes < 2 or "fork" not in multiprocessing.get_all_start_methods():
            return  # each is drawn when it is asked for
        fork = multiprocessing.get_context("fork")
        running = [fork.Process(target=self._draw_all, args=(missing[i::processes],)) for i in range(processes)]
        for process in running:
            process.start()
        for process in running:
            process.join()

    def _draw_all(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self[number]

    def _array(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """What the file holds of this shape; what nobody wrote yet is 0 and takes no room."""
        path = self._folder / f"{name}.u8"
        with path.open("ab") as file:
            if file.tell() < (size := int(np.prod(shape))):
                os.truncate(file.fileno(), size)
        return np.memmap(path, dtype=np.uint8, mode="r+", shape=shape)
