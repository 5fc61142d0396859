"""The one training loop: steps, checkpoints, progress, averages. It knows nothing of what is trained.

A task says how to make the batch of a step and its loss. Batches are functions of (seed, step) alone, so a run
that was stopped goes on exactly where it was; the whole state is one safetensors file, rotated so that a crash
while writing loses nothing.
"""

import contextlib
import csv
import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed

from ....engine.errors import DiptychError, InputError
from ...files import replacing_folder, write_atomically
from ...sheets.loss_curve import draw_curve
from ...sheets.sample_sheet import write_samples
from .batches import batches_of, worker_deaths
from .optimizer import MuonAdamW
from .state import STATE, Average, load_state, save_state
from .step_schedule import Reached, StepSchedule, TrainSettings
from .stopping import StopSignal
from .weights import quiet_libraries

LOSSES = "loss.csv"
PROGRESS = "progress.json"
PRECISIONS = ("auto", "float32", "bfloat16")


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
        """Scalars by name, the same names at every step; the one called 'loss' is minimised."""
        ...

    def save(self, folder: Path) -> None: ...


class _Losses:
    """Running averages of the losses, kept where those are: to read them is to wait for a GPU."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._averages = torch.empty(0)
        self._count = 0

    def add(self, losses: dict[str, torch.Tensor]) -> None:
        new = torch.stack([value.detach().float() for value in losses.values()])
        if not self._names:
            self._names, self._averages = list(losses), new
        assert list(losses) == self._names, f"losses {list(losses)}: were {self._names} at the step before"
        self._count += 1
        self._averages.lerp_(new, max(0.02, 1 / self._count))  # what was not a number stays none

    def read(self) -> dict[str, float]:
        return dict(zip(self._names, self._averages.tolist(), strict=True))


class TrainingDiverged(DiptychError):
    """The loss is not a number; the last checkpoint is whole."""


class _Learner:
    """A task's model on its device, what moves its weights, and their average."""

    def __init__(self, task: Task, settings: TrainSettings) -> None:
        self._task = task
        mixed = _mixed(settings.precision)
        self._accelerator = Accelerator(mixed_precision=mixed)
        self.device = self._accelerator.device
        if self.device.type == "cuda":
            torch.backends.cudnn.benchmark = True  # pictures come in few shapes
            _lay_out_convolutions(task.model)
        named = task.model.named_parameters()
        self.optimizer = MuonAdamW(named, lr=settings.lr, matrix_lr=settings.matrix_lr, half=mixed == "bf16")
        self._model, self._prepared = self._accelerator.prepare(task.model, self.optimizer)
        self._parameters = list(self._model.parameters())
        self.average = Average(task.model, settings.ema)

    def learn(self, step: int, batch: Any, *, lr_factor: float) -> dict[str, torch.Tensor]:
        """One step; the losses are on the device.

        Nothing here waits for it. A task may: transformers' Llama looks once a step whether rows were packed.
        """
        self.optimizer.scale_lr(lr_factor)
        with self._accelerator.autocast():
            losses = self._task.loss(batch)
        self._accelerator.backward(losses["loss"])
        self._accelerator.clip_grad_norm_(self._parameters, 1.0)
        self._prepared.step()
        self._prepared.zero_grad()
        self.average.update(step)
        return losses


