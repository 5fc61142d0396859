"""How much a picture shows the things as they were shown to its models."""

import numpy as np

from ....engine.errors import InputError
from ....engine.values import Outcome


def sameness(outcome: Outcome) -> float:
    """1 where a picture's things are those of its sketch, to the pixel; 0 where they are the opposite.

    Raises:
        InputError: the models were shown nothing.
    """
    if outcome.plan.sketch is None:
        raise InputError("the picture was made without a sketch: there is nothing to compare it with")
    laid = outcome.plan.sketch.pixels.numpy().astype(np.float64)
    apart = np.abs(np.asarray(outcome.image) - laid[..., :3]).mean(2)
    return 1 - float((apart * laid[..., 3]).sum() / laid[..., 3].sum()) / 255
