"""The second order of drafting: all places of a grid at once, in a few steps (Chang et al. 2022, "MaskGIT").

At each step the model is asked for every place that is still masked; what is drawn there most surely stays, and
the rest is masked again, less and less of it. Like `decoding`, this knows no codebook and no prompts.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import torch

from ..stage import RunContext
from .decoding import guided
from .sampling import Sampler, Sampling

Schedule = Literal["cosine", "linear"]
Predict = Callable[[torch.Tensor], torch.Tensor]
"""Logits (b, n, v) of each place, from tokens int64 (b, n), some of them the mask's; with guidance of twice as
many rows, those without the prompt below."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unmasking:
    """How a grid is unmasked.

    Args:
        steps: in which all of it is drawn.
        mask_token: the id that stands where nothing is yet.
        schedule: how the masked share falls with the steps: as a cosine (eq. 3 of the paper's section 3.3), or
            evenly.
        choice_temperature: how much chance there is in what stays, at first; it falls evenly to 0.
    """

    steps: int
    mask_token: int
    schedule: Schedule = "cosine"
    choice_temperature: float = 2.0

    def masked_share(self, step: int) -> float:
        """Of what was masked at first, the share that still is after `step`, from 1."""
        ratio = (
            torch.tensor(step, dtype=torch.float32) / self.steps
        )  # in single precision, as the library has it
        return float(torch.cos(ratio * math.pi / 2) if self.schedule == "cosine" else 1 - ratio)

    def temperature(self, step: int) -> float:
        """That of the choice at `step`, from 1."""
        return float(torch.linspace(self.choice_temperature, 0, self.steps, dtype=torch.float32)[step - 1])


def unmask(
    predict: Predict,
    tokens: torch.Tensor,
    *,
    how: Unmasking,
    sampling: Sequence[Sampling],
    guidance: Sequence[float] | None,
    uniforms: torch.Tensor,
    context: RunContext,
    shown: Callable[[torch.Tensor], Iterable[object]] | None = None,
) -> torch.Tensor:
    """Draw what is masked; all else stays.

    Args:
        tokens: int64 (b, n), `how.mask_token` where a token is to be drawn.
        sampling, guidance: of each row; no guidance: one branch only.
        uniforms: float64 (b, steps, 2, n): for the token of each place, and for whether it stays.
        shown: what tokens (b, n) look like, some of them masked, for whoever looks on (`drafting`).

    Returns:
        int64 (b, n), without masks, on the tokens' device; -1 throughout in a row for which the model gave
        logits that are no numbers.
    """
    count = tokens.shape[1]
    at_first = (tokens == how.mask_token).sum(1, keepdim=True)  # (b, 1)
    sampler = Sampler([each for each in sampling for _ in range(count)], tokens.device)
    scale = (
        None
        if guidance is None
        else torch.tensor(list(guidance), dtype=torch.float32, device=tokens.device)[:, None, None]
    )
    broken = torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)
    for step in range(1, how.steps + 1):
        masked = tokens == how.mask_token
        logits = guided(predict(tokens).float(), scale)  # (b, n, v)
        draws = uniforms[:, step - 1].to(sampler.place)
        drawn = sampler.draw(logits.flatten(0, 1), draws[:, 0].flatten()).reshape(tokens.shape)
        broken |= (masked & (drawn < 0)).any(1)
        tokens = torch.where(masked, drawn.clamp_min(0), tokens)
        if step < how.steps:
            likely = logits.log_softmax(-1).gather(-1, tokens[..., None].clamp_max(logits.shape[-1] - 1))[
                ..., 0
            ]
            sure = likely + how.temperature(step) * _gumbel(draws[:, 1]).to(likely)
            again = _least(torch.where(masked, sure, torch.inf), masked, how.masked_share(step) * at_first)
            tokens = torch.where(again, how.mask_token, tokens)
        if shown is not None:
            context.view("drafting", step, functools.partial(shown, tokens))
        context.step(step, how.steps)
    return torch.where(broken[:, None], -1, tokens)


def least_likely(
    predict: Predict, tokens: torch.Tensor, among: torch.Tensor, share: torch.Tensor
) -> torch.Tensor:
    """The share of a grid that fits the rest of it least, by what the model says of each place: bool (b, n).

    Args:
        tokens: int64 (b, n), none of them masked.
        among: bool (b, n): the places that may be named.
        share: of those places, (b, 1), 0 to 1.
    """
    likely = predict(tokens).to(tokens.device).float().log_softmax(-1).gather(-1, tokens[..., None])[..., 0]
    count = (share * among.sum(1, keepdim=True)).ceil()
    return _first(torch.where(among, likely, torch.inf), count) & among


def _least(sure: torch.Tensor, masked: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Those of the masked places that are masked again: as many as `wanted` (b, 1), fewer than were, and one at
    least."""
    most = masked.sum(1, keepdim=True) - 1
    return _first(sure, torch.minimum(wanted.floor(), most).clamp_min(1)) & masked


def _first(values: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    """bool (b, n): the `count` (b, 1) smallest of each row."""
    rank = values.argsort(dim=1, stable=True).argsort(dim=1)
    return rank < count


def _gumbel(uniform: torch.Tensor) -> torch.Tensor:
    """Draws of Gumbel's distribution from uniform ones."""
    tiny = 1e-20
    return -(-uniform.clamp_min(tiny).log()).clamp_min(tiny).log()
