"""Masked-token transformers of diffusers with their codebook: aMUSEd (Patil et al. 2024), after Muse (Chang et
al. 2023).

Knows the library's classes and folder layout. Which place is drawn when, `ar.unmasking` says.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ...ar.unmasking import Schedule
from ...errors import CheckpointError
from ...guards.finite import finite_rows
from ...messages import shown
from ...values import Codebook
from ..checkpoint.folder import outlined, read_json, whole
from ..checkpoint.tokenizer import load_tokenizer

if TYPE_CHECKING:
    from diffusers.models.autoencoders.vq_model import VQModel
    from diffusers.models.unets.uvit_2d import UVit2DModel
    from transformers import CLIPTextModelWithProjection, PreTrainedTokenizerFast

PIPELINE = "AmusedPipeline"
AESTHETIC = 6.0  # what the library's pipeline says of a picture that is to be
_SCHEDULES: tuple[Schedule, ...] = ("cosine", "linear")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskedTokenModel:
    """A transformer that says of every masked place of a grid which token belongs there, given a text.

    Args:
        mask_token: the id of a masked place; legal tokens are those of `codebook`, from 0.
        schedule: how the masked share falls, as the checkpoint has it.
        scale: pixels on a side of what a token shows.
    """

    transformer: "UVit2DModel"
    text_encoder: "CLIPTextModelWithProjection"
    vqvae: "VQModel"
    tokenizer: "PreTrainedTokenizerFast"
    codebook: Codebook
    mask_token: int
    schedule: Schedule
    scale: int

    @property
    def device(self) -> torch.device:
        return self.transformer.device

    @torch.inference_mode()
    def reader(
        self, prompts: Sequence[str], grid: tuple[int, int], *, negatives: Sequence[str] | None = None
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        """What gives logits (b, n, v), from tokens int64 (b, n), for these prompts.

        Args:
            negatives: texts of a second branch, whose logits stand below: (2b, n, v).
        """
        texts = [*prompts, *(negatives or [])]
        ids = self.tokenizer(
            texts,
            return_tensors="pt",
            padding="max_length",
            truncation=True,
            max_length=min(self.tokenizer.model_max_length, self.text_encoder.config.max_position_embeddings),
        ).input_ids
        read: Any = self.text_encoder(ids.to(self.device), return_dict=True, output_hidden_states=True)
        states, pooled = read.hidden_states[-2], read.text_embeds
        height, width = (side * self.scale for side in grid)
        told = torch.tensor([[width, height, 0, 0, AESTHETIC]], device=self.device, dtype=states.dtype)

        def predict(tokens: torch.Tensor) -> torch.Tensor:
            cells = tokens.reshape(-1, *grid).to(self.device)
            if negatives is not None:
                cells = torch.cat([cells, cells])
            with torch.inference_mode():
                logits = self.transformer(
                    cells,
                    encoder_hidden_states=states,
                    pooled_text_emb=pooled,
                    micro_conds=told.expand(len(cells), -1),
                )
            return logits.flatten(2).transpose(1, 2)

        return predict

    @torch.inference_mode()
    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """uint8 (b, h·scale, w·scale, 3) to int64 tokens (b, h, w), on the CPU."""
        shades = pixels.permute(0, 3, 1, 2).to(self.device, self.vqvae.dtype) / 255
        latents: Any = self.vqvae.encode(shades).latents
        _, _, (_, _, ids) = self.vqvae.quantize(latents)
        return ids.reshape(len(pixels), *latents.shape[2:]).cpu()

    @torch.inference_mode()
    def shown(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What tokens (b, h, w) look like, uint8 (b, h·scale, w·scale, 3), and which of it is all numbers: bool
        (b,); both on the CPU."""
        config: Any = self.vqvae.config
        channels = int(config.latent_channels)
        shape = (*tokens.shape, channels)
        made: Any = self.vqvae.decode(tokens.to(self.device), force_not_quantize=True, shape=shape)
        shades = made.sample.float()
        pixels = (shades.clip(0, 1).permute(0, 2, 3, 1) * 255).round().nan_to_num().to(torch.uint8)
        return pixels.cpu(), finite_rows(shades).cpu()


