"""Two windows and a lane for copies: what a block reads is its own, however late or early copies are."""

import contextlib
import dataclasses
import random
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import torch

from diptych.engine.models.checkpoint import streaming
from diptych.engine.models.checkpoint.lanes import CudaLane, NoLane, lane_of
from diptych.engine.models.checkpoint.slots import slots_of
from diptych.engine.models.checkpoint.streaming import Stream

BLOCKS = 6


@dataclasses.dataclass
class FakeLane:
    """Two queues, of copies and of work, that are only written down. A mark is its name and queue.

    Its entries: `("begin", address)`, `("end", address, value)`: a copy that writes what it says, or work that
    reads what it says; `("wait", mark)`, `("mark", mark)`.
    """

    copies: list[tuple[Any, ...]] = dataclasses.field(default_factory=list)
    work: list[tuple[Any, ...]] = dataclasses.field(default_factory=list)
    marks: int = 0

    def send(self, copies: Iterable[tuple[torch.Tensor, torch.Tensor]], *, after: int) -> int:
        self.copies.append(("wait", after))
        for place, source in copies:
            self.copies += [("begin", place.data_ptr()), ("end", place.data_ptr(), float(source.flatten()[0]))]
        return self._mark(self.copies)

    def wait(self, mark: int) -> None:
        self.work.append(("wait", mark))

    def mark(self) -> int:
        return self._mark(self.work)

    def reads(self, address: int, value: float) -> None:
        self.work += [("begin", address, value), ("end", address, value)]

    def _mark(self, queue: list[tuple[Any, ...]]) -> int:
        self.marks += 1
        queue.append(("mark", self.marks))
        return self.marks


def carried_out(lane: FakeLane, pick: Any) -> None:
    """Go through both queues in some order that the marks allow; `pick` chooses among those that can go on."""
    held: dict[int, float | None] = {}
    passed: set[int] = set()
    at = [0, 0]
    queues = [lane.copies, lane.work]
    while any(at[i] < len(queues[i]) for i in (0, 1)):
        ready = [i for i in (0, 1) if at[i] < len(queues[i]) and _may(queues[i][at[i]], passed)]
        assert ready, "each waits for the other"
        i = pick(ready)
        what, about, *value = queues[i][at[i]]
        at[i] += 1
        if what == "mark":
            passed.add(about)
        elif what != "wait" and i == 0:
            held[about] = value[0] if what == "end" else None  # half of it is there
        elif what != "wait":
            assert held.get(about) == value[0], "a block reads what is not its own"


def _may(entry: tuple[Any, ...], passed: set[int]) -> bool:
    return entry[0] != "wait" or entry[1] in passed


class Net(torch.nn.Module):
    """Blocks whose weights are all the block's number; they are called in an order that may change."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(4, 4, bias=False) for _ in range(BLOCKS))
        for i, layer in enumerate(self.layers):
            torch.nn.init.constant_(layer.weight, i)  # type: ignore[arg-type]
        self.order = list(range(BLOCKS))
        self.fail_at = -1
        self.fails_with: type[BaseException] = RuntimeError

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for i in self.order:
            with self._failing(i):
                self.layers[i](x)
        return x

    @contextlib.contextmanager
    def _failing(self, i: int) -> Iterator[None]:
        """Within the block, after its weights have come."""
        if i != self.fail_at:
            yield
            return

        def fail(*_: object) -> None:
            raise self.fails_with

        hook = self.layers[i].register_forward_pre_hook(fail)
        try:
            yield
        finally:
            hook.remove()


@pytest.fixture
def net() -> Net:
    return Net().eval().requires_grad_(False)


@pytest.fixture
def lane() -> FakeLane:
    return FakeLane()


@pytest.fixture
def stream(net: Net, lane: FakeLane, monkeypatch: pytest.MonkeyPatch) -> Stream:
    """Open on a device that has a bus, and lies in the host's memory."""
    monkeypatch.setattr(streaming, "windows_on", lambda device: 2)
    stream = Stream(net, slots_of(net, []))
    stream.open("cpu", lane=lane)

    def note(number: int) -> Any:
        def noted(layer: Any, *_: object) -> None:
            lane.reads(layer.weight.data_ptr(), float(number))

        return noted

    for i, layer in enumerate(net.layers):
        layer.register_forward_pre_hook(note(i))
    return stream


