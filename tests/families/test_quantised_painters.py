"""Pipelines with quantised weights: the library's own picture with the same weights, counted at their size."""

import dataclasses
import functools
import importlib
import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from diptych.engine.errors import CheckpointError, InputError
from diptych.engine.microbatch import Batching
from diptych.engine.models.checkpoint.slots import slots_of
from diptych.engine.models.registry import Registry
from diptych.engine.randomness import RowKey, generators
from diptych.engine.runner import shape_of
from diptych.engine.stage import ModelKey, RunContext
from diptych.engine.stages.painting.paint import paint_stages

from . import quantised_files as files
from .painting import CALLS, STEPS, Twin, key, library_picture, library_pipeline, pictures, plan
from .pipeline_twins import FAMILIES, flux
from .unet_twins import stable_diffusion

diffusers: Any = importlib.import_module("diffusers")

needs_torchao = pytest.mark.skipif(not files.has("torchao"), reason="torchao is not installed")
needs_bitsandbytes = pytest.mark.skipif(not files.has("bitsandbytes"), reason="bitsandbytes is not installed")
needs_gguf = pytest.mark.skipif(not files.has("gguf"), reason="gguf is not installed")

HOWS = [
    pytest.param("stored fp8", id="stored fp8"),
    pytest.param("scaled fp8", id="scaled fp8"),
    pytest.param("quantize int8", marks=needs_torchao, id="quantize int8"),
    pytest.param("quantize fp8", marks=needs_torchao, id="quantize fp8"),
    pytest.param("torchao", marks=needs_torchao, id="torchao"),
    pytest.param("bitsandbytes 4", marks=needs_bitsandbytes, id="bitsandbytes nf4"),
    pytest.param("bitsandbytes 8", marks=needs_bitsandbytes, id="bitsandbytes int8"),
    pytest.param("gguf", marks=needs_gguf, id="gguf"),
]
SOME = ["SD 1.5", "SD 3", "FLUX.1", "Z-Image", "Qwen-Image"]


def denoiser_of(family: str) -> str:
    return "unet" if family == "SD 1.5" else "transformer"


def quantised(how: str, family: str, twin: Twin, place: Path) -> tuple[ModelKey, Callable[[], torch.Tensor]]:
    """A painter's key, and the library's own picture with the same weights."""
    if (how, family) == ("bitsandbytes 4", "SD 1.5"):
        pytest.skip("the small U-Net has no layer of whole blocks")
    source, name = twin(FAMILIES[family]), denoiser_of(family)
    value = plan(family)
    match how:
        case "stored fp8" | "scaled fp8":
            make = files.stored_fp8 if how == "stored fp8" else files.scaled_fp8
            files.quantised_pipeline(source, place / "small", make, name)
            files.unscaled(place / "small", place / "plain")
            return key(place / "small"), lambda: library_picture(place / "plain", value, **CALLS[family])
        case "torchao":
            files.quantised_pipeline(source, place / "small", files.torchao_denoiser, name)
            return key(place / "small"), lambda: with_denoiser(
                source, family, of_folder(place / "small" / name)
            )
        case "bitsandbytes 4" | "bitsandbytes 8":
            make = functools.partial(files.bitsandbytes_denoiser, bits=int(how[-1]))
            files.quantised_pipeline(source, place / "small", make, name)
            return key(place / "small"), lambda: with_denoiser(
                source, family, by_bitsandbytes(place / "small" / name)
            )
        case "gguf":
            files.gguf(source / name, place / "model.gguf")
            painter = dataclasses.replace(key(source), parts=((name, str(place / "model.gguf")),))
            return painter, lambda: with_denoiser(source, family, of_gguf(source, name, place / "model.gguf"))
        case _:
            word = how.split()[1]
            return dataclasses.replace(key(source), tuning=(("quantize", word),)), lambda: by_torchao(
                source, family, word
            )


def of_folder(folder: Path) -> Any:
    kind = getattr(diffusers, json.loads((folder / "config.json").read_text())["_class_name"])
    return kind.from_pretrained(folder, torch_dtype=torch.float32)


def by_bitsandbytes(folder: Path) -> Any:
    quantisers: Any = importlib.import_module("diffusers.quantizers.bitsandbytes.bnb_quantizer")
    kind = getattr(diffusers, json.loads((folder / "config.json").read_text())["_class_name"])
    with files.on_a_cpu(quantisers):
        return kind.from_pretrained(folder, torch_dtype=torch.float32, device_map={"": "cpu"})


def of_gguf(source: Path, name: str, path: Path) -> Any:
    kind = getattr(diffusers, json.loads((source / name / "config.json").read_text())["_class_name"])
    return kind.from_single_file(
        str(path),
        config=str(source / name),
        torch_dtype=torch.float32,
        quantization_config=diffusers.GGUFQuantizationConfig(compute_dtype=torch.float32),
        local_files_only=True,
    )