def load_masked_token_model(folder: Path, dtype: torch.dtype, device: torch.device) -> MaskedTokenModel:
    """A drafter from the folder of an aMUSEd pipeline.

    Raises:
        CheckpointError: the folder holds another kind of pipeline, or its parts do not fit each other.
    """
    from diffusers.models.autoencoders.vq_model import VQModel
    from diffusers.models.unets.uvit_2d import UVit2DModel
    from transformers import CLIPTextModelWithProjection

    kind = read_json(folder / "model_index.json").get("_class_name")
    if kind != PIPELINE:
        raise CheckpointError(
            f"{folder}/model_index.json: {shown(kind)} is no masked-token drafter ({PIPELINE})"
        )
    local: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "output_loading_info": True}
    local |= outlined(device)
    parts = {
        "transformer": UVit2DModel.from_pretrained(folder / "transformer", torch_dtype=dtype, **local),
        "vqvae": VQModel.from_pretrained(folder / "vqvae", torch_dtype=dtype, **local),
        "text_encoder": CLIPTextModelWithProjection.from_pretrained(
            folder / "text_encoder", dtype=dtype, **local
        ),
    }
    modules: dict[str, Any] = {
        name: whole(loaded, folder).to(device).eval().requires_grad_(False) for name, loaded in parts.items()
    }
    size = int(modules["transformer"].config.codebook_size)
    if size != modules["vqvae"].config.num_vq_embeddings:
        raise CheckpointError(
            f"{folder}: the transformer writes tokens of {size}, and vqvae reads"
            f" {modules['vqvae'].config.num_vq_embeddings}: copy the checkpoint again"
        )
    mask, schedule = _scheduled(folder, size)
    return MaskedTokenModel(
        **modules,
        tokenizer=load_tokenizer(folder / "tokenizer"),
        codebook=Codebook(name=f"vq-{size}", size=size),
        mask_token=mask,
        schedule=schedule,
        scale=token_scale(folder),
    )


def _scheduled(folder: Path, size: int) -> tuple[int, Schedule]:
    """The mask's id and the schedule, as the scheduler's config has them."""
    path = folder / "scheduler" / "scheduler_config.json"
    config = read_json(path)
    mask, schedule = config.get("mask_token_id"), config.get("masking_schedule", "cosine")
    words = read_json(folder / "transformer" / "config.json").get("vocab_size")
    if not isinstance(mask, int) or not isinstance(words, int) or not size <= mask < words:
        raise CheckpointError(f"{path}: mask_token_id = {shown(mask)}: must be above the {size} tokens")
    for known in _SCHEDULES:
        if schedule == known:
            return mask, known
    raise CheckpointError(f"{path}: masking_schedule = {shown(schedule)}: must be {' or '.join(_SCHEDULES)}")


def token_scale(folder: Path) -> int:
    """Pixels on a side of what a token shows, from the configs of a pipeline's folder.

    Raises:
        CheckpointError: a config is missing, or that of another model.
    """
    levels = read_json(folder / "vqvae" / "config.json").get("block_out_channels")
    if not isinstance(levels, list) or not 1 <= len(levels) <= 8:
        raise CheckpointError(f"{folder}/vqvae/config.json: block_out_channels is no list of levels")
    return 2 ** (len(levels) - 1)


def unmasking_bytes(folder: Path, *, rows: int, tokens: int, bytes_each: int) -> int:
    """For so many rows, both branches among them, on a grid of so many tokens: activations, and logits
    of all places, which are drawn from in double precision."""
    config = read_json(folder / "transformer" / "config.json")
    sizes = [config.get(name) for name in ("hidden_size", "intermediate_size", "codebook_size")]
    if not all(isinstance(each, int) and each > 0 for each in sizes):
        raise CheckpointError(f"{folder}/transformer/config.json: says no sizes of a masked-token transformer")
    hidden, inner, book = (int(each or 0) for each in sizes)
    heads = int(config.get("num_attention_heads") or 1)
    layer = tokens * (12 * hidden + 3 * inner) + heads * tokens**2
    return rows * (layer * bytes_each + 6 * tokens * book * 4)


def showing_bytes(folder: Path, *, height: int, width: int, bytes_each: int) -> int:
    """For the pixels of one draft: the widest tensors of the decoder's last levels."""
    widest = read_json(folder / "vqvae" / "config.json").get("block_out_channels") or [128]
    return height * width * int(max(widest[:2])) * 8 * bytes_each
