"""`callback_on_step_end`, as diffusers has it: called after each step of painting, and able to stop the work.

    def look(pipe, step, timestep, kwargs):
        pipe._interrupt = stop_was_pressed()    # or pipe.interrupt()
        return kwargs

Steps are counted by micro-batch, as stages report them. What a callback may stop is the call that it belongs
to: its first argument stands for the pipeline, and is made anew for each call. It gets no tensors.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ...engine.errors import Cancelled, InputError
from ...engine.watch import Onlooker, Quiet, Watcher
from .keywords import OnStepEnd

PAINTING = ("refine", "paint", "repaint", "paint_tokens", "morph")
"""Stages whose steps are steps of denoising."""
NOISE = 1000.0
"""The timestep of pure noise."""


class RunningPipe:
    """The pipeline as a callback sees it: all that it has, and a way to stop this call.

    Args:
        pipe: what it stands for.
    """

    _interrupt: bool

    def __init__(self, pipe: object) -> None:
        self._pipe = pipe
        self._interrupt = False

    def interrupt(self) -> None:
        """Stop the call after this step."""
        self._interrupt = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipe, name)


class StepCallback:
    """A watcher that calls a callback after each step of painting.

    Args:
        callback: see above. Its keywords are `stage`, `num_steps` of the micro-batch, `done` and `total` rows.
        pipe: its first argument.
        watch: another watcher, which gets every call as well.
    """

    def __init__(self, callback: OnStepEnd, pipe: object, watch: Watcher | None = None) -> None:
        self._callback = callback
        self._pipe = RunningPipe(pipe)
        self._watch = watch or Quiet()
        self._step = 0

    def on_progress(self, stage: str, done: int, total: int, fraction_of_current: float, /) -> None:
        """Raises `Cancelled` where the callback stops the work, or raises something itself."""
        self._watch.on_progress(stage, done, total, fraction_of_current)
        if stage not in PAINTING or not fraction_of_current:
            self._step = 0
            return
        step, self._step = self._step, self._step + 1
        count = round(self._step / fraction_of_current)
        keywords = {"stage": stage, "num_steps": count, "done": done, "total": total}
        try:
            answer = self._callback(self._pipe, step, NOISE * (1 - step / count), dict(keywords))
            _check_answer(answer, keywords)
        except Exception as error:
            raise Cancelled(f"callback_on_step_end failed at step {step + 1} of {stage}") from error
        if self._pipe._interrupt:
            raise Cancelled(f"stopped by callback_on_step_end at step {step + 1} of {stage}")

    def cancelled(self) -> bool:
        return self._watch.cancelled()


class StepCallbackAndViews(StepCallback):
    """As `StepCallback`, around a watcher that wants to see views.

    Args:
        onlooker: the same as `watch`.
    """

    def __init__(self, callback: OnStepEnd, pipe: object, watch: Watcher, onlooker: Onlooker) -> None:
        super().__init__(callback, pipe, watch)
        self._onlooker = onlooker

    def on_view(self, stage: str, values: Sequence[Any], what: str, i: int, views: Sequence[Any], /) -> None:
        self._onlooker.on_view(stage, values, what, i, views)


def watcher_of(pipe: object, callback: OnStepEnd | None, watch: Watcher | None) -> Watcher | None:
    """What watches a call: its watcher, with its callback around it."""
    if callback is None:
        return watch
    if watch is not None and isinstance(watch, Onlooker):
        return StepCallbackAndViews(callback, pipe, watch, watch)
    return StepCallback(callback, pipe, watch)


def _check_answer(answer: object, keywords: Mapping[str, Any]) -> None:
    """A callback gives back what it was given, or nothing: what is drawn is decided by the seed alone."""
    if answer is not None and answer != keywords:
        raise InputError(
            "callback_on_step_end: can look and stop, not change: return what it was given, or None"
        )
