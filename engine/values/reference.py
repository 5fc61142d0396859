"""A picture that shows how something is to look: a thing's own picture, or what a painter is shown beside the
words."""

import dataclasses
from typing import TYPE_CHECKING

from ..errors import InputError
from ..messages import shown
from .contents import Contents, short, size

if TYPE_CHECKING:
    import torch

MOST_WEIGHT = 2.0


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Reference(Contents):
    """A picture of something. Two references are equal if their contents are.

    Args:
        picture: uint8 (h, w, 3), or (h, w, 4) with opacity, on the CPU, of any size.
        weight: how strongly it counts, 0 (not at all) to 2.
        name: what it shows, in words; empty where the order says it.

    Raises:
        InputError: the weight lies outside its range, or the picture is none.
    """

    picture: "torch.Tensor"
    weight: float = 1.0
    name: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= MOST_WEIGHT:
            raise InputError(f"reference_weight = {shown(self.weight)}: must lie between 0 and {MOST_WEIGHT:g}")
        fits = self.picture.ndim == 3 and self.picture.shape[2] in (3, 4) and 0 not in self.picture.shape
        if not fits or str(self.picture.dtype) != "torch.uint8":
            raise InputError(
                f"a reference's picture is uint8 (h, w, 3 or 4), not {self.picture.dtype}"
                f" {tuple(self.picture.shape)}"
            )

    def __repr__(self) -> str:
        named = f", {short(self.name)}" if self.name else ""
        return f"Reference({size(self.picture)}{named}, weight={self.weight:g})"
