"""Pictures of the world that are drawn once and kept in a file, which the processes of a training share:
drawing one takes ten milliseconds, reading it a tenth of one. The inspector renders pictures of its own.

A picture is drawn when it is first asked for. Two processes that ask at the same time both draw it, and write
the same bytes.
"""

import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ....engine.errors import DiptychError, InputError
from ....engine.messages import reason_of

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

Drawing = tuple[np.ndarray, np.ndarray]
"""A picture, uint8 (side, side, 3), and the numbers of its things, uint8 (side, side)."""

BYTES_A_PIXEL = 4
LOOKED_AT = 48  # pictures that tell one world from another


class DrawnPictures:
    """The first `count` pictures of a split, as far as they were drawn.

    Args:
        folder: where they are kept; it is made.
        side: pixels.
        draw: the picture of a number.
        scene: what that picture shows; `repr` tells it from others.

    Raises:
        InputError: the disk has no room for all of them, or cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        count: int,
        *,
        side: int,
        draw: Callable[[int], Drawing],
        scene: Callable[[int], object],
    ) -> None:
        self.count, self._draw = count, draw
        world = 0  # another world's pictures go elsewhere
        for number in range(min(count, LOOKED_AT)):
            for part in (repr(scene(number)).encode(), *map(np.ndarray.tobytes, draw(number))):
                world = zlib.crc32(part, world)
        self._folder = folder / f"{world:08x}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._pixels = self._array("pixels", (count, side, side, 3))
            self._things = self._array("things", (count, side, side))
            self._is_drawn = self._array("drawn", (count,))
        except OSError as error:
            raise InputError(f"{folder}: cannot be written ({reason_of(error)})") from None
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
        self._is_drawn[number] = 1  # last: what a killed process half wrote is drawn again
        return pixels, things  # after a power cut remove the folder: a disk writes in any order

    def draw_ahead(self, count: int, *, processes: int) -> None:
        """Draw those of the first `count` that were not drawn yet, in so many processes where they can fork.

        Raises:
            DiptychError: one of them was killed, or could not draw.
        """
        if processes < 2 or sys.platform != "linux":
            return  # each is drawn when it is asked for
        missing = [number for number in range(min(count, self.count)) if not self._is_drawn[number]]
        running = [
            multiprocessing.get_context("fork").Process(
                target=self._draw_all, args=(missing[i::processes], os.getpid()), daemon=True
            )
            for i in range(processes)
        ]
        try:
            for process in running:
                process.start()
            for process in running:
                process.join()
        finally:
            for process in running:
                if process.is_alive():  # Ctrl-C came
                    process.terminate()
        if any(process.exitcode for process in running):
            raise DiptychError(
                f"{self._folder}: a process that drew pictures was killed (out of memory, or the disk is full):"
                " the same command goes on with those that are missing"
            )

    def _draw_all(self, numbers: Sequence[int], parent: int) -> None:
        """What each process does while the one is there that started it, which hears of Ctrl-C for all."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for number in numbers:
            if os.getppid() != parent:
                return
            self[number]

    def _array(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """What the file holds of this shape; what is not written yet is 0 and takes no room.

        Others may hold more of it: it grows alone, and one process at a time looks at its size.
        """
        path, size = self._folder / f"{name}.u8", int(np.prod(shape))
        path.touch()
        with path.open("r+b") as file:
            with contextlib.suppress(OSError):  # a file system may have no locks
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed
            if file.seek(0, os.SEEK_END) < size:
                file.truncate(size)
        return np.memmap(path, dtype=np.uint8, mode="r+", shape=shape)
