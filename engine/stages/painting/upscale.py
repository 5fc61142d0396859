"""upscale: a picture two or four times as large, its details repainted tile by tile where that helps."""

import dataclasses
from collections.abc import Sequence

import torch
import torch.nn.functional as F

from ...diffusion.denoising import denoise
from ...diffusion.tiles import Tiles, in_parts
from ...errors import InputError
from ...models.diffusion.refiner import PreviewRefiner
from ...models.vision.captioner import Captioner
from ...models.vision.picture_reader import PictureReader
from ...randomness import RowKey, normals
from ...stage import ModelKey, Models, NoProgress, Progress, RunContext
from ...values import Picture, Request, Verdict
from ..judging.judge import JudgeStage

SCALES = (2, 4)
BYTES_A_PIXEL = 240  # of the enlarged picture: itself, its latents, noise and conditions, as floats
BYTES_A_TILE_PIXEL = 100  # of activations, as in `refine`
TILES_AT_ONCE = 4
SLACK = 0.01  # by which a score may fall without counting as a fall: what rounding and resizing move it
CORRECTIONS = 10  # after which a picture scaled down again differs by no more than rounding


class UpscaleStage:
    """Picture to Picture.

    The picture is enlarged plainly (Lanczos), noised, and denoised by the refiner in overlapping tiles of the
    size that it paints (SDEdit, Meng et al. 2022, over `tiles`). Where the result, scaled down again, is too
    unlike the original, it is put right (iterative back-projection, Irani & Peleg 1991). Where a captioner is
    named and finds the plan less in the result than in the plain enlargement, the latter is given.

    Args:
        model: a refiner of draft tokens, family `diffusers`.
        captioner: an `image-text-to-text` model; `None` checks nothing.
        scale: 2 or 4.
        strength: noise that is added first, 0 (plain enlargement) to 1.
        num_inference_steps: of denoising.
        fidelity: how like the original it is when scaled down, at least: a PSNR of 0 to 45 dB.
        overlap: pixels that neighbouring tiles share, at least.
        preview: pixels on a side of the previews that the refiner was trained on; of a tile.

    Raises:
        InputError: one of these lies outside of its range.
    """

    name = "upscale"
    takes = Picture
    gives = Picture

    def __init__(
        self,
        *,
        model: ModelKey[PreviewRefiner],
        captioner: ModelKey[Captioner | PictureReader] | None = None,
        scale: int = 2,
        strength: float = 0.2,
        num_inference_steps: int = 1,
        fidelity: float = 36.0,
        overlap: int = 64,
        preview: int = 48,
    ) -> None:
        if scale not in SCALES:
            raise InputError(f"scale = {scale}: must be 2 or 4")
        if not 0 <= strength <= 1:
            raise InputError(f"strength = {strength}: must lie between 0 (plain enlargement) and 1")
        if not 1 <= num_inference_steps <= 1000:
            raise InputError(f"num_inference_steps = {num_inference_steps}: must lie between 1 and 1000")
        if not 0 <= fidelity <= 45:
            raise InputError(f"fidelity = {fidelity}: must lie between 0 and 45 dB")
        if not 0 <= overlap <= 128:
            raise InputError(f"overlap = {overlap}: must lie between 0 and 128 pixels")
        self._refiner = model
        self.uses = (model,) if captioner is None else (model, captioner)
        self._judge = None if captioner is None else JudgeStage(model=captioner)
        self._scale, self._strength, self._steps = scale, strength, num_inference_steps
        self._fidelity, self._overlap, self._preview = fidelity, overlap, preview

    def workspace(self, batch: Sequence[Picture]) -> int:
        """One enlarged picture at a time, and its tiles; the results of all."""
        sizes = [picture.pixels.shape[0] * picture.pixels.shape[1] * self._scale**2 for picture in batch]
        tiles = TILES_AT_ONCE * BYTES_A_TILE_PIXEL * 256**2
        looks = self._judge.workspace([batch[0]]) if self._judge and batch else 0
        return BYTES_A_PIXEL * max(sizes, default=0) + 6 * sum(sizes) + max(tiles, looks)

    def run(self, batch: Sequence[Picture], models: Models, context: RunContext) -> list[Picture]:
        results: list[Picture] = []
        for i, picture in enumerate(batch):
            plain = enlarged(picture.pixels, self._scale)
            chosen = plain
            if self._strength > 0:
                alone = context.of_rows([i])
                repainted = self._repainted(picture, plain, models, alone)
                chosen = self._checked(picture, plain, repainted, models, alone)
            results.append(Picture(pixels=chosen, plan=picture.plan, draft=picture.draft))
            context.step(i + 1, len(batch))
        return results

    def _repainted(
        self, picture: Picture, plain: torch.Tensor, models: Models, context: RunContext
    ) -> torch.Tensor:
        """uint8 (h, w, 3): the plain enlargement (h, w, 3), repainted in tiles and put right."""
        model = models[self._refiner]
        request = picture.plan.request if picture.plan else Request(prompt="a picture")
        canvas = _padded(plain, least=model.side, multiple=model.latents.patch).to(model.device)
        height, width = canvas.shape[:2]
        small = [max(1, round(length * self._preview / model.side)) for length in (height, width)]
        preview = _resized(canvas, small[0], small[1]).round().clamp(0, 255).to(torch.uint8)
        condition = model.encode_previews(preview[None], height, width)[0]  # (c, h, w)
        residual = (model.latents.encode(canvas[None])[0] - condition) / model.latents.residual_scale
        patch = model.latents.patch
        tiles = Tiles(
            height=height // patch,
            width=width // patch,
            side=model.side // patch,
            overlap=self._overlap // patch,
        )
        text = model.encode_text([picture.plan.prompt if picture.plan else ""])
        texts = text.expand(len(tiles.corners), *text.shape[1:])
        conditions = tiles.cut(condition)

        def predict(noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
            sigmas = sigma.expand(len(conditions))
            parts = (tiles.cut(noisy[0]), sigmas, texts, conditions)
            return tiles.join(in_parts(model.predict, parts, at_once=TILES_AT_ONCE))[None]

        key = RowKey(request.seed, request.candidate)
        noise = normals([key], self.name, tuple(residual.shape)).to(residual)
        start = (1 - self._strength) * residual[None] + self._strength * noise
        sigmas = [self._strength * (1 - i / self._steps) for i in range(self._steps)]
        *_, residual = denoise(predict, start, scheduler=model.new_scheduler(), sigmas=sigmas)
        pixels, sound = model.painted(residual, condition[None])
        context.check("pixels", sound.tolist(), by=self._refiner)
        painted = pixels[0]
        return put_right(painted[: plain.shape[0], : plain.shape[1]], picture.pixels, at_least=self._fidelity)

    def _checked(
        self,
        picture: Picture,
        plain: torch.Tensor,
        repainted: torch.Tensor,
        models: Models,
        context: RunContext,
    ) -> torch.Tensor:
        """The repainted one, unless the captioner finds the plan less in it than in the plain one."""
        if self._judge is None or picture.plan is None:
            return repainted
        both = [Picture(pixels=pixels, plan=picture.plan) for pixels in (plain, repainted)]
        quiet = dataclasses.replace(context, progress=_Failing(context.progress))
        before, after = (self._score(one, models, quiet) for one in both)
        if after.score >= before.score - SLACK:
            return repainted
        context.note(f"plain enlargement kept: {before.score:.2f} against {after.score:.2f}")
        return plain

    def _score(self, picture: Picture, models: Models, context: RunContext) -> Verdict:
        assert self._judge is not None, "checked before"
        (verdict,) = self._judge.run([picture], models, context)
        return verdict


class _Failing(NoProgress):
    """Progress of looks on the side: of them nothing is told but that the row fails."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def fail(self, row: int, reason: str, /) -> None:
        self._progress.fail(row, reason)


def enlarged(pixels: torch.Tensor, scale: int) -> torch.Tensor:
    """uint8 (h, w, 3), `scale` times as large by Lanczos' kernel."""
    import numpy as np
    import PIL.Image

    height, width = pixels.shape[:2]
    image = PIL.Image.fromarray(pixels.numpy())
    larger = image.resize((width * scale, height * scale), PIL.Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(larger))


def put_right(painted: torch.Tensor, original: torch.Tensor, *, at_least: float) -> torch.Tensor:
    """A picture like `painted` whose means over the squares of `original`'s pixels are like these pixels.

    Args:
        painted: uint8 (h, w, 3), a whole number of times as large as `original`, uint8 (h', w', 3).
        at_least: how like, in dB of PSNR; the picture is changed no further than that takes.
    """
    wanted = original.permute(2, 0, 1)[None].float()
    size = (int(wanted.shape[2]), int(wanted.shape[3]))
    x = painted.permute(2, 0, 1)[None].float()
    for _ in range(CORRECTIONS):
        off = wanted - F.adaptive_avg_pool2d(x, size)
        if float(off.square().mean()) <= 255**2 / 10 ** (at_least / 10):
            break
        x = (x + F.interpolate(off, x.shape[-2:], mode="bilinear", align_corners=False)).clamp(0, 255)
    return x[0].permute(1, 2, 0).round().to(torch.uint8).contiguous()


def _padded(pixels: torch.Tensor, *, least: int, multiple: int) -> torch.Tensor:
    """float32 (h, w, 3) with its border repeated, until it is large enough and a whole number of patches."""
    height, width = (max(least, -(-length // multiple) * multiple) for length in pixels.shape[:2])
    below, right = height - pixels.shape[0], width - pixels.shape[1]
    x = F.pad(pixels.permute(2, 0, 1)[None].float(), (0, right, 0, below), mode="replicate")
    return x[0].permute(1, 2, 0)


def _resized(pixels: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """float32 (height, width, 3): each pixel the mean of what it covers."""
    return F.adaptive_avg_pool2d(pixels.permute(2, 0, 1)[None], (height, width))[0].permute(1, 2, 0)
