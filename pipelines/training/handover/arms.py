"""Trains the refiners that are compared, in turns, for equal seconds of processor time; it can be gone on with.

Taking turns, whatever else the machine does meanwhile disturbs all of them alike.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from .drafts import Drafts, shuffled
from .refiner import HandedRefiner

BATCH, RATE, DECAY = 8, 8e-4, 0.01
TURN = 20  # steps before it is the next one's turn
SAVE_EVERY_S = 60.0


class Arm:
    """One of the refiners that are compared, and how far its training is.

    Args:
        budget_s: seconds of processor time that its training lasts in all; the learning rate falls to nothing
            with them, as a cosine.
        file: where its state is kept.
    """

    def __init__(self, model: HandedRefiner, budget_s: float, file: Path) -> None:
        self.model, self.budget_s, self._file = model, budget_s, file
        self.seconds, self.steps = 0.0, 0
        self._optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
        self._names = {id(p): name for name, p in model.named_parameters()}
        if file.exists():
            self._load()

    @property
    def is_done(self) -> bool:
        return self.seconds >= self.budget_s

    def step(self, drafts: Drafts) -> float:
        """One step of training; its loss."""
        rows = drafts.rows(shuffled(len(drafts), BATCH, self.steps))
        share = torch.tensor(min(1.0, self.seconds / self.budget_s))
        for group in self._optimizer.param_groups:
            group["lr"] = RATE * float((1 + torch.cos(torch.pi * share)) / 2) * min(1.0, (self.steps + 1) / 50)
        began = time.process_time()
        loss = self.model.loss(rows, torch.Generator().manual_seed(self.steps))
        self._optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()
        self.seconds += time.process_time() - began
        self.steps += 1
        return float(loss.detach())

    def save(self) -> None:
        """Write the state, whole or not at all."""
        tensors = {f"model/{name}": value.contiguous() for name, value in self.model.state_dict().items()}
        for parameter, kept in self._optimizer.state.items():
            for what, value in kept.items():
                tensors[f"optimizer/{self._names[id(parameter)]}/{what}"] = value.contiguous()
        part = self._file.with_suffix(".part")
        save_file(tensors, part, metadata={"seconds": repr(self.seconds), "steps": str(self.steps)})
        part.replace(self._file)

    def _load(self) -> None:
        parameters = dict(self.model.named_parameters())
        weights: dict[str, torch.Tensor] = {}
        with safe_open(self._file, framework="pt") as file:
            said = file.metadata()
            self.seconds, self.steps = float(said["seconds"]), int(said["steps"])
            for name in file.keys():  # noqa: SIM118 - not a dict
                what, _, rest = name.partition("/")
                if what == "model":
                    weights[rest] = file.get_tensor(name)
                else:
                    of, _, key = rest.rpartition("/")
                    self._optimizer.state[parameters[of]][key] = file.get_tensor(name)
        self.model.load_state_dict(weights)


def train(arms: Mapping[str, Arm], drafts: Drafts, *, say: Callable[[str], None]) -> None:
    """Train all of them to the end of their seconds; whoever had the fewest is next."""
    saved = time.monotonic()
    while any(not arm.is_done for arm in arms.values()):
        name, arm = min(arms.items(), key=lambda each: each[1].seconds)
        losses = [arm.step(drafts) for _ in range(TURN)]
        if time.monotonic() - saved > SAVE_EVERY_S:
            for each in arms.values():
                each.save()
            saved = time.monotonic()
            say(f"{name}: step {arm.steps}, {arm.seconds:.0f} s, loss {sum(losses) / TURN:.4f}")
    for arm in arms.values():
        arm.save()
