"""Single files of every family that the library reads, all in one and the denoiser alone: pictures are those
of the same weights in a folder, which are the library's own, and bytes are accounted as they are taken."""

import dataclasses
import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from diptych.engine.errors import CheckpointError, DiptychError
from diptych.engine.memory import DeviceMemory
from diptych.engine.models.registry import Registry
from diptych.engine.stage import ModelKey, RunContext
from diptych.engine.stages.painting.paint import paint_stages
from diptych.engine.stages.painting.pipeline_call import keys_of
from diptych.pipelines.recipes.new import new_recipe

from .painting import CALLS, STEPS, Twin, key, library_picture, pictures, plan
from .pipeline_twins import FAMILIES
from .single_file_twins import DENOISERS, TEXTS, all_in_one, alone, flux2_vae, prefixed, vae, weights_of, write
from .unet_twins import stable_diffusion, stable_diffusion_2, stable_diffusion_xl

diffusers: Any = importlib.import_module("diffusers")

MAKERS = {**{name: FAMILIES[name] for name in DENOISERS if name != "SD 2"}, "SD 2": stable_diffusion_2}
KIND = {name: "SD 1.5" if name == "SD 2" else name for name in DENOISERS}
"""By which of `painting.CALLS` a family is called."""


def single(file: Path, twin: Path, **more: Any) -> ModelKey[Any]:
    return ModelKey("diffusers", str(file), config=str(twin), **more)


def with_part(twin: Path, name: str, place: Path) -> ModelKey[Any]:
    return ModelKey("diffusers", str(twin), parts=((name, str(place)),))


@pytest.mark.parametrize("family", TEXTS)
def test_a_file_with_all_in_one_paints_the_librarys_picture(family: str, twin: Twin, tmp_path: Path) -> None:
    folder, file = twin(MAKERS[family]), tmp_path / "all.safetensors"
    all_in_one(family, folder, file)
    value = plan(KIND[family])
    (ours,) = pictures(paint_stages(model=single(file, folder)), [value])
    (same,) = pictures(paint_stages(model=key(folder)), [value])
    expected = library_picture(folder, value, **CALLS[KIND[family]])
    assert torch.equal(ours, same)
    assert (ours / 255 - expected).abs().max() <= 0.5 / 255 + 1e-4 and expected.std() > 0.01


@pytest.mark.parametrize("family", DENOISERS)
def test_a_denoiser_alone_takes_the_place_of_a_pipelines(family: str, twin: Twin, tmp_path: Path) -> None:
    folder, file = twin(MAKERS[family]), tmp_path / "alone.safetensors"
    name = alone(family, folder, file)
    value = plan(KIND[family])
    (ours,) = pictures(paint_stages(model=with_part(folder, name, file)), [value])
    (same,) = pictures(paint_stages(model=key(folder)), [value])
    assert torch.equal(ours, same)


def test_the_libraries_own_reader_of_single_files_paints_the_same(twin: Twin, tmp_path: Path) -> None:
    folder, file = twin(stable_diffusion), tmp_path / "all.safetensors"
    all_in_one("SD 1.5", folder, file)
    value = plan("SD 1.5")
    (ours,) = pictures(paint_stages(model=single(file, folder)), [value])
    pipeline = diffusers.StableDiffusionPipeline.from_single_file(
        str(file), config=str(folder), local_files_only=True, safety_checker=None, feature_extractor=None
    )
    pipeline.set_progress_bar_config(disable=True)
    from diptych.engine.randomness import RowKey, generators

    images = pipeline(
        prompt=value.request.prompt,
        height=64,
        width=64,
        num_inference_steps=STEPS,
        generator=generators([RowKey(value.request.seed, value.request.candidate)], "paint")[0],
        output_type="np",
        **CALLS["SD 1.5"],
    ).images
    assert (ours / 255 - torch.from_numpy(images[0]).float()).abs().max() <= 0.5 / 255 + 1e-4


