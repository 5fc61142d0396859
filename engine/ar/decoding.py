"""Decoding loops: a fixed number of image tokens, or text under a grammar.

They know a causal LM only as something that reads a prefix and then takes one token a step. What a token means,
they do not know. The state of a call is in its `Decoding`, never on the model.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, runtime_checkable

import torch

from ..stage import RunContext
from .sampling import Sampler, Sampling

READ_AT_ONCE = 64
"""New tokens that are read together, at most, where it is known what they are."""

SHOWN_EVERY = 8
"""Tokens after which whoever looks on sees what there is of a draft."""


class Decoding(Protocol):
    """One batch under way: its key-value cache and how far it is.

    Its alphabet is the set of ids that may be produced at all, such as the image tokens. Logits cover these ids
    only, and a token is its index among them.
    """

    @property
    def logits(self) -> torch.Tensor:
        """(b, v) for the next token, after the prefix or the last step."""
        ...

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Append one token, int64 (b,), to each row; returns the new logits (b, v)."""
        ...

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order; row i of them must not lie before place i."""
        ...


@runtime_checkable
class Reading(Protocol):
    """A decoding that reads a run of tokens as quickly as one."""

    def extend(self, tokens: torch.Tensor) -> torch.Tensor:
        """Append tokens, int64 (b, t), to each row; returns the logits (b, t, v) after each."""
        ...


class Grammar(Protocol):
    """What one row may still say."""

    def allowed(self) -> torch.Tensor:
        """int32 (⌈v / 32⌉,): one bit for each token, the first the lowest; set for those that may come next."""
        ...

    def accept(self, token: int) -> None: ...

    @property
    def finished(self) -> bool: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class TokenConstraints:
    """Which tokens of a batch's grids are fixed before decoding starts.

    Args:
        tokens: int64 (b, n); places where none is kept may have any value.
        kept: bool (b, n).
        min_log_prob: float32 (b, n): a token is kept, too, where it is at least as likely as this, after those
            before it as they are now; a log-probability, infinite where nothing is likely enough.
        weights: of a place, log-weights (b, v) of what is drawn there, beside what the model says.
    """

    tokens: torch.Tensor
    kept: torch.Tensor
    min_log_prob: torch.Tensor | None = None
    weights: Callable[[int], torch.Tensor] | None = None


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
    cond, uncond = logits.log_softmax(-1).chunk(2)
    return uncond + scale * (cond - uncond)


def decode_grid(
    decoding: Decoding,
    *,
    count: int,
    sampling: Sequence[Sampling],
    guidance: Sequence[float] | None,
    uniforms: torch.Tensor,
    context: RunContext,
    given: TokenConstraints | None = None,
    shown: Callable[[torch.Tensor], Iterable[object]] | None = None,
) -> torch.Tensor:
    """Exactly `count` tokens for each row. On a GPU nothing waits for the device before the last of them.

    A token that is drawn takes its own uniform number, wherever others are given.

    Args:
        decoding: after its prefixes; (2b) rows with guidance, those without the prompt below.
        guidance: a scale for each row, or `None` for one branch only.
        uniforms: float64 (b, count).
        given: tokens that are not drawn.
        shown: what the first tokens (b, i) of each row look like, for whoever looks on (`drafting`).

    Returns:
        int64 (b, count) on the CPU; -1 throughout in a row for which the model gave logits that are no numbers.
    """
    device = decoding.logits.device
    sampler = Sampler(sampling, device)
    scale = (
        None if guidance is None else torch.tensor(list(guidance), dtype=torch.float32, device=device)[:, None]
    )
    draws = uniforms.to(sampler.place)
    tokens = torch.empty(uniforms.shape[0], count, dtype=torch.long, device=device)
    broken = torch.zeros(len(tokens), dtype=torch.bool, device=device)
    standing = None if given is None else _Standing(given, device)
    runs = _runs(given, count, at_once=isinstance(decoding, Reading) and not context.batch_invariant)
    logits = decoding.logits
    for start, stop in runs:
        if standing is not None and stop > start + 1:
            tokens[:, start:stop] = standing.tokens[:, start:stop]
        else:
            said = guided(logits.float(), scale)
            if given is not None and given.weights is not None:
                said = said + given.weights(start)
            drawn = sampler.draw(said, draws[:, start])
            broken |= drawn < 0
            drawn = drawn.clamp_min(0)
            tokens[:, start] = drawn if standing is None else standing.over(drawn, logits, start)
        after = _fed(decoding, tokens[:, start : min(stop, count - 1)], branches=1 if scale is None else 2)
        for i in range(start, stop):
            before = logits if i == start else after[:, i - start - 1]
            context.view("confidence", i + 1, functools.partial(_probabilities, before, scale, tokens[:, i]))
        if shown is not None and start // SHOWN_EVERY < stop // SHOWN_EVERY:
            context.view("drafting", stop, functools.partial(shown, tokens[:, :stop]))
        logits = after[:, -1] if stop < count else logits
        context.step(stop, count)
    return tokens.masked_fill(broken[:, None], -1).cpu()


def _fed(decoding: Decoding, tokens: torch.Tensor, *, branches: int = 1) -> torch.Tensor:
    """Append tokens (b, t) to the rows of each branch; the logits after each, (branches · b, t, v)."""
    fed = tokens if branches == 1 else tokens.repeat(branches, 1)
    if fed.shape[1] > 1:
        assert isinstance(decoding, Reading), f"{type(decoding).__name__} reads no runs of tokens"
        return decoding.extend(fed)
    return (decoding.step(fed[:, 0]) if fed.shape[1] else decoding.logits)[:, None]


def _runs(given: TokenConstraints | None, count: int, *, at_once: bool) -> list[tuple[int, int]]:
    """The steps of a grid: each from a token to one after it; several tokens that stand in all rows are one
    step, where they may be read `at_once`."""
    if given is None or not at_once:
        return [(i, i + 1) for i in range(count)]
    stands = given.kept.all(0).tolist()
    runs: list[tuple[int, int]] = []
    for i in range(count):
        if i and stands[i] and stands[i - 1] and i - runs[-1][0] < READ_AT_ONCE:
            runs[-1] = (runs[-1][0], i + 1)
        else:
            runs.append((i, i + 1))
    return runs


def _probabilities(logits: torch.Tensor, scale: torch.Tensor | None, tokens: torch.Tensor) -> list[float]:
    """Of each row's token (b,), before temperature, top-k and top-p."""
    p = guided(logits.float(), scale).softmax(-1)  # (b, v)
    return p.gather(1, tokens[:, None])[:, 0].tolist()


