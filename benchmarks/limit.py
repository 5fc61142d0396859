"""Arithmetic done in the refine and draft stages over what the machine can do of the same kinds.

    refine_share, decode_share   of the seconds that the stage took in a run of the whole chain, the share that
                                 its arithmetic takes at the machine's measured peak

Counted is what one micro-batch, of the size that the runner chose, needs: the forward passes that the script
of `baseline/` makes (every step, branch and token once, attention over what is there); less, where the engine
was counted to do with less. The peak is measured (`peak.py`) for convolutions and for matrix products apart in
the stage's own number format, beside each run, and mixed by their shares. The rest of the time is told apart
into what the same operations lose at the shapes at hand (each timed alone), and all else: norms, activations,
sampling, copies, Python.
"""

import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from ..engine.microbatch import Batching, run_stage
from ..engine.values import Outcome
from .baseline.script import Script
from .harness.arithmetic import KINDS, Operation, Tally, counted_by_layer
from .harness.engine import Engine
from .harness.options import Options
from .harness.peak import measured_peak, seconds_alone
from .harness.prompts import benchmark_prompts
from .harness.report import Report, number, table

STAGES = {"refine": "refine_share", "draft": "decode_share"}


@dataclasses.dataclass(frozen=True)
class Work:
    """The arithmetic of one micro-batch of a stage.

    Args:
        calls: how often each operation runs in the script.
        flops: of each operation, once.
        by_layer: the script's, counted by another way (see `counted_by_layer`), for comparison.
        in_engine: what the engine was counted to do for the same rows.
    """

    rows: int
    calls: Mapping[Operation, int]
    flops: Mapping[Operation, int]
    by_layer: int
    in_engine: int

    @property
    def in_script(self) -> int:
        return sum(times * self.flops[operation] for operation, times in self.calls.items())

    @property
    def total(self) -> int:
        """The lesser of both counts: what needs not be done is no work. Where the engine's is less than half,
        something ran that cannot be looked into, as a captured graph, and the script's stands."""
        seen = 2 * self.in_engine >= self.in_script
        return min(self.in_script, self.in_engine) if seen else self.in_script

    def by_kind(self) -> dict[str, int]:
        """The script's, by kind of operation."""
        found: dict[str, int] = {}
        for operation, times in self.calls.items():
            found[operation.kind] = found.get(operation.kind, 0) + times * self.flops[operation]
        return found

    def seconds_at(self, peak: Mapping[str, float]) -> float:
        """How long the total takes at the peak of its kinds."""
        seconds = sum(flops / peak[kind] for kind, flops in self.by_kind().items())
        return seconds * self.total / self.in_script

    def seconds_alone(self, alone: Mapping[Operation, float]) -> float:
        """How long the total takes, each operation timed alone."""
        seconds = sum(times * alone[operation] for operation, times in self.calls.items())
        return seconds * self.total / self.in_script


@dataclasses.dataclass(frozen=True)
class Finding:
    """One stage in one run: seconds of a micro-batch, and what of them is what."""

    seconds: float
    at_peak: float
    alone: float
    peak: Mapping[str, float]

    @property
    def share(self) -> float:
        return self.at_peak / self.seconds

    @property
    def lost_to_shapes(self) -> float:
        return (self.alone - self.at_peak) / self.seconds

    @property
    def all_else(self) -> float:
        return 1 - self.alone / self.seconds


def measure(options: Options) -> Report:
    """Heeds recipe, device, clock, prompts and repeats."""
    recipe, prompts = options.read_recipe(), benchmark_prompts(options.prompts)
    engine = Engine(recipe, device=options.device, clock=options.clock)
    options.say(f"warming up with {len(prompts)} prompts")
    outcomes = engine.run(prompts)
    script = Script(recipe, device=engine.device)
    options.say("counting arithmetic")
    works = {stage: work_of(engine, script, stage, outcomes) for stage in STAGES}
    dtypes = {"refine": script.refiner.unet.dtype, "draft": script.drafter.model.dtype}
    findings: dict[str, list[Finding]] = {stage: [] for stage in STAGES}
    for i in range(options.repeats):
        options.say(f"run {i + 1} of {options.repeats}")
        for stage, found in look(engine, works, prompts, dtypes, options).items():
            findings[stage].append(found)
    return _report(works, findings, options)


