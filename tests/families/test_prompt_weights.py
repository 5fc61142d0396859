"""Weights of words, long prompts and embeddings reach the text encoders of the CLIP kind; others read plain
words."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from diptych import InputError
from diptych.engine.errors import CheckpointError
from diptych.engine.models.diffusion.pipeline_parts import TEXT
from diptych.engine.models.registry import Registry
from diptych.engine.stages.painting.paint import paint_stages

from .painting import Twin, key, library_pipeline, pictures, plan
from .pipeline_twins import FAMILIES

CLIP = ("SD 1.5", "SDXL")
LONG = ", ".join(f"a red boat number {i} at sunset" for i in range(20))


def encoded(folder: Path, prompt: str, negative: str | None = "a tree", **more: Any) -> Any:
    part = Registry().load(dataclasses.replace(key(folder), part=TEXT, **more), "cpu")
    call: dict[str, Any] = {
        "prompt": [prompt],
        "height": 64,
        "width": 64,
        "guidance_scale": 5.0,
        "num_inference_steps": 2,
    }
    return part.encode(call | ({"negative_prompt": [negative]} if negative is not None else {}))[0][0]


@pytest.mark.parametrize("family", CLIP)
def test_without_marks_a_prompt_is_encoded_by_the_library_alone(family: str, twin: Twin) -> None:
    folder = twin(FAMILIES[family])
    ours = encoded(folder, "a red boat")
    pipeline = library_pipeline(folder)
    more = {"prompt_2": None} if family == "SDXL" else {}
    theirs = pipeline.encode_prompt(
        prompt="a red boat",
        negative_prompt="a tree",
        device="cpu",
        num_images_per_prompt=1,
        do_classifier_free_guidance=True,
        **more,
    )
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("family", CLIP)
def test_a_weight_of_one_changes_nothing_and_others_go_their_way(family: str, twin: Twin) -> None:
    folder = twin(FAMILIES[family])
    plain, one = encoded(folder, "a red boat at sunset"), encoded(folder, "a (red boat:1.000001) at sunset")
    assert all((a - b).abs().max() < 1e-4 for a, b in zip(plain, one, strict=True))
    empty = encoded(folder, "")[0]
    more = encoded(folder, "(a red boat at sunset:1.5)")[0]
    expected = empty + 1.5 * (plain[0] - empty)
    tokens = len(library_pipeline(folder).tokenizer("a red boat at sunset").input_ids)
    assert (more - expected)[:, 1 : tokens - 1].abs().max() < 1e-4
    assert (more - plain[0])[:, [0, *range(tokens, 77)]].abs().max() < 1e-4  # what is no word of it stays
    less = encoded(folder, "a (red boat:0.5) at sunset")[0]
    assert (less - plain[0]).abs().max() > 1e-3
    against = encoded(folder, "a red boat at sunset", "a (tree:1.4)")
    assert torch.allclose(against[0], plain[0], atol=1e-5) and (against[1] - plain[1]).abs().max() > 1e-3


@pytest.mark.parametrize("family", CLIP)
def test_a_long_prompt_is_read_to_its_end(family: str, twin: Twin) -> None:
    folder = twin(FAMILIES[family])
    first, second = encoded(folder, LONG), encoded(folder, f"{LONG}, two fish")
    assert first[0].shape[1] > 77 and first[0].shape[1] % 77 == 0 and first[1].shape == first[0].shape
    assert first[0].shape != second[0].shape or (first[0] - second[0]).abs().max() > 1e-3
    none = encoded(folder, LONG, None)
    assert none[1].shape == none[0].shape
    parted = encoded(folder, "a red boat BREAK at sunset")[0]
    assert parted.shape[1] == 2 * 77
    assert torch.allclose(parted[:, :77], encoded(folder, "a red boat")[0], atol=1e-5)


@pytest.mark.parametrize("family", CLIP)
def test_marks_reach_the_picture_and_rows_stay_as_they_are_alone(family: str, twin: Twin) -> None:
    folder = twin(FAMILIES[family])
    prompts = [
        "a red boat",
        "a (red:1.9) boat",
        "a [red] boat",
        "a red boat BREAK snow",
        LONG,
        "a (red:1.9) boat",
    ]
    made = pictures(paint_stages(model=key(folder)), [plan(family, prompt=prompt) for prompt in prompts])
    for prompt, together in zip(prompts, made, strict=True):
        (alone,) = pictures(paint_stages(model=key(folder)), [plan(family, prompt=prompt)])
        assert (alone - together).abs().max() <= 1
    assert (made[1] - made[5]).abs().max() == 0
    assert all((made[0] - each).abs().max() > 0 for each in made[1:])
    off = pictures(
        paint_stages(model=key(folder), prompt_weights=False), [plan(family, prompt="a (red:1.9) boat")]
    )
    assert (off[0] - made[1]).abs().max() > 0


def test_other_families_read_the_words_without_said_weights(twin: Twin) -> None:
    folder = twin(FAMILIES["PixArt-Sigma"])
    prompts = ["a red boat at sunset", "a (red boat:1.3) at sunset <lora:ink:0.8>", "a red boat (at sunset)"]
    plain, marked, bracketed = pictures(
        paint_stages(model=key(folder)), [plan("PixArt-Sigma", prompt=each) for each in prompts]
    )
    assert (plain - marked).abs().max() <= 1
    assert (plain - bracketed).abs().max() > 0


def embedding(path: Path, **tensors: torch.Tensor) -> str:
    save_file(tensors, path)
    return str(path)


@pytest.mark.parametrize("family", CLIP)
def test_an_embedding_is_read_as_its_vectors(family: str, twin: Twin, tmp_path: Path) -> None:
    folder = twin(FAMILIES[family])
    torch.manual_seed(0)
    vectors = {
        name: torch.randn(3, 32) for name in (("clip_l", "clip_g") if family == "SDXL" else ("emb_params",))
    }
    files = (embedding(tmp_path / "Odd-Style.safetensors", **vectors),)
    plain = encoded(folder, "a boat")
    assert all(
        torch.equal(a, b) for a, b in zip(plain, encoded(folder, "a boat", embeddings=files), strict=True)
    )
    pipeline = library_pipeline(folder)
    for name, state in vectors.items():
        two = "_2" if name == "clip_g" else ""
        pipeline.load_textual_inversion(
            {"odd": state},
            token="odd",
            tokenizer=getattr(pipeline, f"tokenizer{two}"),
            text_encoder=getattr(pipeline, f"text_encoder{two}"),
        )
    more = {"prompt_2": None} if family == "SDXL" else {}
    theirs = pipeline.encode_prompt(
        prompt="a boat, odd",
        negative_prompt="a tree",
        device="cpu",
        num_images_per_prompt=1,
        do_classifier_free_guidance=True,
        **more,
    )
    for spelling in ("odd-style", "<embedding:Odd-Style>", "embedding:odd-style", "ODD-STYLE"):
        ours = encoded(folder, f"a boat, {spelling}", embeddings=files)
        assert all((a - b).abs().max() < 1e-5 for a, b in zip(ours, theirs, strict=True)), spelling
    weighed = encoded(folder, "a boat, (odd-style:1.000001)", embeddings=files)
    assert (weighed[0] - theirs[0]).abs().max() < 1e-3
    assert (encoded(folder, "a boat, odd-styles", embeddings=files)[0] - theirs[0]).abs().max() > 1e-3


def test_what_is_no_embedding_of_this_model_is_refused(twin: Twin, tmp_path: Path) -> None:
    sd, sdxl, pixart = (twin(FAMILIES[name]) for name in ("SD 1.5", "SDXL", "PixArt-Sigma"))
    wide = embedding(tmp_path / "wide.safetensors", emb_params=torch.zeros(2, 48))
    two = embedding(tmp_path / "two.safetensors", clip_l=torch.zeros(1, 32), clip_g=torch.zeros(1, 32))
    holes = embedding(tmp_path / "holes.safetensors", emb_params=torch.full((1, 32), float("nan")))
    for folder, file, said in (
        (
            sd,
            wide,
            "emb_params has the shape 2x48, and text_encoder of this StableDiffusionPipeline reads vectors of"
            " 32",
        ),
        (sd, two, "holds 'clip_g', 'clip_l', and StableDiffusionPipeline wants one embedding"),
        (sdxl, wide, "holds 'emb_params', and StableDiffusionXLPipeline wants clip_l, clip_g"),
        (pixart, wide, "PixArtSigmaPipeline takes no embeddings"),
        (sd, holes, "emb_params holds NaN or infinity"),
        (sd, str(tmp_path / "none.safetensors"), "no such .safetensors file"),
    ):
        with pytest.raises(CheckpointError) as caught:
            encoded(folder, "a boat", embeddings=(file,))
        assert said in str(caught.value) and "\n" not in str(caught.value)
    good = embedding(tmp_path / "good.safetensors", emb_params=torch.zeros(2, 32))
    with pytest.raises(InputError, match=r"embedding 'god': not known \(did you mean 'good'\?\)"):
        encoded(sd, "a boat <embedding:god>", embeddings=(good,))
    key_with = dataclasses.replace(key(sd), part=TEXT, embeddings=(good,))
    registry = Registry()
    assert (
        registry.weight_bytes(key_with)
        == registry.weight_bytes(dataclasses.replace(key(sd), part=TEXT)) + 2 * 32 * 4
    )
