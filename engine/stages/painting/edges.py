"""Edges of a picture, as ControlNets for edges were trained on them: Canny's, as OpenCV finds them.

J. Canny, "A Computational Approach to Edge Detection", 1986; the whole-number arithmetic is that of
`cv2.Canny(picture, 100, 200)`: Sobel's gradients of the channel that has the steepest, thinned along one of
four directions, kept where they are steep or hang on what is.
"""

import torch
from torch.nn.functional import conv2d, max_pool2d, pad

LOW, HIGH = 100, 200
_TANGENT = 13573  # of 22.5 degrees, times 2**15


def edges_of(picture: torch.Tensor) -> torch.Tensor:
    """White edges on black.

    Args:
        picture: uint8 (h, w, 3) on the CPU.

    Returns:
        uint8 (h, w, 3).
    """
    across, down, steepness = _gradients(picture)
    thin = _is_ridge(across, down, steepness) & (steepness > LOW)
    kept = _hung_on(thin & (steepness > HIGH), thin)
    return (kept.to(torch.uint8) * 255)[..., None].expand(-1, -1, 3).contiguous()


def _gradients(picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Across, down, and the sum of their sizes: int64 (h, w), of the channel where that is largest."""
    sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    planes = pad(picture.permute(2, 0, 1)[:, None].float(), (1, 1, 1, 1), mode="replicate")  # (3, 1, h+2, w+2)
    both = conv2d(planes, torch.stack([sobel, sobel.T])[:, None]).long()  # (3, 2, h, w)
    sums = both.abs().sum(1)  # (3, h, w)
    steepest = sums.argmax(0, keepdim=True)  # the first of equals
    across, down = (both[:, i].gather(0, steepest)[0] for i in range(2))
    return across, down, sums.gather(0, steepest)[0]


def _is_ridge(across: torch.Tensor, down: torch.Tensor, steepness: torch.Tensor) -> torch.Tensor:
    """bool (h, w): steeper than its neighbours on either side of the edge."""
    height, width = steepness.shape
    around = pad(steepness, (1, 1, 1, 1))  # nothing is steep outside

    def beside(y: int, x: int) -> torch.Tensor:
        return around[1 + y : 1 + y + height, 1 + x : 1 + x + width]

    wide, tall = across.abs(), down.abs() << 15
    flat = wide * _TANGENT
    is_across, is_down = tall < flat, tall > flat + (wide << 16)
    falls = (across < 0) != (down < 0)  # towards which corner it rises
    first = torch.where(falls, beside(-1, 1), beside(-1, -1))
    second = torch.where(falls, beside(1, -1), beside(1, 1))
    slanting = (steepness > first) & (steepness > second)
    sideways = (steepness > beside(0, -1)) & (steepness >= beside(0, 1))
    upright = (steepness > beside(-1, 0)) & (steepness >= beside(1, 0))
    return torch.where(is_across, sideways, torch.where(is_down, upright, slanting))


def _hung_on(steep: torch.Tensor, thin: torch.Tensor) -> torch.Tensor:
    """Those of `thin` from which a path within it leads to `steep`."""
    found = steep
    while True:
        grown = (max_pool2d(found[None, None].float(), 3, 1, 1)[0, 0] > 0) & thin
        if torch.equal(grown, found):
            return found
        found = grown