def work_of(engine: Engine, script: Script, stage: str, outcomes: Sequence[Outcome]) -> Work:
    """What the script and the engine do for one micro-batch of the size that the runner chose most often."""
    ((size, _),) = engine.log.totals("run", stage=stage).sizes.most_common(1)
    batch = outcomes[:size]
    work, models, values = _script_work(script, stage, batch)
    with Tally() as tally:
        work()
    by_layer = counted_by_layer(models, work)
    (stage_itself,) = (each for each in engine.pipe.runner.chain.stages if each.name == stage)
    with Tally() as in_engine:
        run_stage(stage_itself, values, memory=engine.memory, batching=Batching(micro_batch=len(batch)))
    return Work(len(batch), tally.calls, tally.flops_of, by_layer, in_engine.flops)


def look(
    engine: Engine,
    works: Mapping[str, Work],
    prompts: Sequence[str],
    dtypes: Mapping[str, torch.dtype],
    options: Options,
) -> dict[str, Finding]:
    """Run the chain once, and measure the peak beside it. By stage, for those of `works`."""
    device, clock = engine.device, options.clock
    alone = {stage: seconds_alone(work.flops, device, clock=clock) for stage, work in works.items()}
    peak = {
        stage: measured_peak(
            device,
            dtypes[stage],
            used={op: work.flops[op] / seconds for op, seconds in alone[stage].items()},
            clock=clock,
        )
        for stage, work in works.items()
    }
    engine.seconds.clear()
    engine.run(prompts)
    seconds = {stage: engine.seconds[stage] / len(prompts) * work.rows for stage, work in works.items()}
    return {
        stage: Finding(
            seconds[stage], work.seconds_at(peak[stage]), work.seconds_alone(alone[stage]), peak[stage]
        )
        for stage, work in works.items()
    }


def _script_work(
    script: Script, stage: str, batch: Sequence[Outcome]
) -> tuple[Callable[[], Any], dict[str, torch.nn.Module], list[Any]]:
    """The script's stage on these rows, its models, and what the engine's stage takes for the same rows."""
    texts = [outcome.plan.prompt for outcome in batch]
    if stage == "draft":
        models: dict[str, torch.nn.Module] = {"drafter": script.drafter.model}
        return lambda: script.drafter(texts), models, [outcome.plan for outcome in batch]
    refiner = script.refiner
    drafts = [outcome.draft for outcome in batch if outcome.draft is not None]
    previews = torch.stack([draft.preview for draft in drafts]).to(refiner.device)
    models = {"unet": refiner.unet, "text": refiner.text_encoder, "latents": refiner.latents}
    return lambda: refiner(texts, previews), models, drafts


def _report(works: Mapping[str, Work], findings: Mapping[str, list[Finding]], options: Options) -> Report:
    details = {stage: _details(works[stage], findings[stage]) for stage in STAGES}
    shown = table(
        "stage", "rows", "GFLOP", "seconds", "GFLOP/s", "share", "spread", "lost to shapes", "all else"
    )
    for stage, found in details.items():
        low, high = found["spread"]
        shown.add_row(
            stage,
            str(found["rows"]),
            number(found["gflop"], 1),
            number(found["seconds"], 3),
            number(found["gflop"] / found["seconds"], 1),
            number(found["share"]),
            f"{low:.2f} to {high:.2f}",
            number(found["lost_to_shapes"]),
            number(found["all_else"]),
        )
    peaks = table("stage", *KINDS)
    for stage, found in details.items():
        peaks.add_row(stage, *(number(found["peak_gflop_a_second"][kind], 1) for kind in KINDS))
    return Report(
        name="limit",
        figures={name: details[stage]["share"] for stage, name in STAGES.items()},
        details={**options.chosen(), **details},
        tables={"where the seconds of a micro-batch go": shown, "the machine's measured peak, GFLOP/s": peaks},
    )


def _details(work: Work, found: Sequence[Finding]) -> dict[str, Any]:
    shares = [each.share for each in found]
    return {
        "rows": work.rows,
        "gflop": work.total / 1e9,
        "gflop_in_script": work.in_script / 1e9,
        "gflop_in_script_by_layer": work.by_layer / 1e9,
        "gflop_in_engine": work.in_engine / 1e9,
        "gflop_by_kind": {kind: flops / 1e9 for kind, flops in work.by_kind().items()},
        "seconds": statistics.median(each.seconds for each in found),
        "share": statistics.median(shares),
        "spread": [min(shares), max(shares)],
        "peak_gflop_a_second": {
            kind: statistics.median(each.peak[kind] for each in found) / 1e9 for kind in KINDS
        },
        "lost_to_shapes": statistics.median(each.lost_to_shapes for each in found),
        "all_else": statistics.median(each.all_else for each in found),
    }
