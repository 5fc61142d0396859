"""Where and how exactly the parts of a loss are computed that are not the model: tokens, latents, draws."""

import copy
import functools
import itertools
from typing import TypeVar

import torch

Module = TypeVar("Module", bound=torch.nn.Module)


def in_float32(device: torch.device) -> torch.autocast:
    """Where a loss is computed in mixed precision: what is computed under this is not."""
    return torch.autocast(device.type, enabled=False)


@functools.lru_cache(maxsize=8)
def copy_on(device: torch.device, module: Module) -> Module:
    """`module`, if it is on that device, or a copy of it there, made once."""
    here = next(itertools.chain(module.parameters(), module.buffers())).device
    return module if here == device else copy.deepcopy(module).to(device)
