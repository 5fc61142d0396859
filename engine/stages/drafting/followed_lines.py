"""How lines that a request's control picture has weigh on its tokens."""

import dataclasses
from collections.abc import Sequence

import torch

from ...ar.decoding import TokenConstraints
from ...errors import RowError
from ...messages import shown
from ...models.vision.readers.edge_reader import EdgeReader
from ...values import Plan

KIND = "edges"
"""What controls must be, for a drafter to follow them."""


def with_lines(
    given: TokenConstraints | None, batch: Sequence[Plan], reader: EdgeReader | None, *, count: int
) -> TokenConstraints | None:
    """What is given of a batch, and the weights of the lines that its rows have. A drafter's steps are its
    tokens, row by row from above: before a control's `start` and from its `stop` on, its lines count nothing.

    Raises:
        RowError: a control is of another kind.
    """
    for i, plan in enumerate(batch):
        for control in plan.request.controls:
            if reader is None or control.kind != KIND:
                can = f"follows {KIND}" if reader is not None else "has no models.edges to follow any"
                raise RowError(i, f"control {shown(control.kind)}: this recipe's drafter {can}: leave it out")
    if reader is None or not any(plan.request.controls for plan in batch):
        return given
    weights = torch.stack([_weights(plan, reader, count) for plan in batch])  # (b, s, v)
    former = None if given is None else given.weights

    def at(place: int) -> torch.Tensor:
        here = weights[:, place]
        return here if former is None else here + former(place)

    if given is not None:
        return dataclasses.replace(given, weights=at)
    nothing = torch.zeros(len(batch), count, dtype=torch.long)
    return TokenConstraints(tokens=nothing, kept=nothing.bool(), weights=at)


def _weights(plan: Plan, reader: EdgeReader, count: int) -> torch.Tensor:
    """Of one row, float32 (s, v); zeros where it has no lines."""
    found = torch.zeros(count, reader.size, dtype=torch.float32, device=reader.device)
    for control in plan.request.controls:
        first, last = round(control.start * count), round(control.stop * count)
        found[first:last] += control.weight * reader.read(control.picture)[first:last]
    return found
