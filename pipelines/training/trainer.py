"""The one training loop: steps, checkpoints, progress, averages. It knows nothing of what is trained.

A task says how to make the batch of a step and its loss. Batches are functions of (seed, step) alone, so a run
that was stopped goes on exactly where it was; the whole state is one safetensors file, rotated so that a crash
while writing loses nothing.
"""

import csv
import dataclasses
import json
import math
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import send_to_device, set_seed
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ...engine.errors import CheckpointError, DiptychError, InputError
from ..rendering.output import write_atomically
from .curve import draw_curve
from .folders import replacing
from .optimizer import MuonAdamW
from .samples import write_samples
from .weights import quiet_libraries

LOSSES = "loss.csv"
STATE = "state.safetensors"
BEFORE = "state-before.safetensors"
PROGRESS = "progress.json"
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How long and how fast.

    The learning rate warms up, stays, and falls linearly to zero over the last `cooldown` of the steps: a run
    can be made longer until the cooldown has begun.
    """

    steps: int
    batch_size: int
    lr: float = 2e-3
    matrix_lr: float = 0.01
    warmup: int = 100
    cooldown: float = 0.3
    ema: float = 0.998
    seed: int = 0
    checkpoint_minutes: float = 5.0
    log_every: int = 25
    precision: str = "auto"  # of the arithmetic, one of `PRECISIONS`; weights and averages are float32

    def lr_factor(self, step: int) -> float:
        """Of the peak learning rate at `step` (from 0)."""
        fall = self.steps * self.cooldown
        return min(1.0, (step + 1) / self.warmup, (self.steps - step) / fall if fall else 1.0)


class Task(Protocol):
    """What is trained. `model` holds every parameter; `save` writes it in the format it ships in."""

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> torch.nn.Module: ...

    def batch(self, step: int, size: int) -> Any:
        """The batch of `step`, a function of the task's seed and `step` alone."""
        ...

    def loss(self, batch: Any) -> dict[str, torch.Tensor]:
        """Scalars by name; the one called 'loss' is minimised."""
        ...

    def save(self, folder: Path) -> None: ...


