"""Trains several models at the same time, each in a process of its own.

On a data-centre GPU one small model leaves most of the time unused: its steps are short, and the next one is
always being made ready.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from ...engine.errors import DiptychError
from .parts import Parts

STOPPED, FAILED = 130, 2  # exit statuses


def train_together(names: Sequence[str], parts: Parts, options: Mapping[str, Any]) -> bool:
    """Train these models, all at once; what they stand on is fitted first.

    Args:
        options: what `run_training` takes beside a model's name and the folder. `threads` are shared out.

    Returns:
        Whether all are done; not so where Ctrl-C or a polite kill stopped them.

    Raises:
        DiptychError: one of them failed: it has said why. The others went on to their end.
    """
    for name in names:
        parts.task(name)  # fits what is missing, and notes the sizes
    threads = options.get("threads") or max(1, torch.get_num_threads() // len(names))
    start = multiprocessing.get_context("spawn")
    running = {
        name: start.Process(target=_train, args=(name, str(parts.out), {**options, "threads": threads}))
        for name in names
    }
    with _Passing(running.values()):
        for process in running.values():
            process.start()
        for process in running.values():
            process.join()
    ended = {name: process.exitcode for name, process in running.items()}
    failed = [name for name, code in ended.items() if code not in (0, STOPPED)]
    if failed:
        raise DiptychError(f"train all: {', '.join(failed)} failed; the same command goes on with what is left")
    return all(code == 0 for code in ended.values())


def _train(name: str, out: str, options: dict[str, Any]) -> None:
    """What each process does."""
    from .command import run_training

    _stand_alone()
    try:
        done = run_training(name, Path(out), **options)
    except KeyboardInterrupt:
        done = False
    except DiptychError as error:
        print(f"diptych: {name}: {error}", file=sys.stderr, flush=True)
        sys.exit(FAILED)
    sys.exit(0 if done else STOPPED)


def _stand_alone() -> None:
    """Leave the terminal's group, so that Ctrl-C comes once, from the parent; stop if that was killed."""
    if hasattr(os, "setsid"):
        os.setsid()
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


class _Passing:
    """Passes Ctrl-C and a polite kill on to the processes, and waits for them to end by themselves."""

    def __init__(self, processes: Any) -> None:
        self._processes: list[BaseProcess] = list(processes)
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._pass)

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _pass(self, *_: object) -> None:
        for process in self._processes:
            if process.is_alive():
                process.terminate()
