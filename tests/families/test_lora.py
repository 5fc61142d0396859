"""LoRA weights merged into pipelines: the picture is the library's own with the same adapters and weights."""

import dataclasses
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from diptych.engine.errors import CheckpointError
from diptych.engine.memory import DeviceMemory
from diptych.engine.models.registry import Registry
from diptych.engine.stage import ModelKey
from diptych.engine.stages.painting.paint import paint_stages

from .painting import CALLS, Twin, key, library_pipeline, painted, pictures, plan
from .pipeline_twins import FAMILIES, glm_image

diffusers: Any = importlib.import_module("diffusers")


def lora(folder: Path, family: str, pipeline: Any, *, seed: int, texts: bool = False) -> Path:
    """Random weights of rank 2 for the attention of the denoiser, and of the first text encoder."""
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    torch.manual_seed(seed)
    parts = {"unet" if family in ("SD 1.5", "SDXL") else "transformer": ["to_q", "to_v"]}
    layers = {}
    for name, targets in {**parts, **({"text_encoder": ["q_proj", "v_proj"]} if texts else {})}.items():
        module = getattr(pipeline, name)
        module.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=targets), adapter_name="made")
        state = get_peft_model_state_dict(module, adapter_name="made")
        layers[f"{name}_lora_layers"] = {
            name_of: 0.3 * torch.randn_like(value) for name_of, value in state.items()
        }
        module.delete_adapter("made") if hasattr(module, "delete_adapter") else None
    type(pipeline).save_lora_weights(folder, **layers)
    return folder


def weight(registry: Registry, key: ModelKey, name: str) -> torch.Tensor:
    denoiser: Any = registry.load(key, "cpu")
    return denoiser.unet.get_parameter(name)


def with_loras(folder: Path, *loras: tuple[str, float]) -> ModelKey:
    return dataclasses.replace(key(folder), loras=loras)


def library_picture(folder: Path, family: str, loras: Sequence[tuple[Path, float]]) -> torch.Tensor:
    """float32 (h, w, 3), 0 to 1: with the adapters as the library itself carries them along."""
    from diptych.engine.randomness import RowKey, generators

    pipeline = library_pipeline(folder)
    for i, (path, _) in enumerate(loras):
        pipeline.load_lora_weights(path, adapter_name=str(i))
    if loras:
        pipeline.set_adapters([str(i) for i in range(len(loras))], [weight for _, weight in loras])
    request = plan(family).request
    images = pipeline(
        prompt=request.prompt,
        height=request.height,
        width=request.width,
        num_inference_steps=request.settings.num_inference_steps,
        generator=generators([RowKey(request.seed, request.candidate)], "paint")[0],
        output_type="np",
        **CALLS[family],
    ).images
    return torch.from_numpy(images[0]).float()


@pytest.mark.parametrize(("family", "texts"), [("SD 1.5", True), ("SDXL", True), ("FLUX.1", False)])
def test_several_loras_are_merged_at_their_weights(
    family: str, texts: bool, twin: Twin, tmp_path: Path
) -> None:
    folder = twin(FAMILIES[family])
    made: list[tuple[Path, float]] = []
    for i, weight in enumerate([0.8, -0.5]):
        pipeline = library_pipeline(folder)
        made.append((lora(tmp_path / str(i), family, pipeline, seed=i, texts=texts and i == 0), weight))
    (first, weight), (second, other) = made
    file = second / "pytorch_lora_weights.safetensors"  # as good as its folder
    loras = ((str(first), weight), (str(file), other))
    (ours,) = pictures(paint_stages(model=with_loras(folder, *loras)), [plan(family)])
    expected = library_picture(folder, family, made)
    assert (ours / 255 - expected).abs().max() <= 0.5 / 255 + 1e-4
    (plain,) = pictures(paint_stages(model=key(folder)), [plan(family)])
    assert (plain - ours).abs().max() > 1


def test_the_weights_without_loras_stay_as_they_are(twin: Twin, tmp_path: Path) -> None:
    folder = twin(FAMILIES["SD 1.5"])
    pipeline = library_pipeline(folder)
    made = lora(tmp_path / "one", "SD 1.5", pipeline, seed=0)
    _, with_lora, _ = paint_stages(model=with_loras(folder, (str(made), 1.0)))
    _, without, _ = paint_stages(model=key(folder))
    registry = Registry()
    name = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.weight"
    plain = weight(registry, without.uses[0], name).clone()
    merged = weight(registry, with_lora.uses[0], name)
    assert not torch.equal(plain, merged)
    assert torch.equal(plain, weight(registry, without.uses[0], name))
    one = registry.weight_bytes(without.uses[0])
    memory = DeviceMemory(registry)
    assert memory.weight_bytes([without.uses[0], with_lora.uses[0]]) == 2 * one  # nothing is shared


def test_what_is_no_lora_of_this_pipeline_is_refused_in_a_line(twin: Twin, tmp_path: Path) -> None:
    folder = twin(FAMILIES["FLUX.1"])

    def refusal(checkpoint: Path | str) -> str:
        stages = paint_stages(model=with_loras(folder, (str(checkpoint), 1.0)))
        with pytest.raises(CheckpointError) as caught:
            painted(stages[1:2], [])
            Registry().load(stages[1].uses[0], "cpu")
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "no such file" in refusal(tmp_path / "none.safetensors")
    assert "no such checkpoint" in refusal(tmp_path / "none")
    (tmp_path / "pickle.pt").write_bytes(b"\x80")
    assert "can run any code when opened" in refusal(tmp_path / "pickle.pt")
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    assert "other.safetensors" in refusal(tmp_path / "other.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "other.safetensors").read_bytes()[:-1])
    assert "damaged or cut off" in refusal(tmp_path / "cut.safetensors")
    assert load_file(tmp_path / "other.safetensors")

    stages = paint_stages(model=with_loras(twin(glm_image), ("any", 1.0)))
    with pytest.raises(CheckpointError, match="any: GlmImagePipeline takes no LoRA weights: leave them out"):
        Registry().load(stages[1].uses[0], "cpu")