class _Standing:
    """What is given of a batch, on the device where it is drawn."""

    def __init__(self, given: TokenConstraints, device: torch.device) -> None:
        self.tokens, self._kept = given.tokens.to(device), given.kept.to(device)
        self._min_log_prob = None if given.min_log_prob is None else given.min_log_prob.to(device)

    def over(self, drawn: torch.Tensor, logits: torch.Tensor, i: int) -> torch.Tensor:
        """The tokens of step `i`: those that stand, or else what was drawn (b,); logits (b or 2b, v)."""
        token, kept = self.tokens[:, i], self._kept[:, i]
        if self._min_log_prob is not None:
            likely = logits[: len(token)].float().log_softmax(-1).gather(1, token[:, None])[:, 0]
            kept = kept | (likely >= self._min_log_prob[:, i])
        return torch.where(kept, token, drawn)


def token_log_probs(decoding: Decoding, tokens: torch.Tensor, context: RunContext) -> torch.Tensor:
    """How likely each token is after those before it: log-probabilities, float32 (b, n) on the CPU.

    Args:
        decoding: after its prefixes, one row each.
        tokens: int64 (b, n).
    """
    count = tokens.shape[1]
    given = tokens.to(decoding.logits.device)
    found = torch.empty(tokens.shape, dtype=torch.float32, device=given.device)
    logits = decoding.logits[:, None]
    at_once = READ_AT_ONCE if isinstance(decoding, Reading) else 1
    found[:, :1] = _of(logits, given[:, :1])
    for start in range(0, count - 1, at_once):
        stop = min(start + at_once, count - 1)
        logits = _fed(decoding, given[:, start:stop])
        found[:, start + 1 : stop + 1] = _of(logits, given[:, start + 1 : stop + 1])
        context.step(stop + 1, count)
    return found.cpu()


