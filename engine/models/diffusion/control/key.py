"""What a recipe says of one control of a pipeline. Loads nothing."""

import dataclasses
from typing import Any

from ....stage import ModelKey

FAMILY = "control"
"""Of the key of a ControlNet or T2I-Adapter."""
ESTIMATOR = "depth-estimator"
"""Of the key of what makes a depth map of a picture."""

EDGES, DEPTH, NONE = "edges", "depth", "none"
PREPARED = (EDGES, DEPTH, NONE)
"""What a control picture can be made of a photograph by."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ControlKey:
    """One control of a pipeline.

    Args:
        name: by which rows ask for it.
        model: the ControlNet or T2I-Adapter.
        preprocess: how a control picture is made of a photograph, one of `PREPARED`.
        weight: of rows that say none.
        mode: which of a union ControlNet's kinds of control it is; `None` of any other.
        estimator: the model that `depth` needs.
    """

    name: str
    model: ModelKey[Any]
    preprocess: str = NONE
    weight: float = 1.0
    mode: int | None = None
    estimator: ModelKey[Any] | None = None

    @property
    def keys(self) -> tuple[ModelKey[Any], ...]:
        """All models of the control."""
        return (self.model, *((self.estimator,) if self.estimator is not None else ()))

    def with_keys(self, change: Any) -> "ControlKey":
        """The same with other keys for its models."""
        estimator = None if self.estimator is None else change(self.estimator)
        return dataclasses.replace(self, model=change(self.model), estimator=estimator)
