"""Trains the refiner: a conditional diffusion model that paints 256 pixels from the plan's text and the
tokens.

Flow matching (Lipman et al. 2023; x_t = (1 - sigma) x + sigma noise) on latents of the *difference* between
the picture and its draft's preview, as residual diffusion does (Yue et al. 2023, ResShift). The net
predicts the clean latents, not noise or velocity: most of them are zero, while noise fills every channel,
and a net this small that has to let noise through leaves grain (Li & He 2025, "Back to Basics: Let
Denoising Generative Models Denoise"). What counts is the absolute error of the pixels (as in Saharia et al.
2022, "Palette", section 4.1): drawn things have sharp edges, wherever they are, and the median of many such is
sharp, too, while their mean is a blur that a few steps do not resolve. Paths and predictions can be chosen
(see `Objective`), and the squared error of latents, which goes with predictions other than the latents. Text
and tokens are dropped at times, so that guidance has named branches, and some tokens are replaced, so that a
drafter's slips are painted over.
"""

import copy
import dataclasses
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ....engine.diffusion.denoising import denoise, even_sigmas
from ....engine.diffusion.objective import TRAIN_TIMESTEPS, Objective
from ....engine.models.diffusion.patch_latents import PatchLatents
from ....engine.models.diffusion.refiner import CLASS_NAMES, PreviewRefiner
from ....engine.models.vision.patch_codebook import PatchCodebook
from ...sheets.sample_sheet import COUNT, Column
from ..data.source import DRAFT_SIDE, PICTURE_SIDE, TrainingData, cover_of, indices_of
from ..data.texts import id_of, padded
from ..loop.placement import copy_on, in_float32
from ..loop.weights import halved
from .drafter import TEXT_LENGTH, wording_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

WITHOUT_TOKENS_WEIGHT = 0.05  # of rows without tokens: what they lack is a whole picture, a far larger error

FAR = 0.3  # of the tokens that are replaced, by any other
FIRST = 0.4  # share of rows that are pure noise, where these are most
LEAST_SIGMA = 0.22  # the weight of errors grows as noise gets less, down to this
WHOLE_EVERY = 4  # steps; the others see only what is around the things, where most is to be learnt
WINDOW = 5 / 8  # of the picture's side: such a window's
WINDOW_CELLS = 8  # by so many of latents such a window grows
SHOWN_STEPS = 4  # of denoising, where samples are shown


def _around_thing(cover: torch.Tensor, side: int, rng: random.Random) -> tuple[int, int]:
    """Top and left of the window of `side` cells around the things of a picture, which fill (h, w) like that.

    Where there is none, it is any window.
    """
    inside = (cover > 0).nonzero().float()  # (n, 2)
    middle = inside.mean(0).tolist() if len(inside) else [rng.uniform(0, size) for size in cover.shape]
    top, left = (
        min(max(round(at - side / 2), 0), size - side) for at, size in zip(middle, cover.shape, strict=True)
    )
    return top, left