@pytest.mark.parametrize(
    ("family", "dtype"),
    [*((family, "float16") for family in DENOISERS), ("SDXL", "float32"), ("FLUX.1", "bfloat16")],
)
def test_bytes_are_accounted_as_they_are_taken(family: str, dtype: str, twin: Twin, tmp_path: Path) -> None:
    folder, file = twin(MAKERS[family]), tmp_path / "file.safetensors"
    if family in TEXTS:
        all_in_one(family, folder, file, dtype=torch.float16)
        model = single(file, folder, dtype=dtype)
    else:
        model = dataclasses.replace(with_part(folder, alone(family, folder, file), file), dtype=dtype)
    registry = Registry()
    for part in keys_of(model):
        counted = sum(registry.weights(part).values())
        taken = taken_by(registry.load(part, "cpu"))
        assert abs(counted - taken) <= 0.02 * taken, (part.part, counted, taken)


@pytest.mark.parametrize("family", ["FLUX.1", "SD 3", "PixArt-Sigma"])
def test_what_a_folder_keeps_in_single_precision_is_accounted(family: str, twin: Twin) -> None:
    registry = Registry()
    for part in keys_of(dataclasses.replace(key(twin(FAMILIES[family])), dtype="float16")):
        counted, taken = sum(registry.weights(part).values()), taken_by(registry.load(part, "cpu"))
        assert abs(counted - taken) <= 0.02 * taken, (part.part, counted, taken)


def taken_by(handle: Any) -> int:
    """Bytes of all tensors that a handle's modules hold."""
    modules = [getattr(handle, field.name) for field in dataclasses.fields(handle)]
    return sum(
        tensor.numel() * tensor.element_size()
        for module in modules
        if isinstance(module, torch.nn.Module)
        for tensor in (*module.parameters(), *module.buffers())  # what is tied stands here once
    )


@pytest.mark.parametrize("family", ["SD 1.5", "FLUX.1"])
def test_the_masters_are_the_files_own_bytes(family: str, twin: Twin, tmp_path: Path) -> None:
    folder, file = twin(MAKERS[family]), tmp_path / "all.safetensors"
    all_in_one(family, folder, file, dtype=torch.float16)
    registry = Registry()
    for part in keys_of(single(file, folder)):
        registry.load(part, "cpu")
        slots = registry._host_weights[part]._slots
        mapped = sum(slot.master.nbytes for slot in slots if slot.source is not None)
        assert mapped >= 0.5 * sum(slot.master.nbytes for slot in slots), part.part


@pytest.mark.parametrize("family", ["SD 1.5", "FLUX.1", "Z-Image"])
def test_evicted_and_streamed_weights_come_back_the_same(family: str, twin: Twin, tmp_path: Path) -> None:
    folder, file = twin(MAKERS[family]), tmp_path / "all.safetensors"
    all_in_one(family, folder, file, dtype=torch.float16)
    stages = encode, denoise, _ = paint_stages(model=single(file, folder))
    memory = DeviceMemory(Registry())
    (first,) = pictures(stages, [plan(family)], memory=memory)
    registry = Registry()
    whole: dict[ModelKey, Any] = {
        each: registry.load(each, "cpu") for stage in (encode, denoise) for each in stage.uses
    }
    conditioned = encode.run([plan(family)], whole, RunContext())
    (full,) = denoise.run(conditioned, whole, RunContext())
    (model,) = denoise.uses
    registry.unload(model)
    again: dict[ModelKey, Any] = {model: registry.load(model, "cpu")}
    assert torch.equal(denoise.run(conditioned, again, RunContext())[0].latents, full.latents)
    assert registry.weight_bytes(model) > sum(registry.weights(model, streamed=True).values())
    streamed: dict[ModelKey, Any] = {model: registry.load(model, "cpu", streamed=True)}
    torch.testing.assert_close(
        denoise.run(conditioned, streamed, RunContext())[0].latents, full.latents, atol=1e-5, rtol=0
    )
    assert registry.brought(model)[0] > 0 and first.float().std() > 0


