"""Pipelines that edit pictures by instruction: pictures are the library's own, alone and beside others."""

import importlib
import inspect
import json
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import torch

from diptych.engine.memory import DeviceMemory
from diptych.engine.models.diffusion.classes.processors import TextProcessor
from diptych.engine.models.language.picture_processor import for_pictures
from diptych.engine.models.registry import Registry
from diptych.engine.randomness import RowKey, generators
from diptych.engine.stages.painting.paint import paint_stages
from diptych.engine.values import Plan, Reference

from .editor_twins import EDITORS
from .painting import CALLS, SIDE, STEPS, Twin, key, library_pipeline, painted, pictures, plan

diffusers: Any = importlib.import_module("diffusers")
transformers: Any = importlib.import_module("transformers")

CALLED = {
    "FLUX.1 Kontext": "FLUX.1",
    "FLUX.2 klein KV": "FLUX.2 klein",
    "Qwen-Image-Edit": "Qwen-Image",
    "Qwen-Image-Edit-Plus": "Qwen-Image",
}
ONE = ("FLUX.1 Kontext", "Qwen-Image-Edit")
"""Those that take one picture."""
ALWAYS = ("Qwen-Image-Edit", "Qwen-Image-Edit-Plus")
"""Those that paint nothing without."""


def reference(seed: int, weight: float = 1.0) -> Reference:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(256, (64 + 16 * seed, 80, 3), generator=generator).to(torch.uint8)
    return Reference(picture=pixels, weight=weight)


def row(family: str, *references: Reference) -> Plan:
    return plan(CALLED.get(family, family), references=references)


def by_library(family: str, folder: Path, value: Plan) -> torch.Tensor:
    """int32 (h, w, 3)."""
    request, more = value.request, dict[str, Any]()
    if family in ALWAYS:
        name = json.loads((folder / "model_index.json").read_text())["_class_name"]
        kind = getattr(diffusers, name)
        texts = TextProcessor(folder / "processor")
        pipeline = kind.from_pretrained(folder, local_files_only=True, processor=texts)
        real = for_pictures(transformers.Qwen2VLProcessor)
        vars(pipeline)["processor"] = real.from_pretrained(folder / "processor")
        pipeline.set_progress_bar_config(disable=True)
    else:
        pipeline = library_pipeline(folder)
    if given := [PIL.Image.fromarray(each.picture.numpy()) for each in request.references]:
        more["image"] = given if len(given) > 1 else given[0]
    if family == "FLUX.1 Kontext":
        more["max_area"] = SIDE * SIDE
    taken = inspect.signature(pipeline.__call__).parameters
    said = {name: value for name, value in CALLS[CALLED.get(family, family)].items() if name in taken}
    images = pipeline(
        prompt=request.prompt,
        height=request.height,
        width=request.width,
        num_inference_steps=STEPS,
        generator=generators([RowKey(request.seed, request.candidate)], "paint")[0],
        output_type="np",
        **said,
        **more,
    ).images
    return (torch.from_numpy(images[0]).float() * 255).round().int()


@pytest.mark.parametrize("family", [name for name in EDITORS if name not in ALWAYS])
def test_rows_with_pictures_and_without_are_the_librarys_own(family: str, twin: Twin) -> None:
    folder = twin(EDITORS[family])
    stages, memory = paint_stages(model=key(folder)), DeviceMemory(Registry())
    rows = [row(family), row(family, reference(1)), row(family, reference(2))]
    if family not in ONE:
        rows.append(row(family, reference(1), reference(3)))
    together = pictures(stages, rows, memory=memory)
    for value, beside in zip(rows, together, strict=True):
        assert (beside - by_library(family, folder, value)).abs().max() == 0
    assert len({tuple(each.flatten().tolist()) for each in together}) == len(rows)


@pytest.mark.parametrize("family", ALWAYS)
def test_an_editor_that_sees_the_pictures_too_paints_the_librarys_own(family: str, twin: Twin) -> None:
    folder = twin(EDITORS[family])
    stages = paint_stages(model=key(folder))
    value = row(family, reference(1)) if family in ONE else row(family, reference(1), reference(2))
    other = row(family, reference(4))
    made, another = pictures(stages, [value, other], memory=DeviceMemory(Registry()))
    assert (made - by_library(family, folder, value)).abs().max() == 0
    assert not torch.equal(made, another)


@pytest.mark.parametrize("family", EDITORS)
def test_what_an_editor_does_not_take_is_said_before_any_work(family: str, twin: Twin) -> None:
    encode: Any = paint_stages(model=key(twin(EDITORS[family])))[0]
    assert "references" in encode.reads and encode.reference_fault([reference(1)]) == ""
    fault = encode.reference_fault([reference(1), reference(2)])
    assert ("its editor takes one" in fault) == (family in ONE)
    assert "takes pictures as they are" in encode.reference_fault([reference(1, 0.5)])
    small = Reference(picture=torch.zeros(63, 80, 3, dtype=torch.uint8))
    assert "too small" in encode.reference_fault([small])


def test_an_editor_without_a_picture_says_that_it_needs_one(twin: Twin) -> None:
    stages = paint_stages(model=key(twin(EDITORS["Qwen-Image-Edit"])))
    (reason,) = painted(stages, [row("Qwen-Image-Edit")])
    assert reason == "QwenImageEditPipeline edits pictures: give one to edit, as reference"


def test_the_autoencoder_is_leased_with_the_denoiser_for_rows_with_pictures_alone(twin: Twin) -> None:
    paint: Any = paint_stages(model=key(twin(EDITORS["FLUX.2"])))[1]
    parts = {each.part for each in paint.uses_for([row("FLUX.2", reference(1)).request])}
    assert parts == {"denoiser", "vae"}
    assert {each.part for each in paint.uses_for([row("FLUX.2").request])} == {"denoiser"}
