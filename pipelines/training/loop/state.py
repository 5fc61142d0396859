"""The state of a training run in one safetensors file: weights, their average, the optimizer, the progress.

Two are kept, the newest and the one before, so that a crash while writing loses nothing.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ....engine.errors import CheckpointError
from .optimizer import MuonAdamW
from .step_schedule import Reached

STATE = "state.safetensors"
BEFORE = "state-before.safetensors"
_torch: Any = torch  # whose operations on lists of tensors have no types


class Average:
    """Exponential moving average of a model's weights, with the usual warm-up of the decay.

    It looks at the model's tensors where they lie: make it when they have been moved to where they stay.
    """

    def __init__(self, model: torch.nn.Module, decay: float) -> None:
        self.decay = decay
        values = {k: v.detach() for k, v in model.state_dict().items() if v.is_floating_point()}
        self.weights = {k: v.clone() for k, v in values.items()}
        self._averages, self._values = list(self.weights.values()), list(values.values())

    @torch.no_grad()
    def update(self, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        _torch._foreach_lerp_(self._averages, self._values, 1 - decay)

    def swapped_into(self, model: torch.nn.Module) -> Callable[[], None]:
        """Put the average into `model`; the returned function puts the trained weights back."""
        kept = {k: v.detach().clone() for k, v in model.state_dict().items()}
        model.load_state_dict(self.weights, strict=False)

        def restore() -> None:
            model.load_state_dict(kept)

        return restore


def save_state(
    work: Path, reached: Reached, model: torch.nn.Module, optimizer: MuonAdamW, average: Average
) -> None:
    tensors = {f"model/{k}": v.detach().clone().contiguous() for k, v in model.state_dict().items()}
    tensors |= {f"average/{k}": v.clone().contiguous() for k, v in average.weights.items()}
    for name, p in model.named_parameters():
        kept = optimizer.state[p].items() if p in optimizer.state else ()
        tensors |= {f"optimizer/{name}/{k}": v.clone().contiguous() for k, v in kept}
    part = work / "state.part"
    save_file(tensors, part, metadata=reached.as_metadata())
    if (work / STATE).exists():
        os.replace(work / STATE, work / BEFORE)
    os.replace(part, work / STATE)


def load_state(
    work: Path,
    model: torch.nn.Module,
    optimizer: MuonAdamW,
    average: Average,
    *,
    say: Callable[[str], None],
) -> Reached:
    """Fill all three from the newest state that can be read; where there never was one they stay as they are.

    Raises:
        CheckpointError: all states are damaged, or another version wrote them.
    """
    path, reached = _last_whole_state(work, say)
    if path is None:
        return reached
    parameters = dict(model.named_parameters())
    weights: dict[str, torch.Tensor] = {}
    with safe_open(path, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 - not a dict
            what, _, rest = name.partition("/")
            value = file.get_tensor(name)
            if what == "model":
                weights[rest] = value
                continue
            of, _, key = rest.rpartition("/")
            like = average.weights.get(rest) if what == "average" else parameters.get(of)
            if like is None or (key != "step" and value.shape != like.shape):
                raise _of_another_version(work)
            if what == "average":
                like.copy_(value)
            else:  # laid out in memory as the parameter is; a step is a number, on the CPU
                state = optimizer.state[parameters[of]]
                state[key] = value if key == "step" else torch.empty_like(like).copy_(value)
    if not optimizer.knows_its_state():
        raise _of_another_version(work)
    model.load_state_dict(weights)
    return reached


def _last_whole_state(work: Path, say: Callable[[str], None]) -> tuple[Path | None, Reached]:
    """The newest state that can be read, and how far it came; `None` where there never was one.

    Raises:
        CheckpointError: there are states, and all are damaged.
    """
    paths = [path for path in (work / STATE, work / BEFORE) if path.exists()]
    for path in paths:
        try:
            with safe_open(path, framework="pt") as file:
                return path, Reached.from_metadata(file.metadata())
        except (SafetensorError, OSError, KeyError, TypeError, ValueError):
            say(f"{path}: is damaged; what was saved before it is looked for")
    if paths:
        raise CheckpointError(f"{work}: every state in it is damaged: remove the folder to begin anew")
    return None, Reached()


def _of_another_version(work: Path) -> CheckpointError:
    return CheckpointError(f"{work}: was started by another version of diptych: remove the folder")
