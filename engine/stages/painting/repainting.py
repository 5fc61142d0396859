"""Painting from an init image: where painting starts, and which parts of the image must stay.

What must stay is known at every noise level, so that what is painted fits it; its pixels are put back in the
end. Where the draft kept its tokens, the picture is known down to the noise level that the start calls
strength, and free from there on; where tokens were drawn anew, painting begins with nothing but noise.
"""

import math
from collections.abc import Sequence

import torch
from torch.nn.functional import interpolate, max_pool2d

from ...diffusion.denoising import Predict, even_sigmas, known_outside, noised
from ...models.diffusion.refiner import PreviewRefiner
from ...values import Draft
from ...values.start import Start


class Repainting:
    """One batch's pictures to start from, in latents.

    Args:
        batch: drafts of requests with pictures to start from, all of one strength.
        condition: the latents of the drafts' previews, (b, c, h, w).
        steps: that painting from nothing but noise takes.

    Attributes:
        pictures: uint8 (b, height, width, 3).
        sigmas: the noise levels to paint at; none, where nothing may change.
    """

    def __init__(
        self, batch: Sequence[Draft], model: PreviewRefiner, condition: torch.Tensor, *, steps: int
    ) -> None:
        starts = [_start(draft) for draft in batch]
        self._strength = starts[0].strength
        different = {start.strength for start in starts} - {self._strength}
        assert not different, f"a batch of strength {self._strength} has rows of {different}"
        self.pictures = torch.stack([start.picture for start in starts if start.picture is not None])
        self._masks = torch.stack([_mask(start) for start in starts])  # (b, height, width)
        self._clean = model.encode_pictures(self.pictures, condition)
        cells = max_pool2d(self._masks[:, None].float(), model.latents.patch) > 0  # (b, 1, h, w)
        anew = torch.stack([_anew(draft, list(cells.shape[-2:])) for draft in batch])[:, None] & cells
        self._cells, self._anew = cells.to(condition.device), anew.to(condition.device)
        first = 1.0 if anew.any() else self._strength
        self.sigmas = even_sigmas(math.ceil(steps * first - 1e-6), first=first) if self._masks.any() else []

    def begin(self, noise: torch.Tensor) -> torch.Tensor:
        """What painting begins with."""
        return noised(self._clean, noise, self.sigmas[0])

    def over(self, predicts: Sequence[Predict]) -> list[Predict]:
        """The same predictions, one a step; but what is known at the step's noise level stays so."""
        return [
            known_outside(each, self._clean, self._anew if sigma > self._strength + 1e-6 else self._cells)
            for each, sigma in zip(predicts, self.sigmas, strict=True)
        ]

    def finish(self, painted: torch.Tensor) -> torch.Tensor:
        """Pixels uint8 (b, height, width, 3): what was painted where it may change, the picture elsewhere."""
        return torch.where(self._masks[..., None], painted, self.pictures)


def repainting_of(
    batch: Sequence[Draft], model: PreviewRefiner, condition: torch.Tensor, *, steps: int
) -> Repainting | None:
    """Where the rows of `batch` have pictures to start from, which all of them have or none."""
    count = sum(start is not None and start.picture is not None for start in map(_start_of, batch))
    assert count in (0, len(batch)), f"{count} of {len(batch)} rows start from a picture"
    return Repainting(batch, model, condition, steps=steps) if count else None


def _start_of(draft: Draft) -> Start | None:
    return draft.plan.request.start


def _start(draft: Draft) -> Start:
    start = _start_of(draft)
    assert start is not None, "what is repainted has a start"
    return start


def _mask(start: Start) -> torch.Tensor:
    """bool (height, width)."""
    if start.mask is not None:
        return start.mask
    assert start.picture is not None, "what is repainted has a picture"
    return torch.ones(start.picture.shape[:2], dtype=torch.bool)


def _anew(draft: Draft, size: list[int]) -> torch.Tensor:
    """bool (h, w) of the latents: where the draft's tokens, or their neighbours, are not what it began with."""
    if draft.initial_tokens is None:
        return torch.ones(size, dtype=torch.bool)
    changed = (draft.tokens != draft.initial_tokens)[None, None].float()
    return max_pool2d(interpolate(changed, size), 3, stride=1, padding=1)[0, 0] > 0
