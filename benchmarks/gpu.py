"""Models of real size on a GPU, with random weights: the engine against scripts, resident and under 60 % of it.

    ratio_resident          the script's seconds in batches, everything loaded, over the engine's
    ratio_offload           the script's seconds with diffusers' CPU offload over the engine's, under one cap
    relative_throughput_60  pictures a second of the engine under that cap over the same without one
    decode_of_bandwidth     share of a token's time at batch 1 that reading the weights takes at full bandwidth
    refine_share            share of the refine stage's time that its arithmetic takes at the measured peak
    over_budget_bytes       the most that was accounted for beyond the budget
    peak_of_budget          what the allocator was measured to hold at most under that cap, over the cap
    streaming_overlap       share of the time of copying streamed weights that the refine stage's work hides

The models: a drafter of 1.5 billion weights and 576 tokens a picture, a denoiser of SDXL's size with its VAE at
1024 x 1024 (4 steps), a captioner of 2 billion; in bfloat16 (`random_models.FULL`). The cap is 60 % of all
weights + the largest workspace that the engine set aside without a budget; torch's allocator is held to it
while either side runs, and the script's batch is the largest, up to 16, that it can do within. Where there is
no GPU, nothing is measured and one line says so; `--size tiny` is a dry run on any device. `--only` measures
one of `PARTS`, so that each can have a time limit of its own (`make gpu`).
"""

import contextlib
import dataclasses
import functools
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ..engine.memory import format_bytes
from ..engine.values import Outcome
from ..pipelines.device import choose_device
from ..pipelines.recipes.reader import Recipe
from . import limit
from .baseline.script import Script, load_drafter
from .decode import draft, plans_of
from .harness.options import Options
from .harness.peak import bandwidth
from .harness.prompts import benchmark_prompts
from .harness.random_models import FULL, TINY, Sizes, build
from .harness.report import Report, number, table
from .harness.streaming import overlap_of
from .harness.timing import Ratio, run_in_pairs
from .memory import Setting, weights_of

BATCH = 16
PERCENT = 60
RESIDENT, TIGHT, SCRIPT, OFFLOADED = "engine", "engine, capped", "script", "script, offloaded"
RATIOS = {
    "ratio_resident": (SCRIPT, RESIDENT),
    "ratio_offload": (OFFLOADED, TIGHT),
    "relative_throughput_60": (RESIDENT, TIGHT),
}


def measure(options: Options) -> Report:
    """Heeds device, clock, prompts, repeats, only, size and folder."""
    device = choose_device(options.device)
    if options.size == "full" and not device.startswith("cuda"):
        reason = "no CUDA device is there, so nothing was measured (a dry run: diptych bench gpu --size tiny)"
        return Report(name="gpu", figures={}, skipped=reason)
    only = options.part_of("gpu")
    sizes = FULL if options.size == "full" else TINY
    with _folder(options.folder) as folder:
        options.say(f"making models with random weights in {folder}")
        lab = _Lab(build(folder, sizes, device=device), sizes, device, options)
        parts = [PARTS[name](lab) for name in ([only] if only else PARTS)]
    return _report(parts, options)


@dataclasses.dataclass(frozen=True)
class _Lab:
    """What all parts work with; what is loaded is loaded when a part asks for it."""

    recipe: Recipe
    sizes: Sizes
    device: str
    options: Options

    @functools.cached_property
    def prompts(self) -> list[str]:
        return list(benchmark_prompts(self.options.prompts))

    @functools.cached_property
    def resident(self) -> Setting:
        """The engine without a budget."""
        return Setting.of(self.recipe, self.options, None)

    @functools.cached_property
    def outcomes(self) -> list[Outcome]:
        """Of its first run, which warms it up."""
        self.options.say(f"engine without a budget, {len(self.prompts)} prompts")
        return self.resident.engine.run(self.prompts)

    @functools.cached_property
    def script(self) -> Script:
        return Script(self.recipe, device=self.device, clock=self.options.clock)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Part:
    """What one part found.

    Args:
        spread: of those figures that are ratios of pairs.
        seconds: a picture, by who made it.
    """

    figures: Mapping[str, Any]
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    spread: Mapping[str, Ratio] = dataclasses.field(default_factory=dict)
    seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)


