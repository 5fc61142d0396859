"""Models side by side: who is told of a stop, and who is said to have failed. No process is started here."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from diptych import DiptychError
from diptych.pipelines.training.one import Lasting
from diptych.pipelines.training.together import train_together

NAMES = ("planner", "drafter", "refiner")
PARTS: Any = SimpleNamespace(task=lambda name: None)


class Process:
    """A process that ends when it is told to, or by itself once it is waited for."""

    started: list["Process"]
    while_it_starts: Callable[[str], None]
    while_waited_for: Callable[[str], None]
    code: int

    def __init__(self, *, target: object, args: tuple[Any, ...]) -> None:
        self.name, *_, self.threads = args
        self.exitcode, self.told, self.is_there = None, 0, False

    def start(self) -> None:
        self.deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        type(self).while_it_starts(self.name)
        self.is_there = True
        self.started.append(self)

    def is_alive(self) -> bool:
        return self.is_there and self.exitcode is None

    def terminate(self) -> None:
        self.told, self.exitcode = self.told + 1, self.code

    def join(self) -> None:
        type(self).while_waited_for(self.name)
        self.exitcode = 0 if self.exitcode is None else self.exitcode


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> type[Process]:
    nothing = staticmethod(lambda name: None)
    made = type("Made", (Process,), {"started": [], "while_it_starts": nothing, "while_waited_for": nothing})
    monkeypatch.setattr(multiprocessing, "get_context", lambda _: SimpleNamespace(Process=made))
    return made


def kill(number: int, where: str) -> Any:
    """What sends this process a signal once it is at the model of that name."""
    return staticmethod(lambda name: os.kill(os.getpid(), number) if name == where else None)


def trained() -> bool:
    return train_together(NAMES, PARTS, lambda: PARTS, Lasting())


def test_all_are_trained_with_a_share_of_the_threads_and_leave_ctrl_c_to_the_parent(
    processes: type[Process],
) -> None:
    before, threads = signal.getsignal(signal.SIGINT), torch.get_num_threads()
    torch.set_num_threads(7)
    try:
        assert trained() is True
    finally:
        torch.set_num_threads(threads)
    assert [(each.name, each.threads, each.deaf) for each in processes.started] == [(n, 2, True) for n in NAMES]
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("code", [130, -signal.SIGTERM, -signal.SIGINT])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_are_told_once_of_a_stop(processes: type[Process], number: int, code: int) -> None:
    processes.while_waited_for, processes.code = kill(number, "planner"), code
    assert trained() is False
    assert [each.told for each in processes.started] == [1, 1, 1]


def test_a_stop_while_they_are_started_reaches_those_that_were_and_no_more_are(
    processes: type[Process],
) -> None:
    before = signal.getsignal(signal.SIGINT)
    processes.while_it_starts, processes.code = kill(signal.SIGTERM, "drafter"), -signal.SIGTERM
    assert trained() is False
    assert [(each.name, each.told) for each in processes.started] == [("planner", 1), ("drafter", 1)]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_is_not_held_back(processes: type[Process]) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored in a shell's background

    def twice(name: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        for each in processes.started:
            each.exitcode = None  # it takes its time
        os.kill(os.getpid(), signal.SIGINT)

    processes.while_waited_for, processes.code = staticmethod(twice), 130
    try:
        with pytest.raises(KeyboardInterrupt):
            trained()
    finally:
        signal.signal(signal.SIGINT, before)
    assert [each.told for each in processes.started] == [2, 2, 2]


def test_one_that_ended_otherwise_has_failed(processes: type[Process]) -> None:
    def die(name: str) -> None:
        processes.started[1].exitcode = -signal.SIGKILL

    processes.while_waited_for = staticmethod(die)
    with pytest.raises(DiptychError, match="drafter was ended by SIGKILL, perhaps for want of memory"):
        trained()
