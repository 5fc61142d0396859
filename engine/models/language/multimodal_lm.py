"""Models of transformers that read text and write pictures token by token: Janus and GLM-Image; Emu3
and Chameleon are in `shared_vocabulary`.

Each is one handle: prompt, language model, image tokens and, where there is one, the decoder that shows them.
Knows the library's classes and the checkpoints' own prompts. Knows nothing of plans or of the chain.
"""

import abc
import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ...ar.decoding import Decoding
from ...errors import CheckpointError, InputError, RowError
from ...guards.finite import finite_rows
from ...values import Codebook
from ..checkpoint.folder import outlined, read_json, whole
from ..checkpoint.tokenizer import load_tokenizer
from .causal_lm import single_id
from .chat_template import templated
from .decoding.embedded import EmbeddedDecoding

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

KINDS = {
    "janus": "JanusForConditionalGeneration",
    "glm_image": "GlmImageForConditionalGeneration",
    "emu3": "Emu3ForConditionalGeneration",
    "chameleon": "ChameleonForConditionalGeneration",
}
"""The class of transformers for each `model_type` of a `config.json`."""

TEXT_TOKENS = 512  # of a prompt with all that stands around it
EMU3_PIXELS = 8  # on a side of what a token of Emu3 stands for


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drafter(abc.ABC):
    """What the models have in common.

    Args:
        model: of transformers.
        codebook: whose entries the image tokens name.
    """

    model: Any
    tokenizer: "PreTrainedTokenizerFast"
    codebook: Codebook

    @property
    def device(self) -> torch.device:
        return self.model.device

    @abc.abstractmethod
    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the tokens of a picture of so many pixels.

        Raises:
            InputError: the model draws no such picture.
        """

    def lead(self, grid: tuple[int, int]) -> int:
        """How many tokens the model says before those of the grid."""
        return 0

    def begin(
        self, prompts: Sequence[str], grid: tuple[int, int], *, guided: bool, batch_invariant: bool = False
    ) -> Decoding:
        """Read the prompts; with `guided` the same number of rows without a prompt follows.

        Args:
            batch_invariant: what runs depends on the number of rows and on the grid alone.

        Raises:
            RowError: a prompt is too long.
        """
        rows = [self.prompt_ids(prompt, grid) for prompt in prompts]
        for i, row in enumerate(rows):
            if len(row) > TEXT_TOKENS:
                reason = f"the plan is {len(row)} tokens long: the drafter reads at most {TEXT_TOKENS}"
                raise RowError(i, f"{reason}; shorten the prompt")
        if guided:
            rows += [self._free_ids(row, grid) for row in rows]
        embed = self.model.get_input_embeddings()
        return self._decoding(
            [embed(torch.tensor(row, device=self.device)) for row in rows],
            grid,
            batch_invariant=batch_invariant,
        )

    @abc.abstractmethod
    def previews(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What tokens (b, h, w) look like: uint8 (b, h', w', 3), and which of them hold nothing but numbers,
        bool (b,); both on the CPU."""

    @abc.abstractmethod
    def prompt_ids(self, prompt: str, grid: tuple[int, int]) -> list[int]:
        """The ids before those of a grid of (rows, columns) tokens: what a prompt is to the model."""

    @abc.abstractmethod
    def _free_ids(self, row: list[int], grid: tuple[int, int]) -> list[int]:
        """Those of the branch without a prompt, beside a row with one."""

    @abc.abstractmethod
    def _decoding(
        self, prefixes: list[torch.Tensor], grid: tuple[int, int], *, batch_invariant: bool
    ) -> Decoding: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class JanusDrafter(Drafter):
    """Janus and Janus-Pro (Chen et al. 2025): one square grid, its own table of image embeddings, a VQ decoder.

    Args:
        start: the id after which the image begins.
    """

    start: int

    def grid(self, height: int, width: int) -> tuple[int, int]:
        side = int(self.model.config.vq_config.num_patches)
        if fault := fault_of("janus", height, width):
            raise InputError(fault)
        return side, side

    @torch.inference_mode()
    def previews(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rows = [self.model.decode_image_tokens(row.flatten()[None].to(self.device)) for row in tokens]
        shades = torch.cat(rows).float()
        pixels = (shades * 0.5 + 0.5).clamp(0, 1)  # (b, h', w', 3), from [-1, 1]
        return (pixels * 255).round().to(torch.uint8).cpu(), finite_rows(shades).cpu()

    def prompt_ids(self, prompt: str, grid: tuple[int, int]) -> list[int]:
        said = {"role": "user", "content": [{"type": "text", "text": prompt}]}
        written = templated(self.tokenizer, [said], add_generation_prompt=True)
        return [*self.tokenizer.encode(written), self.start]

    def _free_ids(self, row: list[int], grid: tuple[int, int]) -> list[int]:
        kept = (self.tokenizer.bos_token_id, self.start)
        pad = single_id(self.model.generation_config.pad_token_id)
        return [each if each in kept else pad for each in row]

    def _decoding(
        self, prefixes: list[torch.Tensor], grid: tuple[int, int], *, batch_invariant: bool
    ) -> Decoding:
        return EmbeddedDecoding(
            self.model.model.language_model,
            prefixes,
            new_tokens=grid[0] * grid[1],
            embed=self.model.prepare_embeddings_for_image_generation,
            head=self.model.model.generation_head,
            prefix_tokens=TEXT_TOKENS,
            batch_invariant=batch_invariant,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class GlmImageDrafter(Drafter):
    """GLM-Image (Zhipu AI 2026): a small grid of the whole picture first, then the large one to paint from.

    Its tokens name meanings more than pixels, and there is no decoder to pixels but its diffusion model: a
    preview shows the tokens in false colours, like ones alike, and can be looked at, but not judged.
    """

    PIXELS = 32  # on a token's side
    SMALL = 16  # tokens on the small grid's side, were it square

    def grid(self, height: int, width: int) -> tuple[int, int]:
        if fault := fault_of("glm_image", height, width):
            raise InputError(fault)
        return height // self.PIXELS, width // self.PIXELS

    def small(self, grid: tuple[int, int]) -> tuple[int, int]:
        """The grid that is said first, of the same shape."""
        ratio = grid[0] / grid[1]
        return int(math.sqrt(ratio) * self.SMALL), int(math.sqrt(1 / ratio) * self.SMALL)

    def lead(self, grid: tuple[int, int]) -> int:
        rows, columns = self.small(grid)
        return rows * columns

    def previews(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return in_false_colours(tokens, self._colours)

    @functools.cached_property
    def _colours(self) -> torch.Tensor:
        """uint8 (v, 3): the codebook's entries along three fixed directions."""
        return colours_of(self.model.model.vqmodel.quantize.embedding.weight)

    def prompt_ids(self, prompt: str, grid: tuple[int, int]) -> list[int]:
        said = {"role": "user", "content": [{"type": "text", "text": prompt}]}
        written = templated(self.tokenizer, [said], add_generation_prompt=False)
        names: Any = self.tokenizer
        for rows, columns in (grid, self.small(grid)):
            written += f"{names.grid_bos_token}{rows} {columns}{names.grid_eos_token}"
        return self.tokenizer.encode(f"{written}{names.bos_token}")

    def _free_ids(self, row: list[int], grid: tuple[int, int]) -> list[int]:
        return self.prompt_ids("", grid)

    def _decoding(
        self, prefixes: list[torch.Tensor], grid: tuple[int, int], *, batch_invariant: bool
    ) -> Decoding:
        size = self.codebook.size
        embed = self.model.get_input_embeddings()
        head = self.model.lm_head
        return EmbeddedDecoding(
            self.model.model.language_model,
            prefixes,
            new_tokens=self.lead(grid) + grid[0] * grid[1],
            embed=embed,
            head=lambda hidden: head(hidden)[..., :size],
            prefix_tokens=TEXT_TOKENS,
            batch_invariant=batch_invariant,
            places=_places(self.small(grid), grid),
        )


def colours_of(book: torch.Tensor) -> torch.Tensor:
    """uint8 (v, 3): a codebook's entries (v, d) along three fixed directions."""
    book = torch.nn.functional.normalize(book.float().cpu(), dim=-1)
    generator = torch.Generator().manual_seed(0)
    shadow = book @ torch.randn(book.shape[1], 3, generator=generator)
    return ((shadow - shadow.mean(0)) / shadow.std(0).clamp_min(1e-6)).sigmoid().mul(255).to(torch.uint8)


def in_false_colours(tokens: torch.Tensor, colours: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Previews of tokens (b, h, w) in the colours of their entries, of no model's making; see
    `Drafter.previews`."""
    larger = colours[tokens.cpu()].repeat_interleave(8, 1).repeat_interleave(8, 2)  # (b, h', w', 3)
    return larger, torch.ones(len(tokens), dtype=torch.bool)


def chameleon_side(book: Mapping[str, Any]) -> int:
    """Tokens on a side of what Chameleon draws, as the config of its codebook says."""
    return int(book.get("resolution", 512)) // 2 ** (len(book.get("channel_multiplier", (1, 1, 2, 2, 4))) - 1)


def _places(*grids: tuple[int, int]) -> torch.Tensor:
    """int64 (3, n): time, height and width of the tokens of grids that follow each other."""
    found: list[torch.Tensor] = []
    start = 0
    for rows, columns in grids:
        down = torch.arange(rows).repeat_interleave(columns)
        across = torch.arange(columns).repeat(rows)
        found.append(torch.stack([torch.zeros_like(down), down, across]) + start)
        start += max(rows, columns)
    return torch.cat(found, 1)


def drawn(folder: Path, height: int, width: int) -> tuple[int, int]:
    """What a drafter makes of a picture of so many pixels, from its config alone: tokens, those before the grid
    included, and pixels of what its own decoder shows of them.

    Raises:
        CheckpointError: the folder holds another kind of model.
    """
    config = read_json(folder / "config.json")
    match _kind(folder, config):
        case "glm_image":
            return height * width // GlmImageDrafter.PIXELS**2 + GlmImageDrafter.SMALL**2, 0
        case "emu3":
            rows, columns = height // EMU3_PIXELS, width // EMU3_PIXELS
            return rows * (columns + 1), height * width
        case "chameleon":
            return chameleon_side(config.get("vq_config") or {}) ** 2, 0
        case _:
            pass
    vision = config.get("vision_config") or {}
    side, patch = int(vision.get("image_size", 384)), int(vision.get("patch_size", 16))
    return (side // patch) ** 2, side**2


def size_fault(folder: Path, height: int, width: int) -> str:
    """Why a drafter draws no picture of so many pixels, from its config alone; empty where it does.

    Raises:
        CheckpointError: the folder holds another kind of model.
    """
    config = read_json(folder / "config.json")
    places = (config.get("text_config") or {}).get("max_position_embeddings")
    return fault_of(_kind(folder, config), height, width, places=places)


def fault_of(kind: str, height: int, width: int, *, places: int | None = None) -> str:
    """Likewise, of a drafter of one of `KINDS`.

    Args:
        places: of tokens that the model can tell apart; `None` where that is not known.
    """
    pixels = {"glm_image": GlmImageDrafter.PIXELS, "emu3": EMU3_PIXELS}.get(kind, 1)
    if height % pixels or width % pixels:
        near = "x".join(str(max(1, round(side / pixels)) * pixels) for side in (width, height))
        return f"{width}x{height} pixels: this drafter draws multiples of {pixels}: ask for {near}, say"
    if kind == "emu3" and places and (height // pixels) * (width // pixels + 1) + TEXT_TOKENS > places:
        most = int(math.sqrt(places - TEXT_TOKENS)) * pixels
        return f"{width}x{height} pixels: this drafter draws about {most}x{most} at most: ask for that size"
    if kind in ("janus", "chameleon") and height != width:
        side = min(height, width)
        return f"{width}x{height} pixels: this drafter's pictures are square: ask for {side}x{side}, say"
    return ""


def _kind(folder: Path, config: dict[str, Any]) -> str:
    """Which of `KINDS` a folder holds."""
    kind = config.get("model_type", "")
    if kind not in KINDS:
        message = f"{folder}/config.json: a {kind or 'model of no kind'} drafts no pictures"
        raise CheckpointError(f"{message}: known are {', '.join(KINDS)}")
    return kind


def load_drafter(folder: Path, dtype: torch.dtype, device: torch.device) -> Drafter:
    """A drafter from a transformers folder; GLM-Image's tokenizer may lie in `processor` beside it, as in its
    pipeline.

    Raises:
        CheckpointError: the folder holds another kind of model.
    """
    import transformers

    kind = _kind(folder, read_json(folder / "config.json"))
    beside = folder.parent / "processor"
    words = folder if (folder / "tokenizer_config.json").exists() else beside
    tokenizer = load_tokenizer(words)
    loaded = getattr(transformers, KINDS[kind]).from_pretrained(
        folder,
        dtype=dtype,
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
        **outlined(device),
    )
    model = whole(loaded, folder).to(device).eval().requires_grad_(False)
    if kind in ("emu3", "chameleon"):
        from .shared_vocabulary import load_words_drafter

        return load_words_drafter(kind, folder, model, tokenizer)
    size = int(model.config.vq_config.num_embeddings)
    if kind == "glm_image":
        return GlmImageDrafter(model=model, tokenizer=tokenizer, codebook=Codebook(name="glm-image", size=size))
    generation = getattr(model.generation_config, "generation_kwargs", None) or {}
    start = generation.get("boi_token_id", tokenizer.convert_tokens_to_ids("<begin_of_image>"))
    book = Codebook(name="janus", size=size)
    return JanusDrafter(model=model, tokenizer=tokenizer, codebook=book, start=single_id(start))
