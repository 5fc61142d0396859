"""Made-up checkpoints of any size with random weights, in the folders that the engine reads; and their recipe.

Weights of no use take as long to multiply as trained ones. The folders are ordinary transformers and diffusers
checkpoints, read by the very adapters that read the pocket models, whose tokenizer they borrow.
"""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import torch

from ...engine.models.checkpoint.folder import folder_of, read_json
from ...engine.models.vision.patch_codebook import PatchCodebook
from ...engine.stage import ModelKey
from ...engine.values import Settings
from ...pipelines.recipes.reader import Recipe, StageRecipe

CODEBOOK = "random"
STAGES = (
    ("plan", "causal-lm", "planner"),
    ("draft", "image-token-lm", "drafter"),
    ("refine", "diffusers", "refiner"),
    ("judge", "image-text-to-text", "captioner"),
)
"""Of a stage: name, family, folder."""
PLAN_TOKENS = TEXT_LENGTH = 24
PATCH = 8  # pixels on a latent's side, as SDXL has it
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large the models are.

    Args:
        planner, drafter: arguments of `LlamaConfig`.
        codes: image tokens; `grid`: rows and columns of them; `patch`: pixels on a token's side.
        unet: arguments of `UNet2DConditionModel`; `cells`: latents on a picture's side, of 8 pixels each.
        channels: of the latents.
        text: arguments of `CLIPTextConfig`.
        vision, reader: arguments of `ViTConfig` and `BertConfig`; equally wide.
        vae: arguments of `AutoencoderKL`.
        dtype: of the weights.
    """

    planner: dict[str, Any]
    drafter: dict[str, Any]
    codes: int
    grid: int
    patch: int
    unet: dict[str, Any]
    cells: int
    channels: int
    text: dict[str, Any]
    vision: dict[str, Any]
    reader: dict[str, Any]
    vae: dict[str, Any]
    dtype: str


def llama(hidden: int, inner: int, layers: int, heads: int, *, kv_heads: int | None = None) -> dict[str, Any]:
    """A Llama's widths and depth."""
    return {
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads or heads,
        "head_dim": hidden // heads,
    }


def transformer(hidden: int, inner: int, layers: int, heads: int) -> dict[str, Any]:
    """An encoder's or a decoder's widths and depth."""
    return {
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
    }


TINY = Sizes(
    planner=llama(32, 64, 2, 2),
    drafter=llama(32, 64, 2, 2),
    codes=64,
    grid=4,
    patch=4,
    unet={
        "block_out_channels": (16, 32),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "layers_per_block": 1,
        "cross_attention_dim": 32,
        "attention_head_dim": 16,
        "norm_num_groups": 8,
    },
    cells=8,
    channels=4,
    text=transformer(32, 64, 1, 2),
    vision=transformer(32, 64, 1, 2) | {"image_size": 32, "patch_size": 8},
    reader=transformer(32, 64, 1, 2),
    vae={
        "block_out_channels": (8, 8, 8, 8),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 1,
        "norm_num_groups": 4,
    },
    dtype="float32",
)
"""Milliseconds of work: for tests and dry runs."""

FULL = Sizes(
    planner=llama(512, 1408, 8, 8),
    drafter=llama(2048, 5632, 30, 16, kv_heads=8),
    codes=16384,
    grid=24,
    patch=16,
    unet={
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "layers_per_block": 2,
        "transformer_layers_per_block": (1, 2, 10),
        "cross_attention_dim": 2048,
        "attention_head_dim": (5, 10, 20),
        "use_linear_projection": True,
    },
    cells=128,
    channels=4,
    text=transformer(2048, 5120, 12, 16),
    vision=transformer(1408, 6144, 39, 16) | {"image_size": 224, "patch_size": 14},
    reader=transformer(1408, 6144, 31, 16),
    vae={
        "block_out_channels": (128, 256, 512, 512),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 2,
    },
    dtype="bfloat16",
)
"""A drafter of 1.5 billion weights, a denoiser and a VAE of SDXL's sizes at 1024 x 1024, a captioner of 2
billion; the planner is small."""


def build(folder: Path, sizes: Sizes, *, device: str = "cpu") -> Recipe:
    """Write the checkpoints into `folder`, made on `device`, unless they are there; say how they fit together.

    The same random weights each time.
    """
    made_of = json.dumps(dataclasses.asdict(sizes), indent=2) + "\n"
    receipt = folder / "sizes.json"
    if receipt.exists() and receipt.read_text(encoding="utf-8") == made_of:
        return recipe_of(folder, sizes)
    torch.manual_seed(0)
    dtype: torch.dtype = getattr(torch, sizes.dtype)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)  # made in the dtype that they are kept in: half the time and memory
    try:
        with torch.device(device):
            _language_model(folder / "planner", sizes.planner)
            _drafter(folder / "drafter", sizes)
            _refiner(folder / "refiner", sizes)
            _captioner(folder / "captioner", sizes)
    finally:
        torch.set_default_dtype(before)
    _codebook(folder / "tokenizer", sizes)
    _refiner_files(folder / "refiner")
    receipt.write_text(made_of, encoding="utf-8")
    return recipe_of(folder, sizes)


