"""The outline of a thing that is found in a picture: what of its box has none of the ground's colours.

The ground is what lies beside the box, at the same height: skies, horizons and waves go on to the side. Where a
thing has colours of its ground, less is found of it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

SIDE = 128  # of the copy that is looked at, its longer side: finer detail is texture
APART = 13.0  # of 255: a colour that is nearer to one of the ground belongs to it
ROWS = 2  # above and below, of the copy: so far away is the ground that a pixel is held against
GAP = 2  # pixels of the copy: gaps as narrow are closed
EDGE = 1  # pixels of the copy, added all around
SURE = 0.5  # of the greatest heat: such cells are the thing, and what does not hang together with them is not
AROUND = 1  # cells around the box: things reach out of it
LEAST = 1 / 3  # of the box's cells that are the thing: of less the ground is too much like it


def outline(pixels: "torch.Tensor", *, box: "torch.Tensor", heat: "torch.Tensor") -> "torch.Tensor":
    """bool (h, w): the pixels of what was found; of its whole box, where it is too much like the ground.

    Args:
        pixels: uint8 (h, w, 3) that it was found in.
        box: bool (rows, columns): the cells of the box.
        heat: float32 (rows, columns): how surely each cell is part of it.
    """
    import torch
    from torch.nn.functional import interpolate

    height, width = (int(side) for side in pixels.shape[:2])
    scale = min(1.0, SIDE / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    values = pixels.float().permute(2, 0, 1)[None]
    copy = interpolate(values, size, mode="area")[0].permute(1, 2, 0)  # (h', w', 3)

    def scaled(cells: torch.Tensor, to: tuple[int, int]) -> torch.Tensor:
        return interpolate(cells[None, None].float(), to, mode="nearest-exact")[0, 0] > 0

    region = scaled(_wider(box, AROUND), size)
    seed = scaled((heat > SURE * heat.max()) & box, size)
    thing = (_from_ground(copy, region) > APART) & region
    thing = ~_wider(~_wider(thing, GAP), GAP) & region
    thing = ~_connected(~region, ~thing) & region if not region.all() else thing  # holes are filled
    thing = _wider(_connected(seed, thing), EDGE) & region
    if (thing & seed).sum() < LEAST * seed.sum():
        return scaled(box, (height, width))
    return scaled(thing, (height, width))


def _from_ground(copy: "torch.Tensor", region: "torch.Tensor") -> "torch.Tensor":
    """float32 (h, w): how far a pixel of the region is from the nearest colour beside the region."""
    import torch

    apart = torch.zeros(region.shape)
    for y in region.any(1).nonzero().flatten().tolist():
        near = slice(max(0, y - ROWS), y + ROWS + 1, ROWS)
        ground = copy[near][~region[near]]  # (n, 3)
        here = region[y]
        apart[y, here] = torch.cdist(copy[y, here], ground).amin(1) if len(ground) else 255.0
    return apart


def _wider(mask: "torch.Tensor", by: int) -> "torch.Tensor":
    from torch.nn.functional import max_pool2d

    return max_pool2d(mask[None].float(), 2 * by + 1, 1, by)[0] > 0


def _connected(seed: "torch.Tensor", inside: "torch.Tensor") -> "torch.Tensor":
    """What of `inside` hangs together with `seed`."""
    import torch

    reached = seed & inside
    while True:
        before = reached
        for _ in range(8):  # looking whether it grew takes longer than growing
            reached = _wider(reached, 1) & inside
        if torch.equal(before, reached):
            return reached
