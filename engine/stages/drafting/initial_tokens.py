"""The initial tokens of a draft whose request has a start, and which of them are drafted again.

The tokens are those of the start, or of its picture, in the drafter's codebook. A mask, a list or a share says
which of them are drafted again. With a share, the tokens that are least likely for the plan go first, as in
Chang et al. 2022 ("MaskGIT", section 3.2), then those that no longer fit the new ones; a small share is drafted
again as a whole, or not at all. With a former wording, tokens that are about as likely for the new plan as for
that wording are kept.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import PIL.Image
import torch
from torch.nn.functional import adaptive_max_pool2d, avg_pool2d

from ...ar.decoding import TokenConstraints, token_log_probs
from ...errors import RowError
from ...models.language.causal_lm import ImageTokenModel
from ...models.vision.patch_codebook import PatchCodebook
from ...stage import RunContext
from ...values import Codebook, Plan
from ...values.start import Start
from .seams import seams_of

SMALL = 0.5  # a smaller share is drafted again as a whole, or not at all
WHOLE = 2  # times the share to be drafted again: if more would change, nothing does
AS_LIKELY = 1.0  # nats: by so much less likely may a token be that stays
Cells = tuple[int, int]
"""Rows and columns of a grid."""


def token_constraints(
    batch: Sequence[Plan], model: ImageTokenModel, book: PatchCodebook, context: RunContext
) -> TokenConstraints | None:
    """What of the grids of `batch` stands already; `None` where nothing does.

    Raises:
        RowError: the tokens that a row starts from are not of the codebook, or not of the grid.
    """
    begun = tokens_to_begin_with(batch, book)
    if begun is None:
        return None
    starts, tokens, kept = [_begins(plan.request.start) for plan in batch], *begun
    standing = _Standing(
        tokens=tokens.flatten(1),
        kept=kept.flatten(1),
        min_log_prob=torch.full((len(batch), tokens[0].numel()), torch.inf),
    )
    standing.weigh_shares(batch, model, context)
    standing.weigh_former([former_of(start) for start in starts], model, context)
    return TokenConstraints(
        tokens=standing.tokens,
        kept=standing.kept,
        min_log_prob=standing.min_log_prob,
        weights=_weights(starts, tokens, standing.kept.reshape(tokens.shape), book),
    )


class TokenBook(Protocol):
    """What pictures become tokens with."""

    @property
    def grid(self) -> tuple[int, int]: ...

    @property
    def side(self) -> tuple[int, int]:
        """Height and width in pixels of what is encoded."""
        ...

    @property
    def codebook(self) -> Codebook: ...

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """uint8 (b, height, width, 3) to int64 tokens (b, h, w)."""
        ...


def tokens_to_begin_with(batch: Sequence[Plan], book: TokenBook) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Tokens int64 (b, h, w) that the grids of `batch` start from, and which of them masks and lists keep, bool
    (b, h, w): none in a row without a start. `None` where no row has one.

    Raises:
        RowError: the tokens that a row starts from are not of the codebook, or not of the grid.
    """
    starts = [_begins(plan.request.start) for plan in batch]
    if not any(starts):
        return None
    tokens = torch.zeros(len(batch), *book.grid, dtype=torch.long)
    kept = torch.zeros(tokens.shape, dtype=torch.bool)
    for i, start in enumerate(starts):
        if start is not None:
            tokens[i], kept[i] = _tokens(i, start, book), ~_may_change(start, book.grid)
    return tokens, kept


def _weights(
    starts: Sequence[Start | None], tokens: torch.Tensor, kept: torch.Tensor, book: PatchCodebook
) -> Callable[[int], torch.Tensor] | None:
    """What is drawn anew fits what stands around it, in rows that blend."""
    fits = [start is not None and start.blend for start in starts]
    lean = [start.lean if start else 0.0 for start in starts]
    if not any(fits) and not any(lean):
        return None
    return seams_of(book, tokens, kept, lean=lean, fits=fits).weights


