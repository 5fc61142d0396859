"""Stages that do the worst they can: their row fails with one clear line, and the others go on."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.errors import RowError
from diptych.engine.guards.watchdog import Watchdog
from diptych.engine.memory import DeviceMemory
from diptych.engine.microbatch import Batching, Done, Failed, run_stage
from diptych.engine.values import Failure, Outcome

from ...fakes import FakeStage, NameLoader
from ..world import make_draft, wish, world

BAD = 3


class Panic(BaseException):
    """As a library in Rust raises it."""


class Speechless(Exception):
    def __str__(self) -> str:
        raise TypeError("nothing to say")


def recurse(value: Any) -> Any:
    return recurse(value)


def raising(error: BaseException) -> Callable[[Any], Any]:
    def raise_it(value: Any) -> Any:
        raise error

    return raise_it


RAISED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "recursion": (recurse, "RecursionError: maximum recursion depth exceeded"),
    "memory": (raising(MemoryError()), "out of memory even for one row"),
    "exit": (raising(SystemExit(7)), "wanted to end the program (SystemExit: 7)"),
    "exit in silence": (raising(SystemExit()), "wanted to end the program (SystemExit)"),
    "generator": (raising(GeneratorExit()), "GeneratorExit"),
    "stop": (raising(StopIteration()), "StopIteration"),
    "panic": (
        raising(Panic("index out of bounds\nnote: run with RUST_BACKTRACE")),
        "Panic: index out of bounds",
    ),
    "speechless": (raising(Speechless()), "Speechless"),
    "no such row": (raising(RowError(-5, "there is no such row")), "there is no such row"),
    "no row at all": (raising(RowError("x", "no row at all")), "no row at all"),  # type: ignore[arg-type]
    "assertion": (raising(AssertionError()), "AssertionError"),
    "group": (raising(ExceptionGroup("two things", [ValueError("a"), KeyError("b")])), "two things"),
    "nothing": (lambda value: None, "gave a NoneType, not int"),
    "another kind": (str, "gave a str, not int"),
}


@pytest.mark.parametrize("name", RAISED)
def test_a_row_that_does_its_worst_fails_by_name_and_the_others_go_on(name: str) -> None:
    worst, expected = RAISED[name]
    stage = FakeStage("draft", int, int, lambda value: worst(value) if value == BAD else value * 10)
    results = run_stage(stage, range(6), memory=DeviceMemory(NameLoader(1)))
    for value, result in enumerate(results):
        if value == BAD:
            assert isinstance(result, Failed) and expected in result.reason and "\n" not in result.reason
        else:
            assert isinstance(result, Done) and result.value == value * 10


def whole(name: str, run: Callable[[Sequence[Any]], Any], gives: type = int) -> Any:
    """A stage whose `run` is this, whatever it gives."""
    stage = FakeStage(name, int, gives)
    vars(stage)["run"] = lambda batch, models, context: run(batch)
    return stage


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (lambda batch: None, "gave a NoneType, not a list of int"),
        (lambda batch: [], "gave 0 values for 1"),
        (lambda batch: [*batch, 1], "gave 2 values for 1"),
        (lambda batch: (value for value in batch), "gave a generator, not a list of int"),
        (lambda batch: dict.fromkeys(batch, 1), "gave a dict, not a list of int"),
        (lambda batch: 5, "gave a int, not a list of int"),
    ],
)
def test_a_stage_that_gives_no_list_of_results_fails_each_row_in_a_line(
    given: Callable[[Any], Any], expected: str
) -> None:
    results = run_stage(whole("draft", given), [1, 2], memory=DeviceMemory(NameLoader(1)))
    assert all(isinstance(each, Failed) and expected in each.reason for each in results)


def test_a_stage_that_gives_too_few_for_many_is_asked_one_by_one() -> None:
    results = run_stage(whole("draft", lambda batch: batch[:1]), [1, 2, 3], memory=DeviceMemory(NameLoader(1)))
    assert [each.value for each in results if isinstance(each, Done)] == [1, 2, 3]


@pytest.mark.parametrize("said", [ValueError("no idea"), "much", None, float("nan")])
def test_a_stage_that_cannot_say_what_it_needs_fails_the_rows_it_cannot_say_it_of(said: Any) -> None:
    def workspace(batch: Sequence[Any]) -> Any:
        if BAD not in batch:
            return len(batch)
        if isinstance(said, Exception):
            raise said
        return said

    stage = FakeStage("draft", int, int, lambda value: value)
    vars(stage)["workspace"] = workspace
    memory = DeviceMemory(NameLoader(1), budget_bytes=100)
    results = run_stage(stage, range(5), memory=memory)
    assert [isinstance(each, Failed) for each in results] == [value == BAD for value in range(5)]
    assert memory.leased == frozenset() and memory.accounted_bytes <= 1


def test_a_value_that_cannot_be_compared_fails_alone() -> None:
    def alike(value: int) -> int:
        if value == BAD:
            raise AttributeError("no shape")
        return 0

    stage = FakeStage("draft", int, int, lambda value: value)
    batching = Batching(alike=alike)
    results = run_stage(stage, range(5), memory=DeviceMemory(NameLoader(1)), batching=batching)
    assert [isinstance(each, Failed) for each in results] == [value == BAD for value in range(5)]


def test_ctrl_c_is_no_rows_fault() -> None:
    stage = FakeStage("draft", int, int, raising(KeyboardInterrupt()))
    memory = DeviceMemory(NameLoader(1))
    with pytest.raises(KeyboardInterrupt):
        run_stage(stage, [1], memory=memory)
    assert memory.leased == frozenset()


def failing(bad: set[int], *, then: BaseException | None = None) -> Any:
    """A stage that gives up some rows, and perhaps raises after that."""
    stage = FakeStage("draft", int, int)

    def run(batch: Sequence[int], models: Any, context: Any) -> list[int]:
        stage.handed.append(list(batch))
        for place, value in enumerate(batch):
            if value in bad:
                context.fail(place, f"{value} is bad")
                context.fail(place, "of two reasons the first counts")
        if then is not None and bad.intersection(batch):
            raise then
        return list(batch)

    vars(stage)["run"] = run
    vars(stage)["token_by_token"] = True  # so that the deterministic mode pads it on a CPU, too
    return stage


@settings(deadline=None)
@given(st.sets(st.integers(0, 9)), st.integers(1, 12), st.booleans(), st.booleans())
def test_rows_that_a_stage_gives_up_fail_and_the_results_of_the_others_stand(
    bad: set[int], micro_batch: int, batch_invariant: bool, raises: bool
) -> None:
    stage = failing(bad, then=IndexError("came of it") if raises else None)
    batching = Batching(micro_batch=micro_batch, batch_invariant=batch_invariant)
    results = run_stage(stage, range(10), memory=DeviceMemory(NameLoader(1)), batching=batching)
    for value, result in enumerate(results):
        if value in bad:
            assert result == Failed(f"{value} is bad")
        else:
            assert isinstance(result, Done) and result.value == value
    if not raises:  # nobody was run twice
        runs = -(-10 // micro_batch)
        assert len(stage.handed) == runs


def test_giving_up_a_row_that_is_not_there_is_the_stages_own_fault() -> None:
    stage = FakeStage("draft", int, int)
    vars(stage)["run"] = lambda batch, models, context: context.fail(7, "?") or list(batch)
    (result,) = run_stage(stage, [1], memory=DeviceMemory(NameLoader(1)))
    assert isinstance(result, Failed) and "gave up row 7 of 1" in result.reason


@pytest.mark.parametrize("stage", ["plan", "draft", "refine", "judge"])
@pytest.mark.parametrize("error", [SystemExit(7), Panic("index out of bounds"), RecursionError()])
def test_whichever_stage_it_is_one_request_fails_of_three(stage: str, error: BaseException) -> None:
    it = world()
    worker = getattr(it, stage)
    make = worker.make

    def sometimes(value: Any) -> Any:
        request = getattr(value, "request", None) or getattr(value, "plan", value)
        request = getattr(request, "request", request)
        if request.seed == BAD:
            raise error
        return make(value)

    worker.make = sometimes
    results = it.run(wish(seed=1), wish(seed=BAD), wish(seed=2))
    assert [type(each) for each in results] == [Outcome, Failure, Outcome]
    assert isinstance(results[1], Failure) and results[1].stage == stage


def test_a_view_of_a_row_may_fail_without_the_others() -> None:
    results = world(paint=lambda draft: make_draft(draft.plan)).run(wish(), wish(seed=2))  # type: ignore[arg-type]
    reasons = [each.reason for each in results if isinstance(each, Failure)]
    assert reasons == ["stage 'refine' gave a Draft, not Picture"] * 2


# The watchdog


class Clock:
    """Time, and what the processor spent of it on this process."""

    def __init__(self) -> None:
        self.now = self.used = 0.0

    def passes(self, seconds: float, *, computing: bool = False) -> None:
        self.now += seconds
        self.used += seconds if computing else 0.0


def watched(patience_s: float = 100.0) -> tuple[Watchdog, Clock, list[str]]:
    clock, said = Clock(), list[str]()
    dog = Watchdog(patience_s=patience_s, tell=said.append, clock=lambda: clock.now, used=lambda: clock.used)
    return dog, clock, said


def test_a_stage_that_waits_without_end_is_mentioned_again_and_again_but_rarely() -> None:
    dog, clock, said = watched()
    with dog.over("refine"):
        for _ in range(1000):
            clock.passes(1)
            dog.look()
    assert len(said) == 4  # after 100, 200, 400 and 800 s
    assert said[0].startswith("refine: no progress for 101 s (it waits)") and "Ctrl-C" in said[0]


def test_a_stage_that_reports_its_steps_is_never_mentioned() -> None:
    dog, clock, said = watched()
    with dog.over("refine"):
        for _ in range(100):
            clock.passes(99)
            dog.look()
            dog.beat()
    clock.passes(10_000)
    dog.look()  # nothing is at work
    assert said == []


def test_a_stage_that_computes_is_given_ten_times_as_long() -> None:
    dog, clock, said = watched()
    with dog.over("refine"):
        clock.passes(999, computing=True)
        dog.look()
        assert said == []
        clock.passes(2, computing=True)
        dog.look()
    assert len(said) == 1 and "it computes" in said[0]


def test_what_was_computed_before_a_step_says_nothing_of_what_hangs_behind_it() -> None:
    dog, clock, said = watched()
    with dog.over("refine"):
        for _ in range(50):
            clock.passes(5, computing=True)
            dog.look()
            dog.beat()
        for _ in range(8):
            clock.passes(15)
            dog.look()
    assert len(said) == 1 and "it waits" in said[0]


def test_a_stage_that_was_slow_before_may_be_slow_again() -> None:
    dog, clock, said = watched()
    with dog.over("refine"):
        clock.passes(90)  # one step of a large model on a slow machine
        dog.beat()
        clock.passes(890)
        dog.look()
        assert said == []
        clock.passes(20)
        dog.look()
        assert len(said) == 1


def test_a_stage_that_hangs_is_noticed_while_it_does() -> None:
    said: list[str] = []
    stage = FakeStage("draft", int, int, lambda value: time.sleep(0.5) or value)
    batching = Batching(watchdog=Watchdog(patience_s=0.1, tell=said.append))
    run_stage(stage, [1], memory=DeviceMemory(NameLoader(1)), batching=batching)
    assert said and said[0].startswith("draft: no progress")


def test_a_patience_of_nothing_watches_nothing() -> None:
    dog, clock, said = watched(0)
    with dog.over("refine"):
        clock.passes(10_000)
        dog.look()
    assert said == []
