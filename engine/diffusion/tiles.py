"""A canvas in overlapping square tiles: what a model that sees one tile at a time predicts for all of it.

At every step each tile is predicted on its own, and where tiles overlap their estimates are averaged, each with
a weight that fades towards the tile's border (MultiDiffusion, Bar-Tal et al. 2023, eq. 5, with raised cosines
as weights). As the tiles share one noise and meet at every step, no border is left to be seen. Knows no texts,
pictures or models.
"""

import dataclasses
from collections.abc import Callable, Sequence

import torch


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tiles:
    """How a canvas is cut. Lengths are in its cells; the last tile of a row ends where the canvas does.

    Args:
        height, width: of the canvas, at least `side`.
        side: of a tile.
        overlap: cells that neighbours share, at least, 0 to `side` - 1.
    """

    height: int
    width: int
    side: int
    overlap: int

    def __post_init__(self) -> None:
        assert 0 <= self.overlap < self.side <= min(self.height, self.width), f"no tiles: {self}"

    @property
    def corners(self) -> list[tuple[int, int]]:
        """Top and left of each tile, row by row."""
        rows, columns = (self._starts(length) for length in (self.height, self.width))
        return [(top, left) for top in rows for left in columns]

    def cut(self, canvas: torch.Tensor) -> torch.Tensor:
        """A canvas (c, height, width) as tiles (n, c, side, side)."""
        side = self.side
        return torch.stack([canvas[:, y : y + side, x : x + side] for y, x in self.corners])

    def join(self, tiles: torch.Tensor) -> torch.Tensor:
        """Tiles (n, c, side, side) as a canvas (c, height, width): their weighted mean where they overlap."""
        side, weight = self.side, self._weight().to(tiles)
        total = tiles.new_zeros(tiles.shape[1], self.height, self.width)
        weights = tiles.new_zeros(self.height, self.width)
        for tile, (y, x) in zip(tiles, self.corners, strict=True):
            total[:, y : y + side, x : x + side] += tile * weight
            weights[y : y + side, x : x + side] += weight
        return total / weights

    def _starts(self, length: int) -> list[int]:
        """Where tiles begin along one side, as evenly as whole cells allow."""
        room = length - self.side
        steps = -(-room // (self.side - self.overlap))
        return [round(i * room / steps) for i in range(steps + 1)] if steps else [0]

    def _weight(self) -> torch.Tensor:
        """(side, side): 1 in the middle, fading to next to nothing over the overlap."""
        places = torch.arange(self.side, dtype=torch.float64) + 0.5
        to_border = torch.minimum(places, self.side - places) / max(self.overlap, 1)
        fade = (1 - torch.cos(torch.pi * to_border.clamp(max=1))) / 2
        return torch.outer(fade, fade).float()


def in_parts(
    predict: Callable[..., torch.Tensor], tensors: Sequence[torch.Tensor], *, at_once: int
) -> torch.Tensor:
    """`predict` of tensors (n, …), so many rows of them at a time."""
    parts = zip(*(tensor.split(at_once) for tensor in tensors), strict=True)
    return torch.cat([predict(*part) for part in parts])