def _of(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Log-probabilities of tokens (b, t) by the logits (b, t, v)."""
    return logits.float().log_softmax(-1).gather(2, tokens[..., None])[..., 0]


def decode_text(
    decoding: Decoding,
    *,
    grammars: Sequence[Grammar],
    sampling: Sequence[Sampling],
    uniforms: torch.Tensor,
    stop: int,
    context: RunContext,
) -> list[list[int] | None]:
    """Text under a grammar, row by row until the grammar is fulfilled or the draws are used up.

    Args:
        grammars: one for each row; it is consumed.
        uniforms: float64 (b, n): one draw for each token, at most n tokens a row.
        stop: the id that a text ends with.
        context: where shapes must be batch-invariant, finished rows go on to the end; else they leave the
            batch.

    Returns:
        the ids of each row, without `stop`. A row whose grammar is not `finished` was cut off; it is `None`
        where the model gave logits that are no numbers.
    """
    device = decoding.logits.device
    texts: list[list[int]] = [[] for _ in grammars]
    broken: set[int] = set()
    live = list(range(len(grammars)))  # the rows that are still in the batch, by their places in it
    sampler = Sampler(sampling, device)
    draws = uniforms.to(sampler.place)
    logits = decoding.logits
    count = uniforms.shape[1]
    for i in range(count):
        masked = _masked(logits, [grammars[row] for row in live])
        drawn = sampler.draw(masked, draws[live, i])
        for row, token in zip(live, drawn.tolist(), strict=True):
            if token < 0:
                broken.add(row)
            elif row not in broken and not grammars[row].finished:
                grammars[row].accept(token)
                if token != stop:
                    texts[row].append(token)
        context.step(i + 1, count)
        finished = [row in broken or grammars[row].finished for row in live]
        if i + 1 == count or all(finished):
            break
        places = range(len(live)) if context.batch_invariant else _unfinished(finished)
        if len(places) < len(live):
            decoding.keep(places)
            live, drawn = [live[place] for place in places], drawn[places]
            sampler = Sampler([sampling[row] for row in live], device)
        logits = decoding.step(drawn.clamp_min(0))
    return [None if row in broken else text for row, text in enumerate(texts)]


def decode_greedy(
    decoding: Decoding, *, count: int, stop: int, batch_invariant: bool = False
) -> list[list[int]]:
    """The likeliest token again and again, at most `count`; each row until its `stop`, which is left out.

    Args:
        batch_invariant: finished rows go on to the end, so that the batch keeps its shape; else they leave it.
    """
    texts: list[list[int]] = [[] for _ in decoding.logits]
    live, done = list(range(len(texts))), set[int]()
    for i in range(count):
        chosen = decoding.logits.argmax(-1)
        for row, token in zip(live, chosen.tolist(), strict=True):
            if token == stop:
                done.add(row)
            elif row not in done:
                texts[row].append(token)
        if i + 1 == count or done.issuperset(live):
            break
        places = live if batch_invariant else _unfinished([row in done for row in live])
        if len(places) < len(live):
            decoding.keep(places)
            live, chosen = [live[place] for place in places], chosen[places]
        decoding.step(chosen)
    return texts


def unpacked(words: torch.Tensor) -> torch.Tensor:
    """Bits as a grammar gives them, int32 (b, w), as bool (b, 32 · w)."""
    bits = words[..., None] >> torch.arange(32, dtype=torch.int32, device=words.device)
    return (bits & 1).bool().flatten(-2)


def _masked(logits: torch.Tensor, grammars: Sequence[Grammar]) -> torch.Tensor:
    """float32 (b, v), -inf for what the row's grammar does not allow."""
    words = torch.stack([grammar.allowed() for grammar in grammars])
    allowed = unpacked(words.to(logits.device))[:, : logits.shape[1]]
    return logits[:, : allowed.shape[1]].float().masked_fill(~allowed, -torch.inf)


def _unfinished(finished: Sequence[bool]) -> list[int]:
    """The places of the rows that go on: the last of them takes the place of each that is done."""
    places = list(range(len(finished)))
    for place in reversed(range(len(finished))):
        if finished[place]:
            places[place] = places[-1]
            places.pop()
    return places
