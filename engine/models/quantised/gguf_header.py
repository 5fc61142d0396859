"""The header of a GGUF file: what its tensors are called, how they are kept, and how large they are.

Layout as ggml's specification says: magic, version, how many tensors and how many facts; the facts; of each
tensor its name, its shape (the fastest dimension first), its kind and where it begins; then the data, aligned.
Read within bounds and from the file's beginning alone, before any library reads it.
"""

import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ...errors import CheckpointError
from ..checkpoint.bounded import Unfit, is_file

MOST_TENSORS = 100_000
MOST_FACTS = 10_000
MOST_ITEMS = 4_000_000  # of a list: a vocabulary, its scores
MOST_BYTES = 256 * 2**20  # of the header
_LONGEST_NAME = 1_000
_LONGEST_TEXT = 16 * 2**20

_FORMS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _LIST = 8, 9
_ALIGNMENT = 32

KINDS: Mapping[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 30: ("BF16", 1, 2), 28: ("F64", 1, 8),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8),
    2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    29: ("IQ1_M", 256, 56),
}  # fmt: skip
"""By ggml's number: the name of a kind, how many numbers a block has, and how many bytes."""


ENDING = ".gguf"
_WHOLE = ("F32", "F16")
"""Kinds whose numbers are cast when they are loaded; those of all others stay as they are in the file."""


class GgufTensor(NamedTuple):
    """A tensor of the file: its shape as torch has it, the name of its kind, and its bytes in the file."""

    shape: tuple[int, ...]
    kind: str
    bytes: int


class GgufHeader(NamedTuple):
    """What a file says of itself, and its tensors by name."""

    facts: Mapping[str, Any]
    tensors: Mapping[str, GgufTensor]


def read_gguf_header(path: Path) -> GgufHeader:
    """A file's facts (of lists, how many items they have) and tensors.

    Raises:
        CheckpointError: it is no GGUF file, of a kind that is not known, damaged or cut off.
    """
    if not is_file(path):
        raise CheckpointError(f"{path}: is no file: give a .gguf file")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            return _header(_Reader(file, min(size, MOST_BYTES)), size)
    except (OSError, struct.error, UnicodeDecodeError, OverflowError) as error:
        raise CheckpointError(f"{path}: is damaged or cut off ({error}): get the file again") from None
    except Unfit as error:
        raise CheckpointError(f"{path}: {error}: get the file again") from None


def gguf_sizes(path: Path, size: int) -> dict[str, int]:
    """How many bytes the tensors of a file take when it is loaded as a component of a pipeline, by name.

    Args:
        size: bytes of a number in the model's dtype.

    Raises:
        CheckpointError: the file is damaged.
    """
    return {
        name: math.prod(each.shape) * size if each.kind in _WHOLE else each.bytes
        for name, each in read_gguf_header(path).tensors.items()
    }


def _header(file: "_Reader", size: int) -> GgufHeader:
    if file.take(4) != b"GGUF":
        raise Unfit("is no GGUF file")
    version, count, facts = file.numbers("<IQQ")
    if version not in (2, 3):
        raise Unfit(f"is of GGUF's version {version}, of which 2 and 3 are read")
    if count > MOST_TENSORS or facts > MOST_FACTS:
        raise Unfit(f"says {count} tensors and {facts} facts, which no model has")
    said = {file.text(_LONGEST_NAME): file.value(*file.numbers("<I")) for _ in range(facts)}
    tensors: dict[str, GgufTensor] = {}
    ends = [0]
    for _ in range(count):
        name = file.text(_LONGEST_NAME)
        if name in tensors:
            raise Unfit(f"has {name} twice")
        tensors[name], end = _tensor(file, name)
        ends.append(end)
    alignment = said.get("general.alignment", _ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
        raise Unfit("says an alignment that is none")
    start = -(-file.at // alignment) * alignment
    if start + max(ends) > size:
        raise Unfit(f"is cut off: {size} bytes, where its tensors take {start + max(ends)}")
    return GgufHeader(said, tensors)


def _tensor(file: "_Reader", name: str) -> tuple[GgufTensor, int]:
    """A tensor, and where it ends, from where the data begin."""
    (axes,) = file.numbers("<I")
    if axes > 8:
        raise Unfit(f"{name} has {axes} dimensions")
    shape = tuple(reversed(file.numbers(f"<{axes}Q")))
    number, start = file.numbers("<IQ")
    if number not in KINDS:
        raise Unfit(f"{name} is of ggml's kind {number}, which is not known")
    kind, block, bytes_each = KINDS[number]
    numbers = math.prod(shape)
    if numbers % block or (shape and shape[-1] % block):
        raise Unfit(f"{name} has the shape {shape}, which is not of whole blocks of {kind}")
    taken = numbers // block * bytes_each
    return GgufTensor(shape, kind, taken), start + taken


class _Reader:
    """Takes what comes next of a file, within its bound."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file, self._most = file, most
        self.at = 0

    def take(self, count: int) -> bytes:
        if self.at + count > self._most:
            raise Unfit("is damaged or cut off: its header goes on past its end")
        self.at += count
        return self._file.read(count)

    def numbers(self, form: str) -> tuple[Any, ...]:
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def text(self, most: int) -> str:
        (length,) = self.numbers("<Q")
        if length > most:
            raise Unfit(f"has a text of {length} characters in its header")
        return self.take(length).decode("utf-8")

    def value(self, kind: int) -> Any:
        """Of a list, its numbers; of one of texts, how many."""
        if kind in _FORMS:
            return self.numbers(f"<{_FORMS[kind]}")[0]
        if kind == _TEXT:
            return self.text(_LONGEST_TEXT)
        if kind != _LIST:
            raise Unfit(f"has a fact of kind {kind}, which is not known")
        inner, count = self.numbers("<IQ")
        if count > MOST_ITEMS:
            raise Unfit(f"has a list of {count} items in its header")
        if inner in _FORMS:
            return list(self.numbers(f"<{count}{_FORMS[inner]}"))
        if inner != _TEXT:
            raise Unfit(f"has a list of kind {inner}, which is not known")
        for _ in range(count):
            self.text(_LONGEST_TEXT)
        return count
