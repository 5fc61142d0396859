"""`diptych recipes new`: what a file or folder is, from its header, and a recipe for it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from diptych.engine.errors import CheckpointError, InputError
from diptych.engine.models.diffusion.single_files.assembly import pipeline_folder
from diptych.engine.models.diffusion.single_files.known import configs_of
from diptych.pipelines.cli.recipes import recipes
from diptych.pipelines.recipes.new import new_recipe, write_new
from diptych.pipelines.recipes.reader import read_recipe
from diptych.pipelines.recipes.tables.toml_file import read_toml

Shapes = dict[str, list[int]]


def outline(path: Path, shapes: Shapes, *, kind: str = "F16", more: dict[str, str] | None = None) -> Path:
    """A file that holds tensors of these shapes: their header, and a hole in the place of their data."""
    header: dict[str, Any] = {"__metadata__": more} if more else {}
    end = 0
    for name, shape in shapes.items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)
    return path


UNET = "model.diffusion_model."
XL = {
    f"{UNET}input_blocks.0.0.weight": [320, 4, 3, 3],
    f"{UNET}label_emb.0.0.weight": [1280, 2816],
    f"{UNET}input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": [640, 2048],
    "first_stage_model.decoder.conv_in.weight": [512, 4, 3, 3],
    "conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight": [49408, 768],
    "conditioner.embedders.1.model.token_embedding.weight": [49408, 1280],
}
V15 = {
    f"{UNET}input_blocks.0.0.weight": [320, 4, 3, 3],
    f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [320, 768],
}


def test_an_sdxl_file_gets_a_recipe_that_names_nothing_else(tmp_path: Path) -> None:
    file = outline(tmp_path / "dream.safetensors", XL)
    made = new_recipe(str(file), tmp_path / "mine.toml")
    assert made.said[0].startswith("SDXL, all in one, ") and "float16" in made.said[0]
    assert "1024x1024" in made.said[-1] and made.missing == ()
    assert 'checkpoint = "./dream.safetensors"' in made.text and "parts" not in made.text
    write_new(made.text, tmp_path / "mine.toml")
    recipe = read_recipe(tmp_path / "mine.toml")
    assert (recipe.height, recipe.width) == (1024, 1024)
    assert recipe.stages["paint"].model.checkpoint == str(file.resolve())
    assert recipe.defaults.num_inference_steps == 30


def test_its_tokenizers_are_clips_own(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    file = outline(tmp_path / "dream.safetensors", XL)
    write_new(new_recipe(str(file), tmp_path / "mine.toml").text, tmp_path / "mine.toml")
    folder = pipeline_folder(read_recipe(tmp_path / "mine.toml").stages["paint"].model)
    first, second = (AutoTokenizer.from_pretrained(folder / name) for name in ("tokenizer", "tokenizer_2"))
    assert first("a red boat").input_ids == [49406, 320, 736, 4440, 49407]
    assert len(first) == 49408 and (first.pad_token_id, second.pad_token_id) == (49407, 0)


def test_t5s_vocabulary_ships_too(tmp_path: Path) -> None:
    import sentencepiece
    from transformers import AutoTokenizer

    from diptych.engine.models.diffusion.single_files.known import write_vocabulary

    config = configs_of("FLUX.1 dev")["tokenizer_2/tokenizer_config.json"]
    write_vocabulary(tmp_path, config)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "spiece.model"))
    assert AutoTokenizer.from_pretrained(tmp_path)("a red boat").input_ids == [*pieces.encode("a red boat"), 1]
    assert pieces.vocab_size() == 32000


def scheduler(file: Path) -> dict[str, Any]:
    recipe = read_recipe({"stages": {"paint": {"family": "diffusers", "checkpoint": file}}})
    folder = pipeline_folder(recipe.stages["paint"].model)
    return json.loads((folder / "scheduler" / "scheduler_config.json").read_text())


def test_v_prediction_is_read_from_the_file(tmp_path: Path) -> None:
    plain = outline(tmp_path / "plain.safetensors", XL)
    told = outline(tmp_path / "told.safetensors", XL, more={"modelspec.prediction_type": "v"})
    marked = outline(tmp_path / "marked.safetensors", XL | {"v_pred": [], "ztsnr": []})
    assert scheduler(plain)["prediction_type"] == "epsilon"
    assert scheduler(told)["prediction_type"] == "v_prediction"
    assert (
        scheduler(marked)["prediction_type"] == "v_prediction" and scheduler(marked)["rescale_betas_zero_snr"]
    )
    assert any("v-prediction" in line for line in new_recipe(str(marked)).said)


def test_a_transformer_alone_gets_a_recipe_that_says_what_is_missing(tmp_path: Path) -> None:
    shapes = {
        "double_blocks.0.img_attn.norm.key_norm.scale": [128],
        "guidance_in.in_layer.bias": [3072],
        "img_in.weight": [3072, 64],
    }
    made = new_recipe(str(outline(tmp_path / "f.safetensors", shapes, kind="BF16")), tmp_path / "mine.toml")
    assert made.said[0].startswith("FLUX.1 dev, denoiser alone, ")
    assert made.missing[0].startswith(
        "text_encoder, text_encoder_2, vae: hf download black-forest-labs/FLUX.1-dev"
    )
    assert 'vae = "black-forest-labs/FLUX.1-dev"' in made.text and "# Not on this disk yet" in made.text
    write_new(made.text, tmp_path / "mine.toml")
    assert (
        dict(read_recipe(tmp_path / "mine.toml").stages["paint"].model.parts)["vae"]
        == "black-forest-labs/FLUX.1-dev"
    )


NO_PAINTERS: dict[str, tuple[Shapes, str]] = {
    "lora": (
        {"lora_unet_down_blocks_0.lora_down.weight": [4, 320]},
        "LoRA weights, and is no model that paints: add it",
    ),
    "lora of comfyui": ({"diffusion_model.layers.0.attention.qkv.lora_A.weight": [4, 8]}, "loras = "),
    "vae": ({"decoder.conv_in.weight": [512, 16, 3, 3]}, "autoencoder of 16 channels"),
    "clip": (
        {"text_model.embeddings.token_embedding.weight": [49408, 768]},
        "CLIP's text encoder of width 768",
    ),
    "t5": (
        {"shared.weight": [32128, 4096], "encoder.block.0.layer.0.SelfAttention.q.weight": [8, 8]},
        "T5's encoder",
    ),
    "controlnet": ({"control_model.time_embed.0.weight": [8, 8]}, "ControlNet"),
    "embedding": ({"emb_params": [4, 768]}, "textual inversion embedding"),
    "embedding of sdxl": ({"clip_l": [2, 768], "clip_g": [2, 1280]}, "textual inversion embedding"),
    "inpainting": ({**V15, f"{UNET}input_blocks.0.0.weight": [320, 9, 3, 3]}, "for inpainting (9 channels)"),
    "refiner": (
        {**XL, f"{UNET}input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": [640, 1280]},
        "SDXL refiner",
    ),
    "fill": (
        {"double_blocks.0.img_attn.norm.key_norm.scale": [128], "img_in.weight": [3072, 384]},
        "FLUX.1 Fill",
    ),
    "video": ({"model.diffusion_model.head.modulation": [1, 2, 8]}, "moving pictures"),
    "chroma": (
        {"double_blocks.0.img_attn.norm.key_norm.scale": [128], "distilled_guidance_layer.in_proj.bias": [8]},
        "Chroma",
    ),
    "unknown": ({"weight": [8]}, "nothing that is known"),
    "scaled": ({"layers.0.scale_weight": [1], "scaled_fp8": [2]}, "scales of their own"),
}


@pytest.mark.parametrize("name", NO_PAINTERS)
def test_what_is_no_painter_is_told_by_what_it_is(name: str, tmp_path: Path) -> None:
    shapes, said = NO_PAINTERS[name]
    file = outline(tmp_path / "x.safetensors", shapes)
    with pytest.raises(CheckpointError) as caught:
        new_recipe(str(file))
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_with_a_single_file_is_that_file(tmp_path: Path) -> None:
    outline(tmp_path / "dream.safetensors", XL)
    assert 'dream.safetensors"' in new_recipe(str(tmp_path)).text
    outline(tmp_path / "other.safetensors", XL)
    with pytest.raises(CheckpointError, match="holds 2 single files"):
        new_recipe(str(tmp_path))


def test_nothing_is_written_over(tmp_path: Path) -> None:
    out = tmp_path / "mine.toml"
    write_new("a = 1\n", out)
    with pytest.raises(InputError, match="is there already"):
        write_new("a = 2\n", out)
    assert out.read_text() == "a = 1\n"
    with pytest.raises(InputError, match="must end with"):
        write_new("", tmp_path / "mine.txt")


def test_the_command_writes_it_and_says_what_is_next(tmp_path: Path) -> None:
    file, out = outline(tmp_path / "dream.safetensors", XL), tmp_path / "mine.toml"
    done = CliRunner().invoke(recipes, ["new", str(file), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert read_toml(out, "recipe")["stages"]["paint"]["family"] == "diffusers"
    printed = CliRunner().invoke(recipes, ["new", str(file)])
    assert "[stages.paint]" in printed.output and "# SDXL, all in one" in printed.output
