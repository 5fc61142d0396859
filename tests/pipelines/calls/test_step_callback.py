"""`callback_on_step_end`: told of each step of painting, able to stop, with no state left on the pipeline."""

from collections.abc import Callable
from typing import Any

import pytest

from diptych import Cancelled, DiptychError, Explanations, InputError, TextToImage


def test_each_step_of_painting_is_told_and_no_other(pipe: TextToImage) -> None:
    seen: list[tuple[Any, ...]] = []

    def look(running: Any, step: int, timestep: float, kwargs: dict[str, Any]) -> dict[str, Any]:
        seen.append((running.recipe.name, step, timestep, kwargs["stage"], kwargs["num_steps"]))
        return kwargs

    out = pipe(["a", "b"], callback_on_step_end=look)
    assert seen == [("fake", 0, 1000.0, "refine", 2), ("fake", 1, 500.0, "refine", 2)]  # fakes step row by row
    assert out.images[0].tobytes() == pipe(["a", "b"]).images[0].tobytes()


def test_a_callback_stops_its_call_and_no_other(pipe: TextToImage) -> None:
    def stop(running: Any, step: int, timestep: float, kwargs: dict[str, Any]) -> None:
        running._interrupt = True

    with pytest.raises(Cancelled, match="stopped by callback_on_step_end at step 1 of refine"):
        pipe("a", callback_on_step_end=stop)
    assert "_interrupt" not in vars(pipe)
    assert len(pipe("a").outcomes) == 1


def test_what_was_finished_before_it_was_stopped_is_kept(make_pipe: Callable[..., TextToImage]) -> None:
    calls: list[int] = []

    def stop_later(running: Any, *_: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            running.interrupt()

    out = make_pipe(wave=1, micro_batch=1)(["a", "b", "c", "d"], callback_on_step_end=stop_later)
    assert [image is None for image in out.images] == [False, False, True, True]
    assert {failure.stage for failure in out.failures} == {"stopped"}
    with pytest.raises(DiptychError, match=r"row 3: stopped: stopped by callback.* \(2 of 4 rows failed\)"):
        out.raise_for_failures()


def test_what_a_callback_raises_is_raised(pipe: TextToImage) -> None:
    with pytest.raises(ZeroDivisionError):
        pipe("a", callback_on_step_end=lambda *_: 1 // 0)
    with pytest.raises(InputError, match="can look and stop, not change"):
        pipe("a", callback_on_step_end=lambda *_: {"latents": 1})


def test_another_watcher_gets_every_call_as_well(pipe: TextToImage) -> None:
    told: list[str] = []

    class Bar:
        def on_progress(self, stage: str, done: int, total: int, fraction: float, /) -> None:
            told.append(stage)

        def cancelled(self) -> bool:
            return False

    pipe("a", callback_on_step_end=lambda *_: None, watch=Bar())
    assert {"plan", "draft", "refine", "judge"} <= set(told)
    explanations = Explanations()
    pipe("a", callback_on_step_end=lambda *_: None, watch=explanations)
