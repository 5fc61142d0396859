"""A picture that says where things are to be: edges, say, that are followed."""

import dataclasses
from typing import TYPE_CHECKING

from ..errors import InputError
from ..messages import shown
from .contents import Contents, short, size

if TYPE_CHECKING:
    import torch

MOST_WEIGHT = 2.0


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Control(Contents):
    """What steers a picture's structure. Two controls are equal if their contents are.

    Args:
        kind: `edges`, say.
        picture: uint8 (h, w, 3) on the CPU.
        weight: how strongly it counts, 0 (not at all) to 2.
        start, stop: shares of the steps, 0 to 1, between which it counts.

    Raises:
        InputError: a number lies outside its range.
    """

    kind: str
    picture: "torch.Tensor"
    weight: float = 1.0
    start: float = 0.0
    stop: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= MOST_WEIGHT:
            raise InputError(f"control_weight = {shown(self.weight)}: must lie between 0 and {MOST_WEIGHT:g}")
        if not 0 <= self.start <= self.stop <= 1:
            raise InputError(
                f"control_start = {shown(self.start)}, control_stop = {shown(self.stop)}: must be shares of the"
                " steps, from 0 to 1, one after the other"
            )

    def __repr__(self) -> str:
        return f"Control({short(self.kind)}, {size(self.picture)}, weight={self.weight:g})"
