"""Where, and in which precision, the parts of a loss outside the model are computed: tokens, latents, draws."""

import copy
import functools
import itertools
from typing import TypeVar

import torch

Part = TypeVar("Part", torch.Tensor, torch.nn.Module)


def in_float32(device: torch.device) -> torch.autocast:
    """Where a loss is computed in mixed precision: what is computed under this is not."""
    return torch.autocast(device.type, enabled=False)


@functools.lru_cache(maxsize=16)
def copy_on(device: torch.device, part: Part) -> Part:
    """`part`, if it is on that device, or a copy of it there, made once."""
    if isinstance(part, torch.Tensor):
        return part.to(device)
    here = next(itertools.chain(part.parameters(), part.buffers())).device
    return part if here == device else copy.deepcopy(part).to(device)
