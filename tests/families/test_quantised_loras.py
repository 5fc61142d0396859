"""LoRA weights beside quantised ones: rows put them on; a recipe's are merged only into weights that are plain,
and a check says so as a render does."""

import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from diptych import DiptychError, TextToImage
from diptych.engine.values import Failure, Outcome
from diptych.pipelines.recipes.check import check
from diptych.pipelines.recipes.new import new_recipe

from . import quantised_files as files
from .lora_files import as_diffusers, pairs_of, saved
from .painting import SIDE, Twin, library_pipeline
from .pipeline_twins import flux
from .single_file_twins import all_in_one
from .test_lora_rows import pixels

needs_torchao = pytest.mark.skipif(not files.has("torchao"), reason="torchao is not installed")
needs_gguf = pytest.mark.skipif(not files.has("gguf"), reason="gguf is not installed")
HOWS = [
    "stored fp8",
    "scaled fp8",
    "fp8 in one file",
    pytest.param("torchao", marks=needs_torchao),
    pytest.param("gguf", marks=needs_gguf),
]
PROMPT = "a red boat at sunset"


@pytest.fixture(scope="module")
def loras(twin: Twin, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For the twin of FLUX.1: ink, and one of DoRA."""
    folder = tmp_path_factory.mktemp("loras")
    pairs = pairs_of(library_pipeline(twin(flux)).transformer, ("attn.to_q", "proj_mlp"))
    as_diffusers(pairs, folder / "ink.safetensors", component="transformer")
    tensors: dict[str, torch.Tensor] = {}
    for path, (down, up) in pairs.items():
        name = f"transformer.{path}"
        tensors |= {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}
        tensors[f"{name}.lora_magnitude_vector"] = torch.ones(len(up))
    saved(folder / "dora.safetensors", tensors)
    return folder


def painter_of(how: str, source: Path, place: Path, *, component: str = "transformer") -> dict[str, Any]:
    """A painter's table, one component of which is quantised."""
    match how:
        case "gguf":
            files.gguf(source / component, place / "model.gguf")
            return {"checkpoint": source, "parts": {component: place / "model.gguf"}}
        case "fp8 in one file":
            all_in_one("FLUX.1", source, place / "model.safetensors", dtype=torch.float8_e4m3fn)
            return {"checkpoint": place / "model.safetensors", "config": source}
        case _:
            makers: dict[str, Callable[[Path, Path], None]] = {
                "stored fp8": files.stored_fp8,
                "scaled fp8": files.scaled_fp8,
                "torchao": files.torchao_denoiser,
            }
            files.quantised_pipeline(source, place / "small", makers[how], component)
            return {"checkpoint": place / "small"}


def pipe_of(painter: dict[str, Any], **more: Any) -> TextToImage:
    table = {
        "picture": {"height": SIDE, "width": SIDE},
        "defaults": {"num_inference_steps": 2},
        "stages": {"paint": {"family": "diffusers", **painter, **more}},
    }
    return TextToImage.from_recipe(table, device="cpu")


@pytest.mark.parametrize("how", HOWS)
def test_rows_put_loras_on_quantised_weights_and_one_that_cannot_be_fails_alone(
    how: str, twin: Twin, loras: Path, tmp_path: Path
) -> None:
    pipe = pipe_of(painter_of(how, twin(flux), tmp_path), lora_folder=str(loras))
    requests = [
        pipe.request(PROMPT, loras=said or None, row=row, seed=7)
        for row, said in enumerate(["", "dora", "ink", ""], 1)
    ]
    plain, dora, ink, again = pipe.run(requests)
    assert isinstance(dora, Failure) and "DoRA looks at the weights that it changes" in dora.reason
    assert isinstance(plain, Outcome) and isinstance(ink, Outcome)
    assert (pixels(plain) - pixels(ink)).abs().max() > 1
    assert torch.equal(pixels(plain), pixels(again))


@pytest.mark.parametrize("how", HOWS)
def test_none_is_merged_into_quantised_weights(how: str, twin: Twin, loras: Path, tmp_path: Path) -> None:
    painter = painter_of(how, twin(flux), tmp_path)
    pipe = pipe_of(painter, loras=[{"checkpoint": str(loras / "ink.safetensors")}])
    said = r"ink\.safetensors: LoRA weights cannot be merged into the transformer, which is quantised: give"
    with pytest.raises(DiptychError, match=said) as caught:
        pipe(PROMPT, seed=7)
    assert check(pipe.recipe, device="cpu").checkup.troubles == (str(caught.value),)


def test_a_lora_is_merged_beside_a_quantised_text_encoder(twin: Twin, loras: Path, tmp_path: Path) -> None:
    painter = painter_of("scaled fp8", twin(flux), tmp_path, component="text_encoder_2")
    ink = str(loras / "ink.safetensors")
    merged = pipe_of(painter, loras=[{"checkpoint": ink}])
    assert check(merged.recipe, device="cpu").ready
    worn = pipe_of(painter, lora_folder=str(loras))(PROMPT, loras="ink", seed=7).outcomes[0]
    assert (pixels(merged(PROMPT, seed=7).outcomes[0]) - pixels(worn)).abs().max() <= 1


@needs_gguf
def test_a_gguf_file_is_no_text_encoder_and_no_autoencoder(twin: Twin, tmp_path: Path) -> None:
    files.gguf(twin(flux) / "transformer", tmp_path / "model.gguf")
    for part in ("vae", "text_encoder_2"):
        said = f"of GGUF files those of denoisers are read: name a folder or a .safetensors file for {part}"
        with pytest.raises(DiptychError, match=said):
            pipe_of({"checkpoint": twin(flux), "parts": {part: tmp_path / "model.gguf"}})


@needs_gguf
def test_a_gguf_file_may_be_the_checkpoint_with_the_other_parts_named(twin: Twin, tmp_path: Path) -> None:
    source, file = twin(flux), tmp_path / "model.gguf"
    files.gguf(source / "transformer", file)
    parts = {name: source for name in ("text_encoder", "text_encoder_2", "vae")}
    pipe = pipe_of({"checkpoint": file, "config": source, "parts": parts})
    beside = pipe_of({"checkpoint": source, "parts": {"transformer": file}})
    assert check(pipe.recipe, device="cpu").ready
    assert torch.equal(*(pixels(each(PROMPT, seed=7).outcomes[0]) for each in (pipe, beside)))
    shutil.copy(file, tmp_path / "other.gguf")
    said = r"other\.gguf: holds FLUX.1 dev without text_encoder, text_encoder_2, vae: name where they lie"
    with pytest.raises(DiptychError, match=said):
        pipe_of({"checkpoint": tmp_path / "other.gguf"})


@needs_gguf
def test_a_recipe_is_written_for_a_gguf_file_and_a_language_model_is_told_from_it(
    twin: Twin, tmp_path: Path
) -> None:
    files.gguf(twin(flux) / "transformer", tmp_path / "model.gguf")
    made = new_recipe(str(tmp_path / "model.gguf"), tmp_path / "mine.toml")
    assert made.said[0].startswith("FLUX.1 dev, denoiser alone, ") and "in Q8_0 and " in made.said[0]
    table = tomllib.loads(made.text)["stages"]["paint"]
    assert table["checkpoint"] == "./model.gguf"
    assert set(table["parts"]) == {"text_encoder", "text_encoder_2", "vae"}
    files.gguf_planner(twin(files.even_qwen2), tmp_path / "planner.gguf")
    with pytest.raises(
        DiptychError, match=r"language model of llama.cpp, and is no model that paints: it may plan"
    ):
        new_recipe(str(tmp_path / "planner.gguf"))
