"""The whole chain as a script: plan, draft, refine, judge, for batches of prompts of any size.

With a batch size of 1 it is what the libraries' guides show; with 16 it is the best that a script does
without an engine. The models stay loaded, unless they are offloaded as diffusers does it
(`enable_model_cpu_offload`).
"""

import contextlib
import dataclasses
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from ...engine.errors import InputError
from ...engine.models.checkpoint.folder import folder_of
from ...pipelines.recipes.reader import Recipe
from .draft import Drafter
from .judge import Judge, Judged
from .offload import offloaded
from .plan import Planned, Planner
from .refine import Refiner


@dataclasses.dataclass(frozen=True)
class Made:
    """What the script made of one prompt: pixels uint8 (h, w, 3), tokens int64 (h, w)."""

    planned: Planned
    tokens: torch.Tensor
    pixels: torch.Tensor
    judged: Judged


class Script:
    """Four models and the loop around them.

    Args:
        recipe: names the checkpoints and the settings.
        device: where the work is done.
        offload: keep the weights in main memory and bring each model to the device for its turn.
        clock: seconds, for `seconds`.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        device: str = "cpu",
        offload: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._clock = clock
        self.seconds: defaultdict[str, float] = defaultdict(float)  # by stage, since the beginning
        self._device = torch.device(device)
        weights_on = torch.device("cpu") if offload else self._device
        self.planner = load_planner(recipe, device, weights_on)
        self.drafter = load_drafter(recipe, device, weights_on)
        self.refiner = load_refiner(recipe, device, weights_on)
        self.judge = load_judge(recipe, device, weights_on)
        self._offloaded = offloaded(self, self._device) if offload else None

    def run(
        self,
        prompts: Sequence[str],
        *,
        batch_size: int,
        seed: int = 0,
        noise: Callable[[int, int], torch.Tensor] | None = None,
    ) -> list[Made]:
        """Make a picture of each prompt, `batch_size` at a time.

        Args:
            noise: the refiner's noise for the rows from one number to another; its own random numbers, if not
                given.
        """
        made: list[Made] = []
        for begin in range(0, len(prompts), batch_size):
            texts = prompts[begin : begin + batch_size]
            torch.manual_seed(seed + begin)
            given = None if noise is None else noise(begin, begin + len(texts))
            made += self._batch(texts, seed=seed + begin, noise=given)
        return made

    def _batch(self, prompts: Sequence[str], *, seed: int, noise: torch.Tensor | None) -> list[Made]:
        with self._timed("plan"):
            plans = self.planner(prompts)
        wordings = [plan.prompt for plan in plans]
        with self._timed("draft"):
            tokens, previews = self.drafter(wordings)
        with self._timed("refine"):
            pictures = self.refiner(wordings, previews, noise=noise, seed=seed)
        with self._timed("judge"):
            verdicts = self.judge(pictures, [plan.facts for plan in plans])
        if self._offloaded is not None:
            self._offloaded.maybe_free_model_hooks()
        rows = zip(plans, tokens.cpu(), pictures, verdicts, strict=True)
        return [Made(*row) for row in rows]

    @contextlib.contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = self._clock()
        yield
        if self._device.type == "cuda":
            torch.cuda.synchronize()
        self.seconds[stage] += self._clock() - started


def load_planner(recipe: Recipe, device: str, weights_on: torch.device | None = None) -> Planner:
    stage = recipe.stages["plan"]
    said = stage.settings
    return Planner(
        folder_of(stage.model.checkpoint),
        dtype=getattr(torch, stage.model.dtype),
        device=torch.device(device),
        sampling=_sampling(said.get("temperature", 1.0), 0, said.get("top_p", 0.9)),
        max_new_tokens=said.get("max_tokens", 112),
        weights_on=weights_on,
    )


def load_drafter(recipe: Recipe, device: str, weights_on: torch.device | None = None) -> Drafter:
    stage, wishes = recipe.stages["draft"], recipe.defaults
    return Drafter(
        folder_of(stage.model.checkpoint),
        folder_of(stage.models["codebook"].checkpoint),
        dtype=getattr(torch, stage.model.dtype),
        device=torch.device(device),
        sampling=_sampling(wishes.temperature, wishes.top_k, wishes.top_p),
        guidance_scale=_said(wishes.draft_guidance_scale),
        weights_on=weights_on,
    )


def load_refiner(recipe: Recipe, device: str, weights_on: torch.device | None = None) -> Refiner:
    model, wishes = recipe.stages["refine"].model, recipe.defaults
    return Refiner(
        folder_of(model.checkpoint),
        dtype=getattr(torch, model.dtype),
        device=torch.device(device),
        steps=int(_said(wishes.num_inference_steps)),
        guidance_scale=_said(wishes.guidance_scale),
        weights_on=weights_on,
    )


def load_judge(recipe: Recipe, device: str, weights_on: torch.device | None = None) -> Judge:
    model = recipe.stages["judge"].model
    dtype: torch.dtype = getattr(torch, model.dtype)
    return Judge(folder_of(model.checkpoint), dtype=dtype, device=torch.device(device), weights_on=weights_on)


def _sampling(temperature: float | None, top_k: int | None, top_p: float | None) -> dict[str, Any]:
    """The arguments of `generate` for sampling."""
    if temperature == 0:
        return {"do_sample": False}
    return {
        "do_sample": True,
        "temperature": _said(temperature),
        "top_k": int(_said(top_k)),
        "top_p": _said(top_p),
    }


def _said(value: float | None) -> float:
    """A setting of the recipe. Raises `InputError` where it has none: what the engine does then may change."""
    if value is None:
        raise InputError("the recipe's [defaults] must name every setting of drafting and refining")
    return value
