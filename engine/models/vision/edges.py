"""The edges of a picture: found as Canny does (1986, "A computational approach to edge detection"), or taken as
they are where the picture is a drawing of lines."""

import torch
import torch.nn.functional as F

BLUR = 1.5  # pixels of a picture of 256
LOW, HIGH = 0.06, 0.14  # of the steepest slope that there is, black against white
TONE = 40  # of 255: what lies so near to black or to white is of that tone
TWO_TONED = 0.9  # share of a picture from which it is a drawing of lines
FEW = 0.35  # share of a picture that lines cover, at most


def lines_of(pixels: torch.Tensor) -> torch.Tensor:
    """Where a control picture has lines: a drawing in black on white, or in white on black, has its own; of any
    other picture the edges are found.

    Args:
        pixels: uint8 (h, w, 3).

    Returns:
        bool (h, w).
    """
    low, high = pixels.amin(2), pixels.amax(2)
    dark, bright = high < TONE, low > 255 - TONE
    toned = float((dark | bright).float().mean())
    fewer = dark if int(dark.sum()) < int(bright.sum()) else bright
    if toned < TWO_TONED or float(fewer.float().mean()) > FEW:
        return edges_of(pixels[None])[0]
    middle = low.float() + high.float() > 255
    return middle if fewer is bright else ~middle


def edges_of(pixels: torch.Tensor, *, blur: float = BLUR, high: float = HIGH) -> torch.Tensor:
    """Edges one pixel wide.

    Args:
        pixels: uint8 (b, h, w, 3).
        blur: by how many pixels it is blurred before, for a picture of 256 pixels; more for a larger one.
        high: how steep an edge is somewhere, at least, as a share of black against white; a weaker one counts
            where it goes on from there.

    Returns:
        bool (b, h, w).
    """
    x = pixels.permute(0, 3, 1, 2).float() / 255  # (b, 3, h, w)
    x = _blurred(x, blur * max(1.0, min(x.shape[2:]) / 256))
    across, down = _slopes(x)  # (b, 3, h, w)
    steepest = (across.square() + down.square()).argmax(1, keepdim=True)
    across, down = (each.gather(1, steepest)[:, 0] for each in (across, down))  # (b, h, w)
    slope = (across.square() + down.square()).sqrt()
    ridge = _is_ridge(slope, across, down)
    strong, weak = ridge & (slope >= high), ridge & (slope >= high * LOW / HIGH)
    while not torch.equal(grown := weak & _wider(strong), strong):
        strong = grown
    return strong


def _blurred(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """By a Gaussian of so many pixels; what lies outside the picture is as its border."""
    if sigma <= 0:
        return x
    reach = max(1, round(3 * sigma))
    places = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
    kernel = torch.exp(-places.square() / (2 * sigma * sigma))
    kernel = (kernel / kernel.sum()).expand(x.shape[1], 1, -1)
    x = F.conv2d(F.pad(x, (reach, reach, 0, 0), mode="replicate"), kernel[:, :, None], groups=x.shape[1])
    return F.conv2d(F.pad(x, (0, 0, reach, reach), mode="replicate"), kernel[..., None], groups=x.shape[1])


def _slopes(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """By Sobel's operator, which gives 1 for black against white."""
    kernel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], device=x.device) / 4
    both = torch.stack([kernel, kernel.T])[:, None].repeat(x.shape[1], 1, 1, 1)
    found = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), both, groups=x.shape[1])
    return found[:, 0::2], found[:, 1::2]


def _is_ridge(slope: torch.Tensor, across: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
    """Where a slope is no less than that of both neighbours along it, of eight directions."""
    angle = torch.atan2(down, across)
    eighth = (angle / (torch.pi / 4)).round().long() % 4  # opposite directions are one
    padded = F.pad(slope, (1, 1, 1, 1))
    h, w = slope.shape[-2:]

    def moved(dy: int, dx: int) -> torch.Tensor:
        return padded[..., 1 + dy : 1 + dy + h, 1 + dx : 1 + dx + w]

    ridge = torch.zeros_like(slope, dtype=torch.bool)
    for number, (dy, dx) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ridge |= (eighth == number) & (slope > moved(dy, dx)) & (slope >= moved(-dy, -dx))
    return ridge


def _wider(edges: torch.Tensor, by: int = 1) -> torch.Tensor:
    """All that lies within so many pixels of an edge: bool (b, h, w)."""
    return F.max_pool2d(edges[:, None].float(), 2 * by + 1, 1, by)[:, 0] > 0


def agreement(drawn: torch.Tensor, wanted: torch.Tensor, *, within: int = 4) -> float:
    """F1 of edges, bool (h, w) each: the harmonic mean of how many of those drawn are wanted, and of how many
    of those wanted are drawn, give or take so many pixels; 0 where either has none."""
    near_drawn, near_wanted = (_wider(each[None], within)[0] for each in (drawn, wanted))
    if not bool(drawn.any() & wanted.any()):
        return 0.0
    precision = float((drawn & near_wanted).sum() / drawn.sum())
    recall = float((wanted & near_drawn).sum() / wanted.sum())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
