"""What `diptych bench` does: finds the benchmark, runs it, prints, keeps the result. Imports nothing heavy."""

import dataclasses
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engine.errors import InputError
from ...engine.messages import did_you_mean
from .machine import describe, file_name
from .options import Options
from .report import dump

if TYPE_CHECKING:
    from .report import Report

BENCHMARKS = {
    "chain": "the whole chain against scripts, one prompt at a time and in batches",
    "decode": "drafting against transformers' generate",
    "limit": "arithmetic done over what the machine can do",
    "memory": "throughput under budgets below the weights, bytes moved, peak",
    "gpu": "models of real size on a GPU, resident and at 60 %, against CPU offload",
    "demo": "seconds and memory of the demo's 24 pictures",
    "busy": "how much longer pictures take beside processes that want the same cores",
    "kills": "that runs killed at random moments lose nothing, and come out the same",
    "scale": "seconds and memory of going on with a folder of a hundred thousand rows",
    "loop": "what judging and trying again lift alignment by, and at what cost",
    "gallery": "how quick the gallery of a long batch is in a browser",
    "creative": "whether what is named changes, and what is not stays as it is",
    "sketch": "what comes of plain drawings, by the share of their tokens that is drawn anew",
    "refine": "what `step_cache` and `guidance_start`, `guidance_stop` save, and what they change",
    "upscale": "enlarged pictures against their originals, at tiles' borders, and against the truth",
    "storyboard": "how often a hero keeps kind and colour from panel to panel",
    "lora": "what the LoRA weights of a row cost, to put on and to work with",
    "planner": "how many plans of short prompts keep what was asked",
}
"""Name (its file's): what it measures."""

ALL = ("chain", "decode", "limit", "memory", "gpu")
"""What is run where no name is given: how quick the engine is, and how much memory it needs."""


def run_benchmark(
    name: str | None, options: Options, *, as_json: bool = False, out: Path | None = None
) -> None:
    """Measure; a table or JSON goes to standard output, all else to standard error.

    Args:
        name: which; `None` runs `ALL` of them, and JSON is then an object of objects.
        out: a folder where each result is kept as `<device>-<name>.json`.

    Raises:
        InputError: there is no such benchmark, or the folder cannot be written to.
    """
    from ...pipelines.device import choose_device
    from ...pipelines.files import prepare_folder
    from ...pipelines.terminal import error_console, out_console

    options = dataclasses.replace(options, say=lambda line: error_console().print(line, soft_wrap=True))
    names = ALL if name is None else (known(name),)
    device = choose_device(options.device)
    if device.startswith("cuda:"):  # the scripts, and whoever waits for the device, mean the current one
        import torch

        torch.cuda.set_device(device)
    if out is not None:
        prepare_folder(out)
    bodies: dict[str, Any] = {}
    for each in names:
        report: Report = importlib.import_module(f"..{each}", __package__).measure(options)
        bodies[each] = report.to_json(describe(device))
        if out is not None and not report.skipped:
            keep((dump(bodies[each]) + "\n").encode(), out / file_name(device, each))
            for file, picture in report.pictures.items():
                keep(picture, out / file)
        for note in [report.skipped] if report.skipped else report.notes:
            options.say(f"{each}: {note}")
        if not as_json:
            for title, shown in report.tables.items():
                out_console().print(f"{each}: {title}", shown, sep="\n", soft_wrap=True)
    if as_json:
        print(dump(bodies if name is None else bodies[names[0]]))


def known(name: str) -> str:
    """`name`, if there is such a benchmark. Raises `InputError` if not."""
    if name not in BENCHMARKS:
        hint = did_you_mean(name, BENCHMARKS)
        raise InputError(f"bench: {name!r} is not known{hint}: choose one of {', '.join(BENCHMARKS)}")
    return name


def keep(content: bytes, path: Path) -> None:
    """Write a result. Raises `InputError` if that cannot be done."""
    from ...pipelines.files import write_atomically

    try:
        write_atomically(path, content)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror or error}): name another folder"
        ) from None