def recipe_of(folder: Path, sizes: Sizes) -> Recipe:
    """How the checkpoints that `build` wrote into `folder` are put together."""
    stages = {
        stage: StageRecipe(name=stage, model=ModelKey(family, str(folder / name), sizes.dtype))
        for stage, family, name in STAGES
    }
    short = {"max_tokens": PLAN_TOKENS}  # made-up models do not come to an end by themselves
    stages["plan"] = dataclasses.replace(stages["plan"], settings=short)
    codebook = ModelKey("image-tokenizer", str(folder / "tokenizer"))
    stages["draft"] = dataclasses.replace(stages["draft"], models={"codebook": codebook})
    wishes = Settings(
        num_inference_steps=4,
        guidance_scale=1.0,
        temperature=1.0,
        top_k=64,
        top_p=0.95,
        draft_guidance_scale=2.0,
        candidates=1,
        rounds=1,
        accept=0.5,
    )
    side = sizes.cells * PATCH
    summary = "Random weights, of the sizes that a benchmark needs."
    return Recipe(name="random", summary=summary, stages=stages, defaults=wishes, height=side, width=side)


def text_ids() -> int:
    """How many ids the pocket models' tokenizer has."""
    return int(read_json(folder_of("pocket/planner") / "config.json")["vocab_size"])


def _language_model(folder: Path, widths: dict[str, Any], **more: Any) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    special: dict[str, Any] = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}
    fitted: dict[str, Any] = {
        "vocab_size": text_ids(),
        "max_position_embeddings": 1024,
        "tie_word_embeddings": True,
    }
    LlamaForCausalLM(LlamaConfig(**(widths | special | fitted | more))).save_pretrained(folder)
    _borrow_tokenizer("planner", folder)


def _drafter(folder: Path, sizes: Sizes) -> None:
    _language_model(
        folder,
        sizes.drafter,
        vocab_size=text_ids() + sizes.codes,
        eos_token_id=None,
        image_token_offset=text_ids(),
        image_token_grid=[sizes.grid, sizes.grid],
        image_text_length=TEXT_LENGTH,
        image_codebook=CODEBOOK,
    )
    _borrow_tokenizer("drafter", folder)


def _codebook(folder: Path, sizes: Sizes) -> None:
    centroids = torch.rand(sizes.codes, sizes.patch**2 * 3)
    grid = (sizes.grid, sizes.grid)
    PatchCodebook(centroids, patch=sizes.patch, grid=grid, name=CODEBOOK).save_pretrained(folder)


def _refiner(folder: Path, sizes: Sizes) -> None:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    channels = sizes.channels
    unet = UNet2DConditionModel(
        sample_size=sizes.cells, in_channels=2 * channels, out_channels=channels, **sizes.unet
    )
    unet.save_pretrained(folder / "unet")
    special: dict[str, Any] = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}
    fitted: dict[str, Any] = {"vocab_size": text_ids(), "max_position_embeddings": TEXT_LENGTH}
    encoder = CLIPTextModel(CLIPTextConfig(**(sizes.text | special | fitted)))
    encoder.save_pretrained(folder / "text_encoder")
    AutoencoderKL(latent_channels=channels, **sizes.vae).save_pretrained(folder / "latents")


def _refiner_files(folder: Path) -> None:
    pocket = folder_of("pocket/refiner")
    for part in ("scheduler", "tokenizer"):
        shutil.copytree(pocket / part, folder / part, dirs_exist_ok=True)
    index = read_json(pocket / "model_index.json") | {"codebook": CODEBOOK, "text_length": TEXT_LENGTH}
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _captioner(folder: Path, sizes: Sizes) -> None:
    from transformers import BertConfig, VisionEncoderDecoderConfig, VisionEncoderDecoderModel, ViTConfig

    special: dict[str, Any] = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}
    fitted: dict[str, Any] = {"vocab_size": text_ids(), "max_position_embeddings": 64, "type_vocab_size": 1}
    fitted |= {"is_decoder": True, "add_cross_attention": True}
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        ViTConfig(**sizes.vision),
        BertConfig(**(sizes.reader | special | fitted)),
        decoder_start_token_id=1,
        **special,
    )
    VisionEncoderDecoderModel(config).save_pretrained(folder)
    _borrow_tokenizer("captioner", folder)
    processor = read_json(folder_of("pocket/captioner") / "preprocessor_config.json")
    processor["size"] = {"height": sizes.vision["image_size"], "width": sizes.vision["image_size"]}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n", encoding="utf-8")


def _borrow_tokenizer(model: str, folder: Path) -> None:
    for name in TOKENIZER_FILES:
        shutil.copy(folder_of(f"pocket/{model}") / name, folder / name)
