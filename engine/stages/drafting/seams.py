"""What is drawn anew beside tokens that stand: weights by which it fits them, though the drafter has not read
them yet.

A drafter writes row by row: it knows what stands to the left and above, and nothing of what stands to the right
and below. So of each token that it may write there, the patch's edges are held against those of the neighbours
that stand (as overlaps are in Efros & Freeman 2001, "Image Quilting"). Where a row leans on its initial
tokens, whole patches are held against those.
"""

import dataclasses
from collections.abc import Sequence

import torch
from torch.nn.functional import max_pool2d

from ...models.vision.patch_codebook import PatchCodebook

EDGE_NATS = 60.0  # for edges that differ by all there is; a sky against a meadow is a tenth of that


@dataclasses.dataclass(frozen=True)
class Seams:
    """Of one batch, on the device of its codebook.

    Args:
        tokens: int64 (b, h, w): the initial ones.
        edges: float32 (b, h, w), on the CPU: 1 where they stay, and what is beside them is to fit.
        lean: float32 (b, h, w), on the CPU: nats by which a patch is less likely that differs from the initial
            one by all there is.
        patches: float32 (v, p, p, 3), of the codebook.
    """

    tokens: torch.Tensor
    edges: torch.Tensor
    lean: torch.Tensor
    patches: torch.Tensor

    def weights(self, place: int) -> torch.Tensor:
        """Log-weights (b, v) of the token at a place of the grid, counted row by row."""
        rows, columns = self.tokens.shape[1:]
        y, x = divmod(place, columns)
        total = torch.zeros(len(self.tokens), len(self.patches), device=self.patches.device)
        if self.lean[:, y, x].any():
            total += self._apart(self.patches, self.patches, (y, x), self.lean)
        if x + 1 < columns and self.edges[:, y, x + 1].any():
            edges = self.patches[:, :, -1], self.patches[:, :, 0]
            total += EDGE_NATS * self._apart(*edges, (y, x + 1), self.edges)
        if y + 1 < rows and self.edges[:, y + 1, x].any():
            edges = self.patches[:, -1], self.patches[:, 0]
            total += EDGE_NATS * self._apart(*edges, (y + 1, x), self.edges)
        return -total

    def _apart(
        self, ours: torch.Tensor, theirs: torch.Tensor, at: tuple[int, int], counts: torch.Tensor
    ) -> torch.Tensor:
        """Mean squared difference (b, v) of each of `ours` (v, …) and that of `theirs` whose token stands at a
        place, times what that `counts` (b, h, w). Row by row, so that no row's depends on its neighbours."""
        y, x = at
        apart = (ours[None] - theirs[self.tokens[:, y, x]][:, None]).square().flatten(2).mean(2)
        return apart * counts[:, y, x, None].to(apart)


def seams_of(
    book: PatchCodebook,
    tokens: torch.Tensor,
    stands: torch.Tensor,
    *,
    lean: Sequence[float],
    fits: Sequence[bool],
) -> Seams:
    """The seams of a batch.

    Args:
        tokens, stands: as `Seams`', on the CPU.
        lean, fits: see `Start.lean` and `Start.blend`, one for each row.
    """
    device = book.centroids.device
    return Seams(
        tokens=tokens.to(device),
        edges=(stands & torch.tensor(list(fits))[:, None, None]).float(),
        lean=(torch.tensor(list(lean))[:, None, None] / _away(stands) ** 3),
        patches=book.centroids.reshape(-1, book.patch, book.patch, 3),
    )


def _away(stands: torch.Tensor) -> torch.Tensor:
    """float32 (b, h, w): steps to the nearest token that stands, 1 at the least."""
    near, away = stands.float()[:, None], torch.ones(stands.shape)
    for _ in range(max(stands.shape[1:])):
        near = max_pool2d(near, 3, 1, 1)
        away += near[:, 0] == 0
    return away