class Average:
    """Exponential moving average of a model's weights, with the usual warm-up of the decay."""

    def __init__(self, model: torch.nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {k: v.detach().clone() for k, v in model.state_dict().items() if v.is_floating_point()}

    @torch.no_grad()
    def update(self, model: torch.nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            if name in self.weights:
                self.weights[name].lerp_(value, 1 - decay)

    def swapped_into(self, model: torch.nn.Module) -> Callable[[], None]:
        """Put the average into `model`; the returned function puts the trained weights back."""
        kept = {k: v.detach().clone() for k, v in model.state_dict().items()}
        model.load_state_dict(self.weights, strict=False)

        def restore() -> None:
            model.load_state_dict(kept)

        return restore


class _StopSignal:
    """Whether Ctrl-C or a polite kill asked this run to stop; it then ends after a last checkpoint.

    A second one is not waited for: it does what it always does.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "_StopSignal":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        while self._before:
            signal.signal(*self._before.popitem())

    def _ask(self, *_: object) -> None:
        self.asked = True
        self.__exit__()


class TrainingDiverged(DiptychError):
    """The loss is not a number; the last checkpoint is whole."""


def train(task: Task, settings: TrainSettings, work: Path, *, say: Callable[[str], None] = print) -> bool:
    """Train `task`, going on from `work/state.safetensors` where there is one.

    Writes into `work`: `loss.csv`, and at each checkpoint the state (the one before is kept), `loss.png`,
    `model/` (the average, in shipping format) and samples of what that can do.

    Returns:
        Whether all steps are done; not so where Ctrl-C or a polite kill stopped it.

    Raises:
        TrainingDiverged: the loss became NaN or infinite.
        InputError: the device has no such precision.
        CheckpointError: all states in `work` are damaged.
    """
    work.mkdir(parents=True, exist_ok=True)
    quiet_libraries()
    set_seed(settings.seed)
    accelerator = Accelerator(mixed_precision=_mixed(settings.precision))
    optimizer = MuonAdamW(task.model.named_parameters(), lr=settings.lr, matrix_lr=settings.matrix_lr)
    model, prepared = accelerator.prepare(task.model, optimizer)
    average = Average(task.model, settings.ema)
    done = _resume(work, task.model, optimizer, average, say)
    if done:
        _forget_after(work / LOSSES, done)
        state = "going on from" if done < settings.steps else "is trained,"
        say(f"{task.name}: {state} step {done} of {settings.steps}")
    if done and _exported(work) != done:  # it was stopped between the two halves of a checkpoint
        _export(work, done, task, average)
    model.train()
    began = saved = time.monotonic()
    running: dict[str, float] = {}
    with _StopSignal() as stop:
        for step in range(done, settings.steps):
            optimizer.scale_lr(settings.lr_factor(step))
            batch = send_to_device(task.batch(step, settings.batch_size), accelerator.device)
            with accelerator.autocast():
                losses = task.loss(batch)
            accelerator.backward(losses["loss"])
            accelerator.clip_grad_norm_(model.parameters(), 1.0)
            prepared.step()
            prepared.zero_grad()
            average.update(task.model, step)
            _blend(running, losses)
            if not math.isfinite(running["loss"]):
                raise _diverged(task.name, step, work)
            last = step + 1 == settings.steps or stop.asked
            if (step + 1) % settings.log_every == 0 or last:
                _log(work, step + 1, running)
                left = (time.monotonic() - began) / (step + 1 - done) * (settings.steps - step - 1)
                figures = "  ".join(f"{k} {v:.4f}" for k, v in running.items())
                say(f"{task.name}  step {step + 1}/{settings.steps}  {figures}  {_clock(left)} left")
            if last or time.monotonic() - saved > settings.checkpoint_minutes * 60:
                _checkpoint(work, step + 1, task, optimizer, average)
                saved = time.monotonic()
            if stop.asked and step + 1 < settings.steps:
                say(f"{task.name}: stopped after step {step + 1}; the same command goes on from there")
                return False
    return True


def _mixed(precision: str) -> str:
    """accelerate's word for the arithmetic's precision.

    On a CPU bfloat16 is no help: without instructions of its own it is about 100 times slower than float32.
    """
    able = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    if precision == "bfloat16" and not able:
        raise InputError("precision = 'bfloat16': needs a GPU that has it; say float32, or auto")
    return "bf16" if able and precision != "float32" else "no"


def _blend(running: dict[str, float], losses: dict[str, torch.Tensor]) -> None:
    for name, value in losses.items():
        new = float(value.detach())
        running[name] = new if name not in running else running[name] + 0.02 * (new - running[name])


def _diverged(name: str, step: int, work: Path) -> TrainingDiverged:
    kept = f"{work / STATE} holds the last good state" if (work / STATE).exists() else "nothing was saved yet"
    return TrainingDiverged(
        f"{name}: the loss is not a number at step {step}; lower the learning rate and start again: {kept}"
    )


def _log(work: Path, step: int, running: dict[str, float]) -> None:
    path, header = work / LOSSES, ["step", *running]
    if path.exists() and _header(path) != header:  # another loss than before: its curve begins anew
        os.replace(path, path.with_name("loss-before.csv"))
    fresh = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if fresh:
            writer.writerow(header)
        writer.writerow([step, *(f"{v:.5f}" for v in running.values())])


def _header(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return next(csv.reader(file), [])


def _forget_after(path: Path, step: int) -> None:
    """Drop the rows that were logged after the state was saved: they will be logged again."""
    if not path.exists():
        return
    header, *rows = path.read_text(encoding="utf-8").splitlines() or [""]
    kept = [row for row in rows if int(row.partition(",")[0]) <= step]
    if len(kept) < len(rows):
        write_atomically(path, ("\n".join([header, *kept]) + "\n").encode())


def _checkpoint(work: Path, step: int, task: Task, optimizer: MuonAdamW, average: Average) -> None:
    tensors = {f"model/{k}": v.detach().clone().contiguous() for k, v in task.model.state_dict().items()}
    tensors |= {f"average/{k}": v.clone().contiguous() for k, v in average.weights.items()}
    for name, p in task.model.named_parameters():
        kept = optimizer.state[p].items() if p in optimizer.state else ()
        tensors |= {f"optimizer/{name}/{k}": v.clone().contiguous() for k, v in kept}
    part = work / "state.part"
    save_file(tensors, part, metadata={"step": str(step)})
    if (work / STATE).exists():
        os.replace(work / STATE, work / BEFORE)
    os.replace(part, work / STATE)
    _export(work, step, task, average)


def _export(work: Path, step: int, task: Task, average: Average) -> None:
    """What others load and look at: the average in shipping format, the curve, the step."""
    restore = average.swapped_into(task.model)
    try:
        task.model.eval()
        with replacing(work / "model") as folder:
            task.save(folder)
        write_samples(task, work)
    finally:
        task.model.train()
        restore()
    if (work / LOSSES).exists():
        write_atomically(work / "loss.png", draw_curve(work / LOSSES, f"{task.name}, {step} steps"))
    write_atomically(work / PROGRESS, (json.dumps({"step": step}) + "\n").encode())


def _exported(work: Path) -> int:
    """The step of the model in shipping format; 0 if there is none."""
    path = work / PROGRESS
    return int(json.loads(path.read_text(encoding="utf-8"))["step"]) if path.exists() else 0


def _last_whole_state(work: Path, say: Callable[[str], None]) -> tuple[Path | None, int]:
    """The newest state that can be read, and its step; (`None`, 0) where there never was one.

    Raises:
        CheckpointError: there are states, and all are damaged.
    """
    paths = [path for path in (work / STATE, work / BEFORE) if path.exists()]
    for path in paths:
        try:
            with safe_open(path, framework="pt") as file:
                return path, int(file.metadata()["step"])
        except (SafetensorError, OSError, KeyError, TypeError):
            say(f"{path}: is damaged; what was saved before it is looked for")
    if paths:
        raise CheckpointError(f"{work}: every state in it is damaged: remove the folder to begin anew")
    return None, 0


def _resume(
    work: Path,
    model: torch.nn.Module,
    optimizer: MuonAdamW,
    average: Average,
    say: Callable[[str], None],
) -> int:
    path, step = _last_whole_state(work, say)
    if path is None:
        return 0
    device = next(model.parameters()).device
    parameters = dict(model.named_parameters())
    weights: dict[str, torch.Tensor] = {}
    with safe_open(path, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 - not a dict
            what, _, rest = name.partition("/")
            value = file.get_tensor(name).to(device)
            if what == "model":
                weights[rest] = value
            elif what == "average":
                average.weights[rest] = value
            else:
                of, _, key = rest.rpartition("/")
                if of not in parameters:
                    raise _of_another_version(work)
                optimizer.state[parameters[of]][key] = value
    if not optimizer.knows_its_state():
        raise _of_another_version(work)
    model.load_state_dict(weights)
    return step


def _of_another_version(work: Path) -> CheckpointError:
    return CheckpointError(f"{work}: was begun by another version of diptych: remove the folder to begin anew")


def _clock(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
