"""The draft stage against transformers' `generate`, a token and row, at batches of 1, 16 and 64.

    ratio_batch_1, ratio_batch_16, ratio_batch_64   `generate`'s milliseconds over the engine's
    ms_batch_1, ms_batch_16, ms_batch_64            milliseconds a token and row: [generate, engine]

Same model, prompts, number of tokens and sampling settings, no guidance; `generate` with the cache that it
chooses itself. The engine's time is that of its whole stage, previews included. The same with guidance, the
recipe's, or where it has none a usual one, is under `details`.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

from ..engine.errors import DiptychError, InputError
from ..engine.microbatch import Batching, Failed, run_stage
from ..engine.stage import Stage
from ..engine.values import Draft, Plan
from ..pipelines.text_to_image import TextToImage
from .baseline.draft import Drafter
from .baseline.script import load_drafter
from .harness.options import Options
from .harness.prompts import benchmark_prompts
from .harness.report import Report, number, table
from .harness.timing import Paired, Ratio, run_in_pairs

BATCHES = (1, 16, 64)
GUIDANCE = 3.0  # where the recipe has none


@dataclasses.dataclass(frozen=True)
class Duel:
    """Both sides at one batch size; seconds of whole grids of `tokens` tokens a row."""

    batch: int
    guidance: float
    tokens: int
    paired: Paired

    @property
    def ratio(self) -> Ratio:
        return self.paired.ratio("generate", "engine")

    @property
    def ms(self) -> list[float]:
        """Milliseconds a token and row: [generate, engine]."""
        each = (self.paired.median(name) for name in ("generate", "engine"))
        return [1000 * seconds / self.tokens / self.batch for seconds in each]


def measure(options: Options) -> Report:
    """Heeds recipe, device, clock and repeats."""
    recipe = options.read_recipe()
    pipe = TextToImage.from_recipe(recipe, device=options.device)
    drafter = load_drafter(recipe, pipe.runner.memory.device)
    own = recipe.defaults.draft_guidance_scale or 1.0
    scales = (1.0, GUIDANCE if own == 1 else own)
    duels = [_duel(pipe, drafter, batch, scale, options) for scale in scales for batch in BATCHES]
    return _report(duels[: len(BATCHES)], duels[len(BATCHES) :], options)


def drafting(pipe: TextToImage) -> Stage[Any, Any]:
    """The stage that gives drafts. Raises `InputError` if the recipe has none."""
    for stage in pipe.runner.chain.stages:
        if stage.gives is Draft:
            return stage
    raise InputError(f"recipe {pipe.recipe.name}: has no stage that drafts: there is nothing to decode")


def draft(pipe: TextToImage, plans: Sequence[Plan]) -> None:
    """Carry out the draft stage on all plans at once. Raises `DiptychError` if a row fails."""
    batching = Batching(micro_batch=len(plans))
    for result in run_stage(drafting(pipe), plans, memory=pipe.runner.memory, batching=batching):
        if isinstance(result, Failed):
            raise DiptychError(f"draft: {result.reason}")


def plans_of(pipe: TextToImage, prompts: Sequence[str], guidance: float) -> list[Plan]:
    """Plans that say what the prompts say."""
    return [
        Plan(request=pipe.request(text, seed=i, draft_guidance_scale=guidance), prompt=text, facts=())
        for i, text in enumerate(prompts)
    ]


def _duel(pipe: TextToImage, drafter: Drafter, batch: int, guidance: float, options: Options) -> Duel:
    options.say(f"batch of {batch}, guidance {guidance:g}, {options.repeats} times each")
    prompts, tokens = benchmark_prompts(batch), math.prod(drafter.model.config.image_token_grid)
    drafter.guidance_scale = guidance
    rivals = {
        "engine": functools.partial(draft, pipe, plans_of(pipe, prompts, guidance)),
        "generate": functools.partial(drafter.tokens, prompts, tokens),
    }
    run_in_pairs(rivals, repeats=1, clock=options.clock)  # to warm up
    paired = run_in_pairs(rivals, repeats=options.repeats, clock=options.clock)
    return Duel(batch, guidance, tokens, paired)


def _report(plain: Sequence[Duel], guided: Sequence[Duel], options: Options) -> Report:
    shown = table("batch", "generate", "engine", "ratio", "spread")
    for duel in (*plain, *guided):
        name = str(duel.batch) if duel.guidance == 1 else f"{duel.batch}, guidance {duel.guidance:g}"
        milliseconds = (number(value, 3) for value in duel.ms)
        shown.add_row(name, *milliseconds, number(duel.ratio.median), str(duel.ratio))
    return Report(
        name="decode",
        figures=_figures(plain),
        details={
            **options.chosen(),
            "tokens_a_row": plain[0].tokens,
            "spread": {f"ratio_batch_{duel.batch}": duel.ratio.spread for duel in plain},
            "with_guidance": _figures(guided),
            "guidance": guided[0].guidance,
        },
        tables={f"milliseconds a token and row, {options.clock_name} time": shown},
    )


def _figures(duels: Sequence[Duel]) -> dict[str, Any]:
    ratios = {f"ratio_batch_{duel.batch}": duel.ratio.median for duel in duels}
    return ratios | {f"ms_batch_{duel.batch}": duel.ms for duel in duels}
