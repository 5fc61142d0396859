"""Single files that are damaged, or not what the recipe takes them for: one clear line, the same from a check
and from a render, and nothing read for long."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from diptych.engine.errors import DiptychError
from diptych.engine.models.registry import Registry
from diptych.engine.stage import ModelKey
from diptych.engine.stages.painting.pipeline_call import keys_of

from .painting import Twin
from .pipeline_twins import FAMILIES
from .single_file_twins import all_in_one, vae, write
from .unet_twins import stable_diffusion

State = dict[str, torch.Tensor]
UNET = "model.diffusion_model."


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def replaced(file: Path) -> None:
    file.write_bytes(b"PK" + bytes(999))


def changed(change: Callable[[State], object]) -> Callable[[Path], None]:
    def rewrite(file: Path) -> None:
        state = load_file(file)
        change(state)
        save_file(state, file)

    return rewrite


def without(prefix: str) -> Callable[[Path], None]:
    def drop(state: State) -> None:
        for name in [name for name in state if name.startswith(prefix)]:
            del state[name]

    return changed(drop)


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "cut": (cut, "is damaged or cut off"),
    "a wrong shape": (
        changed(lambda state: state.update({f"{UNET}out.0.weight": torch.ones(3)})),
        "has the shape (3,)",
    ),
    "a tensor is missing": (without(f"{UNET}out.0.bias"), "lacks the weights conv_norm_out.bias"),
    "a whole block is missing": (without(f"{UNET}middle_block"), "lacks the weights mid_block"),
    "no denoiser": (without(UNET), "without unet"),
    "no autoencoder": (without("first_stage_model."), "without vae: name where it lies"),
    "no text encoder": (without("cond_stage_model."), "without text_encoder"),
    "a text encoder without layers": (
        without("cond_stage_model.transformer.text_model.encoder"),
        "lacks the weights",
    ),
    "empty": (without(""), "without text_encoder, unet, vae"),
    "no safetensors file": (replaced, "is damaged or cut off"),
}


def refusals(model: ModelKey[Any]) -> set[str]:
    """What the outline of a pipeline's parts, and loading them, say."""
    said: set[str] = set()
    for how in ("outline", "load"):
        registry = Registry()
        with pytest.raises(DiptychError) as caught:
            for part in keys_of(model):
                registry.outline(part) if how == "outline" else registry.load(part, "cpu")
        said.add(str(caught.value))
    return said


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused_in_one_line(damage: str, twin: Twin, tmp_path: Path) -> None:
    folder, file = twin(stable_diffusion), tmp_path / "dream.safetensors"
    all_in_one("SD 1.5", folder, file)
    break_it, said = DAMAGES[damage]
    break_it(file)
    began = time.perf_counter()
    (line,) = refusals(ModelKey("diffusers", str(file), config=str(folder)))
    assert time.perf_counter() - began < 60
    assert "\n" not in line and "dream.safetensors" in line and said in line, line
    assert "diptych-" not in line, line


def test_configs_of_another_model_are_refused(twin: Twin, tmp_path: Path) -> None:
    file = tmp_path / "dream.safetensors"
    all_in_one("SD 1.5", twin(stable_diffusion), file)
    (line,) = refusals(ModelKey("diffusers", str(file), config=str(twin(FAMILIES["FLUX.1"]))))
    assert "dream.safetensors" in line
    (line,) = refusals(ModelKey("diffusers", str(file), config=str(tmp_path / "none")))
    assert "none: no such checkpoint" in line
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"a": 1}))
    (line,) = refusals(ModelKey("diffusers", str(file), config=str(other)))
    assert "holds no configs of a pipeline" in line
    other.write_text("[" * 100_000)
    (line,) = refusals(ModelKey("diffusers", str(file), config=str(other)))
    assert "other.json" in line and "nested deeper" in line


def test_what_is_no_file_of_weights_is_told(twin: Twin, tmp_path: Path) -> None:
    folder = twin(stable_diffusion)
    (tmp_path / "dream.safetensors").write_bytes(b"")
    (line,) = refusals(ModelKey("diffusers", str(tmp_path / "draem.safetensors")))
    assert "no such file" in line and "did you mean 'dream.safetensors'" in line
    (tmp_path / "old.ckpt").write_bytes(b"x")
    (line,) = refusals(ModelKey("diffusers", str(tmp_path / "old.ckpt")))
    assert "pickle" in line
    (line,) = refusals(ModelKey("diffusers", str(folder), parts=(("vae", str(tmp_path / "old.ckpt")),)))
    assert "pickle" in line
    (line,) = refusals(ModelKey("diffusers", str(folder), parts=(("vae", "nobody/has-this"),)))
    assert "hf download nobody/has-this" in line
    (line,) = refusals(ModelKey("diffusers", str(folder), parts=(("vae", "nobody/has-this/vae.safetensors"),)))
    assert "hf download nobody/has-this vae.safetensors" in line


def test_an_autoencoder_of_other_channels_is_refused_before_loading(twin: Twin, tmp_path: Path) -> None:
    folder, file = twin(stable_diffusion), tmp_path / "wide.safetensors"
    state = vae(folder / "vae")
    state["decoder.conv_in.weight"] = torch.ones(8, 16, 3, 3)
    write(state, file)
    (line,) = refusals(ModelKey("diffusers", str(folder), parts=(("vae", str(file)),)))
    assert "wide.safetensors" in line and str(folder) in line and "16 channels" in line


def test_a_planner_is_no_single_file(tmp_path: Path) -> None:
    file = tmp_path / "planner.safetensors"
    save_file({"model.embed_tokens.weight": torch.ones(4, 4)}, file)
    with pytest.raises(DiptychError, match="single file"):
        Registry().outline(ModelKey("causal-lm", str(file)))
