"""Calls from several threads: they wait for their turn, and each gets what it would get alone."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from diptych import Outcome, TextToImage


def test_calls_from_several_threads_wait_for_their_turn(pipe: TextToImage) -> None:
    busy, most = 0, 0
    lock = threading.Lock()
    stage = pipe.runner.chain.stages[2]
    before = stage.before  # type: ignore[attr-defined]

    def work(batch: object) -> None:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        threading.Event().wait(0.005)
        with lock:
            busy -= 1

    stage.before = work  # type: ignore[attr-defined]
    alone = [pipe("a boat", seed=i).images[0].tobytes() for i in range(8)]
    with ThreadPoolExecutor(8) as threads:
        beside = list(threads.map(lambda i: pipe("a boat", seed=i).images[0].tobytes(), range(8)))
    stage.before = before  # type: ignore[attr-defined]
    assert beside == alone and most == 1
    assert pipe.runner.memory.leased == frozenset()


def test_an_async_program_may_wait_for_several_calls(pipe: TextToImage) -> None:
    async def both() -> list[int]:
        made = await asyncio.gather(*(asyncio.to_thread(pipe, "a boat", seed=i) for i in range(4)))
        return [result.outcomes[0].request.seed for result in made]

    assert asyncio.run(both()) == [0, 1, 2, 3]


def test_a_stream_that_is_not_read_to_its_end_holds_nobody_up(pipe: TextToImage) -> None:
    stream = pipe.stream([f"boat {i}" for i in range(100)])
    first = next(stream)
    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(pipe, "a tree").result(timeout=30)
    assert isinstance(first, Outcome) and len(other.outcomes) == 1
    assert len(list(stream)) == 99
