"""draft by a masked-token transformer: all places at once, in a few steps, the surest first."""

import functools
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import torch

from ...ar.unmasking import Predict, Unmasking, least_likely, unmask
from ...errors import InputError, RowError
from ...models.checkpoint.folder import folder_of
from ...models.diffusion.masked_tokens import MaskedTokenModel, showing_bytes, token_scale, unmasking_bytes
from ...models.diffusion.pipeline_sizes import BYTES
from ...randomness import RowKey, uniforms
from ...stage import ModelKey, Models, RunContext
from ...values import Codebook, Draft, Plan
from ...values.setting import Setting
from .draft import PAPER, blank_draft, sampling_of, settings_of
from .initial_tokens import tokens_to_begin_with

Cells = tuple[int, int]


class _Book(NamedTuple):
    """A model's tokens on the grid of a batch, see `TokenBook`."""

    model: MaskedTokenModel
    grid: Cells

    @property
    def side(self) -> Cells:
        return self.grid[0] * self.model.scale, self.grid[1] * self.model.scale

    @property
    def codebook(self) -> Codebook:
        return self.model.codebook

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.model.encode(pixels)


class MaskedDraftStage:
    """Plan to Draft. The grid follows the request's size, one for all of a batch. A request's start says which
    tokens are kept, by a mask or a list, or the share of them that is drafted again: those that fit the plan
    and the others least.

    Args:
        model: a `masked-token-transformer`.
        steps: in which a grid is drawn.
        choice_temperature: how much chance there is, at first, in which of the drawn tokens stay.
    """

    name = "draft"
    reads = ("temperature", "top_k", "top_p", "draft_guidance_scale", "negative_prompt")
    takes = Plan
    gives = Draft

    def __init__(
        self,
        *,
        model: ModelKey[MaskedTokenModel],
        steps: Annotated[int, Setting("In which a grid is drawn.", low=1, high=1000)] = 12,
        choice_temperature: float = 2.0,
    ) -> None:
        if not 0 <= choice_temperature <= 1000:
            raise InputError(f"choice_temperature = {choice_temperature}: must lie between 0 and 1000")
        self._drafter = model
        self.uses = (model,)
        self._steps, self._choice = steps, choice_temperature

    def workspace(self, batch: Sequence[Plan]) -> int:
        """Activations and logits of both branches, and one preview's decoding."""
        key, request = self._drafter, batch[0].request
        folder, size = folder_of(key.checkpoint), BYTES[key.dtype]
        rows, columns = self._grid(request.height, request.width)
        branches = 2 if any(settings_of(plan).draft_guidance_scale != 1 for plan in batch) else 1
        read = unmasking_bytes(folder, rows=branches * len(batch), tokens=rows * columns, bytes_each=size)
        pixels = {"height": request.height, "width": request.width}
        return read + len(batch) * showing_bytes(folder, **pixels, bytes_each=size)

    def size_fault(self, height: int, width: int) -> str:
        """Why the model does not draft for this size; empty where it does."""
        scale = token_scale(folder_of(self._drafter.checkpoint))
        if not (height % scale or width % scale):
            return ""
        near = "x".join(str(max(1, round(side / scale)) * scale) for side in (width, height))
        return f"{width}x{height} pixels: this drafter's tokens are {scale} pixels wide: ask for {near}, say"

    def rehearse(self, plan: Plan, models: Models) -> Draft:
        """A blank draft of a model without its weights; errors as `run`."""
        self._check_sizes([plan])
        return blank_draft(
            plan, models[self._drafter].codebook, self._grid(plan.request.height, plan.request.width)
        )

    def run(self, batch: Sequence[Plan], models: Models, context: RunContext) -> list[Draft]:
        """Raises `RowError` for a size that the tokens do not fill, or a start that is not of the grid."""
        self._check_sizes(batch)
        model = models[self._drafter]
        book = _Book(model, self._grid(batch[0].request.height, batch[0].request.width))
        begun = tokens_to_begin_with(batch, book)
        tokens = self._drawn(batch, book, begun, context)
        context.check("logits", (tokens >= 0).flatten(1).all(1).tolist())
        tokens = tokens.clamp_min(0)
        previews, sound = model.shown(tokens)
        context.check("pixels", sound.tolist())
        initial = [None] * len(batch) if begun is None else begun[0]
        return [
            Draft(plan=plan, tokens=row, codebook=model.codebook, preview=preview, initial_tokens=first)
            for plan, row, preview, first in zip(batch, tokens, previews, initial, strict=True)
        ]

    def _drawn(
        self,
        batch: Sequence[Plan],
        book: _Book,
        begun: tuple[torch.Tensor, torch.Tensor] | None,
        context: RunContext,
    ) -> torch.Tensor:
        """int64 (b, h, w) on the CPU; -1 throughout in rows whose logits are no numbers."""
        model, count = book.model, book.grid[0] * book.grid[1]
        settings = [settings_of(plan) for plan in batch]
        scales = [float(each.draft_guidance_scale or 0) for each in settings]
        guided = any(scale != 1 for scale in scales)
        prompts = [plan.prompt for plan in batch]
        negatives = [plan.request.negative_prompt or "" for plan in batch]
        how = Unmasking(
            steps=self._steps,
            mask_token=model.mask_token,
            schedule=model.schedule,
            choice_temperature=self._choice,
        )
        masked = torch.full((len(batch), count), how.mask_token, dtype=torch.long)
        if begun is not None:
            standing, kept = (each.flatten(1) for each in begun)
            kept = kept | _stay(batch, standing, kept, model.reader(prompts, book.grid))
            masked = torch.where(kept, standing, masked)
        keys = [RowKey(plan.request.seed, plan.request.candidate) for plan in batch]
        drawn = unmask(
            model.reader(prompts, book.grid, negatives=negatives if guided else None),
            masked.to(model.device),
            how=how,
            sampling=[sampling_of(each) for each in settings],
            guidance=scales if guided else None,
            uniforms=uniforms(keys, self.name, how.steps * 2 * count).reshape(-1, how.steps, 2, count),
            context=context,
            shown=functools.partial(_begun, book),
        )
        return drawn.cpu().reshape(-1, *book.grid)

    def _grid(self, height: int, width: int) -> Cells:
        scale = token_scale(folder_of(self._drafter.checkpoint))
        return max(1, height // scale), max(1, width // scale)

    def _check_sizes(self, batch: Sequence[Plan]) -> None:
        for i, plan in enumerate(batch):
            if fault := self.size_fault(plan.request.height, plan.request.width):
                raise RowError(i, fault)


def _stay(batch: Sequence[Plan], standing: torch.Tensor, kept: torch.Tensor, predict: Predict) -> torch.Tensor:
    """bool (b, n): of rows that say which share is to be drafted again, the tokens that fit best; all rows are
    asked about together."""
    starts = [plan.request.start for plan in batch]
    shares = [start.redraw if start and isinstance(start.redraw, float) else 1.0 for start in starts]
    begins = [start is not None and (start.tokens is not None or start.picture is not None) for start in starts]
    share = torch.tensor(
        [each if begin else 1.0 for each, begin in zip(shares, begins, strict=True)], dtype=torch.float32
    )[:, None]
    if bool((share == 1).all()):
        return torch.zeros_like(kept)
    return ~kept & ~least_likely(predict, standing, ~kept, share)


def _begun(book: _Book, tokens: torch.Tensor) -> list[torch.Tensor]:
    """What grids look like of which some places are masked: uint8 (h, w, 3) of each, blank there."""
    cells = tokens.cpu().reshape(-1, *book.grid)
    masked = cells == book.model.mask_token
    pictures, _ = book.model.shown(cells.masked_fill(masked, 0))
    scale = book.model.scale
    blank = masked.repeat_interleave(scale, 1).repeat_interleave(scale, 2)
    pictures[blank] = PAPER
    return list(pictures)
