"""Drafters whose image tokens are words of the language model's own vocabulary: Emu3 and Chameleon.

One table of embeddings and one head serve text and pictures; a map in the config says which word stands for
which entry of the codebook. Both draw over those words alone.
"""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import torch

from ...errors import CheckpointError, InputError
from ...guards.finite import finite_rows
from ...values import Codebook
from ..checkpoint.folder import read_json
from .causal_lm import single_id
from .decoding.embedded import EmbeddedDecoding
from .multimodal_lm import (
    EMU3_PIXELS,
    TEXT_TOKENS,
    Drafter,
    chameleon_side,
    colours_of,
    fault_of,
    in_false_colours,
)

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of shades, where a checkpoint's processor says none, as the library takes them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WordsDrafter(Drafter):
    """What both have in common.

    Args:
        words: int64 (v + 1,) or (v,): the word of each entry of the codebook; behind them what ends a row.
    """

    words: torch.Tensor

    def _decoding(
        self, prefixes: list[torch.Tensor], grid: tuple[int, int], *, batch_invariant: bool
    ) -> EmbeddedDecoding:
        embed, head, size = self.model.get_input_embeddings(), self.model.lm_head, self.codebook.size
        words = self.words.to(self.device)
        ends = len(words) > size
        return RowsDecoding(
            self._decoder,
            prefixes,
            new_tokens=grid[0] * (grid[1] + ends),
            embed=lambda tokens: embed(words[tokens]),
            head=lambda hidden: head(hidden)[..., words[:size]],
            prefix_tokens=TEXT_TOKENS,
            batch_invariant=batch_invariant,
            columns=grid[1] if ends else 0,
            end=size,
        )

    @property
    def _decoder(self) -> Any:
        return self.model.model


class RowsDecoding(EmbeddedDecoding):
    """As the decoding of single tokens; a row of them is followed by its end, which nobody draws.

    Args:
        columns: tokens in a row; 0 where nothing ends it.
        end: the token of that end.
    """

    def __init__(self, *args: Any, columns: int, end: int, **options: Any) -> None:
        self._columns, self._end, self._drawn = columns, end, 0
        super().__init__(*args, **options)

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        logits = super().step(tokens)
        self._drawn += 1
        if self._columns and self._drawn % self._columns == 0:
            logits = super().step(torch.full_like(tokens, self._end))
        return logits


@dataclasses.dataclass(frozen=True, kw_only=True)
class Emu3Drafter(WordsDrafter):
    """Emu3 (BAAI 2024): a grid of any size, each row of it ended; its own decoder shows what was drawn.

    Args:
        mean, deviation: of the shades that its decoder gives, red, green and blue.
    """

    mean: tuple[float, ...] = CLIP_MEAN
    deviation: tuple[float, ...] = CLIP_STD

    def grid(self, height: int, width: int) -> tuple[int, int]:
        if fault := fault_of(
            "emu3", height, width, places=self.model.config.text_config.max_position_embeddings
        ):
            raise InputError(fault)
        return height // EMU3_PIXELS, width // EMU3_PIXELS

    @torch.inference_mode()
    def previews(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        vq: Any = self.model.model.vqmodel
        rows = [vq.decode(row[None].to(self.device))[0] for row in tokens]
        shades = torch.stack(rows).float().movedim(1, -1).cpu()  # (b, h', w', 3)
        pixels = (shades * torch.tensor(self.deviation) + torch.tensor(self.mean)).clamp(0, 1)
        return (pixels * 255).round().to(torch.uint8), finite_rows(shades)

    def prompt_ids(self, prompt: str, grid: tuple[int, int]) -> list[int]:
        names: Any = self.tokenizer
        begin = f"{names.boi_token}{grid[0]}*{grid[1]}{names.image_wrapper_token}"
        return self.tokenizer.encode(f"{names.bos_token}{prompt}{begin}", add_special_tokens=False)

    def _free_ids(self, row: list[int], grid: tuple[int, int]) -> list[int]:
        return self.prompt_ids("", grid)

    @property
    def _decoder(self) -> Any:
        return self.model.model.text_model


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChameleonDrafter(WordsDrafter):
    """Chameleon (Meta 2024): one square grid. The library has no decoder of its tokens, so that a preview shows
    them in false colours, like ones alike: it can be looked at, but not judged.

    Args:
        start: the id after which the image begins.
    """

    start: int

    def grid(self, height: int, width: int) -> tuple[int, int]:
        if fault := fault_of("chameleon", height, width):
            raise InputError(fault)
        side = chameleon_side(self.model.config.vq_config.to_dict())
        return side, side

    def previews(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return in_false_colours(tokens, self._colours)

    @functools.cached_property
    def _colours(self) -> torch.Tensor:
        return colours_of(self.model.model.vqmodel.quantize.embedding.weight)

    def prompt_ids(self, prompt: str, grid: tuple[int, int]) -> list[int]:
        separator = self.tokenizer.sep_token or ""
        return [*self.tokenizer.encode(f"{prompt}{separator}"), self.start]

    def _free_ids(self, row: list[int], grid: tuple[int, int]) -> list[int]:
        return self.prompt_ids("", grid)


def load_words_drafter(kind: str, folder: Path, model: Any, tokenizer: Any) -> Drafter:
    """The drafter of a loaded model.

    Raises:
        CheckpointError: its config does not map words to entries of the codebook, or its tokenizer has not the
            tokens that begin a picture.
    """
    names: dict[str, int] = model.config.vocabulary_map or {}
    mapping: Any = model.model.vocabulary_mapping
    book = model.config.vq_config
    size = int(book.codebook_size if kind == "emu3" else book.num_embeddings)
    words = mapping.img2bpe
    if sorted(words) != list(range(size)):
        raise CheckpointError(
            f"{folder}/config.json: vocabulary_map names {len(words)} image tokens of a codebook of {size}:"
            " copy the checkpoint again"
        )
    ids = [words[i] for i in range(size)]
    codebook = Codebook(name=kind, size=size)
    common: dict[str, Any] = {"model": model, "tokenizer": tokenizer, "codebook": codebook}
    if kind == "chameleon":
        start = names.get("<racm3:break>", tokenizer.convert_tokens_to_ids("<racm3:break>"))
        return ChameleonDrafter(**common, words=torch.tensor(ids), start=single_id(start))
    lacking = [name for name in ("boi_token", "image_wrapper_token") if not getattr(tokenizer, name, None)]
    if lacking or mapping.eol_token_id is None:
        what = " and ".join(lacking) or "<|extra_200|>"
        raise CheckpointError(f"{folder}: says no {what}: copy its tokenizer and config again")
    said = folder / "preprocessor_config.json"
    shades = read_json(said) if said.is_file() else {}
    return Emu3Drafter(
        **common,
        words=torch.tensor([*ids, mapping.eol_token_id]),
        mean=tuple(shades.get("image_mean") or CLIP_MEAN),
        deviation=tuple(shades.get("image_std") or CLIP_STD),
    )
