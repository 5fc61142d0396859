"""What pipelines that are built around text-to-image have in common."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

from ..engine import loop
from ..engine.errors import Cancelled, DiptychError, InputError
from ..engine.messages import shown
from ..engine.microbatch import Done, Failed, run_stage
from ..engine.stage import Stage
from ..engine.values import Candidate, Outcome, Picture, Plan, Request, Verdict
from ..engine.watch import Watcher
from .calls.building import PipeOptions
from .calls.call import Call
from .calls.described import described
from .calls.signature import spelled_out
from .calls.unknown import refuse_attribute
from .recipes import DEFAULT_RECIPE
from .recipes.reader import Recipe
from .render_result import RenderResult, gathered
from .text_to_image import TextToImage
from .unused_settings import UnusedWarnings

if TYPE_CHECKING:
    import torch


class Workflow:
    """A pipeline around a text-to-image pipeline. `from_recipe` is the usual way to one.

    Args:
        pipe: makes its pictures; several workflows may share one, and with it the models in memory.
    """

    def __init__(self, pipe: TextToImage) -> None:
        self.pipe = pipe
        self._unused = UnusedWarnings()

    @classmethod
    @spelled_out
    def from_recipe(cls, recipe: str | Path | Recipe = DEFAULT_RECIPE, **options: Unpack[PipeOptions]) -> Self:
        """The workflow of a recipe; arguments and errors as `TextToImage.from_recipe`."""
        return cls(TextToImage.from_recipe(recipe, **options))

    @classmethod
    @spelled_out
    def from_pretrained(
        cls, recipe: str | Path | Recipe = DEFAULT_RECIPE, **options: Unpack[PipeOptions]
    ) -> Self:
        """As `from_recipe`, by the name that diffusers has for it."""
        return cls.from_recipe(recipe, **options)

    @classmethod
    def from_pipe(cls, pipe: "TextToImage | Workflow") -> Self:
        """The workflow that shares another's models, memory and recipe.

        Raises:
            InputError: it is no pipeline.
        """
        shared = pipe.pipe if isinstance(pipe, Workflow) else pipe
        if not isinstance(shared, TextToImage):
            raise InputError(f"{shown(pipe)} is no pipeline: give a TextToImage, or one that is made of it")
        return cls(shared)

    @property
    def device(self) -> "torch.device":
        """Where its models work."""
        return self.pipe.device

    @property
    def dtype(self) -> "torch.dtype":
        """What the model that paints computes in."""
        return self.pipe.dtype

    def to(self, *where: Any, device: Any = None, dtype: Any = None) -> Self:
        """Work elsewhere, or in another dtype, from now on; see `TextToImage.to`. All who share the pipe do."""
        TextToImage.to(self.pipe, *where, device=device, dtype=dtype)
        return self

    def __repr__(self) -> str:
        """Recipe, stages with their models, device and memory."""
        runner = self.pipe.runner
        return described(type(self).__name__, self.pipe.recipe, runner.memory, runner.chain.stages)

    if not TYPE_CHECKING:  # a type checker that saw this would take any name for an attribute

        def __getattr__(self, name: str) -> Any:
            """Reached for names that are not there alone: says what to do in place of what diffusers has."""
            refuse_attribute(self, name)

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
        try:
            return run_stage(stage, values, memory=runner.memory, batching=runner.batching, watch=watch)
        except Cancelled as error:
            raise error.__cause__ or error from None  # what a callback raised is the caller's own

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

    def result(
        self, requests: Iterable[Request], watch: Watcher | None = None, *, wishes: Iterable[str] = ()
    ) -> RenderResult:
        """Carry out requests, of which some may fail. Raises `DiptychError` where all do.

        Args:
            wishes: names of the settings that were asked for: warns of those that change nothing.
        """
        asked = list(self._unused.of(self.pipe, requests, wishes))
        return gathered(self.pipe.run(asked, watch=watch), asked=asked)

    def carried_out(self, requests: Iterable[Request], call: Call) -> RenderResult:
        """As `result`, for a call: with its watcher, and pictures of the type that it asks for."""
        result = self.result(requests, call.watcher(self), wishes=call.wishes)
        return dataclasses.replace(result, output_type=call.output_type)

    def outcomes(
        self, requests: Iterable[Request], watch: Watcher | None = None, *, wishes: Iterable[str] = ()
    ) -> list[Outcome]:
        """As `result`, where none may fail. Raises `DiptychError` with the first reason."""
        result = self.result(requests, watch, wishes=wishes)
        for failure in result.failures:
            raise DiptychError(f"{failure.stage}: {failure.reason}")
        return list(result.outcomes)
