"""Threads follow work and load; they sleep while they wait; a fork's child has one. Loads are made up."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diptych.engine.chain import Chain
from diptych.engine.guards import threads
from diptych.engine.guards.threads import Load, Threads, fitting_threads, wait_passively
from diptych.engine.memory import DeviceMemory
from diptych.engine.microbatch import Batching, run_stage
from diptych.engine.runner import Runner

from ...fakes import FakeStage, NameLoader

TWO_THREADS = """
import torch
torch.set_num_threads(2)
x = torch.randn(1500, 1500)
def work():
    (x @ x).softmax(-1)
    torch.nn.functional.conv2d(torch.randn(4, 32, 64, 64), torch.randn(32, 32, 3, 3))
work()
"""


@pytest.fixture
def two_threads() -> object:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def load(others: float) -> Load:
    """Of others that use so many cores; each look at the clock takes a second."""
    seconds = iter(range(1_000_000))
    now = [0.0]

    def clock() -> float:
        now[0] = float(next(seconds))
        return now[0]

    return Load(clock=clock, busy=lambda: (now[0] + 1) * (others + 1), own=lambda: now[0])


def test_environment_is_told_once_and_before_torch_only() -> None:
    environment: dict[str, str] = {}
    assert wait_passively(environment, {}) and environment == {"OMP_WAIT_POLICY": "PASSIVE"}
    assert not wait_passively(environment, {})
    chosen = {"GOMP_SPINCOUNT": "10000"}
    assert not wait_passively(chosen, {}) and chosen == {"GOMP_SPINCOUNT": "10000"}
    late: dict[str, str] = {}
    assert not wait_passively(late, {"torch": torch}) and not late


@pytest.mark.parametrize("first", ["import diptych", "import diptych.engine.values", "import diptych.__main__"])
def test_whatever_of_the_package_is_imported_first_threads_sleep(first: str) -> None:
    code = f"{first}\nimport os, torch\nprint(os.environ['OMP_WAIT_POLICY'])"
    environment = {k: v for k, v in os.environ.items() if k not in threads.WAITING}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "PASSIVE"


@pytest.mark.parametrize(
    ("most", "cores", "others", "fit"),
    [
        (2, 2, 0.0, 2),
        (2, 2, 0.2, 2),  # there is always something
        (2, 2, 0.67, 1),  # one neighbour beside two threads
        (2, 2, 1.0, 1),
        (2, 2, 2.0, 1),
        (16, 16, 1.0, 15),
        (4, 16, 8.0, 4),
        (4, 16, 14.0, 2),
        (1, 2, 0.0, 1),
    ],
)
def test_cores_that_others_use_are_left_to_them(most: int, cores: int, others: float, fit: int) -> None:
    assert fitting_threads(most, cores=cores, others=others) == fit


def test_small_work_gets_one_thread_on_a_quiet_machine_too() -> None:
    small, large = threads.WORTH_SHARING, threads.WORTH_SHARING + 1
    assert fitting_threads(8, cores=8, others=0.0, multiply_adds=small) == 1
    assert fitting_threads(8, cores=8, others=0.0, multiply_adds=large) == 8


@given(st.integers(1, 128), st.integers(1, 128), st.floats(0, 1000), st.none() | st.integers(0, 10**12))
def test_there_is_always_a_thread_and_never_more_than_there_are(
    most: int, cores: int, others: float, work: int | None
) -> None:
    found = fitting_threads(most, cores=cores, others=others, multiply_adds=work)
    assert 1 <= found <= most
    assert found >= fitting_threads(most, cores=cores, others=others + 1, multiply_adds=work)


def test_a_load_is_what_others_used_between_two_looks() -> None:
    assert load(0.0).others() == 0.0
    assert load(1.5).others() == pytest.approx(1.5)
    now, busy = [0.0], [0.0]
    watched = Load(clock=lambda: now[0], busy=lambda: busy[0], own=lambda: 0.0)
    now[0], busy[0] = 1.0, 1.0
    assert watched.others() == 1.0
    now[0], busy[0] = 1.1, 1.0
    assert watched.others() == 1.0  # too short a time to tell
    now[0] = 2.0
    assert watched.others() == 0.0


def test_where_the_system_does_not_tell_nobody_is_there(tmp_path: Path) -> None:
    assert threads.busy_seconds(tmp_path / "none") is None
    assert Load(busy=lambda: None).others() == 0.0


def test_busy_seconds_are_those_of_the_cores_that_may_be_used(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    rows = ["cpu  900 0 0 0 0 0 0 0 0 0"]
    mine = sorted(os.sched_getaffinity(0))
    rows += [f"cpu{core} 100 10 20 5000 600 3 4 30 100 0" for core in mine]
    rows += [f"cpu{max(mine) + 1} 9000 0 0 0 0 0 0 0 0 0", "intr 1"]
    stat.write_text("\n".join(rows), encoding="ascii")
    each = (100 + 10 + 20 + 3 + 4 + 30) / os.sysconf("SC_CLK_TCK")
    assert threads.busy_seconds(stat) == pytest.approx(each * len(mine))


@pytest.mark.usefixtures("two_threads")
def test_within_the_block_as_many_as_pay_and_afterwards_as_before() -> None:
    def within(others: float, work: int | None = None, *, fixed: bool = False) -> int:
        with Threads(load=load(others), cores=2, fixed=fixed).given_to(work):
            return torch.get_num_threads()

    assert within(0.0) == 2
    assert within(1.0) == 1
    assert within(0.0, 1000) == 1
    assert within(1.0, fixed=True) == 2
    assert torch.get_num_threads() == 2
    with pytest.raises(ZeroDivisionError), Threads(load=load(1.0), cores=2, fixed=False).given_to():
        raise ZeroDivisionError
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_who_works_beside_others_takes_half_of_the_cores_and_leaves_the_rest() -> None:
    found: dict[str, int] = {}

    def beside(cores: int, work: int | None) -> None:
        def run() -> None:
            with Threads(load=load(0.0), cores=cores, fixed=False).given_to(work, beside=2):
                found["beside"] = torch.get_num_threads()
                begun.set()
                assert over.wait(30)

        begun, over = threading.Event(), threading.Event()
        thread = threading.Thread(target=run)
        thread.start()
        assert begun.wait(30)
        with Threads(load=load(0.0), cores=cores, fixed=False).given_to():
            found["here"] = torch.get_num_threads()
        over.set()
        thread.join()

    beside(2, None)
    assert found == {"beside": 1, "here": 1}
    beside(4, None)
    assert found == {"beside": 2, "here": 2}
    beside(2, 1000)
    with Threads(load=load(0.0), cores=2, fixed=False).given_to():
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 2


def test_a_chosen_number_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in threads.COUNTING:
        monkeypatch.delenv(name, raising=False)
    assert not Threads().fixed
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert Threads().fixed


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("others", [0.0, 1.0])
def test_a_steady_number_depends_on_no_load_but_on_whether_threads_sleep(
    monkeypatch: pytest.MonkeyPatch, others: float
) -> None:
    for name in threads.WAITING:
        monkeypatch.delenv(name, raising=False)
    it = Threads(load=load(others), cores=2, fixed=False, steady=True)
    with it.given_to(1000):
        assert torch.get_num_threads() == 1  # torch was there first, and its threads would run in circles
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    with it.given_to(1000):
        assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_a_stage_works_with_the_threads_that_pay() -> None:
    def used(others: float, *, token_by_token: bool = False, weights: int = 0) -> int:
        found: list[int] = []
        stage = FakeStage(
            "draft", int, int, lambda x: x, before=lambda _: found.append(torch.get_num_threads())
        )
        vars(stage)["token_by_token"] = token_by_token
        batching = Batching(threads=Threads(load=load(others), cores=2, fixed=False))
        run_stage(stage, [1, 2], memory=DeviceMemory(NameLoader(weights)), batching=batching)
        return found[0]

    assert used(0.0) == 2
    assert used(1.0) == 1
    assert used(0.0, token_by_token=True, weights=1000) == 1
    assert used(0.0, token_by_token=True, weights=4 * threads.WORTH_SHARING) == 2


def test_the_number_is_chosen_on_a_cpu_alone_and_steady_where_bits_are_promised(
    make_chain: Callable[..., Chain],
) -> None:
    chain = make_chain()
    assert Runner(chain, DeviceMemory(NameLoader(1))).batching.threads is not None
    steady = Runner(chain, DeviceMemory(NameLoader(1)), batch_invariant=True).batching.threads
    assert steady is not None and steady.steady
    assert Runner(chain, DeviceMemory(NameLoader(1), device="mps")).batching.threads is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_the_child_of_a_fork_works_on_after_its_parent_used_two_threads() -> None:
    child = "if os.fork() == 0:\n    work()\n    os._exit(0)\nprint(os.wait()[1])"
    code = f"import os, diptych\n{TWO_THREADS}\n{child}"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        try:
            said, _ = parent.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(parent.pid, signal.SIGKILL)
            pytest.fail("the child hangs")
    assert said.strip() == "0"


def test_the_child_of_a_fork_is_given_one_thread_by_every_stage() -> None:
    started = time.monotonic()
    code = (
        "import os, diptych, torch\ntorch.set_num_threads(2)\n"
        "from diptych.engine.guards.threads import Threads\n"
        "it = Threads(cores=2, fixed=False)\n"
        "if os.fork() == 0:\n"
        "    with it.given_to():\n"
        "        os._exit(torch.get_num_threads())\n"
        "print(os.waitstatus_to_exitcode(os.wait()[1]), torch.get_num_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["1", "2"], time.monotonic() - started
