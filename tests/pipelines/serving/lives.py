"""Lives of servers, each in a process of its own that may be killed.

They are forked off a process that has no threads: what is forked off one that has may wait for ever for what
was held by a thread that is not there any more.
"""

import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from diptych.pipelines.serving.runtime import Runtime

from ..conftest import fake_recipe
from .conftest import fake_runtime

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


def begun(live: Callable[..., object], *arguments: object) -> BaseProcess:
    """The process in which this function of a module is called; it is not waited for."""
    life = _processes.Process(target=live, args=arguments, daemon=True)
    life.start()
    return life


def runtime_in(folder: Path) -> Runtime:
    """A server over fakes that has not begun, with one thread."""
    torch.set_num_threads(1)
    return fake_runtime(folder, fake_recipe())
