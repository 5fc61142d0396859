"""Memory that runs out at any stage, at random: all rows finish, in the same pixels."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.chain import Chain
from diptych.engine.memory import DeviceMemory
from diptych.engine.runner import Runner
from diptych.engine.values import Outcome, Request, Settings

WISH = Settings(candidates=2, keep=1)
REQUESTS = [Request(prompt="a boat", seed=seed, height=8, width=8, settings=WISH) for seed in range(7)]
MESSAGES = ("CUDA out of memory. Tried to allocate 2 GiB", "DefaultCPUAllocator: can't allocate memory")


def pixels(chain: Chain, memory: DeviceMemory, **how: Any) -> list[Any]:
    """Of each candidate of each request, with its score; all of them are finished."""
    results = list(Runner(chain, memory, micro_batch=4, **how).run(REQUESTS))
    assert [result.request for result in results] == REQUESTS
    trails = [result.trail for result in results if isinstance(result, Outcome)]
    return [[(c.picture and c.picture.pixels.tolist(), c.verdict, c.reason) for c in trail] for trail in trails]


class QuickMemory(DeviceMemory):
    """Python's collector takes a tenth of a second each time."""

    def collect(self) -> None:
        return None


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    budget=st.none() | st.integers(16, 60),
    wave=st.integers(1, 8),
    batch_invariant=st.booleans(),
)
def test_no_row_and_no_pixel_is_lost(
    make_chain: Callable[..., Chain],
    make_loader: Callable[..., Any],
    seed: int,
    budget: int | None,
    wave: int,
    batch_invariant: bool,
) -> None:
    expected = pixels(make_chain(), DeviceMemory(make_loader()))
    chain, memory = make_chain(), QuickMemory(make_loader(), budget_bytes=budget)
    chance = random.Random(seed)
    ran_out: list[str] = []

    def trouble(name: str) -> Callable[[Sequence[Any]], None]:
        def now_and_then(batch: Sequence[Any]) -> None:
            """At one row only while something idle can make room: then it is really too much."""
            if (len(batch) > 1 or len(memory.resident) > 1) and chance.random() < 0.4:
                ran_out.append(name)
                raise RuntimeError(chance.choice(MESSAGES))

        return now_and_then

    for stage in chain.stages:
        stage.before = trouble(stage.name)  # type: ignore[attr-defined]
    assert pixels(chain, memory, wave=wave, batch_invariant=batch_invariant) == expected
    shrunk = {event.stage for event in memory.events if event.kind == "shrink"}
    assert shrunk <= {*ran_out, "preview"}
    assert memory.leased == frozenset()
    assert memory.accounted_bytes <= memory.peak_bytes <= memory.budget_bytes


def test_what_was_too_much_is_not_tried_again(
    make_chain: Callable[..., Chain], make_loader: Callable[..., Any]
) -> None:
    chain, memory = make_chain(), DeviceMemory(make_loader())
    tried: list[int] = []

    def trouble(batch: Sequence[Any]) -> None:
        tried.append(len(batch))
        if len(batch) > 2:
            raise MemoryError

    chain.stages[0].before = trouble  # type: ignore[attr-defined]
    pixels(chain, memory, wave=4)
    assert tried == [4, 2, 2, 2, 1]
