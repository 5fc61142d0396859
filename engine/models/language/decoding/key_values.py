"""What is kept of sequences under way: their keys and values, room for all of which is set aside at once and
written in place; and what their entries get beside their embeddings."""

from collections.abc import Sequence

import torch


class KeyValues:
    """What the layers of one decoding remember.

    Args:
        layers, rows, heads, size: how many of each, and the numbers of a head.
        room: tokens of a row, at most.
        like: of their dtype and device.
    """

    def __init__(self, *, layers: int, rows: int, heads: int, room: int, size: int, like: torch.Tensor) -> None:
        self._layers = [like.new_zeros(2, rows, heads, room, size) for _ in range(layers)]

    @property
    def nbytes(self) -> int:
        return sum(layer.nbytes for layer in self._layers)

    def append(self, layer: int, at: int, k: torch.Tensor, v: torch.Tensor) -> None:
        """Write one token's k and v (b, heads, size) of all rows at place `at`."""
        both = self._layers[layer]
        both[0, :, :, at] = k
        both[1, :, :, at] = v

    def put(self, layer: int, at: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> None:
        """As `append`, where the place, int64 (1,), is known to the device alone."""
        both = self._layers[layer]
        both[0].index_copy_(2, at, k[:, :, None])
        both[1].index_copy_(2, at, v[:, :, None])

    def extend(self, layer: int, at: int, k: torch.Tensor, v: torch.Tensor) -> None:
        """Write k and v (b, heads, t, size) of all rows at places `at` to `at + t`."""
        both, stop = self._layers[layer], at + k.shape[2]
        both[0, :, :, at:stop] = k
        both[1, :, :, at:stop] = v

    def fill(self, layer: int, rows: torch.Tensor, start: int, k: torch.Tensor, v: torch.Tensor) -> None:
        """Write k and v (len(rows), heads, t, size) of some rows at places `start` to `start + t`."""
        both, stop = self._layers[layer], start + k.shape[2]
        both[0, rows, :, start:stop] = k
        both[1, rows, :, start:stop] = v

    def read(self, layer: int, start: int, stop: int) -> tuple[torch.Tensor, torch.Tensor]:
        """k and v (b, heads, stop - start, size)."""
        both = self._layers[layer]
        return both[0, :, :, start:stop], both[1, :, :, start:stop]

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows, in this order; row i of them must not lie before place i."""
        for both in self._layers:
            for i, row in enumerate(rows):
                if i != row:
                    both[:, i] = both[:, row]
        self._layers = [both[:, : len(rows)] for both in self._layers]


class Beside:
    """Of one batch under way, in the order of its tokens.

    Args:
        shown: (b, n, d): the first is for the first new token, and so on; `None` where rows are shown nothing.
    """

    def __init__(self, shown: torch.Tensor | None) -> None:
        self._shown, self._at = shown, 0

    def over(self, entries: torch.Tensor) -> torch.Tensor:
        """The entries of the next tokens (b, t, d), with what they are shown."""
        if self._shown is None:
            return entries
        start, self._at = self._at, self._at + entries.shape[1]
        return entries + self._shown[:, start : self._at].to(entries)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order."""
        if self._shown is not None:
            self._shown = self._shown[list(rows)]
