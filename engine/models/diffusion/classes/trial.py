"""A scheduler's steps, taken on a little noise before any model works: whether it can go them as it is told to.

Pipelines set a scheduler up and step it inside of their loops, so that what is wrong with a setting of its own
shows when the first picture is half done, and as an error of somebody else's arithmetic.
"""

import copy
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ....errors import InputError
from ....messages import first_line
from ....values.control import Control

_SHAPE = (1, 4, 8, 8)  # of latents, about
_OWN_STEPS = ("timesteps", "sigmas")
"""Arguments of a call that say its steps one by one."""


def try_steps(
    pipeline: Any,
    kind: Any,
    scheduler: Any,
    arguments: Mapping[str, Any],
    *,
    strength: float | None = None,
    controls: Sequence[Control] = (),
) -> None:
    """Take all steps of a call.

    Args:
        pipeline: whose call it is, or one of the same components.
        kind: the class of it.
        scheduler: of this trial's own.
        arguments: of the call.
        strength: of one that starts from a picture.
        controls: that are to count in some of the steps.

    Raises:
        InputError: no step is left at this strength or for a control, one of them fails, or they end in numbers
            that are none.
    """
    steps = arguments.get("num_inference_steps") or _usual_steps(kind)
    if steps is None:
        return
    try:
        _set_up(scheduler, steps, arguments)
        left = scheduler.timesteps
        if any(arguments.get(name) is not None for name in _OWN_STEPS):
            steps = len(left)
        if strength is not None and hasattr(kind, "get_timesteps"):
            left, _ = kind.get_timesteps(_Holding(scheduler), steps, strength, torch.device("cpu"))
        latents = _stepped(scheduler, left, _more(pipeline, scheduler, arguments))
    except InputError:
        raise
    except Exception as error:  # of the library's arithmetic
        raise InputError(
            f"{_name(scheduler)} cannot go {steps} steps as it is told to ({first_line(error, named=True)}):"
            " change scheduler, scheduler_config or num_inference_steps"
        ) from error
    if not len(left):
        raise InputError(no_step_left(strength, steps))
    for each in controls:
        if not _counts(each, len(left)):
            raise InputError(
                f"control {each.kind}: none of {len(left)} steps lies whole between control_start ="
                f" {each.start} and control_stop = {each.stop}: widen the range, or raise num_inference_steps"
            )
    if not latents.isfinite().all():
        raise InputError(
            f"{_name(scheduler)} makes of any picture numbers that are none, as it is told to go {steps} steps:"
            " change scheduler, scheduler_config or arguments"
        )


def no_step_left(strength: float | None, steps: object) -> str:
    """What is said where a call has nothing to do."""
    if strength is None:
        return f"of {steps} steps none is left to paint: raise num_inference_steps"
    return f"strength {strength:g} of {steps} steps leaves none to paint: raise one of them"


def _counts(control: Control, steps: int) -> bool:
    """Whether it counts in any step, as all pipelines of the library reckon it."""
    return any(i / steps >= control.start and (i + 1) / steps <= control.stop for i in range(steps))


class _Holding:
    """All of a pipeline that its `get_timesteps` asks for."""

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler


def _usual_steps(kind: Any) -> int | None:
    said = inspect.signature(kind.__call__).parameters.get("num_inference_steps")
    return said.default if said is not None and isinstance(said.default, int) else None


def _set_up(scheduler: Any, steps: int, arguments: Mapping[str, Any]) -> None:
    own = {name: arguments[name] for name in _OWN_STEPS if arguments.get(name) is not None}
    for name in own.keys() - inspect.signature(scheduler.set_timesteps).parameters:
        raise InputError(
            f"arguments: {name}: {_name(scheduler)} takes none: leave it out, or name another scheduler"
        )
    more = {"mu": 1.0} if scheduler.config.get("use_dynamic_shifting") else {}  # of the picture's size, else
    if own:
        scheduler.set_timesteps(**own, **more, device="cpu")
    else:
        scheduler.set_timesteps(steps, **more, device="cpu")


def _more(pipeline: Any, scheduler: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What each step is told beside the rest: how much noise is drawn anew."""
    asked = copy.copy(pipeline)
    vars(asked)["scheduler"] = scheduler
    if not hasattr(asked, "prepare_extra_step_kwargs"):
        return {}
    known = {"generator": None, "eta": arguments.get("eta", 0.0)}
    taken = inspect.signature(asked.prepare_extra_step_kwargs).parameters
    return asked.prepare_extra_step_kwargs(**{name: known[name] for name in taken})


def _stepped(scheduler: Any, timesteps: Sequence[Any], more: Mapping[str, Any]) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(_SHAPE, generator=generator)
    for each in timesteps:
        if hasattr(scheduler, "scale_model_input"):
            scheduler.scale_model_input(latents, each)
        noise = torch.randn(_SHAPE, generator=generator)
        latents = scheduler.step(noise, each, latents, **more, return_dict=False)[0]
    return latents


def _name(scheduler: Any) -> str:
    return type(scheduler).__name__
