"""refine: a diffusion model paints the picture, given the Plan's text and the draft's tokens."""

import functools
from collections.abc import Sequence

import torch

from ...diffusion.denoising import denoise, even_sigmas, guidance_interval, guided
from ...diffusion.step_cache import StepCache
from ...errors import InputError, RowError
from ...messages import shown
from ...models.checkpoint.folder import folder_of
from ...models.diffusion.pipeline_sizes import refiner_side
from ...models.diffusion.refiner import PreviewRefiner
from ...randomness import RowKey, normals
from ...stage import ModelKey, Models, RunContext
from ...values import Draft, Picture, Settings
from .repainting import Repainting, repainting_of
from .shown_sketch import conditions_of, laid_again, shown_to

DEFAULTS = Settings(num_inference_steps=8, guidance_scale=1.0)
BYTES_A_PIXEL = 270  # of activations, one branch; measured on the pocket refiner at its peak, 242 to 246


class RefineStage:
    """Draft to Picture. All rows of a batch have the same number of steps and the same size. A request may have
    an init image, see `repainting`.

    Args:
        model: a refiner of draft tokens, family `diffusers`.
        guidance_start, guidance_stop: the share of the steps from which on, and up to which, guidance is
        applied.
        step_cache: a step's prediction is left out where it would change by less than this part of itself, see
            `StepCache`; 0 leaves out none.

    Raises:
        InputError: one of these lies outside of its range.
    """

    name = "refine"
    reads = ("num_inference_steps", "guidance_scale", "negative_prompt")
    takes = Draft
    gives = Picture

    def __init__(
        self,
        *,
        model: ModelKey[PreviewRefiner],
        guidance_start: float = 0.0,
        guidance_stop: float = 1.0,
        step_cache: float = 0.0,
    ) -> None:
        for name, share in (("guidance_start", guidance_start), ("guidance_stop", guidance_stop)):
            if not 0 <= share <= 1:
                raise InputError(f"{name} = {share}: must lie between 0 and 1, as a share of the steps")
        if not step_cache >= 0:
            raise InputError(f"step_cache = {step_cache}: must be 0 (none) or more")
        self._refiner = model
        self.uses = (model,)
        self._start, self._stop = guidance_start, guidance_stop
        self._threshold = step_cache

    def workspace(self, batch: Sequence[Draft]) -> int:
        """Activations and latents, both branches where there is guidance."""
        branches = 2 if any(_settings(draft).guidance_scale != 1 for draft in batch) else 1
        pixels = sum(draft.plan.request.height * draft.plan.request.width for draft in batch)
        return BYTES_A_PIXEL * branches * pixels

    def size_fault(self, height: int, width: int) -> str:
        """Why the refiner does not paint this size; empty where it does."""
        return _size_fault(refiner_side(folder_of(self._refiner.checkpoint)), height, width)

    def rehearse(self, draft: Draft, models: Models) -> None:
        """Raise, of a model without its weights, what `run` raises of a draft."""
        _check(0, draft, models[self._refiner])

    def run(self, batch: Sequence[Draft], models: Models, context: RunContext) -> list[Picture]:
        """Raises `RowError` for a size that the model does not paint, or that is not of the draft's shape."""
        model = models[self._refiner]
        for i, draft in enumerate(batch):
            _check(i, draft, model)
        request, steps = batch[0].plan.request, _steps(batch)
        height, width = request.height, request.width
        seen = shown_to(batch, height, width)
        condition = conditions_of(seen, model, height, width)
        repainting = repainting_of(batch, model, condition, steps=steps)
        if repainting is not None and not repainting.sigmas:
            pixels = repainting.pictures
        else:
            pixels = self._paint(batch, seen, model, condition, repainting, steps, context)
        return [
            Picture(pixels=row, plan=draft.plan, draft=draft) for row, draft in zip(pixels, batch, strict=True)
        ]

    def _paint(
        self,
        batch: Sequence[Draft],
        seen: Sequence[torch.Tensor],
        model: PreviewRefiner,
        condition: torch.Tensor,
        repainting: Repainting | None,
        steps: int,
        context: RunContext,
    ) -> torch.Tensor:
        """uint8 (b, height, width, 3)."""
        keys = [RowKey(draft.plan.request.seed, draft.plan.request.candidate) for draft in batch]
        request = batch[0].plan.request
        noise = normals(keys, self.name, model.latent_shape(request.height, request.width)).to(condition)
        sigmas = repainting.sigmas if repainting else even_sigmas(steps)
        cache = StepCache(self._threshold, batch_invariant=context.batch_invariant)
        conditions = Conditions(model, batch, condition, batch_invariant=context.batch_invariant)
        predicts = guidance_interval(
            cache.over(conditions.guided),
            cache.over(conditions.cond),
            len(sigmas),
            start=self._start,
            stop=self._stop,
        )
        residual = noise
        estimates = denoise(
            repainting.over(predicts) if repainting else predicts,
            repainting.begin(noise) if repainting else noise,
            scheduler=model.new_scheduler(),
            sigmas=sigmas,
        )
        for i, estimate in enumerate(estimates):
            residual = estimate
            context.view("estimate", i + 1, functools.partial(model.decode, residual, condition))
            context.step(i + 1, len(sigmas))
        if cache.reused:
            context.note(f"{cache.reused} of {cache.predicted} predictions were left out")
        pixels, sound = model.painted(residual, condition)
        context.check("pixels", sound.tolist())
        pixels = laid_again(pixels, seen, batch)
        return repainting.finish(pixels) if repainting else pixels


