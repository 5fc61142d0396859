"""One LoRA in every layout that people have gives one picture; what has no place is named, or refused."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from diptych.engine.errors import CheckpointError
from diptych.engine.models.registry import Registry
from diptych.engine.stage import Lora
from diptych.engine.stages.painting.paint import paint_stages

from .lora_files import as_comfyui, as_diffusers, as_kohya, as_peft, in_ldm, pairs_of
from .painting import Twin, key, library_pipeline, pictures, plan
from .pipeline_twins import FAMILIES

ENDS = ("attn1.to_q", "attn2.to_k", "to_out.0", "ff.net.0.proj", "resnets.0.conv1", "proj_in", "time_emb_proj")


def picture(folder: Path, family: str, *loras: Lora | Path) -> torch.Tensor:
    """Its pixels, with these LoRAs merged in."""
    merged = tuple(each if isinstance(each, Lora) else Lora(str(each)) for each in loras)
    model = dataclasses.replace(key(folder), loras=merged)
    return pictures(paint_stages(model=model), [plan(family)])[0]


def refusal(folder: Path, lora: Lora | Path) -> str:
    lora = lora if isinstance(lora, Lora) else Lora(str(lora))
    with pytest.raises(CheckpointError) as caught:
        Registry().load(paint_stages(model=dataclasses.replace(key(folder), loras=(lora,)))[1].uses[0], "cpu")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def same(path: str) -> str:
    return path


def in_sd3(path: str) -> str:
    """Of some layers, those that are not fused there."""
    path = path.replace("transformer_blocks.", "joint_blocks.")
    return path.replace("attn.to_out.0", "x_block.attn.proj").replace("ff.net.0.proj", "x_block.mlp.fc1")


def in_flux(path: str) -> str:
    path = path.replace("transformer_blocks.", "double_blocks.")
    for ours, theirs in (("attn.to_out.0", "img_attn.proj"), ("ff.net.0.proj", "img_mlp.0")):
        path = path.replace(ours, theirs)
    return path


def in_z_image(path: str) -> str:
    return path.replace("attention.to_out.0", "attention.out")


@pytest.mark.parametrize(
    ("family", "component", "ends", "original"),
    [
        ("SD 1.5", "unet", ENDS, in_ldm),
        ("SDXL", "unet", ENDS[:3], in_ldm),
        ("SD 3", "transformer", ("ff.net.0.proj", ".attn.to_out.0"), in_sd3),
        ("FLUX.1", "transformer", (".ff.net.0.proj", ".attn.to_out.0"), in_flux),
        ("Z-Image", "transformer", ("attention.to_out.0", "feed_forward.w1"), in_z_image),
        ("Qwen-Image", "transformer", ("attn.to_q", "img_mlp.net.2"), same),
    ],
)
def test_one_lora_in_five_layouts_gives_one_picture(
    family: str,
    component: str,
    ends: tuple[str, ...],
    original: Callable[[str], str],
    twin: Twin,
    tmp_path: Path,
) -> None:
    folder = twin(FAMILIES[family])
    pairs = pairs_of(getattr(library_pipeline(folder), component), ends)
    files = {
        "diffusers": as_diffusers(pairs, tmp_path / "diffusers.safetensors", component=component),
        "peft": as_peft(pairs, tmp_path / "peft"),
        "kohya": as_kohya(pairs, tmp_path / "kohya.safetensors", named=same),
        "kohya, original names": as_kohya(pairs, tmp_path / "original.safetensors", named=original),
        "ComfyUI": as_comfyui(pairs, tmp_path / "comfyui.safetensors", named=original),
    }
    made = {name: picture(folder, family, file) for name, file in files.items()}
    plain = picture(folder, family)
    assert all((plain - each).abs().max() > 1 for each in made.values())
    apart = {name: int((each - made["diffusers"]).abs().max()) for name, each in made.items()}
    assert apart == dict.fromkeys(made, 0)