def with_denoiser(source: Path, family: str, denoiser: Any) -> torch.Tensor:
    """The library's picture by a pipeline with another denoiser."""
    pipeline = library_pipeline(source)
    vars(pipeline)[denoiser_of(family)] = denoiser
    return painted_by(pipeline, family)


def by_torchao(source: Path, family: str, word: str) -> torch.Tensor:
    """The library's picture by a pipeline whose denoiser and text encoders are quantised by torchao itself."""
    quantization: Any = importlib.import_module("torchao.quantization")
    config = {"int8": quantization.Int8WeightOnlyConfig, "fp8": quantization.Float8WeightOnlyConfig}[word]
    pipeline = library_pipeline(source)
    for name in (
        denoiser_of(family),
        *(each for each in pipeline.components if each.startswith("text_encoder")),
    ):
        if getattr(pipeline, name) is not None:
            quantization.quantize_(
                getattr(pipeline, name), config(set_inductor_config=False), filter_fn=smaller
            )
    return painted_by(pipeline, family)


def smaller(module: torch.nn.Module, name: str) -> bool:
    """Linear layers of which anything is saved, but for an output layer that no pipeline uses."""
    return type(module) is torch.nn.Linear and module.in_features > 2


def painted_by(pipeline: Any, family: str) -> torch.Tensor:
    request = plan(family).request
    images = pipeline(
        prompt=request.prompt,
        height=request.height,
        width=request.width,
        num_inference_steps=STEPS,
        generator=generators([RowKey(request.seed, request.candidate)], "paint")[0],
        output_type="np",
        **CALLS[family],
    ).images
    return torch.from_numpy(images[0]).float()


def held_bytes(handle: Any) -> int:
    """That a handle's tensors really take."""
    return sum(slot.like.nbytes for slot in slots_of(handle, []))


@pytest.mark.parametrize("family", SOME)
@pytest.mark.parametrize("how", HOWS)
def test_the_picture_is_the_librarys_own_with_the_same_weights(
    how: str, family: str, twin: Twin, tmp_path: Path
) -> None:
    painter, library = quantised(how, family, twin, tmp_path)
    (ours,) = pictures(paint_stages(model=painter), [plan(family)])
    theirs = library()
    assert (ours.float() / 255 - theirs).abs().max() <= 0.5 / 255 + 1e-4  # the bytes nearest to it
    assert theirs.std() > 0.01


@pytest.mark.parametrize("family", ["SD 1.5", "FLUX.1"])
@pytest.mark.parametrize("how", HOWS)
def test_what_is_counted_is_what_is_taken_and_it_comes_back_the_same(
    how: str, family: str, twin: Twin, tmp_path: Path
) -> None:
    painter, _ = quantised(how, family, twin, tmp_path)
    encode, denoise, _ = paint_stages(model=painter)
    registry = Registry()
    (model,) = denoise.uses
    whole: dict[ModelKey, Any] = {
        each: registry.load(each, "cpu") for stage in (encode, denoise) for each in stage.uses
    }
    taken = held_bytes(whole[model])
    assert registry.weight_bytes(model) == pytest.approx(taken, rel=0.02)
    plain = dataclasses.replace(model, checkpoint=str(twin(FAMILIES[family])), parts=(), tuning=())
    assert taken < registry.weight_bytes(plain)
    conditioned = encode.run([plan(family)], whole, RunContext())
    (first,) = denoise.run(conditioned, whole, RunContext())
    registry.unload(model)
    back: dict[ModelKey, Any] = {model: registry.load(model, "cpu")}
    (again,) = denoise.run(conditioned, back, RunContext())
    assert torch.equal(first.latents, again.latents)
    registry.unload(model)
    assert registry.weight_bytes(model) > sum(registry.weights(model, streamed=True).values())
    back = {model: registry.load(model, "cpu", streamed=True)}
    (streamed,) = denoise.run(conditioned, back, RunContext())
    assert torch.equal(first.latents, streamed.latents)
    assert registry.brought(model)[0] > 0


@needs_gguf
def test_a_gguf_file_with_the_names_of_its_makers_paints_the_same(twin: Twin, tmp_path: Path) -> None:
    source, family = twin(FAMILIES["Z-Image"]), "Z-Image"
    files.gguf(source / "transformer", tmp_path / "ours.gguf")
    files.gguf(source / "transformer", tmp_path / "theirs.gguf", makers_names=True)
    keys = [with_file(source, tmp_path / name) for name in ("ours.gguf", "theirs.gguf")]
    assert torch.equal(*(pictures(paint_stages(model=each), [plan(family)])[0] for each in keys))
    registry = Registry()
    (model,) = paint_stages(model=keys[1])[1].uses
    assert registry.weight_bytes(model) == pytest.approx(held_bytes(registry.load(model, "cpu")), rel=0.02)


