"""Drafts under way of requests that come while others are drafted."""

import functools
from collections.abc import Callable, Sequence

import torch

from ...ar.continuous import ContinuousGrids, GridRow
from ...ar.decoding import SHOWN_EVERY
from ...models.language.causal_lm import ImageTokenModel
from ...stage import Models, RunContext
from ...values import Draft, Plan


class ContinuousDrafts:
    """The drafts of plans that come and go between tokens; a `stage.ContinuousBatch`.

    Args:
        model: whose rows never depend on each other.
        row_of: what is to be drawn for a plan.
        drawn: the draft of a plan, by its tokens, int64 (1, n).
        begun: what the first tokens (1, i) of a grid look like.
    """

    def __init__(
        self,
        model: ImageTokenModel,
        *,
        row_of: Callable[[Plan, Models], GridRow],
        drawn: Callable[[Plan, torch.Tensor, Models, RunContext], Draft],
        begun: Callable[[torch.Tensor], Sequence[torch.Tensor]],
    ) -> None:
        self._count = model.grid[0] * model.grid[1]
        self._grids = ContinuousGrids(model.begin_continuous, start=model.start - model.offset)
        self._row_of, self._drawn, self._begun = row_of, drawn, begun
        self._plans: list[Plan] = []
        self._contexts: list[RunContext] = []

    def join(self, values: Sequence[Plan], contexts: Sequence[RunContext], models: Models) -> None:
        """More plans, each with a context of its own."""
        self._grids.join([self._row_of(plan, models) for plan in values])
        self._plans += values
        self._contexts += contexts

    def leave(self, values: Sequence[Plan]) -> None:
        """These are given up."""
        self._go([i for i, plan in enumerate(self._plans) if any(plan is each for each in values)])

    def step(self, models: Models) -> list[tuple[Plan, Draft]]:
        """Draw a token of each; returns what is done with it."""
        said = self._grids.step()
        done: list[int] = []
        for i, context in enumerate(self._contexts):
            tokens = self._grids.tokens(i)
            context.view("confidence", len(tokens), functools.partial(_probability, said[i], tokens[-1]))
            if len(tokens) % SHOWN_EVERY == 0:
                context.view("drafting", len(tokens), functools.partial(self._shown, tuple(tokens)))
                context.step(len(tokens), self._count)
            if len(tokens) == self._count:
                done.append(i)
        found = [(self._plans[i], self._draft(i, models)) for i in done]
        if done:
            self._go(done)
        return found

    def _draft(self, i: int, models: Models) -> Draft:
        return self._drawn(self._plans[i], torch.tensor([self._grids.tokens(i)]), models, self._contexts[i])

    def _shown(self, tokens: Sequence[int]) -> Sequence[torch.Tensor]:
        return self._begun(torch.tensor([tokens]).clamp_min(0))

    def _go(self, places: Sequence[int]) -> None:
        self._grids.leave(places)
        gone = {*places}
        self._plans = [plan for i, plan in enumerate(self._plans) if i not in gone]
        self._contexts = [context for i, context in enumerate(self._contexts) if i not in gone]


def _probability(logits: torch.Tensor, token: int) -> list[float]:
    """Of a row's token, by its logits (v,)."""
    return [float(logits.softmax(-1)[max(0, token)])]
