"""What pipelines that are built around text-to-image have in common."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self, TypedDict, Unpack

from ..engine import loop
from ..engine.errors import DiptychError, InputError
from ..engine.microbatch import Done, Failed, run_stage
from ..engine.stage import Stage
from ..engine.values import Candidate, Outcome, Picture, Plan, Request, Verdict
from ..engine.watch import Watcher
from .recipes.reader import Recipe
from .render_result import RenderResult, gathered
from .text_to_image import TextToImage


class PipeOptions(TypedDict, total=False):
    """How a pipeline is built; see `TextToImage.from_recipe`."""

    device: str
    memory: str | int | None
    deterministic: bool
    micro_batch: int
    wave: int
    trust_remote_code: bool


class Workflow:
    """A pipeline around a text-to-image pipeline. `from_recipe` is the usual way to one.

    Args:
        pipe: makes its pictures; several workflows may share one, and with it the models in memory.
    """

    def __init__(self, pipe: TextToImage) -> None:
        self.pipe = pipe

    @classmethod
    def from_recipe(cls, recipe: str | Path | Recipe = "pocket", **options: Unpack[PipeOptions]) -> Self:
        """The workflow of a recipe; arguments and errors as `TextToImage.from_recipe`."""
        return cls(TextToImage.from_recipe(recipe, **options))

    def outcome(self, plan: Plan, picture: Picture, verdict: Verdict, **seconds: float) -> Outcome:
        """The outcome of a picture that was made apart from the loop: its only candidate, by its rule."""
        policy = loop.Policy.of(plan.request.settings)
        made = Candidate(plan=plan, draft=picture.draft, picture=picture, verdict=verdict)
        (best,) = loop.explain(policy, [made])
        accepted = loop.accepts(policy, best)
        return Outcome(request=plan.request, best=best, accepted=accepted, trail=(best,), timings=seconds)

    def tried(
        self, stage: Stage[Any, Any], values: Sequence[Any], watch: Watcher | None = None
    ) -> list[Done | Failed]:
        """Carry out one stage on `values`, within the pipe's memory: a result or a reason for each."""
        runner = self.pipe.runner
        return run_stage(stage, values, memory=runner.memory, batching=runner.batching, watch=watch)

    @property
    def judge(self) -> Stage[Any, Any]:
        """The stage that judges pictures. Raises `InputError` where the recipe has none."""
        stages = self.pipe.runner.chain.between(Picture, Verdict)
        if not stages:
            raise InputError(
                f"recipe {self.pipe.recipe.name}: has no judge, which this needs: add [stages.judge]"
            )
        return stages[-1]

    def done(self, stage: Stage[Any, Any], values: Sequence[Any], watch: Watcher | None = None) -> list[Done]:
        """As `tried`, where nothing may fail. Raises `DiptychError` with the first reason."""
        results = self.tried(stage, values, watch)
        for result in results:
            if isinstance(result, Failed):
                raise DiptychError(f"{stage.name}: {result.reason}")
        return [result for result in results if isinstance(result, Done)]

    def plans(self, requests: Sequence[Request], watch: Watcher | None = None) -> list[Plan]:
        """What the planner makes of requests. Raises `DiptychError` with the first reason why it cannot."""
        values: list[Request] | list[Plan] = list(requests)
        for stage in self.pipe.runner.chain.between(Request, Plan):
            values = [each.value for each in self.done(stage, values, watch)]
        return [value for value in values if isinstance(value, Plan)]

    def result(self, requests: Iterable[Request], watch: Watcher | None = None) -> RenderResult:
        """Carry out requests, of which some may fail. Raises `DiptychError` where all do."""
        return gathered(self.pipe.run(requests, watch=watch))

    def outcomes(self, requests: Iterable[Request], watch: Watcher | None = None) -> list[Outcome]:
        """Carry out requests of which none may fail. Raises `DiptychError` with the first reason."""
        result = self.result(requests, watch)
        for failure in result.failures:
            raise DiptychError(f"{failure.stage}: {failure.reason}")
        return list(result.outcomes)
