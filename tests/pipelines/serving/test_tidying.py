"""Free memory is handed back now and then, and no oftener."""

from types import SimpleNamespace
from typing import Any

from diptych.pipelines.serving.engine_thread.tidying import EVERY_S, Tidying


def test_free_memory_is_handed_back_now_and_then() -> None:
    now, collected = [0.0], list[float]()
    memory = SimpleNamespace(collect=lambda: collected.append(now[0]))
    pipe = SimpleNamespace(pipeline=SimpleNamespace(runner=SimpleNamespace(memory=memory)))
    pipes: Any = SimpleNamespace(made=lambda: [pipe])
    it = Tidying(lambda: now[0], idle_s=0)
    for seconds in (1.0, EVERY_S, EVERY_S + 1, 2 * EVERY_S):
        now[0] = seconds
        it.hand_back(pipes)
    assert collected == [EVERY_S, 2 * EVERY_S]
