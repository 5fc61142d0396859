"""Trains several models at the same time, each in a process of its own.

On a data-centre GPU one small model leaves most of the time unused: its steps are short, and the next one is
always being made ready. On two CPU cores two small models with a thread each do about half as much again as one
with two.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess

import torch

from ...engine.errors import DiptychError
from .loop.stopping import StopSignal
from .one import Lasting, say, train_one
from .parts import Parts

STOPPED, FAILED = 130, 2  # exit statuses
ENDED_BY_A_STOP = (STOPPED, -signal.SIGTERM, -signal.SIGINT)  # the last two before it heard of signals


def train_together(names: Sequence[str], parts: Parts, opened: Callable[[], Parts], lasting: Lasting) -> bool:
    """Train these models, all at once; what they stand on is fitted first. They share out the threads.

    Args:
        parts: of the folder that they are trained in.
        opened: opens the same data in another process.

    Returns:
        Whether all are done; not so where Ctrl-C or a polite kill stopped them.

    Raises:
        DiptychError: one of them failed: it has said why. The others went on to their end.
    """
    for name in names:
        parts.task(name)  # fits what is missing, and notes the sizes
    threads = max(1, torch.get_num_threads() // len(names))
    started: dict[str, BaseProcess] = {}

    def pass_on() -> None:
        for process in started.values():
            if process.is_alive():
                process.terminate()

    with StopSignal(then=pass_on) as stop:
        try:
            for name in names:
                if stop.asked:
                    break
                process = multiprocessing.get_context("spawn").Process(
                    target=_train, args=(name, opened, lasting, threads)
                )
                started[name] = process
                with stop.deaf_to_ctrl_c():
                    process.start()
                if stop.asked:  # while it started
                    process.terminate()
            for process in started.values():
                process.join()
        finally:
            pass_on()  # where a second Ctrl-C came: they then wait no longer either
    ended = {name: process.exitcode for name, process in started.items()}
    failed = {name: code for name, code in ended.items() if code not in (0, *ENDED_BY_A_STOP)}
    if failed:
        said = ", ".join(f"{name} {_how(code)}" for name, code in failed.items())
        raise DiptychError(f"train all: {said}; the same command goes on with what is left")
    return [ended.get(name) for name in names] == [0] * len(names)


def _how(code: int | None) -> str:
    """How a process ended that did not do its work. One that is ended from outside has said nothing itself."""
    if code is None or code >= 0:
        return "failed"
    why = ", perhaps for want of memory" if code == -signal.SIGKILL else ""
    return f"was ended by {signal.Signals(-code).name}{why}"


def _train(name: str, opened: Callable[[], Parts], lasting: Lasting, threads: int) -> None:
    """What each process does."""
    _stand_alone()
    torch.set_num_threads(threads)
    try:
        done = train_one(name, opened(), lasting, say=say)
    except KeyboardInterrupt:
        done = False
    except DiptychError as error:
        say(f"diptych: {error}")
        sys.exit(FAILED)
    sys.exit(0 if done else STOPPED)


def _stand_alone() -> None:
    """Leave the terminal's group, so that signals come once, from the parent; stop if that was killed."""
    if hasattr(os, "setsid"):
        os.setsid()
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
