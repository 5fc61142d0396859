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
from ..engine.memory import DeviceMemory, parse_bytes
from ..engine.microbatch import Done, Failed, run_stage
from ..engine.stage import Stage
from ..engine.values import Fact, Failure, Picture, Plan, Request, Verdict
from ..engine.watch import Watcher
from .device import choose_device
from .recipes.reader import Recipe, read_recipe

if TYPE_CHECKING:
    import PIL.Image

MAX_SIDE = 8192  # pixels
WAVE = 64  # pictures in memory at a time, at most,
WAVE_PIXELS = 2**25  # but for one that is larger by itself
JUDGED_SIDE = 2048  # pixels; larger pictures are judged by a smaller copy: captioners look at far fewer
_STRIP = 32  # rows of a smaller copy that are made at a time
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
        recipe: str | Path | Recipe = "pocket",
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

        read = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
        budget = parse_bytes(memory) if isinstance(memory, str) else memory
        where = choose_device(device)
        chain = build_chain(_with_likelihood(read) if likelihood else read)
        judge = cls.of_chain(chain, DeviceMemory(registry(), device=where, budget_bytes=budget))
        judge.memory.check(judge.stage.uses)
        return judge

    @classmethod
    def of_chain(cls, chain: Chain, memory: DeviceMemory) -> "PictureJudge":
        """The judge at a chain's end, with the planner at its beginning."""
        return cls(chain.stages[-1], memory, planners=chain.between(Request, Plan))

    def caption(self, image: "PIL.Image.Image") -> str:
        """What the picture shows, in the captioner's words."""
        (caption,) = self.captions([image])
        if isinstance(caption, Failed):
            raise DiptychError(f"{self.stage.name}: {caption.reason}")
        return caption

    def captions(
        self, images: "Iterable[PIL.Image.Image]", *, watch: Watcher | None = None
    ) -> Iterator[str | Failed]:
        """The caption of each picture, or why there is none; pictures are asked for a wave at a time."""
        for wave in _waves((image, image) for image in images):
            pictures = [Picture(pixels=pixels_of(image)) for image, _ in wave]
            for result in run_stage(self.stage, pictures, memory=self.memory, watch=watch):
                yield result.value.caption if isinstance(result, Done) else result

    def score(self, image: "PIL.Image.Image", prompt: str, *, facts: tuple[Fact, ...] = ()) -> Verdict:
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
        (result,) = self._verdicts([(image, plan)])
        if isinstance(result, Failed):
            raise DiptychError(f"{self.stage.name}: {result.reason}")
        return result.value

    def scores(self, pairs: "Iterable[tuple[PIL.Image.Image, str]]") -> list[Verdict]:
        """As `score`, of many pictures, each with its prompt; raises the first error of any."""
        verdicts: list[Verdict] = []
        for result in self.judged(pairs):
            if isinstance(result, Failure):
                raise DiptychError(f"{result.stage}: {result.reason}")
            verdicts.append(result.verdict)
        return verdicts

    def judged(
        self, pairs: "Iterable[tuple[PIL.Image.Image, str]]", *, watch: Watcher | None = None
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


def _waves(pairs: "Iterable[tuple[PIL.Image.Image, Any]]") -> "Iterator[list[tuple[PIL.Image.Image, Any]]]":
    """The pairs, as many at a time as may be in memory together."""
    wave: list[tuple[PIL.Image.Image, Any]] = []
    pixels = 0
    for image, other in pairs:
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


def open_picture(path: Path, *, most: int | None = None) -> "PIL.Image.Image":
    """The picture in a file, upright, in RGB, transparency on white.

    Args:
        most: of a larger one, in pixels a side, a smaller copy will do; it takes far less memory.

    Raises:
        InputError: it cannot be read, is no picture, or is larger than `MAX_SIDE` on a side.
    """
    import PIL.Image
    import PIL.ImageOps

    try:
        with PIL.Image.open(path) as image:
            if max(image.size) > MAX_SIDE:
                size = f"{image.width} x {image.height}"
                raise InputError(f"{path}: is {size} pixels: at most {MAX_SIDE} a side are read")
            if most is not None and max(image.size) > most:
                return PIL.ImageOps.exif_transpose(_reduced(image, most))
            upright = PIL.ImageOps.exif_transpose(image)
            return _opaque(upright)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: check the path") from None
    except PIL.UnidentifiedImageError:
        raise InputError(f"{path}: is no picture of a kind that is read: use PNG, JPEG or WebP") from None
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        raise InputError(f"{path}: cannot be read ({error}): use a sound PNG, JPEG or WebP file") from None


def _reduced(image: "PIL.Image.Image", most: int) -> "PIL.Image.Image":
    """A copy with at most so many pixels a side, opaque: each of its pixels is the mean of a square of the
    picture's. Made strip by strip, so that beside the decoded picture hardly anything is in memory."""
    import PIL.Image

    image.draft("RGB", (most, most))  # JPEG files are decoded at a half, a quarter or an eighth of their size
    factor = -(-max(image.size) // most)
    width, height = (-(-side // factor) for side in image.size)
    small = PIL.Image.new("RGB", (width, height))
    for top in range(0, height, _STRIP):
        rows = (top * factor, min((top + _STRIP) * factor, image.height))
        strip = _opaque(image.crop((0, rows[0], image.width, rows[1])))
        small.paste(strip.reduce(factor) if factor > 1 else strip, (0, top))
    if exif := image.info.get("exif"):
        small.info["exif"] = exif  # which says what is up
    return small


def _opaque(image: "PIL.Image.Image") -> "PIL.Image.Image":
    import PIL.Image

    if image.mode.startswith("I"):  # 16 bits a pixel: conversion would cut off what is above 255
        import numpy as np

        image = PIL.Image.fromarray((np.asarray(image).clip(0, 65535) // 257).astype("uint8"))
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    paper = PIL.Image.new("RGBA", layer.size, "white")
    return PIL.Image.alpha_composite(paper, layer).convert("RGB")


def pixels_of(image: "PIL.Image.Image") -> Any:
    """uint8 (h, w, 3)."""
    import numpy as np
    import torch

    return torch.from_numpy(np.array(image if image.mode == "RGB" else image.convert("RGB")))
