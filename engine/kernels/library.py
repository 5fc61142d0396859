"""The library that `decoder.cpp` is built into, if it was, and the structures that it takes.

Knows addresses and numbers only; what they are of, `models.language.decoding.native` knows.
"""

import ctypes
import functools
import importlib.machinery
import os
from pathlib import Path

OFF = "DIPTYCH_NO_KERNELS"
"""The environment variable that switches the library off, for comparisons."""

MAX_HEAD_SIZE = 512


class Linear(ctypes.Structure):
    """A linear layer: packed weights, and a bias or none."""

    _fields_ = (
        ("weight", ctypes.c_void_p),
        ("bias", ctypes.c_void_p),
        ("inputs", ctypes.c_long),
        ("outputs", ctypes.c_long),
        ("is_half", ctypes.c_int),
    )


class Layer(ctypes.Structure):
    """One layer: `norm` before and after the attention, before and after the feed-forward part, null for none;
    `window` is 0 for all tokens; `rotation` is an index into the model's."""

    _fields_ = (
        *((name, Linear) for name in ("q", "k", "v", "out", "gate", "up", "down")),
        ("norm", ctypes.c_void_p * 4),
        ("q_norm", ctypes.c_void_p),
        ("k_norm", ctypes.c_void_p),
        ("eps", ctypes.c_float),
        ("scale", ctypes.c_float),
        ("window", ctypes.c_long),
        ("rotation", ctypes.c_int),
    )


class Model(ctypes.Structure):
    """All layers and the head; `activation` is 0 for SiLU, 1 for the GELU by tanh; `cos` and `sin` (places,
    size) are as `lean_layers.Rotation` has them."""

    _fields_ = (
        *((name, ctypes.c_long) for name in ("width", "inner", "heads", "key_heads", "size", "layers")),
        ("layer", ctypes.POINTER(Layer)),
        ("norm", ctypes.c_void_p),
        ("eps", ctypes.c_float),
        ("activation", ctypes.c_int),
        ("head", Linear),
        ("cos", ctypes.c_void_p * 2),
        ("sin", ctypes.c_void_p * 2),
    )


class Cache(ctypes.Structure):
    """Keys (layers, rows, key heads, room / 16, size, 16), sixteen places side by side, and values (layers,
    rows, key heads, room, size); float32."""

    _fields_ = (
        ("keys", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
        ("rows", ctypes.c_long),
        ("room", ctypes.c_long),
    )


class Library:
    """The functions of the library, for the best instruction set that the machine has.

    Args:
        level: another one, for tests; 2 is AVX-512, 1 is AVX2.
    """

    def __init__(self, code: ctypes.CDLL, level: int) -> None:
        self._code, self.level = code, level
        size, address, number = ctypes.c_long, ctypes.c_void_p, ctypes.c_int
        code.diptych_packed_numbers.restype = size
        code.diptych_packed_numbers.argtypes = [number, size, size]
        code.diptych_is_half.argtypes = [number, address, size]
        code.diptych_pack.argtypes = [number, address, size, size, number, address]
        model, cache = ctypes.POINTER(Model), ctypes.POINTER(Cache)
        code.diptych_layers.argtypes = [number, model, cache, size, *(address,) * 4]
        code.diptych_layers.restype = None
        code.diptych_logits.argtypes = [number, model, address, size, address, address]
        code.diptych_logits.restype = None
        code.diptych_draw.argtypes = [number, address, size, size, *(address,) * 6]
        code.diptych_draw.restype = None

    def at_level(self, level: int) -> "Library":
        """The same library for another instruction set that the machine has."""
        return Library(self._code, level)

    def is_half(self, weights: int, count: int) -> bool:
        """Whether all of `count` float32 numbers are numbers of half precision."""
        return bool(self._code.diptych_is_half(self.level, weights, count))

    def packed_numbers(self, outputs: int, inputs: int) -> int:
        """Numbers of a matrix when it is packed."""
        return int(self._code.diptych_packed_numbers(self.level, outputs, inputs))

    def pack(self, weights: int, outputs: int, inputs: int, *, is_half: bool, to: int) -> None:
        """Pack float32 weights (outputs, inputs)."""
        self._code.diptych_pack(self.level, weights, outputs, inputs, is_half, to)

    def layers(
        self, model: Model, cache: Cache, count: int, *, rows: int, places: int, x: int, scratch: int
    ) -> None:
        """Take `count` entries x, float32 (count, width), through all layers in place; entry i is the token at
        `places[i]` of the sequence `rows[i]`, both int32. All of them are remembered before any looks back."""
        self._code.diptych_layers(
            self.level, ctypes.byref(model), ctypes.byref(cache), count, rows, places, x, scratch
        )

    def logits(self, model: Model, x: int, count: int, *, to: int, scratch: int) -> None:
        """The head's outputs, float32 (count, outputs)."""
        self._code.diptych_logits(self.level, ctypes.byref(model), x, count, to, scratch)

    def draw(
        self,
        logits: int,
        rows: int,
        count: int,
        *,
        temperature: int,
        top_k: int,
        top_p: int,
        uniform: int,
        scratch: int,
        to: int,
    ) -> None:
        """A token for each row of float32 logits (rows, count), as `ar.sampling.Sampler` draws it.

        Args:
            temperature, top_p, uniform: float64 (rows,).
            top_k, to: int64 (rows,).
            scratch: float64 (4 · count).
        """
        self._code.diptych_draw(
            self.level, logits, rows, count, temperature, top_k, top_p, uniform, scratch, to
        )


@functools.cache
def library() -> Library | None:
    """The library; `None` where it was not built, does not load, has nothing for this machine, or is off."""
    if os.environ.get(OFF):
        return None
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        path = Path(__file__).with_name(f"decoder{suffix}")
        if path.is_file():
            try:
                code = ctypes.CDLL(str(path))
                level = int(code.diptych_level())
            except (OSError, AttributeError):
                return None
            return Library(code, level) if level > 0 else None
    return None
