"""Who loads a model is alone with what makes tensors."""

import os
import threading
from contextlib import ExitStack

import pytest

from diptych.engine.guards import loading
from diptych.engine.guards.loading import Turns


def in_thread(turns: Turns, *, loads: bool) -> tuple[threading.Event, threading.Event, threading.Thread]:
    """A thread that tells when it is within its block, and leaves it when it is told to."""
    within, leave = threading.Event(), threading.Event()

    def run() -> None:
        with turns.loading() if loads else turns.working():
            within.set()
            assert leave.wait(30)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return within, leave, thread


def test_many_work_and_one_loads() -> None:
    turns = Turns()
    one, other = in_thread(turns, loads=False), in_thread(turns, loads=False)
    assert one[0].wait(30) and other[0].wait(30)
    loader = in_thread(turns, loads=True)
    assert not loader[0].wait(0.05)
    late = in_thread(turns, loads=False)
    one[1].set()
    assert not loader[0].wait(0.05) and not late[0].is_set()
    other[1].set()
    assert loader[0].wait(30) and not late[0].wait(0.05)
    second = in_thread(turns, loads=True)
    assert not second[0].wait(0.05)
    loader[1].set()
    assert second[0].wait(30)
    second[1].set()
    assert late[0].wait(30)
    late[1].set()
    for _, _, thread in (one, other, loader, late, second):
        thread.join(30)


def test_whoever_loads_may_load_within_and_an_error_ends_it() -> None:
    turns = Turns()
    with pytest.raises(ZeroDivisionError), turns.loading(), turns.loading():
        raise ZeroDivisionError
    with turns.working():
        pass


def test_whoever_works_may_load_and_whoever_waits_may_give_up() -> None:
    turns = Turns()
    with turns.working(), turns.loading():
        pass

    def gives_up() -> None:
        raise ZeroDivisionError

    within, leave, thread = in_thread(turns, loads=True)
    assert within.wait(30)
    with pytest.raises(ZeroDivisionError), turns.working(gives_up):
        pass
    leave.set()
    thread.join(30)
    with turns.loading():
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_after_a_fork_nobody_waits_for_those_who_are_not_there() -> None:
    with ExitStack() as within:
        within.enter_context(loading.turns.working())
        child = os.fork()
        if not child:
            with loading.turns.loading():
                os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