def with_file(source: Path, path: Path, **more: Any) -> ModelKey:
    return dataclasses.replace(key(source), parts=(("transformer", str(path)),), **more)


@needs_gguf
def test_weights_of_the_folder_are_not_needed_beside_a_gguf_file(twin: Twin, tmp_path: Path) -> None:
    files.gguf(twin(flux) / "transformer", tmp_path / "model.gguf")
    shutil.copytree(twin(flux), tmp_path / "bare")
    for path in (tmp_path / "bare" / "transformer").glob("*.safetensors"):
        path.unlink()
    painted = [
        pictures(paint_stages(model=with_file(folder, tmp_path / "model.gguf")), [plan("FLUX.1")])[0]
        for folder in (twin(flux), tmp_path / "bare")
    ]
    assert torch.equal(*painted)


@needs_gguf
def test_what_a_gguf_file_cannot_be_used_for_is_refused_in_a_line(twin: Twin, tmp_path: Path) -> None:
    path, source = tmp_path / "model.gguf", twin(flux)
    files.gguf(source / "transformer", path)
    denoiser = {"part": "denoiser"}
    registry = Registry()
    with pytest.raises(CheckpointError, match=r"quantised already: leave quantize out"):
        registry.outline(with_file(source, path, tuning=(("quantize", "int8"),), **denoiser))
    other = twin(FAMILIES["SD 3"])
    with pytest.raises(CheckpointError, match=r"cannot be loaded as SD3Transformer2DModel|lacks the weights"):
        registry.load(with_file(other, path, **denoiser), "cpu")
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(path.read_bytes()[:-100])
    for bad, message in ((cut, "is cut off"), (tmp_path / "none.gguf", "no such file")):
        with pytest.raises(CheckpointError, match=message):
            registry.outline(with_file(source, bad, **denoiser))
        with pytest.raises(CheckpointError, match=message):
            registry.weight_bytes(with_file(source, bad, **denoiser))


def test_a_gguf_file_without_the_package_names_the_extra(
    twin: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + (3).to_bytes(4, "little") + bytes(16) + bytes(8))
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "gguf" else find(name, *more)
    )
    with pytest.raises(InputError, match=r"pip install 'diptych\[gguf\]'"):
        Registry().outline(with_file(twin(flux), tmp_path / "model.gguf", part="denoiser"))


def test_a_pipeline_quantised_by_what_diffusers_does_not_read_gets_advice(twin: Twin, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(twin(stable_diffusion), tmp_path / "small"))
    files.config_of(folder / "unet", quantization_config={"quant_method": "gptq"})
    with pytest.raises(CheckpointError, match=r"unet: .* by gptq, which diffusers does not read"):
        Registry().outline(dataclasses.replace(key(folder), part="denoiser"))


@pytest.mark.parametrize("how", HOWS)
def test_batch_invariant_rows_have_the_same_bits_beside_any_neighbours(
    how: str, twin: Twin, tmp_path: Path
) -> None:
    painter, _ = quantised(how, "FLUX.1", twin, tmp_path)
    rows = [
        plan("FLUX.1", prompt=prompt, seed=seed) for seed, prompt in enumerate(("a boat", "two cats", "snow"))
    ]
    batching = Batching(micro_batch=3, batch_invariant=True, alike=shape_of)
    together = pictures(paint_stages(model=painter), rows, batching=batching)
    alone = [pictures(paint_stages(model=painter), [row], batching=batching)[0] for row in rows]
    assert all(torch.equal(a, b) for a, b in zip(together, alone, strict=True))


@needs_bitsandbytes
@pytest.mark.parametrize(("bits", "missing"), [(4, "weight.absmax"), (8, "SCB")])
def test_a_pipeline_of_bitsandbytes_without_its_scales_is_one_line(
    bits: int, missing: str, twin: Twin, tmp_path: Path
) -> None:
    make = functools.partial(files.bitsandbytes_denoiser, bits=bits)
    files.quantised_pipeline(twin(flux), tmp_path / "small", make, "transformer")
    for path in (tmp_path / "small" / "transformer").glob("*.safetensors"):
        files.rewrite(path, lambda name, tensor: {} if name.endswith(missing) else {name: tensor})
    with pytest.raises(CheckpointError, match="copy the checkpoint again") as caught:
        Registry().load(dataclasses.replace(key(tmp_path / "small"), part="denoiser"), "cpu")
    assert missing.removeprefix("weight.") in str(caught.value) and "\n" not in str(caught.value)