def _chain(lab: _Lab) -> _Part:
    """The engine against the script, resident and under the cap."""
    device, options, prompts = lab.device, lab.options, lab.prompts
    resident = lab.resident
    _ = lab.outcomes
    weights = weights_of(resident.engine)
    workspace = resident.engine.log.workspace_bytes
    budget = weights * PERCENT // 100 + workspace
    tight = Setting.of(lab.recipe, options, budget)
    script = lab.script
    offloaded = Script(lab.recipe, device=device, offload=True, clock=options.clock)
    options.say(f"cap: {format_bytes(budget)}, of {format_bytes(weights)} of weights; warming up")
    capped = functools.partial(_capped, device, budget)
    capped(tight, lambda: tight.engine.run(prompts))
    script.run(prompts[:BATCH], batch_size=BATCH)
    batch = largest_batch(lambda size: capped(None, lambda: offloaded.run(prompts[:size], batch_size=size)))
    options.say(f"{len(prompts)} prompts, {options.repeats} times each; offloaded in batches of {batch}")
    measured: list[int] = []
    paired = run_in_pairs(
        {
            RESIDENT: lambda: resident.run(prompts),
            SCRIPT: lambda: script.run(prompts, batch_size=BATCH),
            TIGHT: lambda: capped(tight, lambda: measured.append(_peak(tight, prompts))),
            OFFLOADED: lambda: capped(None, lambda: offloaded.run(prompts, batch_size=batch)),
        },
        repeats=options.repeats,
        clock=options.clock,
    )
    ratios = {figure: paired.ratio(*pair) for figure, pair in RATIOS.items()}
    figures: dict[str, Any] = {figure: ratio.median for figure, ratio in ratios.items()}
    return _Part(
        figures=figures | {"over_budget_bytes": tight.over_bytes, "peak_of_budget": max(measured) / budget},
        details={
            "weights_bytes": weights,
            "workspace_bytes": workspace,
            "budget_bytes": budget,
            "measured_peak_bytes": max(measured),
            "offloaded_batch": batch,
            "settings": {RESIDENT: resident.summary(options.repeats), TIGHT: tight.summary(options.repeats)},
        },
        spread=ratios,
        seconds={name: paired.median(name) / options.prompts for name in paired.seconds},
    )


def _peak(setting: Setting, prompts: Sequence[str]) -> int:
    """Run; bytes that the engine held at most: as the allocator counts, or the accounts where none counts."""
    memory = setting.engine.memory
    if not memory.device.startswith("cuda"):
        setting.run(prompts)
        return setting.peak_bytes
    others = torch.cuda.memory_allocated(memory.device) - memory.resident_bytes
    torch.cuda.reset_peak_memory_stats(memory.device)
    setting.run(prompts)
    return torch.cuda.max_memory_allocated(memory.device) - others


def largest_batch(attempt: Callable[[int], Any], most: int = BATCH) -> int:
    """The largest batch, halved from `most`, that does not run out of memory. Raises `OutOfMemoryError` at
    1."""
    size = most
    while True:
        try:
            attempt(size)
            return size
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            size //= 2


def _capped(device: str, budget: int, setting: Setting | None, work: Callable[[], Any]) -> Any:
    """Do `work` with torch's allocator held to `budget` beyond what others hold now; on a GPU.

    Args:
        setting: whose models count as part of the budget, if anybody's.
    """
    if not device.startswith("cuda"):
        return work()
    torch.cuda.empty_cache()
    mine = setting.engine.memory.resident_bytes if setting else 0
    total = torch.cuda.get_device_properties(device).total_memory
    most = torch.cuda.memory_reserved(device) - mine + budget
    torch.cuda.set_per_process_memory_fraction(min(1.0, most / total), device)
    try:
        return work()
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)


