"""What was seen of one candidate while it was made."""

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import PIL.Image


@dataclasses.dataclass(frozen=True)
class Glimpses:
    """What was seen of one candidate.

    Args:
        confidence: the probability of each token, in the order in which they were drafted.
        estimates: the refiner's estimate of the finished picture after each step.
    """

    confidence: list[float] = dataclasses.field(default_factory=list)
    estimates: "list[PIL.Image.Image]" = dataclasses.field(default_factory=list)
