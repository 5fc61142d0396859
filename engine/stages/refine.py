"""refine: a diffusion model paints the picture, given the Plan's text and the draft's tokens."""

from collections.abc import Sequence

import torch

from ..diffusion.denoising import Predict, denoise, even_sigmas, guided
from ..errors import InputError, RowError
from ..models.from_diffusers import TokenRefiner
from ..randomness import RowKey, normals
from ..stage import ModelKey, Models, Report
from ..values import Draft, Picture, Settings

DEFAULTS = Settings(num_inference_steps=8, guidance_scale=1.0)
BYTES_A_PIXEL = 600  # of activations, one branch; measured on the pocket refiner, and generous


class RefineStage:
    """Draft to Picture. The same number of steps and the same size for all of a batch.

    Args:
        model: a refiner of draft tokens, family `diffusers`.
    """

    name = "refine"
    takes = Draft
    gives = Picture

    def __init__(self, *, model: ModelKey) -> None:
        self.uses = (model,)

    def workspace(self, batch: Sequence[Draft]) -> int:
        """Activations and latents, both branches where there is guidance."""
        branches = 2 if any(_settings(draft).guidance_scale != 1 for draft in batch) else 1
        pixels = sum(draft.plan.request.height * draft.plan.request.width for draft in batch)
        return BYTES_A_PIXEL * branches * pixels

    def run(self, batch: Sequence[Draft], models: Models, report: Report) -> list[Picture]:
        """Raises `RowError` for a size that the model does not paint, or that is not of the draft's shape."""
        model: TokenRefiner = models[self.uses[0]]
        for i, draft in enumerate(batch):
            _check(i, draft, model)
        request, settings = batch[0].plan.request, _settings(batch[0])
        height, width = request.height, request.width
        condition = model.encode_previews(torch.stack([draft.preview for draft in batch]), height, width)
        keys = [RowKey(draft.plan.request.seed, draft.plan.request.candidate) for draft in batch]
        noise = normals(keys, self.name, model.latent_shape(height, width)).to(condition)
        steps = settings.num_inference_steps
        assert steps is not None, "DEFAULTS has it"
        different = {_settings(draft).num_inference_steps for draft in batch} - {steps}
        assert not different, f"a batch of {steps} steps has rows of {different}"
        residual = noise
        estimates = denoise(
            _predictor(model, batch, condition),
            noise,
            scheduler=model.new_scheduler(),
            sigmas=even_sigmas(steps),
        )
        for i, estimate in enumerate(estimates):
            residual = estimate
            report.step(i + 1, steps)
        pixels = model.decode(residual, condition)
        return [
            Picture(pixels=row, plan=draft.plan, draft=draft) for row, draft in zip(pixels, batch, strict=True)
        ]


def _predictor(model: TokenRefiner, batch: Sequence[Draft], condition: torch.Tensor) -> Predict:
    """The model with its conditions bound; with guidance, the branch without the text below."""
    scales = [float(_settings(draft).guidance_scale or 0) for draft in batch]
    prompts = [draft.plan.prompt for draft in batch]
    if all(scale == 1 for scale in scales):
        text = model.encode_text(prompts)
        return lambda noisy, sigma: model.predict(noisy, sigma, text, condition)
    free = [draft.plan.request.negative_prompt for draft in batch]
    text = model.encode_text([*prompts, *free])
    both = condition.repeat(2, 1, 1, 1)
    scale = torch.tensor(scales, device=condition.device)
    return guided(lambda noisy, sigma: model.predict(noisy, sigma, text, both), scale)


def _settings(draft: Draft) -> Settings:
    return draft.plan.request.settings.over(DEFAULTS)


def _check(index: int, draft: Draft, model: TokenRefiner) -> None:
    if draft.codebook.name != model.codebook:
        raise InputError(
            f"the refiner was trained on tokens of {model.codebook}, the draft's are of {draft.codebook.name}:"
            " name a matching pair in the recipe"
        )
    height, width = draft.plan.request.height, draft.plan.request.width
    if (height, width) != (model.side, model.side):
        raise RowError(index, f"{width}x{height} pixels: this refiner paints {model.side}x{model.side}")
    rows, columns = draft.grid
    if rows * width != columns * height:
        raise RowError(
            index, f"a draft of {columns}x{rows} tokens for {width}x{height} pixels: the shapes differ"
        )