@pytest.mark.parametrize(
    ("family", "part", "form"),
    [
        ("SD 1.5", "vae", "folder"),
        ("SD 1.5", "vae", "pipeline"),
        ("SDXL", "vae", "file"),
        ("FLUX.1", "vae", "file"),
        ("FLUX.2 klein", "vae", "file"),
        ("SDXL", "text_encoder", "file"),
        ("FLUX.1", "text_encoder_2", "file"),
        ("SD 3", "text_encoder_3", "folder"),
        ("Z-Image", "text_encoder", "file"),
        ("Qwen-Image", "text_encoder", "file"),
        ("SD 1.5", "unet", "pipeline"),
    ],
)
def test_parts_may_lie_elsewhere(family: str, part: str, form: str, twin: Twin, tmp_path: Path) -> None:
    folder = twin(MAKERS[family])
    place = {"folder": folder / part, "pipeline": folder, "file": tmp_path / "part.safetensors"}[form]
    if form == "file":
        names = flux2_vae if "FLUX.2" in family else vae
        write(names(folder / part) if part == "vae" else weights_of(folder / part), place)
    stripped = without(folder, part, tmp_path / "rest")
    (ours,) = pictures(paint_stages(model=with_part(stripped, part, place)), [plan(family)])
    (same,) = pictures(paint_stages(model=key(folder)), [plan(family)])
    assert torch.equal(ours, same)


def without(folder: Path, part: str, copy: Path) -> Path:
    """The pipeline whose `part` has its config alone."""
    copy.mkdir()
    for each in folder.iterdir():
        if each.name != part:
            (copy / each.name).symlink_to(each)
    if part:
        (copy / part).mkdir()
        (copy / part / "config.json").write_bytes((folder / part / "config.json").read_bytes())
    return copy


def test_a_part_that_two_models_share_is_counted_once(twin: Twin, tmp_path: Path) -> None:
    folder, file = twin(stable_diffusion), tmp_path / "vae.safetensors"
    write(vae(folder / "vae"), file)
    one, other = with_part(folder, "vae", file), with_part(without(folder, "", tmp_path / "copy"), "vae", file)
    registry = Registry()
    pieces = [registry.weights(keys_of(each)[2]) for each in (one, other)]
    assert pieces[0] == pieces[1] and len(pieces[0]) == 1


def refused(model: ModelKey[Any]) -> str:
    """What is said of it, in one line."""
    with pytest.raises(DiptychError) as caught:
        registry = Registry()
        for part in keys_of(model):
            registry.outline(part)
    line = str(caught.value)
    assert "\n" not in line and "diptych-" not in line, line
    return line


def test_what_does_not_fit_is_refused_by_both_names(twin: Twin, tmp_path: Path) -> None:
    folder, flux = twin(stable_diffusion), twin(FAMILIES["FLUX.1"])
    line = refused(with_part(folder, "vae", flux / "vae"))
    assert str(folder) in line and str(flux) in line and "scaling_factor is 0.3611" in line
    line = refused(with_part(folder, "vae", twin(FAMILIES["FLUX.2"])))
    assert "AutoencoderKLFlux2" in line and str(folder) in line
    line = refused(with_part(twin(stable_diffusion_xl), "text_encoder", flux / "text_encoder_2"))
    assert "text_encoder" in line
    wide = tmp_path / "wide"
    wide.mkdir()
    (wide / "config.json").write_text(json.dumps({"model_type": "clip_text_model", "hidden_size": 48}))
    line = refused(with_part(folder, "text_encoder", wide))
    assert "of width 48" in line and "reads 32" in line
    line = refused(with_part(folder, "text_encodr", wide))
    assert "did you mean 'text_encoder'" in line
    (words := tmp_path / "words").mkdir()
    (words / "vocab.json").write_text(json.dumps({"boat": 5000}))
    line = refused(with_part(folder, "tokenizer", words))
    assert "tokenizer of 5001 words" in line and str(folder / "text_encoder") in line
    file = tmp_path / "text.safetensors"
    write(weights_of(folder / "text_encoder"), file)
    assert "text.safetensors" in refused(with_part(folder, "vae", file))
    assert "holds no unet: name another file" in refused(with_part(folder, "unet", file))


