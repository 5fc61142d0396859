"""The engine against scripts on the whole chain: same weights, same steps, tokens and questions.

    ratio_one_at_a_time   seconds of the script that makes one picture at a time, over the engine's
    ratio_batched         seconds of the script in batches of 16, over the engine's
    ratio_single          the same for one picture alone
    deterministic_cost    what the deterministic mode adds to the engine's seconds, as a share of them
    deterministic_cost_single    the same for one picture alone, which is padded to a whole micro-batch

The scripts are those of `baseline/`. All models are loaded beforehand, on both sides. The planner takes its
likeliest tokens on both sides, so that plans, and with them the questions to the captioner, are the same word
for word, and the work is; the drafter samples as the recipe says, always the same number of tokens. That
plans and questions were the same is checked in each run and reported.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.table import Table

from ..engine.values import Outcome
from ..pipelines.recipes.reader import Recipe
from .baseline.script import Made, Script
from .harness.engine import Engine
from .harness.options import Options
from .harness.prompts import benchmark_prompts
from .harness.report import Report, number, table
from .harness.timing import Paired, Ratio, run_in_pairs

BATCH = 16
SINGLE_RUNS = 5
RATIOS = {
    "ratio_one_at_a_time": ("one at a time", "engine"),
    "ratio_batched": ("batched", "engine"),
    "ratio_single": ("script, alone", "engine, alone"),
}
"""Figure: (slower, faster)."""
COSTS = {
    "deterministic_cost": ("deterministic", "engine"),
    "deterministic_cost_single": ("deterministic, alone", "engine, alone"),
}
"""Figure: (with, without)."""


@dataclasses.dataclass(frozen=True)
class Rival:
    """One way to make pictures of prompts, with what its stages take."""

    worker: Engine | Script
    make: Callable[[Sequence[str]], Any]
    prompts: Sequence[str]
    stages: dict[str, float] = dataclasses.field(default_factory=dict)

    def run(self) -> Any:
        self.worker.seconds.clear()
        made = self.make(self.prompts)
        for stage, seconds in self.worker.seconds.items():
            self.stages[stage] = self.stages.get(stage, 0.0) + seconds
        return made


def settled(recipe: Recipe) -> Recipe:
    """The recipe with a planner that takes its likeliest tokens, and without repairs: a script has none."""
    plan = recipe.stages["plan"]
    calm = dataclasses.replace(plan, settings={**plan.settings, "temperature": 0.0})
    once = dataclasses.replace(recipe.defaults, repairs=0)
    return dataclasses.replace(recipe, stages={**recipe.stages, "plan": calm}, defaults=once)


def measure(options: Options) -> Report:
    """Heeds recipe, device, clock, prompts and repeats."""
    recipe, prompts = settled(options.read_recipe()), benchmark_prompts(options.prompts)
    engine = Engine(recipe, device=options.device, clock=options.clock)
    same = Engine(recipe, device=options.device, clock=options.clock, deterministic=True)
    script = Script(recipe, device=engine.device, clock=options.clock)
    one, batched = (functools.partial(script.run, batch_size=size) for size in (1, BATCH))
    many = {
        "engine": Rival(engine, engine.run, prompts),
        "deterministic": Rival(same, same.run, prompts),
        "one at a time": Rival(script, one, prompts),
        "batched": Rival(script, batched, prompts),
    }
    alone = {
        "engine, alone": Rival(engine, engine.run, prompts[:1]),
        "deterministic, alone": Rival(same, same.run, prompts[:1]),
        "script, alone": Rival(script, one, prompts[:1]),
    }
    options.say("warming up")
    for rival in (*many.values(), *alone.values()):
        rival.make(rival.prompts[: 1 if rival.make is one else BATCH])
    options.say(f"{len(prompts)} prompts, {options.repeats} times each: {', '.join(many)}")
    paired = _run(many, options, options.repeats)
    options.say(f"one picture alone, {SINGLE_RUNS * options.repeats} times each")
    paired_alone = _run(alone, options, SINGLE_RUNS * options.repeats)
    both = Paired(paired.seconds | paired_alone.seconds, paired.results)
    return _report(both, many | alone, options)


def _run(rivals: Mapping[str, Rival], options: Options, repeats: int) -> Any:
    runs = {name: rival.run for name, rival in rivals.items()}
    return run_in_pairs(runs, repeats=repeats, clock=options.clock)


def _report(paired: Paired, rivals: Mapping[str, Rival], options: Options) -> Report:
    ratios = {figure: paired.ratio(*pair) for figure, pair in RATIOS.items()}
    costs = {figure: paired.ratio(*pair) for figure, pair in COSTS.items()}
    made = {name: len(paired.seconds[name]) * len(rival.prompts) for name, rival in rivals.items()}
    stages = {
        name: {stage: seconds / made[name] for stage, seconds in rival.stages.items()}
        for name, rival in rivals.items()
    }
    a_picture = {name: paired.median(name) / len(rival.prompts) for name, rival in rivals.items()}
    work = _work(paired.results["engine"], paired.results["batched"])
    notes = []
    if work["same_plans"] < options.prompts:
        notes.append(f"only {work['same_plans']} of {options.prompts} plans are the same on both sides")
    return Report(
        name="chain",
        figures={
            **{figure: ratio.median for figure, ratio in ratios.items()},
            **{figure: ratio.median - 1 for figure, ratio in costs.items()},
        },
        details={
            **options.chosen(),
            "spread": {
                **{figure: ratio.spread for figure, ratio in ratios.items()},
                **{figure: (ratio.spread[0] - 1, ratio.spread[1] - 1) for figure, ratio in costs.items()},
            },
            "seconds_a_picture": a_picture,
            "seconds_a_picture_by_stage": stages,
            "work": work,
        },
        tables={
            f"the scripts' {options.clock_name} time over the engine's": _ratio_table(ratios),
            f"the deterministic mode's {options.clock_name} time over the engine's": _ratio_table(costs),
            f"milliseconds a picture, {options.prompts} prompts": _stage_table(stages, a_picture),
        },
        notes=notes,
    )


def _work(outcomes: Sequence[Outcome], made: Sequence[Made]) -> dict[str, Any]:
    """What was done on each side, for comparison: `[engine, script]`."""
    pairs = list(zip(outcomes, made, strict=True))
    asked = [(len(o.plan.facts), len(m.planned.facts)) for o, m in pairs]
    captions = [(len(o.verdict.caption.split()), len(m.judged.caption.split())) for o, m in pairs]
    tokens = [(o.draft.tokens.numel() if o.draft else 0, m.tokens.numel()) for o, m in pairs]
    return {
        "same_plans": sum(
            o.plan.prompt == m.planned.prompt and tuple(f.text for f in o.plan.facts) == m.planned.facts
            for o, m in pairs
        ),
        "plan_tokens": sum(m.planned.tokens for m in made),
        "draft_tokens": [sum(column) for column in zip(*tokens, strict=True)],
        "questions": [sum(column) for column in zip(*asked, strict=True)],
        "caption_words": [sum(column) for column in zip(*captions, strict=True)],
    }


def _ratio_table(ratios: Mapping[str, Ratio]) -> Table:
    shown = table("", "ratio", "spread")
    for figure, ratio in ratios.items():
        shown.add_row(figure, number(ratio.median), str(ratio))
    return shown


def _stage_table(stages: Mapping[str, Mapping[str, float]], a_picture: Mapping[str, float]) -> Table:
    shown = table("stage", *stages)
    for stage in dict.fromkeys(stage for found in stages.values() for stage in found):
        shown.add_row(stage, *(number(1000 * found.get(stage, 0.0), 1) for found in stages.values()))
    shown.add_section()
    shown.add_row("all, the median run", *(number(1000 * a_picture[name], 1) for name in stages))
    return shown
