"""What steers the structure of a picture: edges, depth, a pose. Knows shapes and ranges, no models or files."""

import dataclasses
import functools
import hashlib
from collections.abc import Hashable
from typing import TYPE_CHECKING

from ..errors import InputError
from ..messages import shown
from .contents import Contents, size
from .pixels import check_pixels, pixels_digest
from .start import check_share

if TYPE_CHECKING:
    import torch

MOST = 8
"""Controls that a request may have."""
LOW, HIGH = 0.0, 2.0
"""Of a weight."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Control(Contents):
    """A picture whose structure is followed. Two controls are equal if their contents are.

    Args:
        kind: which of the recipe's controls reads it, by its name there: `edges`, `depth`, `pose`.
        picture: uint8 (h, w, 3) on the CPU, of the request's size: the control picture itself, or a photograph
            that the recipe makes one of.
        weight: how strongly it counts, 0 to 2.
        start, stop: the share of the steps from which and up to which it counts, 0 to 1.
        ready: whether the picture is the control picture itself; `None` for what the recipe says.

    Raises:
        InputError: a number is outside of its range, or the picture is none.
    """

    kind: str
    picture: "torch.Tensor"
    weight: float = 1.0
    start: float = 0.0
    stop: float = 1.0
    ready: bool | None = None

    def __post_init__(self) -> None:
        if not _is_name(self.kind):
            raise InputError(f"control_type = {shown(self.kind)}: must be a name, such as edges")
        check_pixels(self.picture)
        object.__setattr__(self, "weight", check_weight(self.weight))
        object.__setattr__(self, "start", check_share("control_start", self.start))
        object.__setattr__(self, "stop", check_share("control_stop", self.stop))
        if self.start >= self.stop:
            raise InputError(f"control_start = {self.start}: must lie below control_stop, which is {self.stop}")

    def __repr__(self) -> str:
        when = f", {self.start}-{self.stop}" if (self.start, self.stop) != (0, 1) else ""
        return f"Control({self.kind} {size(self.picture)}, weight={self.weight}{when})"

    def check_size(self, height: int, width: int) -> None:
        """Raises InputError where the picture is not of this size."""
        if tuple(self.picture.shape[:2]) != (height, width):
            sizes = f"the control picture is {size(self.picture)} pixels, the request {width}x{height}"
            raise InputError(f"{sizes}: scale it first")

    @property
    def likeness(self) -> Hashable:
        """What rows must have in common to be painted in one batch: all but the picture."""
        return (self.kind, self.weight, self.start, self.stop)

    @functools.cached_property
    def picture_hash(self) -> str:
        """sha256 of the picture's size and bytes."""
        return pixels_digest(self.picture)

    @property
    def digest(self) -> str:
        """Sixteen hex digits that name all that it holds."""
        said = (self.kind, self.weight, self.start, self.stop, self.ready, self.picture_hash)
        return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def check_controls(controls: object, height: int, width: int) -> tuple[Control, ...]:
    """The controls of a request of this size.

    Raises:
        InputError: one is none or of another size, two are of one kind, or there are too many.
    """
    if not isinstance(controls, tuple | list) or not all(isinstance(each, Control) for each in controls):
        raise InputError(f"controls = {shown(controls)}: must be Control values")
    found: tuple[Control, ...] = tuple(controls)
    if len(found) > MOST:
        raise InputError(f"{len(found)} controls: at most {MOST} at once")
    kinds = [each.kind for each in found]
    for each in found:
        each.check_size(height, width)
        if kinds.count(each.kind) > 1:
            raise InputError(f"control_type {shown(each.kind)} is asked for twice: keep one of them")
    return found


def check_weight(value: object) -> float:
    """A weight as a number from 0 to 2.

    Raises:
        InputError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not LOW <= value <= HIGH:
        raise InputError(f"control_weight = {shown(value)}: must lie between {LOW:g} and {HIGH:g}")
    return float(value)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
