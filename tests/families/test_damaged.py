"""Checkpoints that are not whole, or not what they should be: one clear line each, which names the file."""

import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from diptych.engine.errors import CheckpointError
from diptych.engine.models.registry import Registry
from diptych.engine.stage import ModelKey

from .painting import Twin
from .pipeline_twins import flux

diffusers: Any = importlib.import_module("diffusers")

TRANSFORMER = "transformer/diffusion_pytorch_model"


@pytest.fixture
def folder(twin: Twin, tmp_path: Path) -> Path:
    """A whole pipeline, its transformer in two shards."""
    folder = tmp_path / "checkpoint"
    shutil.copytree(twin(flux), folder)
    model = diffusers.FluxTransformer2DModel.from_pretrained(folder / "transformer")
    shutil.rmtree(folder / "transformer")
    size = sum(parameter.nbytes for parameter in model.parameters())
    model.save_pretrained(folder / "transformer", max_shard_size=int(size * 0.6))
    assert len(list((folder / "transformer").glob("*.safetensors"))) == 2
    return folder


def refusal(folder: Path, part: str = "denoiser") -> str:
    """What is said before anything is loaded, or else when it is loaded."""
    key = ModelKey("diffusers", str(folder), part=part)
    with pytest.raises(CheckpointError) as caught:
        Registry().weights(key)
        Registry().load(key, "cpu")
    message = str(caught.value)
    assert "\n" not in message and str(folder) in message
    return message


def test_shards_are_read(folder: Path) -> None:
    registry, key = Registry(), ModelKey("diffusers", str(folder), part="denoiser")
    handle = registry.load(key, "cpu")
    assert registry.weight_bytes(key) == sum(each.nbytes for each in handle.transformer.parameters())


def test_a_missing_shard_is_named(folder: Path) -> None:
    (folder / f"{TRANSFORMER}-00002-of-00002.safetensors").unlink()
    assert refusal(folder) == (
        f"{folder}/{TRANSFORMER}-00002-of-00002.safetensors: no such file, which"
        " diffusion_pytorch_model.safetensors.index.json names: copy the checkpoint again"
    )


def test_a_download_that_was_broken_off_is_told_apart(folder: Path) -> None:
    (folder / f"{TRANSFORMER}-00002-of-00002.safetensors").unlink()
    left = folder / ".cache" / "huggingface" / "download" / "transformer" / "x.incomplete"
    left.parent.mkdir(parents=True)
    left.touch()
    assert refusal(folder).endswith("the download was broken off: run it again")


def test_a_file_cut_off_is_named(folder: Path) -> None:
    path = folder / f"{TRANSFORMER}-00001-of-00002.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert refusal(folder) == f"{path}: is damaged or cut off: copy the checkpoint again"


def test_a_pickle_is_refused_with_the_reason(folder: Path) -> None:
    for path in (folder / "vae").glob("*.safetensors"):
        tensors = load_file(path)
        path.unlink()
        torch.save(tensors, path.with_suffix(".bin"))
    assert refusal(folder, "vae") == (
        f"{folder}/vae: diffusion_pytorch_model.bin is a pickle, which can run any code when opened: save it as"
        " safetensors"
    )


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("spoil", "part", "message"),
    [
        (
            lambda folder: change(folder / "transformer/config.json", num_layers=2),
            "denoiser",
            "lacks the weights",
        ),
        (
            lambda folder: change(folder / "transformer/config.json", joint_attention_dim=48),
            "denoiser",
            "config.json and the weights do not fit each other",
        ),
        (
            lambda folder: change(folder / "text_encoder_2/config.json", d_model=48, d_ff=16),
            "text",
            "config.json and the weights do not fit each other",
        ),
        (lambda folder: (folder / "vae/config.json").write_text("{"), "vae", "config.json: is no JSON"),
        (lambda folder: (folder / "vae/config.json").unlink(), "vae", "vae/config.json: no such file"),
        (
            lambda folder: shutil.rmtree(folder / "text_encoder"),
            "text",
            "text_encoder: has no .safetensors file",
        ),
        (lambda folder: (folder / "model_index.json").unlink(), "text", "model_index.json: no such file"),
        (
            lambda folder: change(folder / "model_index.json", _class_name="FluxPipelin"),
            "vae",
            "'FluxPipelin' is no text-to-image pipeline of diffusers",
        ),
        (
            lambda folder: change(folder / "model_index.json", _class_name=["pipeline", "MyPipeline"]),
            "vae",
            "a pipeline with code of its own is not run",
        ),
        (
            lambda folder: change(folder / "model_index.json", transformer=["my_model", "MyTransformer"]),
            "denoiser",
            "code that comes with a checkpoint is not run",
        ),
        (
            lambda folder: change(folder / "model_index.json", transformer=[None, None]),
            "denoiser",
            "names no denoiser: it is no text-to-image pipeline",
        ),
    ],
)
def test_a_wrong_config_is_told(folder: Path, spoil: Callable[[Path], Any], part: str, message: str) -> None:
    spoil(folder)
    assert message in refusal(folder, part)


def test_only_the_weights_that_are_loaded_are_counted(folder: Path) -> None:
    """A Hub folder has the same weights in half precision, or as one file of another program, too."""
    registry, key = Registry(), ModelKey("diffusers", str(folder), part="vae")
    before = registry.weight_bytes(key)
    whole = folder / "vae" / "diffusion_pytorch_model.safetensors"
    shutil.copy(whole, folder / "vae" / "diffusion_pytorch_model.fp16.safetensors")
    shutil.copy(whole, folder / "flux1-dev.safetensors")
    assert Registry().weight_bytes(key) == before
    whole.unlink()  # where there is only half precision, it is taken
    assert Registry().weight_bytes(key) == before
    assert Registry().load(key, "cpu").vae is not None
