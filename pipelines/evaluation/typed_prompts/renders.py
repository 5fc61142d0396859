"""Typed prompts, rendered: what the engine understood of each, whether it took the picture, what is in it."""

import dataclasses
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ....engine.microbatch import Done, Failed, run_stage
from ....engine.randomness import derive_seed
from ....engine.values import Fact, Outcome, Plan, Request, Span
from ....engine.watch import Quiet, Watcher
from ...text_to_image import TextToImage
from ..alignment import Look
from ..inspector import Sighting
from .facts import FactsAsked, facts_asked
from .facts_seen import Claim, shows
from .left_out import WordsSaid, words_said
from .prompts import TypedPrompt

if TYPE_CHECKING:
    import torch


@dataclasses.dataclass(frozen=True, kw_only=True)
class WordsRow:
    """One typed prompt, and what came of it.

    Args:
        accepted: the engine took the picture for what was asked.
        asked, added: facts of the plan.
        left_out: words of the prompt that the plan left out.
        pixels: uint8 (h, w, 3); `None` where the prompt was refused, or was only planned.
        seen: what the inspector sees in it; likewise.
        error: why it was refused, and by which stage.
    """

    typed: TypedPrompt
    accepted: bool = False
    score: float | None = None
    asked: tuple[Fact, ...] = ()
    added: tuple[Fact, ...] = ()
    left_out: tuple[Span, ...] = ()
    pixels: "torch.Tensor | None" = None
    seen: Sighting | None = None
    error: str = ""

    @property
    def prompt(self) -> str:
        return self.typed.prompt

    @cached_property
    def words(self) -> WordsSaid:
        """The words that were left out, and those that should have been."""
        return words_said(self.typed, self.left_out)

    @cached_property
    def facts(self) -> FactsAsked:
        """What the plan says was asked, and what was."""
        return facts_asked(self.typed, self.asked, self.words)

    @cached_property
    def answers(self) -> dict[Claim, bool | None]:
        """Whether the picture shows what it is to show, as far as the inspector can tell.

        All that the prompt asks for, and what the engine claims to have carried out of the words of which
        readers differ.
        """
        if self.seen is None:
            return {}
        doubtful = [fact.claim for fact in self.asked if self.words.rests_on_either(fact)]
        return {claim: shows(self.seen, claim) for claim in (*self.typed.facts, *doubtful)}

    @property
    def not_shown(self) -> list[str]:
        """Facts that the picture should show, and does not."""
        return [text for (_, text), shown in self.answers.items() if shown is False]

    @property
    def wanting(self) -> bool:
        """Something that was asked is not in the picture: because the world has no such thing, or because the
        picture fails."""
        return bool(self.words.cannot) or bool(self.not_shown)

    @property
    def deserving(self) -> bool:
        """All that was asked can be shown, and is; or would perhaps have been, had the prompt not been refused.

        A prompt of which words were left out that may be left out is not counted, nor one of which a fact was
        left out that the inspector cannot tell (a size): nobody knows whether the picture shows it.
        """
        if self.wanting or self.words.said & self.words.either:
            return False
        return not any(self.answers.get(claim, False) is None for claim in self.facts.missing)

    @property
    def false_accept(self) -> bool:
        return self.accepted and self.wanting

    @property
    def false_reject(self) -> bool:
        return self.deserving and not self.accepted and (self.seen is not None or bool(self.error))

    @property
    def right(self) -> bool:
        """The engine's judgement of its picture was right, or may be."""
        return not self.false_accept and not self.false_reject

    @property
    def wrong(self) -> list[str]:
        """What was wrong about it."""
        if self.false_accept:
            cannot = [f"cannot be shown: {word}" for word in sorted(self.words.cannot)]
            return ["accepted", *cannot, *(f"not shown: {text}" for text in self.not_shown)]
        if self.false_reject:
            score = [] if self.score is None else [f"score {self.score:.2f}"]
            return ["rejected", *score]
        return []

    @property
    def misread(self) -> list[str]:
        """What the engine understood wrongly, whatever became of it."""
        if self.error:
            return []
        missed = [f"not named as left out: {word}" for word in sorted(self.words.to_find - self.words.said)]
        wrongly = [f"wrongly left out: {word}" for word in sorted(self.words.wrongly)]
        strange = [f"was not asked: {text}" for _, text in self.facts.wrong]
        return [*missed, *wrongly, *strange, *(f"was asked: {text}" for _, text in self.facts.missing)]


def render_typed(
    pipe: TextToImage,
    look: Look,
    prompts: Sequence[TypedPrompt],
    *,
    seed: int = 0,
    accept: float | None = None,
    watch: Watcher | None = None,
    on_row: Callable[[], None] = lambda: None,
) -> list[WordsRow]:
    """Render each prompt as it stands, one candidate each, by the recipe else as it is, and look at it.

    Args:
        accept: the score at which a picture is taken, in place of the recipe's.
        on_row: is called as soon as one more is there.
    """
    rows = [WordsRow(typed=typed, error="was not rendered") for typed in prompts]
    said = [typed.prompt for typed in prompts]
    for result in pipe.stream(said, seed=seed, watch=watch, candidates=1, rounds=1, accept=accept):
        place = result.request.row - 1
        if isinstance(result, Outcome):
            rows[place] = _row(prompts[place], result, look)
        else:
            rows[place] = WordsRow(typed=prompts[place], error=f"{result.stage}: {result.reason}")
        on_row()
    return rows


def plan_typed(
    pipe: TextToImage, prompts: Sequence[TypedPrompt], *, seed: int = 0, watch: Watcher | None = None
) -> list[WordsRow]:
    """Plan each prompt as `render_typed` does, and paint nothing."""
    requests = [
        pipe.request(typed.prompt, seed=derive_seed(seed, row), row=row, candidates=1, rounds=1)
        for row, typed in enumerate(prompts, start=1)
    ]
    return [
        WordsRow(typed=typed, error=planned)
        if isinstance(planned, str)
        else WordsRow(typed=typed, **_planned(planned))
        for typed, planned in zip(prompts, plans_of(pipe, requests, watch=watch), strict=True)
    ]


def plans_of(
    pipe: TextToImage, requests: Sequence[Request], *, watch: Watcher | None = None
) -> list[Plan | str]:
    """The plan of each request, or why there is none."""
    values: dict[int, Any] = dict(enumerate(requests))
    found: dict[int, Plan | str] = {}
    for stage in pipe.runner.chain.between(Request, Plan):
        done = run_stage(
            stage,
            list(values.values()),
            memory=pipe.runner.memory,
            batching=pipe.runner.batching,
            watch=watch or Quiet(),
        )
        arrived = dict(zip(values, done, strict=True))
        found |= {i: f"{stage.name}: {each.reason}" for i, each in arrived.items() if isinstance(each, Failed)}
        values = {i: each.value for i, each in arrived.items() if isinstance(each, Done)}
    return [found.get(i) or values[i] for i in range(len(requests))]


def _planned(plan: Plan) -> dict[str, Any]:
    """What a row tells of its plan."""
    added = tuple(fact for fact in plan.facts if not fact.asked)
    return {"asked": plan.asked, "added": added, "left_out": plan.left_out}


def _row(typed: TypedPrompt, outcome: Outcome, look: Look) -> WordsRow:
    plan, pixels = outcome.plan, outcome.picture.pixels
    (seen,) = look(pixels[None])
    return WordsRow(
        typed=typed,
        accepted=outcome.accepted,
        score=outcome.verdict.score,
        pixels=pixels,
        seen=seen,
        **_planned(plan),
    )
