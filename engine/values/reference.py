"""A reference picture: what the painted picture is to take after, beside the words of its prompt.

This file knows pixels and weights. What takes after it is a stage's business: an IP-Adapter, a model that edits
pictures by instruction, or a planner that lays them out.
"""

import dataclasses
import functools
from collections.abc import Hashable
from typing import TYPE_CHECKING

from ..errors import InputError
from ..messages import shown
from .contents import Contents, short, size
from .pixels import pixels_digest
from .setting import number

if TYPE_CHECKING:
    import torch

MOST = 8
"""References of a request."""
MOST_SIDE = 8192  # pixels
HIGHEST_WEIGHT = 2.0


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Reference(Contents):
    """A picture to take after. Two references are equal if their contents are.

    Args:
        picture: uint8 (h, w, 3) on the CPU, of any size up to 8192 a side; or (h, w, 4), where it is cut out.
        weight: 0 (not at all) to 2: how closely.
        name: of the thing that it shows, for stages that tell things apart; empty for the picture as a whole.

    Raises:
        InputError: it is no such picture; a weight out of range.
    """

    picture: "torch.Tensor"
    weight: float = 1.0
    name: str = ""

    def __post_init__(self) -> None:
        shape, dtype = tuple(getattr(self.picture, "shape", ())), str(getattr(self.picture, "dtype", ""))
        if len(shape) != 3 or shape[2] not in (3, 4) or dtype != "torch.uint8":
            raise InputError(f"a reference is uint8 of shape (height, width, 3 or 4), not {dtype} {shape}")
        if not 0 < min(shape[:2]) <= max(shape[:2]) <= MOST_SIDE:
            raise InputError(f"a reference of {size(self.picture)} pixels: must have 1 to {MOST_SIDE} a side")
        object.__setattr__(self, "weight", check_weight(self.weight))

    def __repr__(self) -> str:
        named = f", name={short(self.name)}" if self.name else ""
        return f"Reference({size(self.picture)}, weight={self.weight:g}{named})"

    @property
    def pixels(self) -> "torch.Tensor":
        """uint8 (h, w, 3): what is cut out lies on white."""
        import torch

        if self.picture.shape[2] == 3:
            return self.picture
        colours, share = self.picture[..., :3].float(), self.picture[..., 3:].float() / 255
        return (255 + (colours - 255) * share).round().to(torch.uint8)

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of shape and pixels, in hex digits: names the picture, whatever file it came from."""
        return pixels_digest(self.picture)

    @property
    def identity(self) -> dict[str, str | float]:
        """All that it says, with the picture by its digest."""
        said: dict[str, str | float] = {"picture": self.digest, "weight": self.weight}
        return said | ({"name": self.name} if self.name else {})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self.identity == other.identity

    def __hash__(self) -> int:
        return hash((self.digest, self.weight, self.name))


def check_weight(value: object, *, called: str = "reference_weight") -> float:
    """A reference's weight as it is kept.

    Raises:
        InputError: it is no number from 0 to 2.
    """
    weight = number(called, value)
    if not 0 <= weight <= HIGHEST_WEIGHT:  # also false for NaN
        raise InputError(f"{called} = {shown(value)}: must lie between 0 and {HIGHEST_WEIGHT:g}")
    return weight


def check_count(count: int) -> None:
    """Raises InputError where a request has more references than it may."""
    if count > MOST:
        raise InputError(f"{count} reference pictures: at most {MOST} at once")


def likeness_of(references: tuple[Reference, ...]) -> Hashable:
    """What rows must have in common to be run in one batch: as many references, of the same weights."""
    return tuple(each.weight for each in references)
