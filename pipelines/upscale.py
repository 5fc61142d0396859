"""Upscale: finished pictures two or four times as large, checked by the captioner.

larger = Upscale.from_recipe("pocket")("boat.png", scale=4)
larger.images[0].save("large.png")
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from ..engine.errors import InputError
from ..engine.language.words.content import left_out_of
from ..engine.microbatch import Done, Failed
from ..engine.stage import Stage
from ..engine.values import MAX_SIDE, Fact, Failure, Outcome, Picture, Plan, Request, Span
from ..engine.values.setting import whole_number
from ..engine.watch import Watcher
from .calls.call import Call, prompts_of
from .calls.signature import spelled_out
from .pictures.pixels import AnyPicture, pixels_of
from .recipes.reader import Recipe, StageRecipe
from .render_result import RenderResult, gathered
from .workflow import Workflow

if TYPE_CHECKING:
    import torch

    Image = AnyPicture | Outcome | Picture

STAGE = "upscale"


class UpscaleOptions(TypedDict, total=False):
    """What may be said of a call beside the pictures."""

    num_inference_steps: int | None
    steps: int | None
    seed: int | None
    generator: "torch.Generator | None"
    output_type: Literal["pil", "np", "pt"]
    watch: Watcher | None


class Upscale(Workflow):
    """Pictures from anywhere, enlarged by the refiner of a recipe; the captioner says whether it may."""

    @spelled_out
    def __call__(
        self,
        image: "Image | Sequence[Image]",
        *,
        scale: int = 2,
        prompt: str | Sequence[str] | None = None,
        strength: float | None = None,
        **call: Unpack[UpscaleOptions],
    ) -> RenderResult:
        """Enlarge each picture.

        Args:
            image: one, or a list of them: a picture of any kind, an outcome or a picture of this engine; one
                that knows its plan is painted by that. Transparency is put on white (the command `diptych
                upscale` enlarges it, too).
            scale: 2 or 4.
            prompt: what each shows; the captioner's words, if not given. What is checked is what the recipe's
                planner finds asked for in it.
            strength: how much is repainted, 0 (plain enlargement) to 1; the recipe's, if not given.
            num_inference_steps: of repainting; the recipe's, if not given.
            seed, generator: of the noise.
            output_type: what `images` of the result holds: `pil`, `np` or `pt`.
            watch: gets progress, and may stop the work.

        Raises:
            InputError: the scale, the strength, or a picture too small or too large for it.
            DiptychError: no picture could be enlarged; the message is the first failure's.
        """
        said = _call(call)
        wishes = {"scale": whole_number("scale", scale), "strength": strength, **said.wishes}
        stage = upscale_stage(self, {name: value for name, value in wishes.items() if value is not None})
        images: list[Any] = list(image) if isinstance(image, list | tuple) else [image]
        texts = None if prompt is None else prompts_of(prompt)
        prompts = [texts] * len(images) if texts is None or isinstance(texts, str) else texts
        if len(prompts) != len(images):
            raise InputError(f"{len(prompts)} prompts for {len(images)} pictures: give one for each, or one")
        pictures = [_picture(each) for each in images]
        for row, picture in enumerate(pictures, start=1):
            check_size(f"picture {row}", picture.pixels.shape[0], picture.pixels.shape[1], scale)
        planned = self._planned(pictures, prompts, scale=scale, seed=said.one_seed)
        return gathered(self._results(stage, planned, said.watch), output_type=said.output_type)

    def _planned(
        self, pictures: Sequence[Picture], prompts: Sequence[str | None], *, scale: int, seed: int
    ) -> list[Picture]:
        """The pictures, each with a plan: its own, or one made of the prompt or of what the captioner sees."""
        judge = self.judge
        unknown = [i for i, p in enumerate(pictures) if p.plan is None and prompts[i] is None]
        seen = zip(unknown, self.tried(judge, [pictures[i] for i in unknown]), strict=True)
        captions = {i: each.value.caption for i, each in seen if isinstance(each, Done)}
        plans: dict[int, Plan] = {}
        requests: dict[int, Request] = {}
        for i, (picture, prompt) in enumerate(zip(pictures, prompts, strict=True)):
            height, width = (int(side) * scale for side in picture.pixels.shape[:2])
            frame: dict[str, Any] = {"height": height, "width": width, "row": i + 1}
            if picture.plan is not None and prompt is None:
                request = dataclasses.replace(picture.plan.request, start=None, **frame)
                plans[i] = dataclasses.replace(picture.plan, request=request)
            else:
                said = prompt or captions.get(i) or "a picture"
                requests[i] = Request(prompt=said, seed=seed, settings=self.pipe.recipe.defaults, **frame)
        plans |= self._asked(requests)
        for i in unknown:  # the captioner's own words are no request: nothing of them is left out
            plans[i] = dataclasses.replace(plans[i], left_out=())
        return [dataclasses.replace(picture, plan=plans[i]) for i, picture in enumerate(pictures)]

    def _asked(self, requests: Mapping[int, Request]) -> dict[int, Plan]:
        """Each prompt as it is, with what the planner finds asked for in it, and without what it would add: the
        picture is there already. A prompt that it cannot read is its own fact, and left out."""
        read: dict[int, Any] = dict(requests)
        for stage in self.pipe.runner.chain.between(Request, Plan):
            results = zip(list(read), self.tried(stage, list(read.values())), strict=True)
            read = {i: each.value for i, each in results if isinstance(each, Done)}
        return {i: _plan(request, read.get(i)) for i, request in requests.items()}

    def _results(
        self, stage: Stage[Any, Any], pictures: list[Picture], watch: Watcher | None
    ) -> list[Outcome | Failure]:
        judge = self.judge
        larger = self.tried(stage, pictures, watch)
        made = [each.value for each in larger if isinstance(each, Done)]
        verdicts = iter(self.tried(judge, made, watch))
        results: list[Outcome | Failure] = []
        for picture, each in zip(pictures, larger, strict=True):
            assert picture.plan is not None, "every picture was given one"
            request = picture.plan.request
            if isinstance(each, Failed):
                results.append(Failure(request=request, stage=STAGE, reason=each.reason))
                continue
            verdict = next(verdicts)
            if isinstance(verdict, Failed):
                results.append(Failure(request=request, stage=judge.name, reason=verdict.reason))
                continue
            times = {STAGE: each.seconds, judge.name: verdict.seconds}
            results.append(self.outcome(picture.plan, each.value, verdict.value, **times))
        return results


def _call(options: Mapping[str, Any]) -> Call:
    """What is said of the call; errors as `Upscale.__call__`."""
    known = ("scale", "prompt", "strength", "num_inference_steps")
    said = Call.of(options, known=known, one_each=True)
    for name in said.wishes:
        if name not in known:
            raise InputError(f"{name}: has no effect on enlarging: leave it out; there are {', '.join(known)}")
    if said.callback is not None:
        raise InputError("callback_on_step_end: enlarging does not tell of its steps: watch= gets progress")
    return said


def _picture(image: "Image") -> Picture:
    """The picture as the engine takes it. Raises `InputError` where it is none."""
    if isinstance(image, Outcome):
        return image.picture
    if isinstance(image, Picture):
        return image
    return Picture(pixels=pixels_of(image))


def _plan(request: Request, read: Plan | None) -> Plan:
    """The request's words as they are, with the asked facts of what the planner read in them; where it could
    read nothing, they are one fact, and yet left out: nobody knows whether the captioner understands them."""
    if read is not None:
        return dataclasses.replace(read, request=request, prompt=request.prompt, facts=read.asked)
    span = Span.of(request.prompt, 0, len(request.prompt))
    facts = (Fact(kind="other", text=request.prompt, span=span),)
    return Plan(request=request, prompt=request.prompt, facts=facts, left_out=left_out_of(request.prompt, ()))


def upscale_stage(workflow: Workflow, settings: dict[str, Any]) -> Stage[Any, Any]:
    """The recipe's stage `upscale` or, if it has none, one of its refiner and its captioner.

    Args:
        settings: that differ from the recipe's.

    Raises:
        InputError: a setting is out of range, or the recipe has neither.
    """
    from .recipes.build import build_stage

    recipe = workflow.pipe.recipe
    return build_stage(recipe, _entry(recipe, settings))


def upscaling(recipe: Recipe, scale: int) -> Recipe:
    """The recipe with the stage `upscale` in its chain, right before the judge looks.

    Raises:
        InputError: it has no refiner or no judge.
    """
    entry = _entry(recipe, {"scale": scale})
    *before, last = (name for name in recipe.stages if name != STAGE)
    stages = {**{name: recipe.stages[name] for name in before}, STAGE: entry, last: recipe.stages[last]}
    return dataclasses.replace(recipe, stages=stages)


def _entry(recipe: Recipe, settings: dict[str, Any]) -> StageRecipe:
    if STAGE in recipe.stages:
        entry = recipe.stages[STAGE]
    elif "refine" in recipe.stages and "judge" in recipe.stages:
        judge = recipe.stages["judge"]
        models = {"captioner": judge.models.get("captioner", judge.model)}
        entry = StageRecipe(name=STAGE, model=recipe.stages["refine"].model, models=models)
    else:
        raise InputError(f"recipe {recipe.name}: cannot enlarge: add a [stages.upscale] that names a refiner")
    return dataclasses.replace(entry, settings={**entry.settings, **settings})


def check_size(what: str, height: int, width: int, scale: int) -> None:
    """Raise InputError where a picture is too large, or too small, to be enlarged so much; `what` names it."""
    if max(height, width) * scale > MAX_SIDE:
        size = f"{what}: {width}x{height} pixels, {scale} times as large"
        raise InputError(f"{size}: at most {MAX_SIDE} a side can be made")
    if min(height, width) * scale < 8:
        raise InputError(f"{what}: {width}x{height} pixels are too few to enlarge: at least 4 a side")
