"""Ctrl-C and SIGTERM: the first asks, the second ends."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from diptych.engine.watch import Quiet
from diptych.pipelines.rendering.stop import Stop, Stoppable

WAITS = """
import time
from diptych.pipelines.rendering.stop import Stop
with Stop() as stop:
    print("ready", flush=True)
    while not stop.wanted:
        time.sleep(0.01)
    print("asked", stop.status, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_asks_and_handlers_are_put_back(
    number: signal.Signals, status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(number)
    with Stop() as stop:
        watch = Stoppable(Quiet(), stop)
        assert not watch.cancelled()
        os.kill(os.getpid(), number)
        assert watch.cancelled() and stop.status == status
        assert signal.getsignal(number) is signal.SIG_DFL
    assert signal.getsignal(number) is before
    assert "stopping; Ctrl-C again leaves at once" in capfd.readouterr().err


def test_the_second_ends_the_process_at_once() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITS], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == b"asked 130\n"
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=20) == -signal.SIGINT


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    before, found = signal.getsignal(signal.SIGINT), list[object]()

    def look() -> None:
        with Stop() as stop:
            found.append(signal.getsignal(signal.SIGINT))
            found.append(stop.wanted)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [before, False]


def test_a_watcher_of_the_caller_can_still_stop() -> None:
    class Enough(Quiet):
        def cancelled(self) -> bool:
            return True

    assert Stoppable(Enough(), Stop()).cancelled()
