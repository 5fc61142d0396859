"""What cannot paint a picture of a text is refused by what it is, before anything is loaded, in the same words
by a check and by a render."""

import inspect
import json
import shutil
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from diffusers.pipelines.auto_pipeline import AUTO_TEXT2IMAGE_PIPELINES_MAPPING
from safetensors.torch import save_file

from diptych.engine.errors import DiptychError
from diptych.engine.models.diffusion.classes.kinds import kind_of
from diptych.pipelines.recipes.check import check
from diptych.pipelines.recipes.reader import read_recipe
from diptych.pipelines.recipes.writer import recipe_text
from diptych.pipelines.text_to_image import TextToImage

from .painting import Twin
from .unet_twins import stable_diffusion

REFUSED = {
    "WanPipeline": "makes video, and no pictures",
    "TextToVideoSDPipeline": "makes video, and no pictures",
    "LTXPipeline": "makes video, and no pictures",
    "StableAudioPipeline": "makes sound, and no pictures",
    "AudioLDM2Pipeline": "makes sound, and no pictures",
    "MarigoldDepthPipeline": "makes maps of what is in a picture",
    "StableDiffusionLDM3DPipeline": "makes pictures with depth",
    "KandinskyV22PriorPipeline": "makes embeddings for another pipeline",
    "ShapEPipeline": "has no step of its own that reads text",
    "DDPMPipeline": "reads no prompt",
    "LDMSuperResolutionPipeline": "reads no prompt",
    "StableDiffusionUpscalePipeline": "changes a picture that it is given",
    "LongCatImageEditPipeline": "changes a picture that it is given",
    "IFPipeline": "paints without an autoencoder",
    "StableUnCLIPPipeline": "needs further models (prior_text_encoder, prior, image_normalizer)",
    "FluxControlPipeline": "is steered by a second picture (control_image)",
    "TextToVideoZeroPipeline": "makes video, and no pictures",
    "StableDiffusionControlNetPipeline": "is steered by a second picture (controlnet)",
    "StableDiffusionXLAdapterPipeline": "is steered by a second picture (adapter)",
    "StableDiffusionImg2ImgPipeline": "paints over a picture, none of text alone: make paint repaint",
    "StableDiffusionInpaintPipeline": "paints over a picture within a mask, none of text alone",
    "StableDifusionPipeline": "is no text-to-image pipeline of diffusers",
}


def said_of(checkpoint: Path, tmp_path: Path) -> tuple[str, str]:
    """What a check says, and what a render does."""
    table = {"stages": {"paint": {"family": "diffusers", "checkpoint": checkpoint}}}
    path = tmp_path / "mine.toml"
    path.write_text(recipe_text(read_recipe(table)), encoding="utf-8")
    said: list[str] = []
    checked, rendered = lambda: check(read_recipe(path), device="cpu"), lambda: TextToImage.from_recipe(path)
    for ask in (checked, rendered):
        with pytest.raises(DiptychError) as caught:
            ask()
        said.append(str(caught.value))
    return said[0], said[1]


@pytest.mark.parametrize("name", REFUSED)
def test_a_class_that_paints_no_picture_of_a_text_is_refused_by_what_it_makes(
    name: str, twin: Twin, tmp_path: Path
) -> None:
    folder = shutil.copytree(twin(stable_diffusion), tmp_path / "folder")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"_class_name": name}))
    checked, rendered = said_of(folder, tmp_path)
    assert checked == rendered and REFUSED[name] in checked and "\n" not in checked


@pytest.mark.parametrize(
    ("file", "config", "words"),
    [
        ("diffusion_pytorch_model", {"_class_name": "ControlNetModel"}, "is a ControlNet"),
        ("diffusion_pytorch_model", {"_class_name": "T2IAdapter"}, "is an adapter"),
        ("diffusion_pytorch_model", {"_class_name": "AutoencoderKL"}, "is an autoencoder, one part"),
        ("diffusion_pytorch_model", {"_class_name": "UNet2DConditionModel"}, "is a U-Net, one part"),
        ("ip-adapter_sd15", None, "is an IP-Adapter"),
        ("pytorch_lora_weights", None, "is LoRA weights"),
        ("learned_embeds", None, "is a textual inversion"),
    ],
)
def test_a_folder_that_is_no_pipeline_is_refused_by_what_it_holds(
    file: str, config: dict[str, str] | None, words: str, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    save_file({"weight": torch.zeros(2)}, folder / f"{file}.safetensors")
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    checked, rendered = said_of(folder, tmp_path)
    assert checked == rendered and words in checked and "name a text-to-image pipeline" in checked


def classes() -> dict[str, Any]:
    """Every pipeline class of diffusers that can be looked at here."""
    found: dict[str, Any] = {}
    for name in dir(diffusers):
        each = getattr(diffusers, name, None) if name.endswith("Pipeline") else None
        try:
            if inspect.isclass(each) and "Modular" not in name and callable(each):
                found[name] = (each, kind_of(each))
        except ImportError:
            continue  # a package is missing
    return found


def test_what_the_library_calls_text_to_image_is_let_pass_and_no_video_is() -> None:
    found = classes()
    assert len(found) > 200
    painters = {each.__name__ for each in AUTO_TEXT2IMAGE_PIPELINES_MAPPING.values()}
    for name, (_, kind) in found.items():
        is_other = kind.steering or kind.others or not kind.encodes or not kind.decodes
        if name in painters and not is_other and "num_frames" not in kind.takes:
            assert kind.fault == "" and not kind.starts_from_picture, name
        if "num_frames" in kind.takes or {"frames", "audios"} & set(kind.makes):
            assert kind.fault, name
