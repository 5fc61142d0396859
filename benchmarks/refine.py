"""What the options of `refine` save, and what they change: `step_cache`, `guidance_start`, `guidance_stop`.

The drafts are made once; the refine stage alone paints them, with each option and without, by turns.

    share_of_time   of the same steps without the option, by name of the variant
    psnr            of its pictures against those, in dB: the mean; 99 where all bytes are the same
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

from ..engine.microbatch import Batching, Done, run_stage
from ..engine.stages.painting.refine import RefineStage
from ..engine.values import Draft, Picture
from ..pipelines.text_to_image import TextToImage
from .harness.options import Options
from .harness.prompts import benchmark_prompts
from .harness.report import Report, number, table
from .harness.timing import run_in_pairs

SAME = 99.0  # dB
GUIDED, UNGUIDED = (8, 3.0), (16, 1.0)  # steps, guidance scale
VARIANTS: dict[str, tuple[tuple[int, float], dict[str, float]]] = {
    "8 steps, guidance 3": (GUIDED, {}),
    "guidance_stop = 0.5": (GUIDED, {"guidance_stop": 0.5}),
    "guidance_start = 0.5": (GUIDED, {"guidance_start": 0.5}),
    "guided step_cache = 0.1": (GUIDED, {"step_cache": 0.1}),
    "guided step_cache = 0.2": (GUIDED, {"step_cache": 0.2}),
    "16 steps": (UNGUIDED, {}),
    "step_cache = 0.05": (UNGUIDED, {"step_cache": 0.05}),
    "step_cache = 0.1": (UNGUIDED, {"step_cache": 0.1}),
    "step_cache = 0.2": (UNGUIDED, {"step_cache": 0.2}),
    "8 steps instead": ((8, 1.0), {}),
    "4 steps instead": ((4, 1.0), {}),
}
PLAIN = {
    GUIDED[1]: "8 steps, guidance 3",
    UNGUIDED[1]: "16 steps",
}  # by guidance scale: what others are held to


def measure(options: Options) -> Report:
    """Heeds recipe, device, prompts (8 of them, at most), repeats and clock."""
    pipe = TextToImage.from_recipe(options.recipe, device=options.device)
    drafts = _drafts(pipe, min(options.prompts, 8))
    rivals = {name: functools.partial(_painted, pipe, drafts, *variant) for name, variant in VARIANTS.items()}
    rivals["8 steps, guidance 3"]()
    paired = run_in_pairs(rivals, repeats=options.repeats, clock=options.clock)
    time: dict[str, float] = {}
    psnr: dict[str, float] = {}
    shown = table("", "time", "PSNR, dB")
    for name, ((_, guidance), _) in VARIANTS.items():
        plain = PLAIN[guidance]
        time[name] = paired.ratio(name, plain).median
        psnr[name] = _psnr(paired.results[name], paired.results[plain])
        shown.add_row(name, number(time[name]), "-" if name == plain else number(psnr[name], 1))
    figures = {"share_of_time": time, "psnr": psnr}
    return Report(name="refine", figures=figures, tables={"refine, against the same without options": shown})


def _drafts(pipe: TextToImage, count: int) -> list[Draft]:
    outcomes = pipe(benchmark_prompts(count), seed=5).outcomes
    return [outcome.draft for outcome in outcomes if outcome.draft is not None]


def _painted(
    pipe: TextToImage, drafts: Sequence[Draft], settings: tuple[int, float], options: dict[str, float]
) -> list[Picture]:
    model = pipe.recipe.stages["refine"].model
    stage = RefineStage(model=model, **options)
    steps, guidance = settings
    rows = [_with(draft, num_inference_steps=steps, guidance_scale=guidance) for draft in drafts]
    done = run_stage(stage, rows, memory=pipe.runner.memory, batching=Batching(micro_batch=len(rows)))
    return [each.value for each in done if isinstance(each, Done)]


def _with(draft: Draft, **settings: Any) -> Draft:
    request = draft.plan.request
    request = dataclasses.replace(request, settings=dataclasses.replace(request.settings, **settings))
    return dataclasses.replace(draft, plan=dataclasses.replace(draft.plan, request=request))


def _psnr(pictures: Sequence[Picture], plain: Sequence[Picture]) -> float:
    errors = [
        (one.pixels.float() - other.pixels.float()).square().mean()
        for one, other in zip(pictures, plain, strict=True)
    ]
    each = [SAME if error == 0 else min(SAME, float(10 * (255**2 / error).log10())) for error in errors]
    return sum(each) / max(len(each), 1)
