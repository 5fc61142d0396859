"""Throughput under budgets below the weights: bytes moved, the peak against the budget, the process's memory.

    relative_throughput   by percent of the weights: pictures a second over the same engine's without a budget
    over_budget_bytes     the most that was ever accounted for beyond a budget; 0, or the benchmark fails

A budget holds weights and workspace together (see docs/architecture.md). So that a percentage says how many of
the weights find room, and not how much room the pictures' activations need, a budget is

    percent of the weights of all models + the largest workspace that the run without a budget set aside.

At 100 % all models can stay while the hungriest stage works at its full micro-batch; below, some must go. The
same without that allowance, weights and workspace in a percentage of the weights alone, is measured too
(`relative_throughput_without_allowance`); where even one row of a stage cannot fit, the refusal stands in its
place. Beside the accounts stands what the process itself held of main memory at most, and by how much it grew
in a run at most; all engines of this benchmark, with their masters of the weights, live in the one process.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ..engine.errors import DiptychError, MemoryBudgetError
from ..engine.memory import EventLog, format_bytes
from ..engine.watch import Quiet
from ..pipelines.recipes.reader import Recipe
from .harness.engine import Engine
from .harness.machine import resident_bytes
from .harness.options import Options
from .harness.prompts import benchmark_prompts
from .harness.report import Report, number, table
from .harness.timing import Paired, run_in_pairs

PERCENTS = (100, 80, 60, 40)
RESIDENT = "no budget"
MOVES = ("load", "prefetch", "stream", "evict")


class MemoryProbe(Quiet):
    """Looks at the accounts and at the process at every step of a run, and keeps what is most."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._before = 0
        self.accounted_bytes = 0
        self.process_bytes = 0
        self.growth_bytes = 0  # of the process in one run

    def begin(self) -> None:
        """A run begins."""
        self._before = resident_bytes() or 0

    def on_progress(self, stage: str, done: int, total: int, fraction_of_current: float, /) -> None:
        self.accounted_bytes = max(self.accounted_bytes, self._engine.memory.accounted_bytes)
        process = resident_bytes() or 0
        self.process_bytes = max(self.process_bytes, process)
        self.growth_bytes = max(self.growth_bytes, process - self._before)


@dataclasses.dataclass
class Setting:
    """One budget, with an engine of its own that stays loaded from run to run as far as the budget lets it.

    Args:
        budget_bytes: `None` for none.
        log: of the measured runs.
    """

    engine: Engine
    gauge: MemoryProbe
    budget_bytes: int | None
    log: EventLog = dataclasses.field(default_factory=EventLog)

    @classmethod
    def of(cls, recipe: Recipe, options: Options, budget_bytes: int | None) -> "Setting":
        """Raises `MemoryBudgetError` if one row of a stage can never fit."""
        engine = Engine(recipe, device=options.device, clock=options.clock, memory=budget_bytes)
        return cls(engine, MemoryProbe(engine), budget_bytes)

    def run(self, prompts: Sequence[str]) -> None:
        self.gauge.begin()
        with self.engine.log.part() as log:
            self.engine.run(prompts, watch=self.gauge)
        self.log.extend(log)

    @property
    def peak_bytes(self) -> int:
        """The most that was accounted for at a time: by the log, and by the looks at the accounts."""
        return max(self.gauge.accounted_bytes, self.engine.log.peak_bytes)

    @property
    def over_bytes(self) -> int:
        return 0 if self.budget_bytes is None else max(0, self.peak_bytes - self.budget_bytes)

    def summary(self, repeats: int) -> dict[str, Any]:
        """What a run did, on average, and the peaks."""
        moved = {kind: self.log.totals(kind).bytes / repeats for kind in MOVES}
        waited = self.log.totals("lease").ms / 1000 / repeats
        return {
            "budget_bytes": self.budget_bytes,
            "peak_bytes": self.peak_bytes,
            "process_peak_bytes": self.gauge.process_bytes,
            "process_growth_bytes": self.gauge.growth_bytes,
            "moved_bytes_a_run": moved,
            "waited_for_models_s_a_run": waited,
            "micro_batches": _largest_rows(self.log),
        }


