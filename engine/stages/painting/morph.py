"""morph: a picture on the way from one draft to another, for animations; painted as `refine` paints."""

import dataclasses
from collections.abc import Sequence

import torch
import torch.nn.functional as F

from ...diffusion.denoising import Predict, denoise, even_sigmas, guided
from ...errors import InputError
from ...models.diffusion.refiner import PreviewRefiner
from ...randomness import RowKey, normals
from ...stage import ModelKey, Models, RunContext
from ...values import Draft, Picture, Settings
from .refine import BYTES_A_PIXEL, DEFAULTS, RefineStage
from .shown_sketch import conditions_of, laid_again, shown_to


@dataclasses.dataclass(frozen=True, kw_only=True)
class Between:
    """A place on the way between two drafts of one codebook and grid.

    Args:
        share: of the way, 0 (the first) to 1 (the second).
    """

    first: Draft
    second: Draft
    share: float

    def __post_init__(self) -> None:
        assert 0 <= self.share <= 1, f"share {self.share} outside [0, 1]"
        assert self.first.codebook == self.second.codebook, "drafts of two codebooks"
        assert self.first.grid == self.second.grid, f"grids {self.first.grid} and {self.second.grid}"

    @property
    def nearer(self) -> Draft:
        return self.first if self.share < 0.5 else self.second


class MorphStage:
    """Between to Picture; a whole batch has one size and one number of steps.

    The drafts' previews go over into each other everywhere at once, and what is painted of them with them: no
    part is ahead of its neighbours. Noise is interpolated along the great circle (as in Shoemake 1985), so that
    it stays noise; text encodings are interpolated linearly. At both ends it paints what `refine` paints. The
    tokens are those of the nearer draft.

    Args:
        model: a refiner of draft tokens, family `diffusers`.
    """

    name = "morph"
    takes = Between
    gives = Picture

    def __init__(self, *, model: ModelKey[PreviewRefiner]) -> None:
        self._refiner = model
        self.uses = (model,)

    def workspace(self, batch: Sequence[Between]) -> int:
        """As `refine`'s, both branches."""
        requests = [value.first.plan.request for value in batch]
        return 2 * BYTES_A_PIXEL * sum(request.height * request.width for request in requests)

    def run(self, batch: Sequence[Between], models: Models, context: RunContext) -> list[Picture]:
        model = models[self._refiner]
        if batch[0].first.codebook.name != model.codebook:
            raise InputError(
                f"the refiner was trained on tokens of {model.codebook}, the drafts' are of"
                f" {batch[0].first.codebook.name}: name a matching pair in the recipe"
            )
        request = batch[0].first.plan.request
        previews = torch.stack([_preview(value) for value in batch])
        shown = [_shown(value, request.height, request.width) for value in batch]
        condition = conditions_of(shown, model, request.height, request.width)
        shares = torch.tensor([value.share for value in batch], device=condition.device)
        shape = tuple(condition.shape[1:])
        ends = [_noise([_end(value, i) for value in batch], shape).to(condition) for i in (0, 1)]
        steps = _settings(batch[0].first).num_inference_steps or 1
        painted = noise = slerp(ends[0], ends[1], shares)
        predict = _predict(model, batch, condition, shares)
        for i, estimate in enumerate(
            denoise(predict, noise, scheduler=model.new_scheduler(), sigmas=even_sigmas(steps))
        ):
            painted = estimate
            context.step(i + 1, steps)
        pixels, sound = model.painted(painted, condition)
        context.check("pixels", sound.tolist())
        pixels = _laid(pixels, batch, request.height, request.width)
        drafts = [dataclasses.replace(each.nearer, preview=p) for each, p in zip(batch, previews, strict=True)]
        return [
            Picture(pixels=row, plan=draft.plan, draft=draft) for row, draft in zip(pixels, drafts, strict=True)
        ]


