"""Pictures of the illustrated world as drafts: with their tokens, and the drafter's hidden states at them."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from ....engine.ar.decoding import decode_grid
from ....engine.ar.sampling import Sampling
from ....engine.models.checkpoint.folder import folder_of
from ....engine.models.language.causal_lm import ImageTokenModel, load_image_token_model
from ....engine.models.language.hidden_states import states_of_tokens
from ....engine.models.vision.patch_codebook import PatchCodebook
from ....engine.randomness import RowKey, uniforms
from ....engine.stage import RunContext
from ..data.source import DRAFT_SIDE, WorldData
from ..data.texts import padded
from ..tasks.drafter import TEXT_LENGTH

AT_ONCE = 16
SAMPLING = Sampling(temperature=0.7, top_k=64, top_p=0.95)  # as in the recipe `pocket`
DTYPE = torch.float16  # in which states are kept: they are thousands of times as many numbers as tokens


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drafts:
    """Pictures, and drafts that go with them.

    Args:
        pixels: uint8 (b, h, w, 3), as large as tokens show them.
        tokens: int64 (b, rows, columns).
        states: float16 (b, d, rows, columns): the drafter's hidden states at the tokens.
        text: int64 (b, t): ids of the full wording.
    """

    pixels: torch.Tensor
    tokens: torch.Tensor
    states: torch.Tensor
    text: torch.Tensor

    def __len__(self) -> int:
        return len(self.pixels)

    def rows(self, which: torch.Tensor | slice) -> "Drafts":
        """Some of them."""
        return Drafts(**{each.name: getattr(self, each.name)[which] for each in dataclasses.fields(self)})


class Drafting:
    """The pocket drafter and its codebook.

    Args:
        layers: whose hidden states are handed over, as transformers counts them.
    """

    def __init__(self, layers: Sequence[int] = (-1,)) -> None:
        cpu = torch.device("cpu")
        self.model: ImageTokenModel = load_image_token_model(folder_of("pocket/drafter"), torch.float32, cpu)
        self.codebook = PatchCodebook.from_pretrained(folder_of("pocket/tokenizer"))
        self.layers = tuple(layers)

    @property
    def width(self) -> int:
        """Numbers of the states at a token."""
        return int(self.model.model.config.get_text_config().hidden_size) * len(self.layers)

    def of_pictures(self, split: str, count: int, *, say: Callable[[str], None]) -> Drafts:
        """The first pictures of a split, with their own tokens: what a perfect drafter would write."""
        data = WorldData(split)
        parts: list[Drafts] = []
        for start in range(0, count, AT_ONCE):
            batch = data.take(range(start, min(count, start + AT_ONCE)), DRAFT_SIDE)
            prompts = [data.prompt_of(scene) for scene in batch.scenes]
            parts.append(self._with_states(batch.pixels, self.codebook.encode(batch.pixels), prompts))
            if start // AT_ONCE % 16 == 0:
                say(f"{split}: {start} of {count} pictures")
        return together(parts)

    def written(self, split: str, count: int) -> Drafts:
        """As `of_pictures`, with the tokens that the drafter writes from the prompts alone."""
        data = WorldData(split)
        parts: list[Drafts] = []
        for start in range(0, count, AT_ONCE):
            rows = range(start, min(count, start + AT_ONCE))
            batch = data.take(rows, DRAFT_SIDE)
            prompts = [data.prompt_of(scene) for scene in batch.scenes]
            number = self.model.grid[0] * self.model.grid[1]
            tokens = decode_grid(
                self.model.begin(prompts, guided=False),
                count=number,
                sampling=[SAMPLING] * len(prompts),
                guidance=None,
                uniforms=uniforms([RowKey(row, 0) for row in rows], "handover", number),
                context=RunContext(),
            )
            tokens = tokens.reshape(-1, *self.model.grid)
            parts.append(self._with_states(batch.pixels, tokens, prompts))
        return together(parts)

    def _with_states(self, pixels: torch.Tensor, tokens: torch.Tensor, prompts: list[str]) -> Drafts:
        found = states_of_tokens(self.model, prompts, tokens, layers=self.layers)
        states = torch.stack([each.on_grid(self.model.grid) for each in found]).to(DTYPE)
        text = torch.tensor(padded(self.model.tokenizer, prompts, TEXT_LENGTH))
        return Drafts(pixels=pixels, tokens=tokens.cpu(), states=states, text=text)


def together(parts: Sequence[Drafts]) -> Drafts:
    """All of them as one."""
    return Drafts(
        **{each.name: torch.cat([getattr(p, each.name) for p in parts]) for each in dataclasses.fields(Drafts)}
    )


def kept(file: Path, make: Callable[[], Drafts]) -> Drafts:
    """The drafts that a file holds; they are made and written there, where it is not there yet."""
    if not file.exists():
        made = make()
        tensors: dict[str, Any] = {
            each.name: getattr(made, each.name).contiguous() for each in dataclasses.fields(made)
        }
        part = file.with_suffix(".part")
        save_file(tensors, part)
        part.replace(file)
    return Drafts(**load_file(file))


def shuffled(count: int, size: int, step: int) -> torch.Tensor:
    """Which rows step `step` looks at: each row once before any is seen again, in an order of each pass."""
    return torch.tensor(list(_indices(count, size, step)))


def _indices(count: int, size: int, step: int) -> Iterator[int]:
    for place in range(step * size, (step + 1) * size):
        order = torch.randperm(count, generator=torch.Generator().manual_seed(place // count))
        yield int(order[place % count])
