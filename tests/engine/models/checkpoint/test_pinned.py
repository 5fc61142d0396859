"""Locked memory of the host is bounded, is given back, and is locked beside the work."""

import dataclasses
import gc
import threading
import time
from pathlib import Path

import torch

from diptych.engine.models.checkpoint.pinned import PinnedPool, host_bytes, locked_size


@dataclasses.dataclass(eq=False)
class Piece:
    size: int
    pinned: torch.Tensor | None = None

    @property
    def like(self) -> torch.Tensor:
        return torch.empty(self.size, dtype=torch.uint8, device="meta")

    def ready(self) -> torch.Tensor:
        return torch.zeros(self.size, dtype=torch.uint8)


def test_it_is_bounded_and_first_come_is_first_served() -> None:
    pool = PinnedPool(300, lock=torch.clone)
    pieces = [Piece(100), Piece(128), Piece(1), Piece(44), Piece(44)]
    for piece in (*pieces, pieces[0]):
        pool.pin(piece)
    assert [piece.pinned is not None for piece in pieces] == [True, True, True, False, False]
    assert pool.bytes == 128 + 128 + 1 <= pool.most_bytes


def test_what_a_model_held_is_given_back_when_it_goes() -> None:
    pool = PinnedPool(128, lock=torch.clone)
    first, second = Piece(128), Piece(128)
    pool.pin(first)
    pool.pin(second)
    assert second.pinned is None
    del first
    gc.collect()
    assert pool.bytes == 0
    pool.pin(second)
    assert second.pinned is not None


def test_a_system_that_allows_no_more_is_no_error() -> None:
    def refuse(tensor: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("CUDA error: out of memory")

    pool, piece = PinnedPool(128, lock=refuse), Piece(128)
    pool.pin(piece)
    assert piece.pinned is None and pool.bytes == 0


def test_nobody_waits_for_it() -> None:
    allowed = threading.Event()

    def slow(tensor: torch.Tensor) -> torch.Tensor:
        allowed.wait(10)
        return tensor

    pool, pieces = PinnedPool(1000, lock=slow), [Piece(100), Piece(100)]
    pool.pin_aside(pieces)
    assert all(piece.pinned is None for piece in pieces)
    allowed.set()
    until = time.monotonic() + 10
    while any(piece.pinned is None for piece in pieces) and time.monotonic() < until:
        time.sleep(0.01)
    assert all(piece.pinned is not None for piece in pieces)


def test_torch_locks_powers_of_two() -> None:
    assert [locked_size(n) for n in (0, 1, 2, 3, 4, 1000)] == [1, 1, 2, 4, 4, 1024]


def test_a_container_has_what_it_is_allowed(tmp_path: Path) -> None:
    group = tmp_path / "memory.max"
    group.write_text("1048576\n")
    assert host_bytes(group) == 1048576
    group.write_text("max\n")
    assert host_bytes(group) == host_bytes(tmp_path / "none") > 1048576