def slerp(first: torch.Tensor, second: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Noise (b, c, h, w) between two, each row its share (b,) of the way."""
    a, b = first.flatten(1), second.flatten(1)
    cosine = (F.normalize(a, dim=1) * F.normalize(b, dim=1)).sum(1).clamp(-1, 1)
    angle = cosine.acos()[:, None]
    s = shares[:, None].to(a)
    along = (torch.sin((1 - s) * angle) * a + torch.sin(s * angle) * b) / torch.sin(angle)
    straight = (1 - s) * a + s * b  # between equals, where there is no angle
    mixed = torch.where(angle < 1e-3, straight, along)
    ends = torch.where(s <= 0, a, torch.where(s >= 1, b, mixed))
    return ends.reshape(first.shape)


def _predict(
    model: PreviewRefiner, batch: Sequence[Between], condition: torch.Tensor, shares: torch.Tensor
) -> Predict:
    """The refiner with both texts mixed by their shares; with guidance where any row has some."""
    cond = [model.encode_text([_end(value, i).plan.wording for value in batch]) for i in (0, 1)]
    text = torch.lerp(cond[0], cond[1], shares[:, None, None].to(cond[0]))
    scales = [_settings(value.nearer).guidance_scale for value in batch]
    if all(scale == 1 for scale in scales):
        return lambda noisy, sigma: model.predict(noisy, sigma, text, condition)
    uncond = model.encode_text([value.nearer.plan.request.negative_prompt for value in batch])
    both, twice = torch.cat([text, uncond]), condition.repeat(2, 1, 1, 1)
    scale = torch.tensor([float(each or 0) for each in scales], device=condition.device)
    return guided(lambda noisy, sigma: model.predict(noisy, sigma, both, twice), scale)


def _end(value: Between, index: int) -> Draft:
    return value.second if index else value.first


def _noise(drafts: Sequence[Draft], shape: tuple[int, ...]) -> torch.Tensor:
    """What `refine` would begin with, (b, *shape)."""
    keys = [RowKey(draft.plan.request.seed, draft.plan.request.candidate) for draft in drafts]
    return normals(keys, RefineStage.name, shape)


def _way(value: Between) -> float:
    """How far between the two its place is to look: slowly at the ends."""
    return value.share * value.share * (3 - 2 * value.share)


def _preview(value: Between) -> torch.Tensor:
    """uint8 (h', w', 3)."""
    return _mixed(value.first.preview, value.second.preview, _way(value))


def _shown(value: Between, height: int, width: int) -> torch.Tensor:
    """What the refiner is shown, uint8 (h', w', 3): at the ends what `refine` shows it."""
    first, second = shown_to([value.first, value.second], height, width)
    if first.shape == second.shape:
        return _mixed(first, second, _way(value))
    if value.share in (0, 1):
        return second if value.share else first
    return _mixed(_enlarged(first, height, width), _enlarged(second, height, width), _way(value))


def _laid(painted: torch.Tensor, batch: Sequence[Between], height: int, width: int) -> torch.Tensor:
    """What was painted, uint8 (b, height, width, 3), with the things of both sketches, those of one going over
    into those of the other."""
    ends = []
    for i in (0, 1):
        drafts = [_end(value, i) for value in batch]
        ends.append(laid_again(painted, shown_to(drafts, height, width), drafts))
    rows = zip(ends[0], ends[1], batch, strict=True)
    return torch.stack([_mixed(first, second, _way(value)) for first, second, value in rows])


def _enlarged(picture: torch.Tensor, height: int, width: int) -> torch.Tensor:
    values = picture.permute(2, 0, 1)[None].float()
    larger = F.interpolate(values, (height, width), mode="bicubic", antialias=True)
    return larger[0].permute(1, 2, 0).clamp(0, 255).round().to(torch.uint8)


def _mixed(first: torch.Tensor, second: torch.Tensor, way: float) -> torch.Tensor:
    return torch.lerp(first.float(), second.float(), way).round().to(torch.uint8)


def _settings(draft: Draft) -> Settings:
    return draft.plan.request.settings.over(DEFAULTS)
