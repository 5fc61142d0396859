"""The judge alone: captions and scores for pictures from anywhere.

What a prompt asks for, the recipe's own planner says: the judge is asked about the asked facts of its plan
alone.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.chain import Chain
from ..engine.errors import DiptychError, InputError
from ..engine.memory import DeviceMemory
from ..engine.microbatch import Done, Failed, run_stage
from ..engine.stage import Stage
from ..engine.values import Fact, Failure, Picture, Plan, Request, Verdict
from ..engine.watch import Watcher
from .calls.building import Building
from .calls.described import placed, stage_lines
from .pictures.pixels import AnyPicture, pixels_of, rgb_of
from .recipes import DEFAULT_RECIPE
from .recipes.reader import Recipe

if TYPE_CHECKING:
    import PIL.Image

WAVE = 64  # pictures in memory at a time, at most,
WAVE_PIXELS = 2**25  # but for one that is larger by itself
JUDGED_SIDE = 2048  # pixels; larger pictures are judged by a smaller copy: captioners look at far fewer
MAX_PLANS = 10_000  # that are kept, should their prompts come again


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judged:
    """A picture's verdict on a prompt.

    Args:
        plan: the prompt in its own words; the facts that it asks for, and what of it no fact carries.
    """

    plan: Plan
    verdict: Verdict


class PictureJudge:
    """The last stage of a recipe's chain, for pictures from outside. `from_recipe` is the usual way to one.

    Args:
        planners: what makes plans of requests; without any, a prompt's phrases are its facts.
    """

    def __init__(
        self, stage: Stage[Any, Any], memory: DeviceMemory, *, planners: Sequence[Stage[Any, Any]] = ()
    ) -> None:
        from ..engine.stages.planning.plan_passthrough import PlanPassthroughStage

        self.stage = stage
        self.memory = memory
        self.planners = tuple(planners) or (PlanPassthroughStage(),)

    @classmethod
    def from_recipe(
        cls,
        recipe: str | Path | Recipe = DEFAULT_RECIPE,
        *,
        device: str = "auto",
        memory: str | int | None = None,
        likelihood: bool = False,
    ) -> "PictureJudge":
        """The judge of a recipe; arguments and errors as `TextToImage.from_recipe`.

        Args:
            likelihood: verdicts say, too, how much likelier the picture makes the prompt.
        """
        from .recipes.build import build_chain, registry

        said = Building.of(recipe, {"device": device, "memory": memory})
        chain = build_chain(_with_likelihood(said.recipe) if likelihood else said.recipe)
        of_device = DeviceMemory(registry(), device=said.device, budget_bytes=said.budget_bytes)
        judge = cls.of_chain(chain, of_device)
        judge.memory.check(judge.stage.uses)
        return judge

    @classmethod
    def of_chain(cls, chain: Chain, memory: DeviceMemory) -> "PictureJudge":
        """The judge at a chain's end, with the planner at its beginning."""
        if not chain.judges:
            raise InputError("the recipe has no judge, which this needs: add [stages.judge]")
        return cls(chain.stages[-1], memory, planners=chain.between(Request, Plan))

    def __repr__(self) -> str:
        """Its stages with their models, device and memory."""
        stages = [(stage.name, stage.uses) for stage in (*self.planners, self.stage)]
        return "\n".join([f"{type(self).__name__}: {placed(self.memory)}", *stage_lines(stages)])

    def caption(self, image: AnyPicture) -> str:
        """What the picture shows, in the captioner's words."""
        (caption,) = self.captions([image])
        if isinstance(caption, Failed):
            raise DiptychError(f"{self.stage.name}: {caption.reason}")
        return caption

    def captions(self, images: Iterable[AnyPicture], *, watch: Watcher | None = None) -> Iterator[str | Failed]:
        """The caption of each picture, or why there is none; pictures are asked for a wave at a time."""
        return self.captions_of_known(((image, None) for image in images), watch=watch)

    def captions_of_known(
        self, pairs: Iterable[tuple[AnyPicture, Plan | None]], *, watch: Watcher | None = None
    ) -> Iterator[str | Failed]:
        """As `captions`, of pictures with the plans that they were made by, where these are known: of several
        captioners that a judge has, the one speaks that knows how such things are drawn."""
        for wave in _waves(pairs):
            pictures = [Picture(pixels=pixels_of(image), plan=plan) for image, plan in wave]
            for result in run_stage(self.stage, pictures, memory=self.memory, watch=watch):
                yield result.value.caption if isinstance(result, Done) else result

    def score(self, image: AnyPicture, prompt: str, *, facts: tuple[Fact, ...] = ()) -> Verdict:
        """How well the picture shows what `prompt` asks for: an answer to each fact, and the probability that
        all are shown.

        Args:
            facts: what is asked, in place of what the planner reads in the prompt.

        Raises:
            InputError: the prompt is empty or too long.
            DiptychError: the planner can make nothing of it.
        """
        if not facts:
            (verdict,) = self.scores([(image, prompt)])
            return verdict
        plan = Plan(request=Request(prompt=prompt), prompt=prompt, facts=facts)
        (result,) = self._verdicts([(rgb_of(image), plan)])
        if isinstance(result, Failed):
            raise DiptychError(f"{self.stage.name}: {result.reason}")
        return result.value

    def scores(self, pairs: Iterable[tuple[AnyPicture, str]]) -> list[Verdict]:
        """As `score`, of many pictures, each with its prompt; raises the first error of any."""
        verdicts: list[Verdict] = []
        for result in self.judged(pairs):
            if isinstance(result, Failure):
                raise DiptychError(f"{result.stage}: {result.reason}")
            verdicts.append(result.verdict)
        return verdicts

    def judged(
        self, pairs: Iterable[tuple[AnyPicture, str]], *, watch: Watcher | None = None
    ) -> Iterator[Judged | Failure]:
        """What the judge says to each picture and its prompt, in order; pairs are asked for a wave at a time.

        Raises:
            InputError: a prompt is empty or too long.
        """
        plans: dict[str, Plan | Failure] = {}
        for wave in _waves(pairs):
            prompts = dict.fromkeys(prompt for _, prompt in wave)
            if len(plans) > MAX_PLANS:
                plans = {prompt: plans[prompt] for prompt in prompts if prompt in plans}
            plans |= self._plans([prompt for prompt in prompts if prompt not in plans], watch)
            read = [(image, plans[prompt]) for image, prompt in wave]
            asked = [(image, plan) for image, plan in read if isinstance(plan, Plan)]
            verdicts = iter(self._verdicts(asked, watch))
            for _, plan in read:
                yield plan if isinstance(plan, Failure) else _judged(plan, next(verdicts), self.stage.name)

    def _plans(self, prompts: Sequence[str], watch: Watcher | None) -> dict[str, Plan | Failure]:
        """What each prompt asks for, or why the planner cannot say."""
        requests = {prompt: Request(prompt=prompt) for prompt in prompts}
        values: dict[str, Any] = dict(requests)
        failures: dict[str, Failure] = {}
        for stage in self.planners:
            results = run_stage(stage, list(values.values()), memory=self.memory, watch=watch)
            for prompt, result in zip(list(values), results, strict=True):
                if isinstance(result, Done):
                    values[prompt] = result.value
                else:
                    del values[prompt]
                    request = requests[prompt]
                    failures[prompt] = Failure(request=request, stage=stage.name, reason=result.reason)
        plans = {
            prompt: dataclasses.replace(plan, prompt=prompt, facts=plan.asked)
            for prompt, plan in values.items()
        }
        return plans | failures

    def _verdicts(
        self, asked: "Sequence[tuple[PIL.Image.Image, Plan]]", watch: Watcher | None = None
    ) -> list[Done | Failed]:
        pictures = [Picture(pixels=pixels_of(image), plan=plan) for image, plan in asked]
        return run_stage(self.stage, pictures, memory=self.memory, watch=watch)


def _judged(plan: Plan, result: Done | Failed, stage: str) -> Judged | Failure:
    if isinstance(result, Done):
        return Judged(plan=plan, verdict=result.value)
    return Failure(request=plan.request, stage=stage, reason=result.reason)


def _waves(pairs: Iterable[tuple[AnyPicture, Any]]) -> "Iterator[list[tuple[PIL.Image.Image, Any]]]":
    """The pairs, as many at a time as may be in memory together, their pictures in RGB."""
    wave: list[tuple[PIL.Image.Image, Any]] = []
    pixels = 0
    for given, other in pairs:
        image = rgb_of(given)
        wave.append((image, other))
        pixels += image.width * image.height
        if len(wave) == WAVE or pixels >= WAVE_PIXELS:
            yield wave
            wave, pixels = [], 0
    if wave:
        yield wave


def _with_likelihood(recipe: Recipe) -> Recipe:
    """The recipe, with a judge that says how likely prompts are."""
    stages = {
        name: dataclasses.replace(stage, settings={**stage.settings, "likelihood": True})
        if name == "judge"
        else stage
        for name, stage in recipe.stages.items()
    }
    return dataclasses.replace(recipe, stages=stages)
