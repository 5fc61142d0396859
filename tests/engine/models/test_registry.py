"""Families and their adapters: what is counted is what is loaded; what cannot be is refused in a line."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from diptych.engine.errors import CheckpointError, InputError
from diptych.engine.memory import DeviceMemory
from diptych.engine.models.checkpoint.folder import folder_of, parameter_count
from diptych.engine.models.diffusion.refiner import PreviewRefiner
from diptych.engine.models.families import FAMILIES
from diptych.engine.models.language.causal_lm import ImageTokenModel, LanguageModel
from diptych.engine.models.registry import Registry
from diptych.engine.models.vision.captioner import Captioner
from diptych.engine.models.vision.patch_codebook import PatchCodebook
from diptych.engine.stage import ModelKey

POCKET = {
    "causal-lm": ("pocket/planner", LanguageModel),
    "image-token-lm": ("pocket/drafter", ImageTokenModel),
    "image-tokenizer": ("pocket/tokenizer", PatchCodebook),
    "diffusers": ("pocket/refiner", PreviewRefiner),
    "image-text-to-text": ("pocket/captioner", Captioner),
}


def modules_of(handle: Any) -> list[torch.nn.Module]:
    match handle:
        case PreviewRefiner():
            return [handle.unet, handle.text_encoder, handle.latents]
        case LanguageModel() | ImageTokenModel() | Captioner():
            return [handle.model]
        case _:
            return [handle]


def loaded_bytes(handle: Any) -> int:
    """Of all parameters and of the buffers that are weights too, each counted once where it is shared."""
    tensors = [tensor for module in modules_of(handle) for tensor in module.state_dict().values()]
    storages = {tensor.untyped_storage().data_ptr(): tensor.nbytes for tensor in tensors}
    return sum(storages.values())


@pytest.mark.parametrize("family", POCKET)
def test_the_bytes_foretold_are_the_bytes_loaded(family: str) -> None:
    checkpoint, kind = POCKET[family]
    key = ModelKey(family, checkpoint)
    registry = Registry()
    foretold = registry.weight_bytes(key)
    handle = registry.load(key, "cpu")
    assert isinstance(handle, kind)
    assert loaded_bytes(handle) == foretold
    assert foretold == pytest.approx(4 * parameter_count(folder_of(checkpoint)), abs=100)  # counters take eight
    for module in modules_of(handle):
        parameters = list(module.parameters())  # tables have none
        assert not (parameters and module.training)
        assert not any(parameter.requires_grad for parameter in parameters)


def test_half_precision_takes_half_the_bytes() -> None:
    key = ModelKey("causal-lm", "pocket/planner", dtype="bfloat16")
    assert 2 * Registry().weight_bytes(key) == Registry().weight_bytes(ModelKey("causal-lm", "pocket/planner"))
    assert loaded_bytes(Registry().load(key, "cpu")) == Registry().weight_bytes(key)


def test_a_registry_is_what_memory_loads_from() -> None:
    key = ModelKey("image-tokenizer", "pocket/tokenizer")
    memory = DeviceMemory(Registry(), budget_bytes=Registry().weight_bytes(key))
    with memory.lease([key]) as models:
        assert isinstance(models[key], PatchCodebook)
    assert memory.resident_bytes == memory.budget_bytes


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            ModelKey("casual-lm", "pocket/planner"),
            r"family 'casual-lm' is not known \(did you mean 'causal-lm'\?\)",
        ),
        (ModelKey("diffuser", "pocket/refiner"), r"did you mean 'diffusers'\?"),
        (ModelKey("zzz", "pocket/refiner"), r"family 'zzz' is not known; known are causal-lm, image-token-lm"),
        (ModelKey("causal-lm", "pocket/planner", dtype="float8"), r"dtype 'float8' is not known.*float32"),
    ],
)
def test_what_is_not_known_is_named_with_its_nearest(key: ModelKey, message: str) -> None:
    for act in (Registry().weight_bytes, lambda key: Registry().load(key, "cpu")):
        with pytest.raises(InputError, match=message):
            act(key)


def test_a_checkpoint_that_is_not_there_is_refused() -> None:
    for act in (Registry().weight_bytes, lambda key: Registry().load(key, "cpu")):
        with pytest.raises(CheckpointError, match="no such checkpoint"):
            act(ModelKey("causal-lm", "pocket/painter"))


def refusal(family: str, folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        Registry().load(ModelKey(family, str(folder)), "cpu")
    message = str(caught.value)
    assert "\n" not in message and str(folder) in message
    return message


def copy_of(name: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder_of(f"pocket/{name}"), tmp_path / name))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_without_anything_is_refused(family: str, tmp_path: Path) -> None:
    refusal(family, tmp_path)


@pytest.mark.parametrize("family", ["causal-lm", "image-text-to-text", "image-tokenizer"])
def test_weights_that_are_cut_off_are_refused(family: str, tmp_path: Path) -> None:
    folder = copy_of(POCKET[family][0].removeprefix("pocket/"), tmp_path)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-5])
    assert str(folder) in refusal(family, folder)
    with pytest.raises(CheckpointError, match="damaged or cut off"):
        Registry().weight_bytes(ModelKey(family, str(folder)))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_files_that_are_no_json_are_refused(name: str, tmp_path: Path) -> None:
    folder = copy_of("planner", tmp_path)
    (folder / name).write_text("{")
    refusal("causal-lm", folder)


def test_a_config_that_lacks_something_is_refused(tmp_path: Path) -> None:
    folder = copy_of("tokenizer", tmp_path)
    config = json.loads((folder / "config.json").read_text())
    del config["patch"]
    (folder / "config.json").write_text(json.dumps(config))
    assert "'patch' is missing" in refusal("image-tokenizer", folder)


def test_weights_that_do_not_fit_their_config_are_refused(tmp_path: Path) -> None:
    folder = copy_of("tokenizer", tmp_path)
    centroids = load_file(folder / "model.safetensors")["centroids"]
    save_file({"centroids": centroids[:, :9].contiguous()}, folder / "model.safetensors")
    refusal("image-tokenizer", folder)


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("causal-lm", "model"),
        ("image-text-to-text", "model"),
        ("diffusers", "unet/diffusion_pytorch_model"),
        ("diffusers", "text_encoder/model"),
    ],
)
def test_weights_that_lack_a_tensor_are_refused(family: str, name: str, tmp_path: Path) -> None:
    """The libraries would fill it with random numbers, and paint noise."""
    folder = copy_of(POCKET[family][0].removeprefix("pocket/"), tmp_path)
    path = folder / f"{name}.safetensors"
    tensors = load_file(path)
    lost = next(tensor for tensor in sorted(tensors) if "mlp" in tensor or tensor.endswith("bias"))
    save_file({k: v for k, v in tensors.items() if k != lost}, path, metadata={"format": "pt"})
    assert f"lacks the weights {lost}" in refusal(family, folder)


def test_a_planner_is_no_drafter(tmp_path: Path) -> None:
    assert "says nothing of image tokens" in refusal("image-token-lm", copy_of("planner", tmp_path))


def test_any_diffusion_pipeline_is_no_refiner(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    assert "'StableDiffusionPipeline' is no refiner of draft tokens" in refusal("diffusers", tmp_path)
