"""A grid of image tokens, and the codebook that they belong to."""

import dataclasses
import hashlib
from typing import TYPE_CHECKING

from .contents import Contents, short, size
from .pixels import check_pixels, to_image
from .plan import Plan

if TYPE_CHECKING:
    import PIL.Image
    import torch


@dataclasses.dataclass(frozen=True, kw_only=True)
class Codebook:
    """The codebook that a draft's tokens belong to: its name and how many legal ids it has."""

    name: str
    size: int


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Draft(Contents):
    """A grid of discrete image tokens.

    Args:
        tokens: int64 on the CPU, (h, w), each in [0, codebook.size).
        preview: uint8 on the CPU, (h', w', 3): what the tokens alone look like.
        initial_tokens: int64 (h, w): the tokens that drafting started from, if the request had any; where they
            were kept, `tokens` has the same ones.
    """

    plan: Plan
    tokens: "torch.Tensor"
    codebook: Codebook
    preview: "torch.Tensor"
    initial_tokens: "torch.Tensor | None" = None

    def __post_init__(self) -> None:
        assert self.tokens.ndim == 2, f"tokens of a draft are (h, w), not {tuple(self.tokens.shape)}"
        low, high = int(self.tokens.min()), int(self.tokens.max())
        assert low >= 0 and high < self.codebook.size, f"token ids {low}..{high} outside {self.codebook}"
        check_pixels(self.preview)

    def __repr__(self) -> str:
        return f"Draft({size(self.tokens)} tokens of {self.codebook.name!r}, {short(self.plan.request.prompt)})"

    @property
    def grid(self) -> tuple[int, int]:
        return int(self.tokens.shape[0]), int(self.tokens.shape[1])

    @property
    def token_hash(self) -> str:
        """Sixteen hex digits that name the tokens, for provenance."""
        return hashlib.sha256(self.tokens.numpy().tobytes()).hexdigest()[:16]

    @property
    def image(self) -> "PIL.Image.Image":
        """The preview as a PIL picture."""
        return to_image(self.preview)
