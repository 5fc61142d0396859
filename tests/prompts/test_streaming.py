"""A hundred thousand rows: the first is there at once, and memory does not grow with their number."""

import io
import itertools
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from diptych import read_prompts
from diptych.prompts.variants import resolve

ROWS = 100_000
MANY = 10_000  # of 250 bytes
CHUNK = 65_536

BOAT = "a red boat " + "in the snow " * 20
WRITERS: dict[str, tuple[str, Callable[[int], str], str]] = {  # what comes first, a row, what comes last
    "text": ("", lambda i: f"{BOAT}{i}\n", ""),
    "option lines": ("", lambda i: f"--prompt '{BOAT}' --seed {i}\n", ""),
    "infotext": ("", lambda i: f"{BOAT}\nSteps: 20, CFG scale: 7, Seed: {i}\n\n", ""),
    "csv": ("prompt,seed\n", lambda i: f'"{BOAT}",{i}\n', ""),
    "tsv": ("prompt\tseed\n", lambda i: f"{BOAT}\t{i}\n", ""),
    "jsonl": ("", lambda i: f'{{"prompt": "{BOAT}", "seed": {i}}}\n', ""),
    "json": ('{"defaults": {"steps": 3}, "rows": ["a"', lambda i: f', {{"prompt": "{BOAT}{i}"}}', "]}"),
    "yaml": ("rows:\n", lambda i: f"- prompt: {BOAT}\n  seed: {i}\n", ""),
}


class Source(io.RawIOBase):
    """A file that is written as it is read."""

    def __init__(self, name: str, rows: int) -> None:
        first, write, last = WRITERS[name]
        self._pieces = itertools.chain([first], map(write, range(rows)), [last])
        self._rest = b""
        self.taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        while len(self._rest) < len(buffer):
            piece = "".join(itertools.islice(self._pieces, 500))
            if not piece:
                break
            self._rest += piece.encode()
        given, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(given)] = given
        self.taken += len(given)
        return len(given)


def opened(name: str, rows: int) -> tuple[Source, Iterator[object]]:
    source = Source(name, rows)
    return source, resolve(read_prompts(io.BufferedReader(source, CHUNK)))


@pytest.mark.parametrize("name", WRITERS)
def test_the_first_row_is_there_when_little_of_the_file_is_read(name: str) -> None:
    source, rows = opened(name, ROWS)
    next(rows)
    assert source.taken <= 3 * CHUNK


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "option lines"])  # slow, and as in "text"
def test_memory_does_not_grow_with_the_rows(name: str) -> None:
    tracemalloc.start()
    try:
        source, rows = opened(name, MANY)
        count = sum(1 for _ in rows)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count >= MANY
    assert peak_bytes < 2 * 2**20 < source.taken


@pytest.mark.parametrize("name", ["text", "jsonl"])
def test_a_hundred_thousand_rows_are_read_whole(name: str) -> None:
    _, rows = opened(name, ROWS)
    assert sum(1 for _ in rows) == ROWS


def test_rows_of_a_pipe_are_there_as_soon_as_they_are_written() -> None:
    class Slow(io.RawIOBase):
        lines = iter([b"a boat\n", b"a cat\n"])

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
            line = next(self.lines)  # a third read would be StopIteration: the writer is still at work
            buffer[: len(line)] = line
            return len(line)

    rows = read_prompts(io.BufferedReader(Slow()))
    assert next(rows).prompt == "a boat"
    assert next(rows).prompt == "a cat"
