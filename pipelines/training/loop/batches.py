"""Batches of coming steps, prepared one after the other or by workers ahead of time. Knows nothing of training.

A batch is a function of its step alone, so who prepares it changes nothing.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Generator, Iterable, Iterator
from typing import Any, Protocol

import torch
from accelerate.utils import send_to_device
from torch.utils.data import DataLoader, Dataset

from ....engine.errors import DiptychError

CAN_FORK = sys.platform == "linux"  # macOS has fork, but its libraries do not bear it
AHEAD = 4  # batches that each worker prepares before they are asked for


class MakesBatches(Protocol):
    def batch(self, step: int, size: int) -> Any: ...


class _ByStep(Dataset[Any]):
    def __init__(self, task: MakesBatches, size: int) -> None:
        self._task, self._size = task, size

    def __getitem__(self, index: int) -> Any:
        return self._task.batch(index, self._size)


def batches_of(
    task: MakesBatches, size: int, steps: Iterable[int], *, workers: int = 0, device: torch.device
) -> Generator[Any, None, None]:
    """The batches of `steps`, in order, on `device`. Closing it ends the workers; `steps` may have no end.

    Without workers each is made when it is asked for, and so is the next of `steps`; with workers `AHEAD` times
    as many sooner. Workers are forked (`CAN_FORK`): the task need not be picklable, and what makes batches
    must lie on the CPU.

    Raises:
        what `task.batch` raises, also in a worker. See also `worker_deaths`.
    """
    if workers:
        yield from _prepared_ahead(_ByStep(task, size), steps, workers=workers, device=device)
    else:
        for step in steps:
            yield send_to_device(task.batch(step, size), device)


@contextlib.contextmanager
def worker_deaths(name: str, workers: int) -> Iterator[None]:
    """Around the training of `name`: where one of its workers dies, PyTorch says so at any place in its code.

    Raises:
        DiptychError: it was killed.
    """
    try:
        yield
    except (RuntimeError, ConnectionError, EOFError) as error:
        said = str(error).partition("\n")[0]
        lost = not isinstance(error, RuntimeError)  # while it handed a batch over
        of_task = not workers or "in DataLoader worker process" in said
        if of_task or not (lost or said.startswith("DataLoader worker (pid")):
            raise
        raise DiptychError(
            f"train {name}: a worker process was killed (out of memory, or the disk is full): the same command"
            " goes on from the last checkpoint"
        ) from None


def _prepared_ahead(
    batches: Dataset[Any], steps: Iterable[int], *, workers: int, device: torch.device
) -> Generator[Any, None, None]:
    pinned = device.type == "cuda"
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        prefetch_factor=AHEAD,
        collate_fn=_as_it_is,
        pin_memory=pinned,
        worker_init_fn=_come_second,
        multiprocessing_context="fork",
        generator=torch.Generator(),  # else it draws from the one that dropout draws from
    )
    iterator: Any = iter(loader)
    try:
        for batch in iterator:
            yield send_to_device(batch, device, non_blocking=pinned)
    finally:
        iterator._shutdown_workers()  # else that waits for its last reference, which a traceback may hold
        for worker in iterator._workers:
            if worker.is_alive():  # it is stuck, and would be waited for when Python ends
                worker.kill()
                worker.join()


def _as_it_is(batch: Any) -> Any:
    return batch


def _come_second(_: int) -> None:
    """The trainer goes first where cores are few: what it waits for is ready sooner than it asks. And Ctrl-C
    and polite kills, which reach all processes of a terminal, are for it: it ends, and with it its workers."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(5)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # threads do not survive a fork; it would warn
