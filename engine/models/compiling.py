"""`torch.compile` for models whose recipe asks for it: block by block, so that blocks of a kind are compiled
once, and may still come and go as they are streamed. Where it fails, one line says so and the model goes on
without.
"""

import logging
import os
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import torch

from ..messages import first_line
from .checkpoint.blocks import blocks_of

CACHE = "TORCHINDUCTOR_CACHE_DIR"

_log = logging.getLogger(__name__)


def settle_cache(environment: MutableMapping[str, str] = os.environ) -> None:
    """Keep what is compiled in the user's cache folder, for the next process; where it is set, that stands."""
    base = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    environment.setdefault(CACHE, str(Path(base) / "diptych" / "compiled"))


def compile_blocks(module: torch.nn.Module, name: str) -> int:
    """Let the blocks of a module be compiled when they are first called; returns how many there are.

    Args:
        name: of the model, for the line that says what failed.
    """
    settle_cache()
    state = _State(name)
    blocks = blocks_of({path: each.numel() for path, each in module.named_parameters()})
    for path in blocks:
        block = module.get_submodule(path)
        block.forward = _Compiled(block.forward, state)
    return len(blocks)


class _State:
    """Of one model: whether compiling has failed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.failed = False


class _Compiled:
    """A block's forward pass, compiled as long as that goes well."""

    def __init__(self, plain: Callable[..., Any], state: _State) -> None:
        self._plain, self._state = plain, state
        self._compiled: Callable[..., Any] = torch.compile(plain)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._state.failed:
            return self._plain(*args, **kwargs)
        try:
            return self._compiled(*args, **kwargs)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # of a compiler, of any kind
            result = self._plain(*args, **kwargs)  # what is the block's own fault is raised here, as ever
            self._state.failed = True
            reason = first_line(error, named=True)
            _log.warning("diptych: %s: cannot be compiled, and goes on without: %s", self._state.name, reason)
            return result
