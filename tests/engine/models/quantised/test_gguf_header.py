"""Headers of GGUF files: what they say, and that nothing they say costs more than a moment."""

import struct
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from diptych.engine.errors import CheckpointError
from diptych.engine.models.quantised.gguf_header import KINDS, gguf_sizes, read_gguf_header

Q8_0, F32 = 8, 0
Tensor = tuple[str, tuple[int, ...], int, int]
"""Name, shape as torch has it, ggml's number of its kind, where it begins."""


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def header(tensors: Sequence[Tensor], *, facts: bytes = b"", count: int = 0, version: int = 3) -> bytes:
    """A header with its padding."""
    made = b"GGUF" + struct.pack("<IQQ", version, len(tensors), count) + facts
    for name, shape, kind, start in tensors:
        made += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *reversed(shape))
        made += struct.pack("<IQ", kind, start)
    return made + bytes(-len(made) % 32)


ARCHITECTURE = text("general.architecture") + struct.pack("<I", 8) + text("flux")
WORDS = text("words") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b")
NUMBERS = text("numbers") + struct.pack("<IIQ", 9, 4, 3) + struct.pack("<III", 1, 2, 3)
GOOD = [("a.weight", (2, 64), Q8_0, 0), ("a.bias", (2,), F32, 160)]


def good() -> bytes:
    return header(GOOD, facts=ARCHITECTURE + WORDS + NUMBERS, count=3) + bytes(168)


def read(data: bytes, folder: Path) -> object:
    path = folder / "model.gguf"
    path.write_bytes(data)
    return read_gguf_header(path)


def test_a_header_says_names_shapes_kinds_and_facts(tmp_path: Path) -> None:
    read(good(), tmp_path)
    found = read_gguf_header(tmp_path / "model.gguf")
    assert found.facts == {"general.architecture": "flux", "words": 2, "numbers": [1, 2, 3]}
    assert found.tensors["a.weight"] == ((2, 64), "Q8_0", 2 * 2 * 34)
    assert found.tensors["a.bias"] == ((2,), "F32", 8)
    assert gguf_sizes(tmp_path / "model.gguf", 2) == {"a.weight": 136, "a.bias": 4}


def test_kinds_are_those_of_the_package() -> None:
    gguf = pytest.importorskip("gguf")
    known = {int(kind): (kind.name, *sizes) for kind, sizes in gguf.GGML_QUANT_SIZES.items()}
    assert all(known[number] == said for number, said in KINDS.items())


def test_a_file_that_was_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = good()
    for length in range(len(whole)):
        with pytest.raises(CheckpointError, match=r"model\.gguf: .*: get the file again"):
            read(whole[:length], tmp_path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK\x03\x04" + bytes(100), "is no GGUF file"),
        (header(GOOD, version=9), "version 9"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0), "which no model has"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60), "which no model has"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**62), "a text of"),
        (header([], facts=text("a") + struct.pack("<IIQ", 9, 4, 2**61), count=1), "a list of"),
        (header([], facts=text("a") + struct.pack("<I", 77), count=1), "a fact of kind 77"),
        (header([("a", (2, 64), 250, 0)]), "ggml's kind 250"),
        (header([("a", (2, 33), Q8_0, 0)]), "not of whole blocks"),
        (header([("a", (2**40, 2**20), F32, 0)]), "cut off"),
        (header([("a", (1,) * 9, F32, 0)]), "9 dimensions"),
        (header([GOOD[0], GOOD[0]]) + bytes(300), "a.weight twice"),
        (
            header([], facts=text("general.alignment") + struct.pack("<II", 4, 3), count=1),
            "an alignment that is none",
        ),
    ],
)
def test_what_cannot_be_is_refused_at_once(data: bytes, message: str, tmp_path: Path) -> None:
    started = time.perf_counter()
    with pytest.raises(CheckpointError, match=message) as caught:
        read(data, tmp_path)
    assert "\n" not in str(caught.value) and time.perf_counter() - started < 2


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is no file"):
        read_gguf_header(tmp_path)