def measure(options: Options) -> Report:
    """Heeds recipe, device, clock, prompts and repeats. Raises `DiptychError` if a budget was exceeded."""
    recipe, prompts = options.read_recipe(), benchmark_prompts(options.prompts)
    resident = Setting.of(recipe, options, None)
    options.say(f"without a budget, {len(prompts)} prompts")
    resident.engine.run(prompts)
    weights = weights_of(resident.engine)
    workspace = resident.engine.log.workspace_bytes
    settings: dict[str, Setting] = {RESIDENT: resident}
    refusals: dict[str, str] = {}
    budgets = {f"{percent}": weights * percent // 100 + workspace for percent in PERCENTS}
    budgets |= {f"{percent}{_BARE}": weights * percent // 100 for percent in PERCENTS}
    for name, budget in budgets.items():
        try:
            settings[name] = Setting.of(recipe, options, budget)
        except MemoryBudgetError as error:
            refusals[name] = str(error)
    for name, setting in settings.items():
        if name != RESIDENT:
            options.say(f"warming up at {name} %: {format_bytes(setting.budget_bytes or 0)}")
            setting.engine.run(prompts)
    options.say(f"{len(prompts)} prompts, {options.repeats} times at each of {len(settings)} budgets")
    runs = {name: _runner(setting, prompts) for name, setting in settings.items()}
    paired = run_in_pairs(runs, repeats=options.repeats, clock=options.clock)
    over = max(setting.over_bytes for setting in settings.values())
    if over:
        raise DiptychError(f"{format_bytes(over)} more than the budget were accounted for: that is a bug")
    sizes = {"weights_bytes": weights, "workspace_bytes": workspace}
    return _report(paired, settings, refusals, sizes, options)


_BARE = " without allowance"


def _runner(setting: Setting, prompts: Sequence[str]) -> Any:
    return lambda: setting.run(prompts)


def weights_of(engine: Engine) -> int:
    """Bytes of the weights of all models of a chain."""
    uses = engine.pipe.runner.chain.uses_in_order()
    return engine.memory.weight_bytes(key for keys in uses for key in keys)


def _largest_rows(log: EventLog) -> dict[str, int]:
    """The largest micro-batch of each stage."""
    return {stage: log.totals("run", stage=stage).most_rows for stage in log.stages("run")}


def _report(
    paired: Paired,
    settings: Mapping[str, Setting],
    refusals: Mapping[str, str],
    sizes: Mapping[str, int],
    options: Options,
) -> Report:
    ratios = {name: paired.ratio(RESIDENT, name) for name in settings if name != RESIDENT}
    results = {name: ratio.median for name, ratio in ratios.items()} | dict(refusals)
    summaries = {name: setting.summary(options.repeats) for name, setting in settings.items()}
    shown = table(
        "percent of the weights", "budget", "peak", "process grew", "loaded a run", "throughput", "spread"
    )
    title = (
        f"{options.prompts} prompts; {format_bytes(sizes['weights_bytes'])} of weights, at most"
        f" {format_bytes(sizes['workspace_bytes'])} of workspace"
    )
    for name, found in summaries.items():
        moved = found["moved_bytes_a_run"]
        shown.add_row(
            name,
            "-" if found["budget_bytes"] is None else format_bytes(found["budget_bytes"]),
            format_bytes(found["peak_bytes"]),
            format_bytes(found["process_growth_bytes"]),
            format_bytes(int(moved["load"] + moved["prefetch"] + moved["stream"])),
            number(ratios[name].median if name in ratios else 1.0, 3),
            str(ratios.get(name, "")),
        )
    for name in refusals:
        shown.add_row(name, "refused", "", "", "", "-", "")
    return Report(
        name="memory",
        figures={
            "relative_throughput": {str(p): results[str(p)] for p in PERCENTS},
            "relative_throughput_without_allowance": {str(p): results[f"{p}{_BARE}"] for p in PERCENTS},
            "over_budget_bytes": max(setting.over_bytes for setting in settings.values()),
        },
        details={
            **options.chosen(),
            **sizes,
            "spread": {name: ratio.spread for name, ratio in ratios.items()},
            "settings": summaries,
        },
        tables={title: shown},
        notes=[f"at {name} %: {refusal}" for name, refusal in refusals.items()],
    )
