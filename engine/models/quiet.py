"""Keeps the libraries' bars and warnings off standard error while they load, and leaves their settings as they
were. Whoever wants to see them sets the logger `diptych`, or a library's own verbosity, to INFO or below."""

import contextlib
import importlib
import logging
import threading
import warnings
from collections.abc import Generator, Sequence
from typing import Any

_TURN = threading.RLock()  # settings are the process's: who changes them for a while does so alone
QUANTISERS = ("torchao", "torch.utils._pytree", "bitsandbytes")
"""Loggers of what transformers and diffusers import where it is installed, and of what that does to torch."""
_LOGGINGS = {"transformers": "transformers.utils.logging", "diffusers": "diffusers.utils.logging"}


@contextlib.contextmanager
def quiet(libraries: Sequence[str]) -> Generator[None]:
    """Without bars and warnings of these libraries, which are imported; errors are still logged."""
    if logging.getLogger("diptych").getEffectiveLevel() <= logging.INFO:
        yield
        return
    with _TURN, warnings.catch_warnings(), contextlib.ExitStack() as changed:
        warnings.simplefilter("ignore")
        for name in QUANTISERS:
            changed.enter_context(_less(logging.getLogger(name)))
        for name in libraries:
            changed.enter_context(_silenced(importlib.import_module(_LOGGINGS[name])))
        yield


@contextlib.contextmanager
def _less(logger: logging.Logger) -> Generator[None]:
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def _silenced(library: Any) -> Generator[None]:
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars

    level, bars, hub_bars = (
        library.get_verbosity(),
        library.is_progress_bar_enabled(),
        not are_progress_bars_disabled(),
    )
    if level <= logging.INFO:
        yield
        return
    library.set_verbosity(max(level, logging.ERROR))
    library.disable_progress_bar()
    try:
        yield
    finally:
        library.set_verbosity(level)
        if bars:
            library.enable_progress_bar()  # with it transformers enables those of the Hub
        if not hub_bars:
            disable_progress_bars()
