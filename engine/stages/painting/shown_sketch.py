"""What a refiner is shown of drafts: their previews and, before them, the things of a plan's sketch, as sharp
as they are there; and the same things again, before what it painted.

A refiner makes blurred things sharp. One that is shown sharp things adds what they do not need, lines in them
and halos round them: so it paints what is behind them, and they are laid on that.
"""

from collections.abc import Sequence

import numpy as np
import PIL.Image
import torch
import torch.nn.functional as F

from ...models.diffusion.refiner import PreviewRefiner
from ...values import Draft, Sketch

RIM = 2 / 256  # of the frame: how far beyond a thing nothing is painted
SOFT = 3 / 256  # of the frame: from there to where everything is


def shown_to(batch: Sequence[Draft], height: int, width: int) -> list[torch.Tensor]:
    """What the refiner is shown of each draft: uint8 (height, width, 3) of those with a sketch, else the
    preview."""
    return [
        draft.preview
        if draft.plan.sketch is None
        else before(draft.preview, draft.plan.sketch, height, width, grid=draft.grid)
        for draft in batch
    ]


def conditions_of(
    shown: Sequence[torch.Tensor], model: PreviewRefiner, height: int, width: int
) -> torch.Tensor:
    """The latents (b, c, h, w) of what it is shown."""
    if len({picture.shape for picture in shown}) == 1:
        return model.encode_previews(torch.stack(list(shown)), height, width)
    return torch.cat([model.encode_previews(picture[None], height, width) for picture in shown])


def before(
    preview: torch.Tensor, sketch: Sketch, height: int, width: int, *, grid: tuple[int, int]
) -> torch.Tensor:
    """A sketch laid on a preview uint8 (h', w', 3), which is enlarged: uint8 (height, width, 3). Where tokens,
    of which there are rows and columns, show something of a thing, the preview goes on as it is beside them.
    """
    opacity = _opacity(sketch)
    cells = F.adaptive_max_pool2d(opacity[None, None], grid) > 0
    hidden = F.interpolate(cells.float(), preview.shape[:2])[0, 0] > 0
    ground = PIL.Image.fromarray(_without(preview.numpy(), hidden.numpy()))
    behind = torch.from_numpy(np.array(ground.resize((width, height), PIL.Image.Resampling.BICUBIC)))
    return torch.lerp(behind.float(), sketch.pixels[..., :3].float(), opacity[..., None]).round().byte()


def laid_again(painted: torch.Tensor, shown: Sequence[torch.Tensor], batch: Sequence[Draft]) -> torch.Tensor:
    """What was painted of drafts, uint8 (b, height, width, 3), with the things of their sketches as they were
    shown."""
    if all(draft.plan.sketch is None for draft in batch):
        return painted
    return torch.stack(
        [
            row if draft.plan.sketch is None else _laid(row, seen.to(row.device), draft.plan.sketch)
            for row, seen, draft in zip(painted, shown, batch, strict=True)
        ]
    )


def _laid(painted: torch.Tensor, shown: torch.Tensor, sketch: Sketch) -> torch.Tensor:
    share = _softened(_grown(_opacity(sketch), RIM + SOFT), SOFT)[..., None].to(painted.device)
    return (painted + (shown.float() - painted) * share).round().byte()


def _opacity(sketch: Sketch) -> torch.Tensor:
    """Float32 (height, width), 0 to 1."""
    return sketch.pixels[..., 3].float() / 255


def _grown(opacity: torch.Tensor, by: float) -> torch.Tensor:
    """Things that are larger all round by a share of the frame."""
    radius = max(1, round(by * min(opacity.shape)))
    rows = F.max_pool2d(opacity[None, None], (1, 2 * radius + 1), 1, (0, radius))
    return F.max_pool2d(rows, (2 * radius + 1, 1), 1, (radius, 0))[0, 0]


def _softened(opacity: torch.Tensor, by: float) -> torch.Tensor:
    """Edges that fade over a share of the frame, to both sides."""
    radius = max(1, round(by * min(opacity.shape)))
    found = opacity[None, None]
    for kernel, padding in (
        ((1, 2 * radius + 1), (radius, radius, 0, 0)),
        ((2 * radius + 1, 1), (0, 0, radius, radius)),
    ):
        found = F.avg_pool2d(F.pad(found, padding, mode="replicate"), kernel, 1)
    return found[0, 0]


def _without(picture: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """A picture uint8 (h, w, 3) whose hidden places, bool (h, w), show what is seen next to them to the left
    and right, above and below; the nearer, the more of it."""
    total, weights = np.zeros(picture.shape), np.zeros((*hidden.shape, 1))
    for turns in range(4):
        seen, turned = np.rot90(~hidden, turns), np.rot90(picture, turns)
        across = np.broadcast_to(np.arange(seen.shape[1]), seen.shape)
        last = np.maximum.accumulate(np.where(seen, across, -1), axis=1)  # the nearest that is seen before it
        near = np.where(last < 0, 0, 1 / np.maximum(across - last, 1) ** 2)[..., None]
        found = np.take_along_axis(turned, np.maximum(last, 0)[..., None], axis=1)
        total += np.rot90(found * near, -turns)
        weights += np.rot90(near, -turns)
    filled = np.divide(total, weights, out=picture.astype(float), where=weights > 0).round().astype(np.uint8)
    return np.where(hidden[..., None], filled, picture)