def _lay_out_convolutions(model: torch.nn.Module) -> None:
    """Channels last, as a GPU's fast convolutions want them."""
    if any(isinstance(part, torch.nn.Conv2d) for part in model.modules()):
        model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def train(
    task: Task,
    settings: TrainSettings,
    work: Path,
    *,
    workers: int = 0,
    clock: Callable[[], float] = time.monotonic,
    say: Callable[[str], None] = print,
) -> bool:
    """Train `task`, going on from `work/state.safetensors` where there is one.

    Writes into `work`: `loss.csv`, and at each checkpoint the state (the one before is kept), `loss.png`,
    `model/` (the average, in shipping format) and samples of what that can do.

    Args:
        workers: processes that prepare batches ahead of time; 0 prepares each when it is needed.
        clock: seconds from any origin.

    Returns:
        Whether all steps are done; not so where Ctrl-C or a polite kill stopped it.

    Raises:
        TrainingDiverged: the loss became NaN or infinite.
        InputError: the device has no such precision, or the run has already taken its minutes.
        DiptychError: a worker was killed.
        CheckpointError: all states in `work` are damaged.
    """
    work.mkdir(parents=True, exist_ok=True)
    quiet_libraries()
    set_seed(settings.seed)
    learner = _Learner(task, settings)
    reached = load_state(work, task.model, learner.optimizer, learner.average, say=say)
    schedule = _schedule(work, settings, reached, clock=clock)
    if reached.step:
        _go_on(work, reached.step, task, learner.average, schedule=schedule, say=say)
    task.model.train()
    losses, done, saved = _Losses(), reached.step, clock()
    batches = batches_of(task, settings.batch_size, schedule.coming(), workers=workers, device=learner.device)
    with worker_deaths(task.name, workers), StopSignal() as stop, contextlib.closing(batches):
        for step, batch in enumerate(batches, done):
            losses.add(learner.learn(step, batch, lr_factor=schedule.lr_factor(step)))
            done = step + 1
            settled = schedule.after(done)
            last = done == schedule.steps or stop.asked
            logs = last or done % settings.log_every == 0
            saves = last or settled or clock() - saved > settings.checkpoint_minutes * 60
            if logs or saves or learner.device.type == "cpu":  # elsewhere it is a wait
                figures = _checked(losses.read(), task.name, step, work)
                if logs:
                    _log(work, done, figures)
                    say(_progress(task.name, done, figures, schedule))
            if saves:
                _checkpoint(work, task, learner, schedule.reached())
                saved = clock()
            if last:
                break
    if schedule.steps is not None and done >= schedule.steps:
        return True
    say(f"{task.name}: stopped after step {done}; the same command goes on from there")
    return False


def _schedule(
    work: Path, settings: TrainSettings, reached: Reached, *, clock: Callable[[], float]
) -> StepSchedule:
    try:
        return StepSchedule(settings, reached, clock=clock)
    except InputError as error:
        raise InputError(f"{work}: {error}") from None


def _go_on(
    work: Path, done: int, task: Task, average: Average, *, schedule: StepSchedule, say: Callable[[str], None]
) -> None:
    """Put in order what a run left that was stopped after `done` steps."""
    _forget_after(work / LOSSES, done)
    state = "is trained," if schedule.steps is not None and done >= schedule.steps else "going on from"
    say(f"{task.name}: {state} step {done}{f' of {schedule.steps}' if schedule.steps is not None else ''}")
    if (other := schedule.settled_for()) is not None:
        say(f"{task.name}: its {schedule.steps} steps are those of {other:g} minutes: --steps N changes that")
    if _exported(work) != done:  # it was stopped between the two halves of a checkpoint
        _export(work, done, task, average)


def _progress(name: str, done: int, figures: dict[str, float], schedule: StepSchedule) -> str:
    of = f"/{schedule.steps}" if schedule.steps is not None else ""
    losses = "  ".join(f"{k} {v:.4f}" for k, v in figures.items())
    return f"{name}  step {done}{of}  {losses}  {schedule.speed():.1f} steps/s  {_clock(schedule.left())} left"


def _mixed(precision: str) -> str:
    """accelerate's word for the arithmetic's precision.

    A CPU computes in bfloat16 if it is asked to, and has instructions for such matrices; others take about
    100 times as long as in float32.
    """
    gpu = torch.cuda.is_available()
    able = torch.cuda.is_bf16_supported() if gpu else torch.cpu._is_amx_tile_supported()
    if precision == "bfloat16" and not able:
        raise InputError("precision = 'bfloat16': needs a GPU or a CPU that has it; say float32, or auto")
    wanted = precision == "bfloat16" or (precision == "auto" and gpu)
    return "bf16" if able and wanted else "no"


def _checked(figures: dict[str, float], name: str, step: int, work: Path) -> dict[str, float]:
    if math.isfinite(figures["loss"]):
        return figures
    kept = f"{work / STATE} holds the last good state" if (work / STATE).exists() else "nothing was saved yet"
    raise TrainingDiverged(
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


def _checkpoint(work: Path, task: Task, learner: _Learner, reached: Reached) -> None:
    save_state(work, reached, task.model, learner.optimizer, learner.average)
    _export(work, reached.step, task, learner.average)


def _export(work: Path, step: int, task: Task, average: Average) -> None:
    """What others load and look at: the average in shipping format, the curve, the step."""
    restore = average.swapped_into(task.model)
    try:
        task.model.eval()
        with replacing_folder(work / "model") as folder:
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


def _clock(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
