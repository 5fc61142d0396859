"""Decoding loops: a fixed number of image tokens, or text under a grammar.

They know a causal LM only as something that reads a prefix and then takes one token a step. What a token means,
they do not know. The state of a call is in its `Decoding`, never on the model.
"""

from collections.abc import Sequence
from typing import Protocol

import torch

from ..stage import Report
from .sampling import Sampler, Sampling


class Decoding(Protocol):
    """One batch under way: its key-value cache and how far it is."""

    @property
    def logits(self) -> torch.Tensor:
        """(b, v) for the next token, after the prefix or the last step."""
        ...

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Append one token, int64 (b,), to each row; returns the new logits (b, v)."""
        ...


class Grammar(Protocol):
    """What one row may still say."""

    def allowed(self) -> torch.Tensor:
        """bool (v,): the tokens that may come next."""
        ...

    def accept(self, token: int) -> None: ...

    @property
    def finished(self) -> bool: ...


def guided(logits: torch.Tensor, scale: torch.Tensor | None) -> torch.Tensor:
    """Classifier-free guidance on logits: rows with the prompt above, the same rows without it below.

    Args:
        logits: (2b, v), or (b, v) where `scale` is `None`.
        scale: (b, 1); 1 is none.

    Returns:
        (b, v): without + scale · (with - without), as log-probabilities (Gafni et al. 2022, eq. 4).
    """
    if scale is None:
        return logits
    asked, free = logits.log_softmax(-1).chunk(2)
    return free + scale * (asked - free)


def decode_grid(
    decoding: Decoding,
    *,
    count: int,
    legal: slice,
    sampling: Sequence[Sampling],
    guidance: Sequence[float] | None,
    uniforms: torch.Tensor,
    report: Report,
) -> torch.Tensor:
    """Exactly `count` image tokens for each row, none of them outside `legal`.

    Args:
        decoding: after its prefixes; (2b) rows with guidance, those without the prompt below.
        legal: the ids of image tokens in the model's vocabulary.
        guidance: a scale for each row, or `None` for one branch only.
        uniforms: float64 (b, count).

    Returns:
        int64 (b, count) on the CPU, counted from the first legal id.
    """
    device = decoding.logits.device
    sampler = Sampler(sampling, device)
    scale = None if guidance is None else torch.tensor(list(guidance), device=device)[:, None]
    draws = uniforms.to(device)
    tokens = torch.empty(uniforms.shape[0], count, dtype=torch.long, device=device)
    logits = decoding.logits
    for i in range(count):
        tokens[:, i] = sampler.draw(guided(logits[:, legal].float(), scale), draws[:, i])
        if i + 1 < count:
            chosen = tokens[:, i] + legal.start
            logits = decoding.step(chosen if scale is None else chosen.repeat(2))
        report.step(i + 1, count)
    return tokens.cpu()


def decode_text(
    decoding: Decoding,
    *,
    grammars: Sequence[Grammar],
    sampling: Sequence[Sampling],
    uniforms: torch.Tensor,
    stop: int,
    report: Report,
) -> list[list[int]]:
    """Text under a grammar, row by row until the grammar is fulfilled or the draws are used up.

    Args:
        grammars: one for each row; it is consumed.
        uniforms: float64 (b, n): one draw for each token, at most n tokens a row.
        stop: the id that finished rows go on with.

    Returns:
        the ids of each row, without `stop`. A row whose grammar is not `finished` was cut off.
    """
    device = decoding.logits.device
    sampler = Sampler(sampling, device)
    rows: list[list[int]] = [[] for _ in grammars]
    count = uniforms.shape[1]
    draws = uniforms.to(device)
    logits = decoding.logits
    for i in range(count):
        allowed = torch.stack([grammar.allowed() for grammar in grammars]).to(device)
        size = min(allowed.shape[1], logits.shape[1])
        masked = logits[:, :size].float().masked_fill(~allowed[:, :size], -torch.inf)
        drawn = sampler.draw(masked, draws[:, i])
        for row, (grammar, token) in enumerate(zip(grammars, drawn.tolist(), strict=True)):
            if not grammar.finished:
                grammar.accept(token)
                if token != stop:
                    rows[row].append(token)
        report.step(i + 1, count)
        if i + 1 == count or all(grammar.finished for grammar in grammars):
            break
        logits = decoding.step(drawn)
    return rows
