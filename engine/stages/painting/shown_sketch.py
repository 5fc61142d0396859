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

FRINGE = 12 / 256  # of the frame: how far beyond a thing its draft's tokens may show something of it
RIM = 2 / 256  # of the frame: how far beyond a thing nothing is painted
SOFT = 3 / 256  # of the frame: from there to where everything is


def shown_to(batch: Sequence[Draft], height: int, width: int) -> list[torch.Tensor]:
    """What the refiner is shown of each draft: uint8 (height, width, 3) of those with a sketch, else the
    preview."""
    return [
        draft.preview if draft.plan.sketch is None else before(draft.preview, draft.plan.sketch, height, width)
        for draft in batch
    ]


def conditions_of(
    shown: Sequence[torch.Tensor], model: PreviewRefiner, height: int, width: int
) -> torch.Tensor:
    """The latents (b, c, h, w) of what it is shown."""
    if len({picture.shape for picture in shown}) == 1:
        return model.encode_previews(torch.stack(list(shown)), height, width)
    return torch.cat([model.encode_previews(picture[None], height, width) for picture in shown])


def before(preview: torch.Tensor, sketch: Sketch, height: int, width: int) -> torch.Tensor:
    """A sketch laid on a preview uint8 (h', w', 3), which is enlarged: uint8 (height, width, 3). Round the
    things the preview goes on as it is beside them."""
    behind = PIL.Image.fromarray(preview.numpy()).resize((width, height), PIL.Image.Resampling.BICUBIC)
    opacity = _opacity(sketch)
    ground = _without(np.asarray(behind), _grown(opacity, FRINGE) > 0)
    things = sketch.pixels[..., :3].float()
    return (ground + (things - ground) * opacity[..., None]).round().byte()


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


def _without(picture: np.ndarray, hidden: torch.Tensor) -> torch.Tensor:
    """A picture uint8 (h, w, 3) whose hidden places, bool (h, w), show what is beside them in their row, which
    in most scenes goes on: float32."""
    found, seen = picture.astype(np.float32), ~hidden.numpy()
    across = np.arange(picture.shape[1])
    whole = np.flatnonzero(seen.any(1))
    for row in np.flatnonzero(~seen.all(1)):
        if seen[row].any():
            known = across[seen[row]]
            for channel in range(3):
                found[row, :, channel] = np.interp(across, known, found[row, known, channel])
    if len(whole):
        for row in np.flatnonzero(~seen.any(1)):
            found[row] = found[whole[np.abs(whole - row).argmin()]]
    return torch.from_numpy(found)