def schedules() -> list[Any]:
    """Copies as early as may be, as late as may be, and at random."""
    return [min, max, *(random.Random(seed).choice for seed in range(20))]


def copied(lane: FakeLane) -> list[float]:
    return [entry[2] for entry in lane.copies if entry[0] == "end"]


X = torch.zeros(2, 4)


def test_no_block_is_overwritten_while_it_is_read_whatever_comes_first(
    net: Net, stream: Stream, lane: FakeLane
) -> None:
    for order in (range(BLOCKS), [0, 1, 2, 1, 5, 5, 3], reversed(range(BLOCKS)), range(BLOCKS)):
        net.order = list(order)
        for _ in range(2):
            net(X)
    stream.close()
    for pick in schedules():
        carried_out(lane, pick)


def test_the_check_sees_a_window_that_is_not_waited_for(net: Net, stream: Stream, lane: FakeLane) -> None:
    net(X)
    for queue in (lane.copies, lane.work):
        kept = [entry for entry in queue if entry[0] != "wait"]
        careless = FakeLane(kept, lane.work) if queue is lane.copies else FakeLane(lane.copies, kept)
        with pytest.raises(AssertionError, match="not its own"):
            for pick in schedules():
                carried_out(careless, pick)


def test_the_next_block_is_on_its_way_while_one_works(net: Net, stream: Stream, lane: FakeLane) -> None:
    """With copies as early as may be, each but the first is there before the block before it has ended."""
    sent: list[list[float]] = []
    for layer in net.layers:
        layer.register_forward_pre_hook(lambda *_: sent.append(copied(lane)))
    net(X)
    in_order = [*map(float, range(BLOCKS)), 0.0]
    assert sent == [in_order[: n + 2] for n in range(BLOCKS)]


def test_another_order_is_learned_in_one_pass(net: Net, stream: Stream, lane: FakeLane) -> None:
    net.order = [3, 0, 4, 2]
    net(X)
    before = len(copied(lane))
    net(X)
    assert copied(lane)[before:] == [0.0, 4.0, 2.0, 3.0]  # the first was there already; nothing is in vain


@pytest.mark.parametrize("kind", [RuntimeError, SystemExit, KeyboardInterrupt])
def test_a_block_that_fails_leaves_the_windows_to_others(
    net: Net, stream: Stream, lane: FakeLane, kind: type[BaseException]
) -> None:
    net.fails_with = kind
    for net.fail_at in (4, 2, 1):  # more often than there are windows, and never as far again
        with pytest.raises(kind):
            net(X)
    net.fail_at = -1
    net(X)
    stream.close()
    for pick in schedules():
        carried_out(lane, pick)


def test_a_copy_that_fails_is_not_taken_for_the_block(
    net: Net, stream: Stream, lane: FakeLane, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> int:
        raise MemoryError

    net(X)
    with monkeypatch.context() as broken:
        broken.setattr(lane, "send", full)
        with pytest.raises(MemoryError):
            net(X)
    net(X)
    stream.close()
    for pick in schedules():
        carried_out(lane, pick)  # which holds what each block reads against its own weights


def test_what_is_closed_waits_for_copies_that_are_under_way(net: Net, stream: Stream, lane: FakeLane) -> None:
    net(X)
    stream.close()
    last = max(entry[1] for entry in lane.copies if entry[0] == "mark")
    assert ("wait", last) in lane.work


def test_a_cpu_has_no_lane() -> None:
    assert isinstance(lane_of("cpu"), NoLane) and isinstance(lane_of("mps"), NoLane)


@pytest.mark.cuda
def test_a_gpu_has_one(net: Net) -> None:
    assert isinstance(lane_of("cuda"), CudaLane)
    expected = net.layers[3](torch.ones(2, 4)).cuda()
    stream = Stream(net, slots_of(net, []))
    stream.open("cuda")
    for _ in range(3):
        net(X.cuda())
        assert torch.equal(net.layers[3](torch.ones(2, 4).cuda()), expected)
    stream.close()