def _decode(lab: _Lab) -> _Part:
    """The draft stage for one row without guidance, against reading weights and cache once a token."""
    pipe, options, tokens = lab.resident.engine.pipe, lab.options, lab.sizes.grid**2
    options.say("decoding against bandwidth")
    run = functools.partial(draft, pipe, plans_of(pipe, benchmark_prompts(1), 1.0))
    run()
    paired = run_in_pairs({"draft": run}, repeats=options.repeats, clock=options.clock)
    a_token = paired.median("draft") / tokens
    on_host = torch.device("cpu")
    read_bytes = _bytes_a_token(load_drafter(lab.recipe, "cpu", on_host).model, lab.sizes)
    size = 2**32 if lab.device.startswith("cuda") else 2**26
    speed = bandwidth(lab.device, size, clock=options.clock)
    limits = {"ms_a_token": 1000 * a_token, "bytes_a_token": read_bytes, "bandwidth_bytes_a_second": speed}
    return _Part(figures={"decode_of_bandwidth": read_bytes / speed / a_token}, details={"decode": limits})


def _bytes_a_token(model: Any, sizes: Sizes) -> float:
    """What must be read for one more token of one row: all weights but the embeddings of text, and on average
    half of the keys and values."""
    config = model.config
    width = torch.empty(0, dtype=model.dtype).element_size()
    text = model.get_input_embeddings().weight.numel() - sizes.codes * config.hidden_size
    weights = sum(parameter.numel() for parameter in model.parameters()) - text
    place = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
    return width * (weights + place * (config.image_text_length + 1 + sizes.grid**2 / 2))


def _refine(lab: _Lab) -> _Part:
    """The refine stage at the micro-batch that the runner chose, against the arithmetic peak."""
    engine, script = lab.resident.engine, lab.script
    works = {"refine": limit.work_of(engine, script, "refine", lab.outcomes)}
    lab.options.say("refining against the arithmetic peak")
    dtypes = {"refine": script.refiner.unet.dtype}
    found = limit.look(engine, works, lab.prompts, dtypes, lab.options)["refine"]
    limits = {
        "lost_to_shapes": found.lost_to_shapes,
        "tflop_a_second": works["refine"].total / found.seconds / 1e12,
        "peak_tflop_a_second": {kind: rate / 1e12 for kind, rate in found.peak.items()},
    }
    return _Part(figures={"refine_share": found.share}, details={"refine": limits})


def _streaming(lab: _Lab) -> _Part:
    """The refine stage with streamed weights against the same with all of them on the device."""
    stages = lab.resident.engine.pipe.runner.chain.stages
    (stage,) = (each for each in stages if each.name == "refine")
    drafts = [outcome.draft for outcome in lab.outcomes if outcome.draft is not None][:BATCH]
    lab.resident.engine.memory.release_all()
    lab.options.say("streaming the refiner's weights")
    clock = lab.options.clock
    found = overlap_of(stage, drafts, device=lab.device, repeats=lab.options.repeats, clock=clock)
    figures = {"streaming_overlap": found.overlap}
    return _Part(figures=figures, details={"streaming": dataclasses.asdict(found)})


PARTS: dict[str, Callable[[_Lab], _Part]] = {
    "decode": _decode,
    "refine": _refine,
    "streaming": _streaming,
    "chain": _chain,
}
"""What is measured, each of them alone with `--only`; in the order of the time that they take."""


def _report(parts: Sequence[_Part], options: Options) -> Report:
    figures = {name: value for part in parts for name, value in part.figures.items()}
    spread = {name: ratio for part in parts for name, ratio in part.spread.items()}
    seconds = {name: value for part in parts for name, value in part.seconds.items()}
    details = {name: value for part in parts for name, value in part.details.items()}
    shown = table("", "value", "spread")
    for figure, value in figures.items():
        shown.add_row(figure, number(value, 3), str(spread.get(figure, "")))
    times = table("", "seconds a picture")
    for name, value in seconds.items():
        times.add_row(name, number(value, 4))
    return Report(
        name="gpu",
        figures=figures,
        details=details
        | {
            **options.chosen(),
            "size": options.size,
            "spread": {figure: ratio.spread for figure, ratio in spread.items()},
            "seconds_a_picture": seconds,
        },
        tables={f"models of size {options.size}, {options.prompts} prompts": shown}
        | ({"time": times} if seconds else {}),
    )


@contextlib.contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """The folder that was given, or a scratch folder."""
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(scratch)
