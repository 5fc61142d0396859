"""The panels by themselves: pictures that are the draft enlarged, and pictures painted with no draft.

What the hybrid is worth is what it gains over these in the same time, which `evaluate` states by stage.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from ...engine.chain import Chain
from ...engine.errors import InputError
from ...engine.runner import Runner
from ...engine.stage import ModelKey, Models, RunContext, Stage
from ...engine.stages.painting.refine import RefineStage
from ...engine.values import Codebook, Draft, Picture, Plan, Request, Verdict
from ..text_to_image import TextToImage

PANELS = ("hybrid", "tokens", "diffusion")


def alone(pipe: TextToImage, panel: str) -> TextToImage:
    """The pipeline with one of its panels out of work.

    Args:
        panel: `tokens`: the picture is the draft's preview, enlarged; `diffusion`: the refiner paints with its
            tokens dropped, as it at times does in training, and nothing is drafted; `hybrid`: as it is.

    Raises:
        InputError: no such panel, or the chain does not have both.
    """
    if panel == "hybrid":
        return pipe
    if panel not in PANELS:
        raise InputError(f"--only {panel!r}: not known: choose one of {', '.join(PANELS)}")
    chain = pipe.runner.chain
    drafting = chain.between(Plan, Draft)
    refining = [stage for stage in chain.between(Draft, Picture) if isinstance(stage, RefineStage)]
    if not drafting or (panel == "diffusion" and not refining):
        raise InputError(f"--only {panel}: recipe {pipe.recipe.name} does not both draft and refine")
    painting: list[Stage[Any, Any]]
    painting = [*drafting, EnlargeStage()] if panel == "tokens" else [UndraftedStage(refining[0])]
    stages = [*chain.until(Plan), *painting, *chain.between(Picture, Verdict)]
    batching = pipe.runner.batching
    runner = Runner(
        Chain(stages),
        pipe.runner.memory,
        micro_batch=batching.micro_batch,
        wave=pipe.runner.wave,
        batch_invariant=batching.batch_invariant,
    )
    return TextToImage(runner, pipe.recipe)


class EnlargeStage:
    """Draft to Picture: the preview, enlarged bicubically."""

    name = "enlarge"
    takes = Draft
    gives = Picture
    uses: tuple[ModelKey, ...] = ()

    def workspace(self, batch: Sequence[Draft]) -> int:
        """Both sizes of a picture, as floating-point numbers."""
        return sum(64 * draft.plan.request.height * draft.plan.request.width for draft in batch)

    def run(self, batch: Sequence[Draft], models: Models, context: RunContext) -> list[Picture]:
        return [Picture(pixels=_enlarged(draft), plan=draft.plan, draft=draft) for draft in batch]


class UndraftedStage:
    """Plan to Picture: a refine stage whose model gets no tokens."""

    name = "paint"
    takes = Plan
    gives = Picture

    def __init__(self, refine: RefineStage) -> None:
        self._refine = refine
        self.uses: tuple[ModelKey, ...] = refine.uses

    def workspace(self, batch: Sequence[Plan]) -> int:
        return self._refine.workspace([_blank(plan, "none") for plan in batch])

    def run(self, batch: Sequence[Plan], models: Models, context: RunContext) -> list[Picture]:
        key = self.uses[0]
        drafts = [_blank(plan, models[key].codebook) for plan in batch]
        untold: Any = {key: _Untold(models[key])}
        pictures = self._refine.run(drafts, untold, context)
        return [dataclasses.replace(picture, draft=None) for picture in pictures]


class _Untold:
    """A refiner whose condition is nothing, whatever the preview."""

    def __init__(self, refiner: Any) -> None:
        self._refiner = refiner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._refiner, name)

    def encode_previews(self, previews: torch.Tensor, height: int, width: int) -> torch.Tensor:
        return torch.zeros_like(self._refiner.encode_previews(previews, height, width))


def _blank(plan: Plan, codebook: str) -> Draft:
    """A draft that stands where one is asked for."""
    request: Request = plan.request
    rows, columns = max(1, request.height // 32), max(1, request.width // 32)
    return Draft(
        plan=plan,
        tokens=torch.zeros(rows, columns, dtype=torch.int64),
        codebook=Codebook(name=codebook, size=1),
        preview=torch.zeros(8 * rows, 8 * columns, 3, dtype=torch.uint8),
    )


def _enlarged(draft: Draft) -> torch.Tensor:
    request = draft.plan.request
    x = draft.preview.permute(2, 0, 1)[None].float()
    x = F.interpolate(x, (request.height, request.width), mode="bicubic", align_corners=False)
    return x[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8)