def _windows(maps: torch.Tensor, at: torch.Tensor, side: int) -> torch.Tensor:
    """Of each of (b, c, h, w) the window of `side` cells at `at`, (b, 2): (b, c, side, side)."""
    along = torch.arange(side, device=maps.device)
    rows, columns = (at[:, i, None] + along for i in (0, 1))  # (b, side)
    which = torch.arange(len(maps), device=maps.device)[:, None, None]
    return maps[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def fit_latents(
    data: TrainingData,
    codebook: PatchCodebook,
    *,
    patch: int = 4,
    channels: int = 48,
    pictures: int = 600,
    say: Callable[[str], None] = print,
) -> PatchLatents:
    """The principal components of the data's patches, and the scale of what a preview lacks."""
    size, some = patch * patch * 3, range(min(pictures, data.count))
    whole = PatchLatents(torch.zeros(size), torch.eye(size), patch=patch, residual_scale=1.0)
    pixels = data.take(some, PICTURE_SIDE).pixels
    x = whole.patches(pixels).reshape(-1, size).double()
    mean = x.mean(0)
    _, vectors = torch.linalg.eigh((x - mean).T @ (x - mean) / len(x))  # ascending
    basis = vectors.flip(1)[:, :channels].float()
    latents = PatchLatents(mean.float(), basis, patch=patch, residual_scale=1.0)
    small = data.take(some, DRAFT_SIDE).pixels
    previews = latents.encode_previews(codebook.decode(codebook.encode(small)), PICTURE_SIDE, PICTURE_SIDE)
    latents.residual_scale = float((latents.encode(pixels) - previews).std())
    lost = (latents.decode(latents.encode(pixels)).float() - pixels.float()) / 255
    say(f"latents: {channels} of {size} components, {-10 * lost.square().mean().log10():.1f} dB")
    return latents


def noise_times(spread: str, size: int, g: torch.Generator) -> torch.Tensor:
    """When on the path, from 0 (clean) to 1 (noise), the rows of a batch are: float32 (size,)."""

    def uniform() -> torch.Tensor:
        return torch.rand(size, generator=g, device=g.device)

    match spread:
        case "noisy":  # more of them at the noisy end
            return uniform().sqrt()
        case "first":  # most of them where the first step is, the longest by far in a run of few
            return torch.where(uniform() < FIRST, 1.0, uniform())
        case "even":
            return uniform()
        case "middle":  # logit-normal (Esser et al. 2024, section 3.1)
            return torch.randn(size, generator=g, device=g.device).sigmoid()
        case _:
            raise AssertionError(f"no spread {spread!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drops:
    """How often conditions are dropped or corrupted: shares of rows, and of tokens in corrupted rows."""

    tokens: float = 0.05
    corrupted_rows: float = 0.6
    corrupted_tokens: float = 0.15


def refiner_sizes(table: Mapping[str, Any]) -> dict[str, Any]:
    """What `RefinerTask` takes, of a config's table."""
    return {
        **table,
        "channels": tuple(table["channels"]),
        "drops": Drops(**table["drops"]),
        "objective": Objective(**table["objective"]),
    }


class RefinerTask:
    """A diffusers U-Net over latents, with a small transformers text encoder trained along."""

    name = "refiner"

    def __init__(
        self,
        data: TrainingData,
        codebook: PatchCodebook,
        latents: PatchLatents,
        tokenizer: "PreTrainedTokenizerFast",
        *,
        channels: tuple[int, ...] = (64, 96, 160),
        text_size: int = 128,
        text_layers: int = 2,
        thing_weight: float = 3.0,
        drops: Drops | None = None,
        objective: Objective | None = None,
        sigmas: str = "first",
        error: str = "absolute",
        plain: float = 0.7,
        seed: int = 0,
    ) -> None:
        from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
        from transformers import CLIPTextConfig, CLIPTextModel

        self.data, self.codebook, self.latents, self.tokenizer = data, codebook, latents, tokenizer
        self.thing_weight, self.seed, self.drops = thing_weight, seed, drops or Drops()
        self.objective, self.sigmas, self.error = objective or Objective(), sigmas, error
        self.plain = plain
        torch.manual_seed(seed)
        levels = len(channels)
        unet = UNet2DConditionModel(
            sample_size=PICTURE_SIDE // latents.patch,
            in_channels=2 * latents.channels,
            out_channels=latents.channels,
            block_out_channels=channels,
            down_block_types=("DownBlock2D",) * (levels - 1) + ("CrossAttnDownBlock2D",),
            up_block_types=("CrossAttnUpBlock2D",) + ("UpBlock2D",) * (levels - 1),
            layers_per_block=1,
            cross_attention_dim=text_size,
            attention_head_dim=32,
            norm_num_groups=16,
        )
        encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer),
                hidden_size=text_size,
                intermediate_size=4 * text_size,
                num_hidden_layers=text_layers,
                num_attention_heads=4,
                max_position_embeddings=TEXT_LENGTH,
                bos_token_id=id_of(tokenizer, "<s>"),
                eos_token_id=id_of(tokenizer, "</s>"),
                pad_token_id=id_of(tokenizer, "<pad>"),
            )
        )
        self.model = torch.nn.ModuleDict({"unet": unet, "text_encoder": encoder})
        near = torch.cdist(codebook.centroids, codebook.centroids).topk(17, largest=False).indices[:, 1:]
        self.neighbours = near  # (v, 16)

    def batch(self, step: int, size: int) -> dict[str, Any]:
        """Pictures, uint8 (b, h, w, 3), or windows `at` cells (b, 2) of them; how much things `cover` of each
        of their cells; the whole pictures as the tokens are to show them; text ids; a seed for all else."""
        indices = indices_of(step, size, count=self.data.count, seed=self.seed, what=self.name)
        large = self.data.take(indices, PICTURE_SIDE)
        rngs = [random.Random(f"refiner/{self.seed}/{step}/{i}") for i in range(size)]
        texts = [
            wording_of(self.data, scene, rng, plain=self.plain)
            for scene, rng in zip(large.scenes, rngs, strict=True)
        ]
        patch, cells = self.latents.patch, PICTURE_SIDE // self.latents.patch
        cover, side = cover_of(large.masks, cells), self._window(step)
        at = [_around_thing(each, side, rng) for each, rng in zip(cover, rngs, strict=True)]
        cut = [(slice(patch * y, patch * (y + side)), slice(patch * x, patch * (x + side))) for y, x in at]
        windows = torch.tensor(at)
        return {
            "pixels": torch.stack([picture[part] for picture, part in zip(large.pixels, cut, strict=True)]),
            "cover": _windows(cover[:, None], windows, side),
            "at": windows,
            "small": large.smaller(DRAFT_SIDE).pixels,
            "text": torch.tensor(padded(self.tokenizer, texts, TEXT_LENGTH)),
            "seed": self.seed * 1_000_003 + step,
        }

    def _window(self, step: int) -> int:
        """Cells on the side of what is seen at `step`."""
        cells = PICTURE_SIDE // self.latents.patch
        return int(cells * WINDOW) // WINDOW_CELLS * WINDOW_CELLS if step % WHOLE_EVERY else cells

    def prepared(self, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Clean latents and their condition, (b, c, h, w), weights, sigmas and noise, on the batch's device.

        The draws are functions of the batch's seed and of the kind of device.
        """
        device, size = batch["pixels"].device, len(batch["pixels"])
        latents, codebook = copy_on(device, self.latents), copy_on(device, self.codebook)
        g = torch.Generator(device).manual_seed(batch["seed"])
        with in_float32(device):
            tokens = self._corrupt(codebook.encode(batch["small"]), g)
            condition = latents.encode_previews(codebook.decode(tokens), PICTURE_SIDE, PICTURE_SIDE)
            condition = _windows(condition, batch["at"], batch["cover"].shape[-1])
            has_tokens = (torch.rand(size, 1, 1, 1, generator=g, device=device) >= self.drops.tokens).float()
            condition = condition * has_tokens
            clean = latents.encode(batch["pixels"])
        return {
            "clean": (clean - condition) / latents.residual_scale,
            "condition": condition,
            "weight": (1 + self.thing_weight * batch["cover"]) * has_tokens.clamp_min(WITHOUT_TOKENS_WEIGHT),
            "has_tokens": has_tokens,
            "sigma": self.objective.sigma(noise_times(self.sigmas, size, g)),
            "noise": torch.randn(clean.shape, generator=g, device=device),
        }

    def _corrupt(self, tokens: torch.Tensor, g: torch.Generator) -> torch.Tensor:
        """Replace some tokens (b, h, w) by near ones of the codebook, or by any that the batch holds."""

        def uniform(*shape: int) -> torch.Tensor:
            return torch.rand(*shape, generator=g, device=tokens.device)

        near = copy_on(tokens.device, self.neighbours)[tokens]  # (b, h, w, k)
        rows = (uniform(len(tokens), 1, 1) < self.drops.corrupted_rows).float()
        share = rows * uniform(len(tokens), 1, 1) * 2 * self.drops.corrupted_tokens
        pick = (uniform(*tokens.shape) * near.shape[-1]).long()
        near = near.gather(-1, pick[..., None])[..., 0]
        others = tokens.flatten()[(uniform(*tokens.shape) * tokens.numel()).long()]
        corrupted = torch.where(uniform(*tokens.shape) < FAR, others, near)
        return torch.where(uniform(*tokens.shape) < share, corrupted, tokens)

    def loss(self, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
        return self.error_of(self.prepared(batch), batch["text"])

    def error_of(self, rows: dict[str, torch.Tensor], text_ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """The loss of rows that are `prepared`, and their mean squared error."""
        sigma, objective = rows["sigma"], self.objective
        noisy = objective.noisy(rows["clean"], rows["noise"], sigma)
        text = self.model["text_encoder"](input_ids=text_ids).last_hidden_state
        entering = torch.cat([noisy, rows["condition"]], 1)
        predicted = self.model["unet"](entering, objective.timestep(sigma), text).sample
        target = objective.target(rows["clean"], rows["noise"], sigma)
        wrong = predicted.float() - target
        squared = wrong.square().mean(1, keepdim=True)
        error = squared if self.error == "squared" else self._in_pixels(wrong)
        even = torch.ones_like(error)
        if objective.prediction == "sample":  # the error of the velocity, (x - x_sigma) / sigma
            even = sigma.clamp_min(LEAST_SIGMA)[:, None, None, None]
            even = even.square() if self.error == "squared" else even
        loss = (error / even * rows["weight"]).sum() / rows["weight"].sum()
        has_tokens = rows["has_tokens"]
        return {
            "loss": loss,
            "squared": (squared * has_tokens).sum() / squared[0].numel() / has_tokens.sum().clamp_min(1),
        }

    def _in_pixels(self, wrong: torch.Tensor) -> torch.Tensor:
        """The absolute error of the pixels that latents wrong by so much come to: (b, 1, h, w)."""
        with in_float32(wrong.device):
            return copy_on(wrong.device, self.latents).pixels_of(wrong).abs().mean(1, keepdim=True)

    def show(self) -> list[Column]:
        """Held-out pictures: the preview that their own tokens give, what is painted from it, and the truth."""
        data = self.data.held_out()
        large = data.take(range(COUNT), PICTURE_SIDE)
        tokens = self.codebook.encode(large.smaller(DRAFT_SIDE).pixels)
        previews = self.codebook.decode(tokens)
        prompts = [data.prompt_of(scene) for scene in large.scenes]
        refiner = self._refiner()
        condition, text = (
            refiner.encode_previews(previews, PICTURE_SIDE, PICTURE_SIDE),
            refiner.encode_text(prompts),
        )
        noise = torch.randn(condition.shape, generator=torch.Generator().manual_seed(0)).to(condition)
        *_, residual = denoise(
            lambda noisy, sigma: refiner.predict(noisy, sigma, text, condition),
            noise,
            scheduler=refiner.new_scheduler(),
            sigmas=even_sigmas(SHOWN_STEPS),
        )
        painted = refiner.decode(residual, condition)
        return [
            ((preview, picture, truth), prompt)
            for preview, picture, truth, prompt in zip(previews, painted, large.pixels, prompts, strict=True)
        ]

    def _refiner(self) -> PreviewRefiner:
        """The model as inference has it."""
        unet: Any = self.model["unet"]
        encoder: Any = self.model["text_encoder"]
        return PreviewRefiner(
            unet=unet,
            text_encoder=encoder,
            tokenizer=self.tokenizer,
            latents=copy.deepcopy(self.latents).to(unet.device),
            scheduler_config={"num_train_timesteps": TRAIN_TIMESTEPS},
            codebook=self.codebook.codebook.name,
            text_length=TEXT_LENGTH,
            side=PICTURE_SIDE,
            objective=self.objective,
        )

    def save(self, folder: Path) -> None:
        """diffusers' folder layout: unet, text_encoder, tokenizer, scheduler, and our latents."""
        import json

        from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

        for part, model in self.model.items():
            halved(model).save_pretrained(folder / part)
        self.tokenizer.save_pretrained(folder / "tokenizer")
        FlowMatchEulerDiscreteScheduler(num_train_timesteps=TRAIN_TIMESTEPS).save_pretrained(
            folder / "scheduler"
        )
        self.latents.save_pretrained(folder / "latents")
        index = {
            "_class_name": CLASS_NAMES[0],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
            "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
            "path": self.objective.path,
            "prediction_type": self.objective.prediction,
            "text_length": TEXT_LENGTH,
            "codebook": self.codebook.codebook.name,
        }
        (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
