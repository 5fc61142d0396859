"""What the LoRA weights of a row cost: to put them on, and at each step with them; beside merging them into the
base for the row, and putting the base back from the host.

The model is made up: a Stable Diffusion of random weights, with LoRA weights of rank 16 for all its attention
and feed-forward layers.

    swap_ms         to put them on and off again, of one picture
    swap_share      the same as a share of a picture without them
    worn_ratio      a picture with them, over one without
    merge_ms        to merge them into the base instead, and to put the base back
    merged_ratio    a picture of a recipe that has them merged, over one without
    worn_mib        that they take on the device; `base_mib`, the base's own
"""

import dataclasses
import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...engine.models.diffusion.lora.file import read_lora
from ...engine.models.diffusion.lora.merging import fit_to
from ...engine.models.registry import BYTES
from ...engine.stage import Lora
from ...engine.stages.painting.pipeline_call import keys_of
from ...pipelines.text_to_image import TextToImage
from ..harness.options import Options
from ..harness.report import Report, number, table
from ..harness.timing import Paired, run_in_pairs
from .made_up import Size, write_pipeline

SIZES = {"full": Size(widths=(64, 128, 256), side=24, steps=8), "tiny": Size(widths=(16, 32), side=8, steps=3)}
MIB = 2**20
_CALL: dict[str, Any] = {"seed": 7, "guidance_scale": 5.0}


def measure(options: Options) -> Report:
    """Heeds device, repeats, clock, folder and size."""
    size = SIZES[options.size]
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        checkpoint, lora = write_pipeline(folder, size)
        options.say(f"made up: {checkpoint}")
        pipe = _pipe(options, checkpoint, size, {"lora_folder": str(lora.parent)})
        merged = _pipe(options, checkpoint, size, {"loras": [{"checkpoint": str(lora)}]})
        rivals: dict[str, Callable[[], Any]] = {
            "plain, 1 step": functools.partial(pipe, "a boat", steps=1, **_CALL),
            "plain": functools.partial(pipe, "a boat", steps=size.steps, **_CALL),
            "worn, 1 step": functools.partial(pipe, "a boat", steps=1, loras=lora.stem, **_CALL),
            "worn": functools.partial(pipe, "a boat", steps=size.steps, loras=lora.stem, **_CALL),
            "merged": functools.partial(merged, "a boat", steps=size.steps, **_CALL),
        }
        for run in rivals.values():  # warm: weights are read, layers found
            run()
        part, rivals["merge"] = _merging(pipe, Lora(str(lora)))
        rivals["merge"]()
        timed = run_in_pairs(rivals, repeats=options.repeats, clock=options.clock)
        _, denoiser, _ = keys_of(pipe.recipe.stages["paint"].model)
        base = sum(each.nbytes for each in part.unet.parameters())
        return _report(timed, size, read_lora(str(lora)).bytes_in(BYTES[denoiser.dtype]), base)


def _pipe(options: Options, checkpoint: Path, size: Size, offers: dict[str, Any]) -> TextToImage:
    side = size.side * 8
    painter = {"family": "diffusers", "checkpoint": str(checkpoint), **offers}
    table = {"picture": {"height": side, "width": side}, "stages": {"paint": painter}}
    return TextToImage.from_recipe(table, device=options.device)


def _merging(pipe: TextToImage, lora: Lora) -> tuple[Any, Callable[[], None]]:
    """The denoiser, and what merges into its weights on the device, and puts the base back as a copy of the
    host's."""
    import torch

    _, denoiser, _ = keys_of(pipe.recipe.stages["paint"].model)
    memory = pipe.runner.memory
    with memory.lease([denoiser], 0) as models:
        part: Any = models[denoiser]
    fitted = fit_to(part.layout, lora)
    layers = [(part.unet.get_submodule(path), changes) for (_, path), changes in fitted.items()]
    hosts = [layer.weight.detach().cpu().clone() for layer, _ in layers]

    @torch.inference_mode()
    def merge() -> None:
        own = [layer.weight for layer, _ in layers]
        for layer, changes in layers:
            weight = layer.weight.detach()
            for change in changes:
                added = change.layer.change(weight, 1.0, change.rows)
                if added is not None:
                    weight = weight + added.to(weight.dtype)
            layer.weight = torch.nn.Parameter(weight, requires_grad=False)
        for (layer, _), host, before in zip(layers, hosts, own, strict=True):
            layer.weight.data.copy_(host)
            layer.weight = before

    return part, merge


def _report(timed: Paired, size: Size, worn_bytes: int, base_bytes: int) -> Report:
    median = timed.median
    first = median("worn, 1 step") - median("plain, 1 step")
    rest = (median("worn") - median("worn, 1 step")) - (median("plain") - median("plain, 1 step"))
    swap = max(0.0, first - rest / (size.steps - 1))
    figures = {
        "swap_ms": 1000 * swap,
        "swap_share": swap / median("plain"),
        "worn_ratio": timed.ratio("worn", "plain").median,
        "merge_ms": 1000 * median("merge"),
        "merged_ratio": timed.ratio("merged", "plain").median,
        "worn_mib": worn_bytes / MIB,
        "base_mib": base_bytes / MIB,
    }
    shown = table("", "value")
    for name, value in figures.items():
        shown.add_row(name, number(value, 3 if "ratio" in name or "share" in name else 1))
    details = {
        "seconds": {name: median(name) for name in timed.seconds},
        "spread": {name: timed.ratio(name, "plain").spread for name in ("worn", "merged")},
        "size": dataclasses.asdict(size),
    }
    title = f"LoRA weights of a row; a picture of {size.steps} steps takes {median('plain'):.2f} s without"
    return Report(name="lora", figures=figures, details=details, tables={title: shown})