@dataclasses.dataclass(frozen=True)
class _Standing:
    """The tokens of a batch, which of them are kept, and the log-probability that each of the others must reach
    in order to stay, given the tokens before it; all (b, n). The limit is a little below the present value.
    This resembles speculative decoding (Leviathan et al. 2023, "Fast inference from transformers via
    speculative decoding"), which accepts another model's tokens at random instead."""

    tokens: torch.Tensor
    kept: torch.Tensor
    min_log_prob: torch.Tensor

    def weigh_shares(self, batch: Sequence[Plan], model: ImageTokenModel, context: RunContext) -> None:
        """For rows with a share to draft again: the other tokens stay if they remain as likely as they are
        now."""
        shares = [start.redraw if (start := plan.request.start) else 1.0 for plan in batch]
        doubtful = {
            i: s
            for i, s in enumerate(shares)
            if isinstance(s, float)
            and s < 1
            and not self.kept[i].all()
            and not _is_small(batch[i].request.start)
        }
        for i, share in doubtful.items():
            self.kept[i] |= share == 0.0
        if not any(doubtful.values()):
            return
        rows = range(len(batch)) if context.batch_invariant else list(doubtful)
        prompts = [batch[i].prompt for i in rows]
        decoding = model.begin(prompts, guided=True, batch_invariant=context.batch_invariant)
        cond, uncond = token_log_probs(decoding, self.tokens[list(rows)].repeat(2, 1), context).chunk(2)
        fitting = _smooth((cond - uncond).reshape(-1, *model.grid)).flatten(1)
        for i, likely, fits in zip(rows, cond, fitting, strict=True):
            if doubtful.get(i):
                best = _best(fits, share=1 - doubtful[i], among=~self.kept[i])
                room = AS_LIKELY / doubtful[i] ** 2  # nats; where little may go, little follows it
                self.min_log_prob[i] = torch.where(best, likely - room, self.min_log_prob[i])

    def weigh_former(self, former: Sequence[str], model: ImageTokenModel, context: RunContext) -> None:
        """Of rows with a former wording, all stay that are as likely as after that."""
        if not any(former):
            return
        decoding = model.begin(former, guided=False, batch_invariant=context.batch_invariant)
        likely = token_log_probs(decoding, self.tokens, context)
        rows = [i for i, each in enumerate(former) if each]
        self.min_log_prob[rows] = likely[rows] - AS_LIKELY


def former_of(start: Start | None) -> str:
    """What the tokens show, in words, where those stay that are as likely for the plan as for these."""
    if start is None or start.former:
        return start.former if start else ""
    return start.shows if _is_small(start) else ""


def _is_small(start: Start | None) -> bool:
    """Whether the share to be drafted again is so small that a change is made as a whole, or not at all."""
    return (
        start is not None and isinstance(start.redraw, float) and 0 < start.redraw < SMALL and bool(start.shows)
    )


def whole_or_none(tokens: torch.Tensor, initial: torch.Tensor, batch: Sequence[Plan]) -> torch.Tensor:
    """Drafts int64 (b, n) whose share to be drafted again was small: where far more changed than that, the plan
    asks for another picture, and the initial tokens stay; half a change would be neither."""
    small = torch.tensor([_is_small(plan.request.start) for plan in batch])
    shares = torch.tensor(
        [float(s.redraw) if _is_small(s := plan.request.start) and s else 1.0 for plan in batch]
    )
    too_much = small & ((tokens != initial).float().mean(1) > WHOLE * shares)
    return torch.where(too_much[:, None], initial, tokens)


def _begins(start: Start | None) -> Start | None:
    """The start, where it has tokens for a draft."""
    return start if start and (start.tokens is not None or start.picture is not None) else None


def _may_change(start: Start, grid: Cells) -> torch.Tensor:
    """bool (h, w), of the grid's tokens: where the mask and the list, if there are any, allow it."""
    allowed = torch.ones(grid, dtype=torch.bool)
    if not isinstance(start.redraw, (int, float)):
        allowed &= _cells(start.redraw, grid)
    if start.mask is not None:
        allowed &= _cells(start.mask, grid)
    return allowed


def _tokens(index: int, start: Start, book: TokenBook) -> torch.Tensor:
    """int64 (h, w)."""
    if start.tokens is None:
        assert start.picture is not None, "what has no tokens has a picture"
        small = shrunk(start.picture, book.side)
        return book.encode(small[None])[0].cpu()
    if tuple(start.tokens.shape) != book.grid:
        rows, columns = start.tokens.shape
        raise RowError(
            index, f"starts from {columns}x{rows} tokens: this drafter's grid is {book.grid[1]}x{book.grid[0]}"
        )
    low, high = int(start.tokens.min()), int(start.tokens.max())
    if low < 0 or high >= book.codebook.size:
        raise RowError(
            index, f"starts from tokens {low} to {high}: this drafter's codebook has {book.codebook.size}"
        )
    return start.tokens


def _cells(mask: torch.Tensor, grid: Cells) -> torch.Tensor:
    """bool (h, w), of any size, to bool of the grid's: true where any of the cell is."""
    return adaptive_max_pool2d(mask[None, None].float(), grid)[0, 0] > 0


def _smooth(values: torch.Tensor) -> torch.Tensor:
    """Each cell's mean with its neighbours, (b, h, w): so that the tokens to be drafted again form connected
    areas, as things do."""
    return avg_pool2d(values[:, None], 3, stride=1, padding=1, count_include_pad=False)[:, 0]


def _best(fitting: torch.Tensor, *, share: float, among: torch.Tensor) -> torch.Tensor:
    """bool (n,): this share of those that `among` names, the most fitting of them."""
    count = math.ceil(share * int(among.sum()))
    order = torch.where(among, fitting, -torch.inf).argsort(descending=True, stable=True)
    chosen = torch.zeros_like(among)
    chosen[order[:count]] = True
    return chosen


def shrunk(pixels: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """uint8 (h, w, 3) as the area average of `size` (rows, columns), as training shrinks its pictures."""
    small = PIL.Image.fromarray(pixels.numpy()).resize((size[1], size[0]), PIL.Image.Resampling.BOX)
    return torch.from_numpy(np.array(small))
