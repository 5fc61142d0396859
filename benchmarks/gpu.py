"""Models of real size on a GPU, with random weights: the engine against scripts, resident and under 60 % of it.

    ratio_resident          the script's seconds in batches, everything loaded, over the engine's
    ratio_offload           the script's seconds with diffusers' CPU offload over the engine's, under one cap
    relative_throughput_60  pictures a second of the engine under that cap over the same without one
    decode_of_bandwidth     share of a token's time at batch 1 that reading the weights takes at full bandwidth
    refine_share            share of the refine stage's time that its arithmetic takes at the measured peak
    over_budget_bytes       the most that was accounted for beyond the budget

The models: a drafter of 1.5 billion weights and 576 tokens a picture, a denoiser of SDXL's size with its VAE at
1024 x 1024 (4 steps), a captioner of 2 billion; in bfloat16 (`random_models.FULL`). The cap is 60 % of all
weights + the largest workspace that the engine set aside without a budget; torch's allocator is held to it
while either side runs, and the script's batch is the largest, up to 16, that it can do within. Where there is
no GPU, nothing is measured and one line says so; `--size tiny` is a dry run on any device.
"""

import contextlib
import functools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from ..engine.memory import format_bytes
from ..pipelines.device import choose_device
from ..pipelines.recipes.reader import Recipe
from . import limit
from .baseline.script import Script
from .decode import draft, plans_of
from .harness.options import Options
from .harness.peak import bandwidth
from .harness.prompts import benchmark_prompts
from .harness.random_models import FULL, TINY, Sizes, build
from .harness.report import Report, number, table
from .harness.timing import Paired, run_in_pairs
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
    """Heeds device, clock, prompts, repeats, size and folder."""
    device = choose_device(options.device)
    if options.size == "full" and not device.startswith("cuda"):
        reason = "no CUDA device is there, so nothing was measured (a dry run: diptych bench gpu --size tiny)"
        return Report(name="gpu", figures={}, skipped=reason)
    sizes = FULL if options.size == "full" else TINY
    with _folder(options.folder) as folder:
        options.say(f"making models with random weights in {folder}")
        recipe = build(folder, sizes, device=device)
        return _measure(recipe, sizes, device, options)


def _measure(recipe: Recipe, sizes: Sizes, device: str, options: Options) -> Report:
    prompts = benchmark_prompts(options.prompts)
    resident = Setting.of(recipe, options, None)
    options.say(f"engine without a budget, {len(prompts)} prompts")
    resident.engine.run(prompts)
    weights = weights_of(resident.engine)
    workspace = resident.engine.log.workspace_bytes
    budget = weights * PERCENT // 100 + workspace
    tight = Setting.of(recipe, options, budget)
    script = Script(recipe, device=device, clock=options.clock)
    offloaded = Script(recipe, device=device, offload=True, clock=options.clock)
    options.say(f"cap: {format_bytes(budget)}, of {format_bytes(weights)} of weights; warming up")
    capped = functools.partial(_capped, device, budget)
    capped(tight, lambda: tight.engine.run(prompts))
    script.run(prompts[:BATCH], batch_size=BATCH)
    batch = largest_batch(lambda size: capped(None, lambda: offloaded.run(prompts[:size], batch_size=size)))
    options.say(f"{len(prompts)} prompts, {options.repeats} times each; offloaded in batches of {batch}")
    paired = run_in_pairs(
        {
            RESIDENT: lambda: resident.run(prompts),
            SCRIPT: lambda: script.run(prompts, batch_size=BATCH),
            TIGHT: lambda: capped(tight, lambda: tight.run(prompts)),
            OFFLOADED: lambda: capped(None, lambda: offloaded.run(prompts, batch_size=batch)),
        },
        repeats=options.repeats,
        clock=options.clock,
    )
    options.say("limits of bandwidth and arithmetic")
    limits = _decode_limit(resident, script, device, sizes, options)
    limits |= _refine_limit(resident, script, prompts, options)
    details = {
        "weights_bytes": weights,
        "workspace_bytes": workspace,
        "budget_bytes": budget,
        "offloaded_batch": batch,
        "settings": {RESIDENT: resident.summary(options.repeats), TIGHT: tight.summary(options.repeats)},
    }
    return _report(paired, limits, details, tight.over_bytes, options)


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


def _decode_limit(
    setting: Setting, script: Script, device: str, sizes: Sizes, options: Options
) -> dict[str, float]:
    """The draft stage for one row without guidance, against reading weights and cache once a token."""
    pipe, tokens = setting.engine.pipe, sizes.grid**2
    run = functools.partial(draft, pipe, plans_of(pipe, benchmark_prompts(1), 1.0))
    run()
    a_token = (
        run_in_pairs({"draft": run}, repeats=options.repeats, clock=options.clock).median("draft") / tokens
    )
    read_bytes = _bytes_a_token(script.drafter.model, sizes)
    speed = bandwidth(device, 2**32 if device.startswith("cuda") else 2**26, clock=options.clock)
    return {
        "decode_of_bandwidth": read_bytes / speed / a_token,
        "ms_a_token": 1000 * a_token,
        "bytes_a_token": read_bytes,
        "bandwidth_bytes_a_second": speed,
    }


def _bytes_a_token(model: Any, sizes: Sizes) -> float:
    """What must be read for one more token of one row: all weights but the embeddings of text, and on average
    half of the keys and values."""
    config = model.config
    width = torch.empty(0, dtype=model.dtype).element_size()
    text = model.get_input_embeddings().weight.numel() - sizes.codes * config.hidden_size
    weights = sum(parameter.numel() for parameter in model.parameters()) - text
    place = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
    return width * (weights + place * (config.image_text_length + 1 + sizes.grid**2 / 2))


def _refine_limit(setting: Setting, script: Script, prompts: Sequence[str], options: Options) -> dict[str, Any]:
    """The refine stage at the micro-batch that the runner chose, against the arithmetic peak."""
    engine = setting.engine
    works = {"refine": limit.work_of(engine, script, "refine", engine.run(prompts))}
    found = limit.look(engine, works, prompts, script.refiner.unet.dtype, options)["refine"]
    return {
        "refine_share": found.share,
        "refine_lost_to_shapes": found.lost_to_shapes,
        "refine_tflop_a_second": works["refine"].total / found.seconds / 1e12,
        "peak_tflop_a_second": {kind: rate / 1e12 for kind, rate in found.peak.items()},
    }


def _report(
    paired: Paired, limits: dict[str, Any], details: dict[str, Any], over: int, options: Options
) -> Report:
    ratios = {figure: paired.ratio(*pair) for figure, pair in RATIOS.items()}
    figures: dict[str, Any] = {figure: ratio.median for figure, ratio in ratios.items()}
    figures |= {name: limits.pop(name) for name in ("decode_of_bandwidth", "refine_share")}
    figures["over_budget_bytes"] = over
    shown = table("", "value", "spread")
    for figure, value in figures.items():
        shown.add_row(figure, number(value, 3), str(ratios.get(figure, "")))
    seconds = table("", "seconds a picture")
    for name in paired.seconds:
        seconds.add_row(name, number(paired.median(name) / options.prompts, 4))
    return Report(
        name="gpu",
        figures=figures,
        details=details
        | {
            **options.chosen(),
            "size": options.size,
            "spread": {figure: ratio.spread for figure, ratio in ratios.items()},
            "seconds_a_picture": {name: paired.median(name) / options.prompts for name in paired.seconds},
            "limits": limits,
        },
        tables={f"models of size {options.size}, {options.prompts} prompts": shown, "time": seconds},
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
