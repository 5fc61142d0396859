"""Single files of eight-bit floats: a byte a number on the host and on a device, counted so, and the picture of
the same numbers in full."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from diptych.engine.models.registry import Registry
from diptych.engine.stage import ModelKey, RunContext
from diptych.engine.stages.painting.paint import paint_stages
from diptych.engine.stages.painting.pipeline_call import keys_of

from .painting import Twin, key, pictures, plan
from .pipeline_twins import FAMILIES
from .single_file_twins import all_in_one, alone, weights_of, write
from .test_quantised_painters import held_bytes

WHOLE = ["SD 1.5", "SD 3", "FLUX.1"]
ALONE = ["Z-Image", "Qwen-Image"]


def key_of(family: str, folder: Path, file: Path, **more: Any) -> ModelKey[Any]:
    """Of a file that has all, or the denoiser alone."""
    if family in WHOLE:
        return ModelKey("diffusers", str(file), config=str(folder), **more)
    return ModelKey("diffusers", str(folder), parts=(("transformer", str(file)),), **more)


def files_of(family: str, folder: Path, place: Path) -> tuple[Path, Path]:
    """Of eight-bit floats, and of the same numbers in full."""
    small, full = place / "small.safetensors", place / "full.safetensors"
    make = all_in_one if family in WHOLE else alone
    make(family, folder, small, dtype=torch.float8_e4m3fn)
    write(load_file(small), full)
    return small, full


@pytest.mark.parametrize("family", [*WHOLE, *ALONE])
def test_the_picture_is_that_of_the_same_numbers_in_full(family: str, twin: Twin, tmp_path: Path) -> None:
    folder = twin(FAMILIES[family])
    small, full = (key_of(family, folder, file) for file in files_of(family, folder, tmp_path))
    ours, theirs = (pictures(paint_stages(model=each), [plan(family)])[0] for each in (small, full))
    assert torch.equal(ours, theirs)


def taken_by(handle: Any) -> int:
    """By each module of its own: a twin's two encoders have the same weights, and share them."""
    fields = [getattr(handle, field.name) for field in dataclasses.fields(handle)]
    return sum(held_bytes(each) for each in fields if isinstance(each, torch.nn.Module))


@pytest.mark.parametrize("family", [*WHOLE, *ALONE])
def test_what_is_counted_is_what_is_taken_and_it_comes_back_the_same(
    family: str, twin: Twin, tmp_path: Path
) -> None:
    folder = twin(FAMILIES[family])
    small, full = files_of(family, folder, tmp_path)
    registry = Registry()
    for part in keys_of(key_of(family, folder, small)):
        held = taken_by(registry.load(part, "cpu"))
        assert registry.weight_bytes(part) == pytest.approx(held, rel=0.02), part.part
    encode, denoise, _ = paint_stages(model=key_of(family, folder, small))
    (model,) = denoise.uses
    plain = dataclasses.replace(key_of(family, folder, full), part=model.part)
    assert registry.weight_bytes(model) < registry.weight_bytes(plain) / 2
    whole: dict[ModelKey, Any] = {
        each: registry.load(each, "cpu") for stage in (encode, denoise) for each in stage.uses
    }
    conditioned = encode.run([plan(family)], whole, RunContext())
    (first,) = denoise.run(conditioned, whole, RunContext())
    for streamed in (False, True):
        registry.unload(model)
        back: dict[ModelKey, Any] = {model: registry.load(model, "cpu", streamed=streamed)}
        assert torch.equal(denoise.run(conditioned, back, RunContext())[0].latents, first.latents)


def test_a_text_encoder_alone_keeps_its_bytes(twin: Twin, tmp_path: Path) -> None:
    folder, file = twin(FAMILIES["FLUX.1"]), tmp_path / "t5.safetensors"
    write(weights_of(folder / "text_encoder_2"), file, dtype=torch.float8_e4m3fn)
    painter = dataclasses.replace(key(folder), parts=(("text_encoder_2", str(file)),))
    registry = Registry()
    texts, plain = keys_of(painter)[0], keys_of(key(folder))[0]
    assert registry.weight_bytes(texts) == pytest.approx(held_bytes(registry.load(texts, "cpu")), rel=0.02)
    assert registry.weight_bytes(texts) < registry.weight_bytes(plain)


def test_convolutions_may_be_laid_out_anew(twin: Twin, tmp_path: Path) -> None:
    folder = twin(FAMILIES["SD 1.5"])
    small, full = files_of("SD 1.5", folder, tmp_path)
    painters = [key_of("SD 1.5", folder, each, tuning=(("channels_last", True),)) for each in (small, full)]
    ours, theirs = (pictures(paint_stages(model=each), [plan("SD 1.5")])[0] for each in painters)
    assert (ours - theirs).abs().max() <= 1
