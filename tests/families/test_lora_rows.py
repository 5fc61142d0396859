"""LoRA weights that rows put on by name: without loading the base again, and without a trace on other rows."""

import dataclasses
import gc
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from diptych import DiptychError, InputError, TextToImage
from diptych.engine.models.diffusion.lora.rack import Rack
from diptych.engine.models.registry import Registry
from diptych.engine.stage import ModelKey, RunContext
from diptych.engine.stages.painting.paint import paint_stages
from diptych.engine.stages.painting.pipeline_call import keys_of
from diptych.engine.values import Failure, Outcome
from diptych.pipelines.cli.rerender import run_rerender
from diptych.pipelines.recipes.check import check
from diptych.pipelines.rendering.provenance.provenance import picture_bytes, read_history

from .lora_files import as_diffusers, as_kohya, pairs_of, saved
from .painting import SIDE, STEPS, Twin, library_pipeline, plan
from .pipeline_twins import FAMILIES
from .test_lora_formats import same

ENDS = ("attn1.to_q", "attn2.to_k", "ff.net.0.proj", "resnets.0.conv1", "proj_in")
PROMPT = "a red boat at sunset"


@pytest.fixture(scope="module")
def folder(twin: Twin, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of LoRAs for the twin of Stable Diffusion 1.5: ink (with a text encoder's part), paper, and full
    differences; and one of another model."""
    folder = tmp_path_factory.mktemp("loras")
    pipeline = library_pipeline(twin(FAMILIES["SD 1.5"]))
    unet = pairs_of(pipeline.unet, ENDS, seed=1)
    as_kohya(unet, folder / "ink.safetensors", named=same)
    as_diffusers(
        pairs_of(pipeline.unet, ENDS[:2], seed=2), folder / "deep" / "paper.safetensors", component="unet"
    )
    texts = pairs_of(pipeline.text_encoder, ("q_proj", "fc1"), seed=3, scale=0.5)
    as_kohya(texts, folder / "words.safetensors", named=same, prefix="lora_te_")
    full = {f"unet.{path}.diff": up.flatten(1) @ down.flatten(1) for path, (down, up) in unet.items()}
    shapes = {path: module.weight.shape for path, module in pipeline.unet.named_modules() if path in unet}
    saved(folder / "full.safetensors", {n: v.reshape(shapes[n[5:-5]]) for n, v in full.items()})
    as_kohya(
        pairs_of(library_pipeline(twin(FAMILIES["FLUX.1"])).transformer, ("to_q",)),
        folder / "flux.safetensors",
        named=same,
    )
    return folder


def pipe_of(
    checkpoint: Path, *, folder: Path | None = None, loras: Sequence[Any] = (), **options: Any
) -> TextToImage:
    painter: dict[str, Any] = {"family": "diffusers", "checkpoint": checkpoint, "loras": list(loras)}
    if folder is not None:
        painter["lora_folder"] = str(folder)
    table = {"picture": {"height": SIDE, "width": SIDE}, "stages": {"paint": painter}}
    return TextToImage.from_recipe(table, device="cpu", **options)


def pixels(outcome: Any) -> torch.Tensor:
    assert isinstance(outcome, Outcome), outcome
    return torch.from_numpy(np.asarray(outcome.image).astype(np.int32))


CALL: dict[str, Any] = {"num_inference_steps": STEPS, "guidance_scale": 5.0, "seed": 7}
SETS = ["", "ink", "paper:0.5", "ink, paper", "ink:-0.7", "full", "words", "ink:0.25, words"]


@pytest.mark.parametrize(
    "options", [{}, {"deterministic": True}, {"memory": "15MiB"}], ids=["", "deterministic", "little memory"]
)
def test_rows_of_one_batch_are_each_equal_to_themselves_alone(
    options: dict[str, Any], twin: Twin, folder: Path
) -> None:
    checkpoint = twin(FAMILIES["SD 1.5"])
    tags = [" ".join(f"<lora:{each}>" for each in said.split(", ") if each) for said in SETS]
    prompts = [f"{PROMPT} {each}".strip() for each in tags]
    pipe = pipe_of(checkpoint, folder=folder, **options)
    requests = [pipe.request(prompt, **CALL) for prompt in prompts]
    assert {request.prompt for request in requests} == {PROMPT}
    together = [pixels(each) for each in pipe.run(requests)]
    fresh = pipe_of(checkpoint, folder=folder, **options)
    alone = [pixels(next(iter(fresh.run([each])))) for each in reversed(requests)][::-1]
    assert [int((a - b).abs().max()) for a, b in zip(together, alone, strict=True)] == [0] * len(SETS)
    plain = pixels(next(iter(pipe_of(checkpoint, **options).run(requests[:1]))))
    assert (plain - together[0]).abs().max() == 0
    assert all((plain - each).abs().max() > 0 for each in together[1 : len(SETS)])
    if not options:
        loads = [event for event in pipe.log.events if event.kind == "load"]
        assert len(loads) == 3  # text encoder, U-Net and autoencoder, once each


def test_a_streamed_model_wears_it_too_and_is_as_it_was_afterwards(twin: Twin, folder: Path) -> None:
    offer = ModelKey("diffusers", str(twin(FAMILIES["SD 1.5"])), lora_folder=str(folder))
    _, denoiser, _ = keys_of(offer)
    loras = Rack.of(denoiser).named("ink, full:0.5")
    found: list[torch.Tensor] = []
    for streamed in (False, True):
        part = Registry().load(denoiser, "cpu", streamed=streamed)
        shown, text = torch.ones(1, 4, 8, 8), torch.linspace(-1, 1, 77 * 32).reshape(1, 77, 32)
        with torch.inference_mode():
            before = part.unet(shown, torch.tensor(5), text).sample  # pyright: ignore[reportOptionalCall]
            with part.wearing(loras):
                found.append(part.unet(shown, torch.tensor(5), text).sample)  # pyright: ignore[reportOptionalCall]
            assert torch.equal(before, part.unet(shown, torch.tensor(5), text).sample)  # pyright: ignore[reportOptionalCall]
        assert not torch.equal(before, found[-1])
    assert torch.equal(*found)


@pytest.mark.parametrize("form", ["diff", "dora"])
@pytest.mark.parametrize("family", ["SD 1.5", "FLUX.1"])
def test_every_layer_of_a_streamed_model_wears_what_is_as_large_as_its_weights(
    form: str, family: str, twin: Twin, tmp_path: Path
) -> None:
    source = twin(FAMILIES[family])
    component = "unet" if family == "SD 1.5" else "transformer"
    generator = torch.Generator().manual_seed(0)
    tensors: dict[str, torch.Tensor] = {}
    for path, layer in getattr(library_pipeline(source), component).named_modules():
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d):
            shape = layer.weight.shape
            tensors[f"{component}.{path}.diff"] = 0.02 * torch.randn(shape, generator=generator)
            if form == "dora":
                tensors[f"{component}.{path}.dora_scale"] = 0.5 + torch.rand(shape[0], generator=generator)
    saved(tmp_path / "all.safetensors", tensors)
    encode, denoise, _ = paint_stages(model=ModelKey("diffusers", str(source), lora_folder=str(tmp_path)))
    value = plan(family)
    settings = dataclasses.replace(value.request.settings, loras="all")
    value = dataclasses.replace(value, request=dataclasses.replace(value.request, settings=settings))
    made: list[torch.Tensor] = []
    for streamed in (False, True):
        registry = Registry()
        models: dict[ModelKey, Any] = {each: registry.load(each, "cpu") for each in encode.uses}
        models |= {each: registry.load(each, "cpu", streamed=streamed) for each in denoise.uses}
        made.append(denoise.run(encode.run([value], models, RunContext()), models, RunContext())[0].latents)
    assert torch.equal(*made)


@pytest.mark.parametrize("said", ["paper:0.5", "ink, paper", "full", "words"])
def test_what_a_row_puts_on_is_what_a_recipe_merges(said: str, twin: Twin, folder: Path) -> None:
    checkpoint = twin(FAMILIES["SD 1.5"])
    worn = pixels(pipe_of(checkpoint, folder=folder)(PROMPT, loras=said, **CALL).outcomes[0])
    files = {path.stem: path for path in folder.rglob("*.safetensors")}
    merged = [
        {"checkpoint": str(files[name]), "weight": float(weight or 1)}
        for name, _, weight in (each.partition(":") for each in said.split(", "))
    ]
    assert (worn - pixels(pipe_of(checkpoint, loras=merged)(PROMPT, **CALL).outcomes[0])).abs().max() <= 1


def test_a_row_asks_by_keyword_column_or_tag_alike(twin: Twin, folder: Path) -> None:
    listed = [{"name": "Ink", "checkpoint": str(folder / "ink.safetensors"), "weight": 0.5}]
    pipe = pipe_of(twin(FAMILIES["SD 1.5"]), folder=folder, loras=listed)
    request: Any = pipe.request
    said = [
        request(PROMPT, loras={"ink": 0.5}).settings.loras,
        pipe.request(PROMPT, lora="INK").settings.loras,
        request(PROMPT, loras=[("ink", 0.5)]).settings.loras,
        pipe.request(f"{PROMPT}, <lora:ink>").settings.loras,
        pipe.request(f"<lora:ink:0.5> {PROMPT}", loras="ink:0.9").settings.loras,
    ]
    assert said == ["Ink:0.5"] * len(said)
    assert pipe.request("a cat <lora:paper:0.25>, <lora:ink>, in snow").prompt == "a cat, in snow"
    assert pipe.request("a cat <lora:paper:0.25>").settings.loras == "paper:0.25"


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("a cat <lora:inc:0.8>", "LoRA 'inc': not known: did you mean 'ink'?; known are"),
        ("a cat <lora:../ink.safetensors>", "LoRA '../ink.safetensors': not known"),
        ("a cat <lora:/etc/passwd:1>", "LoRA '/etc/passwd': not known"),
        ("a cat <lora:ink:much>", "'much' is no weight: write ink:0.8"),
        ("a cat <lora:ink:0.5:0.7>", "is no weight (one weight for all parts)"),
        ("a cat <lora:ink:1e9>", "the weight must lie between -10 and 10"),
        ("a cat <lora:ink> <lora:ink:0.5>", "'ink' is asked for twice"),
    ],
)
def test_what_cannot_be_put_on_is_refused(prompt: str, said: str, twin: Twin, folder: Path) -> None:
    pipe = pipe_of(twin(FAMILIES["SD 1.5"]), folder=folder)
    with pytest.raises(InputError) as caught:
        pipe.request(prompt)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_without_a_folder_a_tag_is_left_as_it_is_and_a_wish_is_refused(twin: Twin) -> None:
    pipe = pipe_of(twin(FAMILIES["SD 1.5"]))
    assert pipe.request("a cat <lora:ink>").settings.loras is None
    with pytest.raises(InputError, match="LoRA 'ink': the recipe offers none: name a lora_folder"):
        pipe.request("a cat", loras="ink")


def test_one_of_another_model_fails_its_row_alone(twin: Twin, folder: Path) -> None:
    pipe = pipe_of(twin(FAMILIES["SD 1.5"]), folder=folder)
    requests = [
        pipe.request(PROMPT, loras=said or None, row=row, **CALL)
        for row, said in enumerate(["", "flux", "ink"], 1)
    ]
    plain, failed, worn = pipe.run(requests)
    assert isinstance(plain, Outcome) and isinstance(worn, Outcome) and isinstance(failed, Failure)
    assert "has a place in this StableDiffusionPipeline" in failed.reason


def test_the_history_says_it_and_it_is_made_again(twin: Twin, folder: Path, tmp_path: Path) -> None:
    pipe = pipe_of(twin(FAMILIES["SD 1.5"]), folder=folder, deterministic=True)
    outcome = pipe(f"{PROMPT} <lora:ink:0.5>", **CALL).outcomes[0]
    path = tmp_path / "one.png"
    path.write_bytes(picture_bytes(outcome, pipe.environment()))
    request: Any = read_history(path)["request"]
    assert request["settings"]["loras"] == "ink:0.5" and list(request["lora_weights"]) == ["ink"]
    assert run_rerender([path], tmp_path / "again") == 0
    assert (tmp_path / "again" / "one.png").read_bytes() == path.read_bytes()
    file = folder / "ink.safetensors"
    before, other = file.read_bytes(), (folder / "deep" / "paper.safetensors").read_bytes()
    file.write_bytes(other)
    try:
        assert run_rerender([path], tmp_path / "changed") == 1
    finally:
        file.write_bytes(before)
    assert json.dumps(request)


def held() -> dict[int, int]:
    """Bytes of what tensors hold now, by its address."""
    tensors = (
        each for each in gc.get_objects() if isinstance(each, torch.Tensor) and each.device.type == "cpu"
    )
    return {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in tensors}


@pytest.mark.parametrize("said", ["ink", "full"])
def test_what_is_put_on_takes_what_is_counted(said: str, twin: Twin, folder: Path) -> None:
    offer = ModelKey("diffusers", str(twin(FAMILIES["SD 1.5"])), "bfloat16", lora_folder=str(folder))
    _, denoiser, _ = keys_of(offer)
    rack, part = Rack.of(denoiser), Registry().load(denoiser, "cpu")
    unet: Any = part.unet
    shown, text = torch.ones(1, 4, 8, 8, dtype=torch.bfloat16), torch.ones(1, 77, 32, dtype=torch.bfloat16)
    with torch.inference_mode():
        with part.wearing(rack.named(said)):
            unet(shown, torch.tensor(5), text)  # what is kept for longer is kept now
        gc.collect()
        before = held()
        with part.wearing(rack.named(said)):
            unet(shown, torch.tensor(5), text)
            gc.collect()
            taken = sum(size for place, size in held().items() if place not in before)
        gc.collect()
        assert not held().keys() - before.keys()
    assert taken == pytest.approx(rack.bytes_of(said, 2), rel=0.02)


def test_a_file_that_is_gone_is_told(twin: Twin, tmp_path: Path) -> None:
    (tmp_path / "gone.safetensors").write_bytes(b"")
    pipe = pipe_of(twin(FAMILIES["SD 1.5"]), folder=tmp_path)
    with pytest.raises(DiptychError, match="damaged or cut off"):
        pipe(PROMPT, loras="gone", **CALL)
    (trouble,) = check(pipe_of(twin(FAMILIES["SD 1.5"]), folder=tmp_path / "none").recipe).checkup.troubles
    assert trouble.endswith("none: no such folder: name one with LoRA weights, or none")


def test_a_folder_is_walked_again_when_it_has_changed_and_not_for_each_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diptych.engine.models.diffusion.lora import rack

    monkeypatch.setattr(rack, "_SETTLED_NS", -(10**12))  # the clock ticks finely here
    walked, walk = list[Path](), rack._walked
    monkeypatch.setattr(rack, "_walked", lambda top: (walked.append(top), walk(top))[1])
    within = tmp_path / "within"
    within.mkdir()
    (tmp_path / "ink.safetensors").touch()
    offer = Rack(folder=str(tmp_path))
    assert [*offer.files()] == [*offer.files()] == ["ink"] and len(walked) == 1
    for folder, name in ((within, "paper"), (tmp_path, "chalk")):
        (folder / f"{name}.safetensors").touch()
        os.utime(folder, ns=(0, folder.stat().st_mtime_ns + 1))
        assert name in offer.files()
    assert len(walked) == 3
    (within / "paper.safetensors").unlink()
    within.rmdir()
    os.utime(tmp_path, ns=(0, tmp_path.stat().st_mtime_ns + 1))
    assert [*offer.files()] == ["chalk", "ink"]