class Conditions:
    """A refiner with the conditions of a batch, computed once for all steps; predicts for any of its rows."""

    def __init__(
        self, model: PreviewRefiner, batch: Sequence[Draft], condition: torch.Tensor, *, batch_invariant: bool
    ) -> None:
        scales = [float(_settings(draft).guidance_scale or 0) for draft in batch]
        guided = any(scale != 1 for scale in scales)
        texts = [draft.plan.wording for draft in batch]
        if guided:
            texts += [draft.plan.request.negative_prompt for draft in batch]
        encoded_texts = texts if batch_invariant else list(dict.fromkeys(texts))  # equal ones are read once
        encoded = model.encode_text(encoded_texts)[[encoded_texts.index(text) for text in texts]]
        self._model, self._condition = model, condition
        self._text, self._free = encoded[: len(batch)], encoded[len(batch) :]
        self._scale = torch.tensor(scales, device=condition.device) if guided else None

    def cond(self, noisy: torch.Tensor, sigma: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """With the text."""
        return self._model.predict(noisy, sigma, self._text[rows], self._condition[rows])

    def guided(self, noisy: torch.Tensor, sigma: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """With the text against without it, where any row has guidance: both branches in one go."""
        if self._scale is None:
            return self.cond(noisy, sigma, rows)
        text = torch.cat([self._text[rows], self._free[rows]])
        both = self._condition[rows].repeat(2, 1, 1, 1)
        return guided(lambda x, s: self._model.predict(x, s, text, both), self._scale[rows])(noisy, sigma)


def _steps(batch: Sequence[Draft]) -> int:
    steps = _settings(batch[0]).num_inference_steps
    assert steps is not None, "DEFAULTS has it"
    different = {_settings(draft).num_inference_steps for draft in batch} - {steps}
    assert not different, f"a batch of {steps} steps has rows of {different}"
    return steps


def _settings(draft: Draft) -> Settings:
    return draft.plan.request.settings.over(DEFAULTS)


def _check(index: int, draft: Draft, model: PreviewRefiner) -> None:
    if draft.codebook.name != model.codebook:
        raise InputError(
            f"the refiner was trained on tokens of {model.codebook}, the draft's are of {draft.codebook.name}:"
            " name a matching pair in the recipe"
        )
    height, width = draft.plan.request.height, draft.plan.request.width
    if fault := _size_fault(model.side, height, width):
        raise RowError(index, fault)
    if draft.plan.request.settings.scheduler:
        raise RowError(
            index,
            f"scheduler = {shown(draft.plan.request.settings.scheduler)}: this refiner has one of its own and"
            " takes no other: leave it out",
        )
    rows, columns = draft.grid
    if rows * width != columns * height:
        raise RowError(
            index, f"a draft of {columns}x{rows} tokens for {width}x{height} pixels: the shapes differ"
        )


def _size_fault(side: int, height: int, width: int) -> str:
    if (height, width) == (side, side):
        return ""
    return (
        f"{width}x{height} pixels: this refiner paints {side}x{side} and no other size: leave the size out, and"
        " enlarge what comes of it (upscale)"
    )
