"""What a refiner is shown of drafts: their previews and, before them, the things of a plan's sketch, as sharp
as they are there."""

from collections.abc import Sequence

import numpy as np
import PIL.Image
import torch

from ...models.diffusion.refiner import PreviewRefiner
from ...values import Draft, Sketch


def conditions_of(batch: Sequence[Draft], model: PreviewRefiner, height: int, width: int) -> torch.Tensor:
    """The latents (b, c, h, w) of what the refiner is shown of each draft."""
    plain = [i for i, draft in enumerate(batch) if draft.plan.sketch is None]
    if len(plain) == len(batch):
        return model.encode_previews(torch.stack([draft.preview for draft in batch]), height, width)
    rows = [model.encode_previews(_shown(draft, height, width)[None], height, width) for draft in batch]
    return torch.cat(rows)


def _shown(draft: Draft, height: int, width: int) -> torch.Tensor:
    sketch = draft.plan.sketch
    return draft.preview if sketch is None else before(draft.preview, sketch, height, width)


def before(preview: torch.Tensor, sketch: Sketch, height: int, width: int) -> torch.Tensor:
    """A sketch laid on a preview uint8 (h', w', 3), which is enlarged: uint8 (height, width, 3)."""
    behind = PIL.Image.fromarray(preview.numpy()).resize((width, height), PIL.Image.Resampling.BICUBIC)
    things = PIL.Image.fromarray(sketch.pixels.numpy())
    behind.paste(things, (0, 0), things)
    return torch.from_numpy(np.asarray(behind).copy())