def test_a_denoiser_alone_as_the_checkpoint_says_what_is_missing(twin: Twin, tmp_path: Path) -> None:
    folder, file = twin(FAMILIES["FLUX.1"]), tmp_path / "alone.safetensors"
    alone("FLUX.1", folder, file)
    line = refused(ModelKey("diffusers", str(file)))
    assert "FLUX.1 dev without" in line and 'text_encoder_2 = "…"' in line and "[stages.paint.parts]" in line
    parts = tuple((name, str(folder)) for name in ("text_encoder", "text_encoder_2", "vae"))
    model = ModelKey("diffusers", str(file), parts=parts, config=str(folder))
    (ours,) = pictures(paint_stages(model=model), [plan("FLUX.1")])
    (same,) = pictures(paint_stages(model=key(folder)), [plan("FLUX.1")])
    assert torch.equal(ours, same)


def test_copies_that_training_keeps_are_neither_loaded_nor_counted(twin: Twin, tmp_path: Path) -> None:
    folder = twin(stable_diffusion)
    plain, more = tmp_path / "plain.safetensors", tmp_path / "more.safetensors"
    all_in_one("SD 1.5", folder, more)
    from safetensors.torch import load_file

    write({name: each for name, each in load_file(more).items() if not name.startswith("model_ema")}, plain)
    assert more.stat().st_size > plain.stat().st_size
    registry = Registry()
    sizes = [[registry.weight_bytes(part) for part in keys_of(single(file, folder))] for file in (plain, more)]
    assert sizes[0] == sizes[1]


COMPOSED = [
    ("layers.0.feed_forward.w1.scale_weight", "scales of their own"),
    ("model.diffusion_model.scaled_fp8", "scales of their own"),
    ("model.diffusion_model.layers.0.feed_forward.w1.comfy_quant", "scales of their own"),
    ("model.diffusion_model.layers.0.feed_forward.w1.weight_scale", "scales of their own"),
    ("layers.0.feed_forward.w1.weight.quant_state.bitsandbytes__nf4", "by bitsandbytes"),
    ("layers.0.feed_forward.w1.weight.absmax", "by bitsandbytes"),
    ("layers.0.feed_forward.w1.SCB", "by bitsandbytes"),
    ("layers.0.feed_forward.net_0.wscales", r"nunchaku \(SVDQuant\)"),
]


@pytest.mark.parametrize(("name", "what"), COMPOSED)
def test_weights_that_are_whole_with_others_alone_are_refused_by_name(
    name: str, what: str, twin: Twin, tmp_path: Path
) -> None:
    folder, file = twin(FAMILIES["Z-Image"]), tmp_path / "scaled.safetensors"
    state = weights_of(folder / "transformer")
    low_rank = {f"{name.rpartition('.')[0]}.lora_down": torch.ones(1)}  # as nunchaku's files have, and LoRAs
    write({**state, **low_rank, name: torch.ones(1)}, file)
    for said in (
        refused(with_part(folder, "transformer", file)),
        refused(ModelKey("diffusers", str(file))),
        written_for(file),
    ):
        assert re.search(what, said) and name in said and "not read from single files" in said


def written_for(file: Path) -> str:
    """What is said where a recipe is to be written."""
    with pytest.raises(CheckpointError) as caught:
        new_recipe(str(file))
    return str(caught.value)


def test_prefixes_of_other_makers_are_no_part_of_a_model(twin: Twin, tmp_path: Path) -> None:
    folder, file = twin(stable_diffusion), tmp_path / "vae.safetensors"
    write(prefixed(vae(folder / "vae"), "first_stage_model."), file)
    (ours,) = pictures(paint_stages(model=with_part(folder, "vae", file)), [plan("SD 1.5")])
    (same,) = pictures(paint_stages(model=key(folder)), [plan("SD 1.5")])
    assert torch.equal(ours, same)
    with pytest.raises(CheckpointError, match="no unet"):
        Registry().outline(keys_of(with_part(folder, "unet", file))[1])
