"""The closed loop: what it lifts alignment by, and at what cost; and how well its score tells right from wrong.

    alignment                 by setting: overall (mean of the categories), by category, atoms and whole prompts
                              (see `atoms`), seconds a prompt
    lift_points               of the whole loop, drafts pruned and planned again once, over the plain chain
    pruned_share_of_full_lift lift of N drafts pruned to `KEEP` (1, where N is no more), over that of all N
    pruned_cost               time of a prompt so pruned over the plain chain's; median of pairs, rendered alone
    preview_rank_correlation  Spearman's, of previews' scores and their pictures'
    repair_minus_pruned       whole prompts, in points: a plain chain whose pictures are repaired where they
                              miss something, over pruned drafts that take as long, or the next longer
    repair_broken             share of the atoms that a repair made wrong, of those that were right before
    scorer_auc                of right and wrong prompts of held-out renders, by kind of mismatch, and overall
    calibration_error         of the score on them; they are not those that it was calibrated on
    hybrid_minus_tokens_only, hybrid_minus_diffusion_only
                              points, hybrid pruned as above, the other best of as many as it has time for

The prompts are the held-out ones of `diptych evaluate`, and its inspector is the judge of the result; it takes
no part in the loop. N candidates of each prompt are painted and judged once; what best-of-k and pruned loops
come out with, for k up to N, is read off that trail, which is exact (see `trail`), and their seconds are
put together from those of its stages. `pruned_cost`, and the settings with several rounds, are measured on
loops that really ran; so are those with repairs.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...engine.values import Outcome
from ...pipelines.evaluation.ablation import alone
from ...pipelines.evaluation.alignment import Look, held_out_scenes
from ...pipelines.evaluation.captioner import judge_with
from ...pipelines.evaluation.inspector import Inspector, Sighting
from ...pipelines.evaluation.typed_prompts.score_statistics import spearman
from ...pipelines.pocket.world import Scene, prompt_of
from ...pipelines.text_to_image import TextToImage
from ..harness.engine import Engine
from ..harness.options import Options
from ..harness.report import Report, number, table
from ..harness.timing import Ratio, run_in_pairs
from .alignment import Point, point
from .plot import draw_alignment
from .repair import Repaired, Repairs, at_equal_time, render_repaired
from .scorer import figures_of, measure_scorer
from .trail import Trail, policy_of, render_trails, seconds_of

KEEPS = (1, 2)  # drafts that are painted where they are pruned
KEEP = 2  # of the figures
ROUNDS = 2
REPAIRS = 2  # of a picture
MOST = 32  # candidates of one panel alone
TIMED = 4  # prompts
PLAIN = "plain chain"
FULL, PRUNED, AGAIN, MENDED = "best of N", "pruned to {}", "rounds", "repairs"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bench:
    """What all parts of the benchmark need.

    Args:
        counts: numbers of candidates, least first.
    """

    pipe: TextToImage
    look: Look
    scenes: Sequence[Scene]
    counts: Sequence[int]
    options: Options

    @property
    def most(self) -> int:
        return self.counts[-1]

    @property
    def keep(self) -> int:
        """Drafts that are painted, in the figures."""
        return KEEP if self.most > KEEP else 1

    def render(self, pipe: TextToImage, scenes: Sequence[Scene], candidates: int) -> list[Trail]:
        temperature = self.options.temperature
        return render_trails(pipe, self.look, scenes, candidates=candidates, temperature=temperature)

    def read(self, pipe: TextToImage, trails: Sequence[Trail], count: int, keep: int | None = None) -> Point:
        """What a loop of one round would come out with."""
        policy = policy_of(count, keep)
        seen = [trail.chosen(policy) for trail in trails]
        return point(named(count, keep), seconds_of(pipe, trails, policy), seen, self.scenes)


def named(count: int, keep: int | None = None, rounds: int = 1, repairs: int = 0) -> str:
    """What a setting is called."""
    name = f"best of {count}" if keep is None else f"{count} drafts, {keep} painted"
    name = PLAIN if count == 1 else name
    name = f"{name}, {repairs} repairs" if repairs else name
    return name if rounds == 1 else f"{name}, {rounds} rounds"


def measure(options: Options) -> Report:
    """Heeds recipe, device, clock, prompts, first, temperature, repeats, candidates, inspector and only
    (`scorer`, `repairs`)."""
    only = options.part_of("loop")
    pipe = Engine(options.read_recipe(), device=options.device, clock=options.clock).pipe
    looker = Inspector.from_checkpoint(options.inspector) if only != "scorer" else None
    if looker is not None and only == "repairs":
        return _of_repairs(_bench(pipe, looker, options))
    options.say(f"scorer: {options.prompts} held-out renders, each with prompts that are wrong in one respect")
    judge = judge_with(pipe.runner.chain.stages[-1], pipe.runner.memory)
    scored = figures_of(measure_scorer(judge, count=options.prompts))
    scorer_table = table("mismatch", "AUC")
    for kind, value in scored["scorer_auc"].items():
        scorer_table.add_row(kind, number(value, 3))
    scorer_table.add_row("calibration error", number(scored["calibration_error"], 3))
    report = Report(name="loop", figures=scored, details=options.chosen(), tables={"scorer": scorer_table})
    if looker is None:
        return report
    return _with_loop(_bench(pipe, looker, options), report)


def _bench(pipe: TextToImage, looker: Inspector, options: Options) -> Bench:
    return Bench(
        pipe=pipe,
        look=looker.look,
        scenes=held_out_scenes(options.first + options.prompts)[options.first :],
        counts=options.counts,
        options=options,
    )


def _of_repairs(bench: Bench) -> Report:
    """Repairs, and what they are compared with, alone."""
    bench.options.say(f"{len(bench.scenes)} prompts, {bench.most} candidates each, all painted")
    trails = bench.render(bench.pipe, bench.scenes, bench.most)
    repairs = _repairs(bench, trails)
    lines = {**_read_off(bench, trails), MENDED: [each.point for each in repairs.mended]}
    points = list({each.name: each for line in lines.values() for each in line}.values())
    return Report(
        name="loop",
        figures={"alignment": {each.name: each.to_json() for each in points}, **repairs.figures},
        details={**bench.options.chosen(), **_drawn(bench), "repairs": repairs.to_json()},
        tables={"alignment": _table(points, points[0]), "repairs": repairs.table()},
        notes=repairs.notes,
        pictures={"loop-repairs.png": draw_alignment(lines, "What repairs are worth: alignment over time")},
    )


def _with_loop(bench: Bench, scorer: Report) -> Report:
    options = bench.options
    options.say(f"{len(bench.scenes)} prompts, {bench.most} candidates each, all painted")
    trails = bench.render(bench.pipe, bench.scenes, bench.most)
    lines = _read_off(bench, trails)
    options.say(f"the same, pruned, and planned again: {ROUNDS} rounds at most")
    lines[AGAIN] = [_rounds(bench, count) for count in dict.fromkeys((1, bench.most))]
    repairs = _repairs(bench, trails)
    lines[MENDED] = [each.point for each in repairs.mended]
    plain = lines[FULL][0]
    points = list({each.name: each for line in lines.values() for each in line}.values())
    full, pruned, looped = lines[FULL][-1], lines[PRUNED.format(bench.keep)][-1], lines[AGAIN][-1]
    panels, minus = _panels(bench, trails, pruned)
    cost = _costs(bench)
    lifts = {each.name: each.over(plain).to_json() for each in points}
    correlation, within = _correlations(trails)
    share = _share(pruned.overall - plain.overall, full.overall - plain.overall)
    return dataclasses.replace(
        scorer,
        figures={
            "alignment": {each.name: each.to_json() for each in points},
            "lift_points": 100 * (looped.overall - plain.overall),
            "pruned_share_of_full_lift": share,
            **repairs.figures,
            "pruned_cost": cost[named(bench.most, bench.keep)].median if bench.most > bench.keep else 1.0,
            **scorer.figures,
            **{name: 100 * each.value for name, each in minus.items()},
            "preview_rank_correlation": correlation,
        },
        details={
            **scorer.details,
            **_drawn(bench),
            "settings": {"loop": looped.name, "pruned": pruned.name, "full": full.name},
            "lift_over_plain": lifts,
            "cost_over_plain": {name: [ratio.median, *ratio.spread] for name, ratio in cost.items()},
            "preview_rank_correlation_within_prompts": within,
            "panels": {name: {p.name: p.to_json() for p in line} for name, line in panels.items()},
            "hybrid_minus": {name: each.to_json() for name, each in minus.items()},
            "repairs": repairs.to_json(),
            "failed_prompts": sum(not trail.candidates for trail in trails),
            "plans_in_the_words_of_the_prompt": sum(map(_as_asked, trails)),
        },
        tables={**scorer.tables, "alignment": _table(points, plain), "repairs": repairs.table()},
        notes=[*_notes(full, plain), *repairs.notes],
        pictures={
            "loop.png": draw_alignment(lines, "What the loop is worth: alignment over time"),
            "loop-panels.png": draw_alignment(panels, "Both panels, and each alone: alignment over time"),
        },
    )


def _read_off(bench: Bench, trails: Sequence[Trail]) -> dict[str, list[Point]]:
    """The settings of one round: by how they spend their time, from the plain chain on."""
    read = functools.partial(bench.read, bench.pipe, trails)
    plain = read(1)
    lines = {FULL: [plain, *(read(count) for count in bench.counts if count > 1)]}
    for keep in KEEPS:
        lines[PRUNED.format(keep)] = [plain, *(read(count, keep) for count in bench.counts if count > keep)]
    return lines


def _rounds(bench: Bench, count: int) -> Point:
    """Rounds cannot be read off a trail: what the second plan says depends on what the first came to."""
    keep = min(bench.keep, count)
    seen: list[Sighting | None] = [None] * len(bench.scenes)
    seconds = 0.0
    prompts = [prompt_of(scene) for scene in bench.scenes]
    loop: dict[str, Any] = {"candidates": count, "keep": keep, "rounds": ROUNDS, "repairs": 0}
    loop["temperature"] = bench.options.temperature
    for result in bench.pipe.stream(prompts, **loop):
        if isinstance(result, Outcome):
            (seen[result.request.row - 1],) = bench.look(result.picture.pixels[None])
            seconds += sum(result.timings.values())
    name = named(count, keep if keep < count else None, ROUNDS)
    return point(name, seconds / len(prompts), seen, bench.scenes)


def _repairs(bench: Bench, trails: Sequence[Trail]) -> Repairs:
    """Repairs of the plain chain's picture, and of the best of some drafts, each against rivals in its time."""
    bench.options.say(f"the same, mended where something is missing: {REPAIRS} repairs at most")
    mended = [_repaired(bench, count) for count in dict.fromkeys((1, max(1, bench.most // 2)))]
    rivals = _rivals(bench, trails)
    return Repairs(mended=mended, against=[at_equal_time(each.point, rivals) for each in mended])


def _drawn(bench: Bench) -> dict[str, Any]:
    """Which prompts, and how they were drawn."""
    return {"first": bench.options.first, "temperature": bench.options.temperature}


def _repaired(bench: Bench, count: int) -> Repaired:
    """Of several drafts one is painted and then repaired: the best use of the time."""
    loop = {"candidates": count, "keep": 1, "repairs": REPAIRS, "temperature": bench.options.temperature}
    name = named(count, 1 if count > 1 else None, repairs=REPAIRS)
    return render_repaired(bench.pipe, bench.look, bench.scenes, name=name, **loop)


def _rivals(bench: Bench, trails: Sequence[Trail]) -> list[Point]:
    """Pruned drafts, of every number; and the plain chain."""
    wishes = [(count, keep) for keep in KEEPS for count in range(keep + 1, bench.most + 1)]
    return [bench.read(bench.pipe, trails, 1)] + [bench.read(bench.pipe, trails, *each) for each in wishes]


def _panels(
    bench: Bench, trails: Sequence[Trail], hybrid: Point
) -> tuple[dict[str, list[Point]], dict[str, Any]]:
    """Each panel alone, best of as many as `hybrid` takes the time of; and by how much `hybrid` is above it."""
    lines = {"hybrid, pruned": _read_off(bench, trails)[PRUNED.format(bench.keep)]}
    minus = {}
    for panel in ("tokens", "diffusion"):
        pipe = alone(bench.pipe, panel)
        pipe.runner.batching = bench.pipe.runner.batching  # and with it the clock
        one = seconds_of(pipe, bench.render(pipe, bench.scenes[:2], 2), policy_of(1))
        count = min(MOST, max(1, math.ceil(1.25 * hybrid.seconds / one)))
        bench.options.say(f"{panel} only: {count} candidates each")
        found = bench.render(pipe, bench.scenes, count)
        line = [bench.read(pipe, found, k) for k in _doubled(count)]
        in_time = [bench.read(pipe, found, k) for k in range(1, count + 1)]
        equal = max((p for p in in_time if p.seconds <= hybrid.seconds), key=_seconds, default=in_time[0])
        lines[f"{panel} only, best of N"] = line
        minus[f"hybrid_minus_{panel}_only"] = hybrid.over(equal)
    return lines, minus


def _costs(bench: Bench) -> dict[str, Ratio]:
    """Seconds of real loops over the plain chain's, one prompt at a time, by setting."""
    prompts = [prompt_of(scene) for scene in bench.scenes[:TIMED]]
    wishes = {PLAIN: (1, 1)} | {
        named(bench.most, keep): (bench.most, keep) for keep in KEEPS if keep < bench.most
    }

    def render(count: int, keep: int) -> None:
        for i, prompt in enumerate(prompts):
            loop: dict[str, Any] = {"candidates": count, "keep": keep, "rounds": 1, "repairs": 0}
            loop["temperature"] = bench.options.temperature
            list(bench.pipe.stream(prompt, seed=i, **loop))

    bench.options.say(f"{len(prompts)} prompts, one at a time, {bench.options.repeats} times each")
    rivals = {name: functools.partial(render, *each) for name, each in wishes.items()}
    paired = run_in_pairs(rivals, repeats=bench.options.repeats, clock=bench.options.clock)
    return {name: paired.ratio(name, PLAIN) for name in rivals}


def _correlations(trails: Sequence[Trail]) -> tuple[float, float]:
    """Of previews' scores and pictures': over all candidates, and the mean of those of each prompt's."""
    rows = [
        [(c.preview_verdict.score, c.verdict.score) for c in t.candidates if c.preview_verdict and c.verdict]
        for t in trails
    ]
    within = [spearman(*zip(*row, strict=True)) for row in rows if len(row) > 1]
    together = [pair for row in rows for pair in row]
    sound = [value for value in within if not math.isnan(value)]
    mean = float(np.mean(sound)) if sound else math.nan
    return (spearman(*zip(*together, strict=True)) if together else math.nan), mean


def _as_asked(trail: Trail) -> bool:
    """Whether the plan says what the prompt says, word for word."""
    return bool(trail.candidates) and trail.candidates[0].plan.prompt == prompt_of(trail.scene)


def _share(part: float, whole: float) -> float | None:
    """`None` where there is no lift to have a share of."""
    return part / whole if whole > 0 else None


def _seconds(point: Point) -> float:
    return point.seconds


def _doubled(count: int) -> list[int]:
    """1, 2, 4, ... up to `count`, which is the last."""
    return [*(2**i for i in range(count.bit_length()) if 2**i < count), count]


def _notes(full: Point, plain: Point) -> list[str]:
    if full.overall > plain.overall:
        return []
    return ["best-of-N lifts nothing here, so there is no share of its lift"]


def _table(points: Sequence[Point], plain: Point) -> Any:
    shown = table("setting", "alignment", "interval", "lift", "all right", "atoms", "whole prompts", "seconds")
    for each in points:
        measured: Mapping[str, Any] = each.to_json()
        interval = f"± {100 * each.measure.half_width:.1f}"
        lift = f"{100 * (each.overall - plain.overall):+.1f}"
        numbers = (number(100 * each.overall, 1), interval, lift, number(100 * measured["all_right"], 1))
        whole = f"{100 * each.whole_prompts.value:.1f} ± {100 * each.whole_prompts.half_width:.1f}"
        shown.add_row(each.name, *numbers, number(100 * each.atoms_right.value, 1), whole, number(each.seconds))
    return shown
