"""Pipelines whose classes go ways of their own: pictures are the library's own, alone and in a batch."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch

from diptych.engine.memory import DeviceMemory
from diptych.engine.models.diffusion.classes.processors import TextProcessor
from diptych.engine.models.registry import Registry
from diptych.engine.randomness import RowKey, generators
from diptych.engine.stages.painting.paint import paint_stages
from diptych.engine.values import Picture, Plan, Request, Settings

from .newer_twins import NEWER
from .painting import STEPS, Twin, key, painted, pictures

diffusers: Any = importlib.import_module("diffusers")

SIDES = {"HiDream": 1024, "Kandinsky 5": 1024}
"""Of those that paint no others; 64 for the rest."""
GUIDANCE = {"Qwen-Image 2.1": "true_cfg_scale"}
TEXTS = ("a red boat", "two blue birds above a small house in the snow; 'the moon'", "a red bird")


def plan(family: str, prompt: str = TEXTS[0], *, seed: int = 7, side: int = 0) -> Plan:
    size = side or SIDES.get(family, 64)
    settings = Settings(num_inference_steps=STEPS, guidance_scale=4.0)
    request = Request(
        prompt=prompt,
        seed=seed,
        candidate=1,
        height=size,
        width=size,
        negative_prompt="a tree",
        settings=settings,
    )
    return Plan(request=request, prompt=prompt, facts=())


def library_picture(family: str, folder: Path, value: Plan) -> torch.Tensor:
    """int32 (h, w, 3): by the library's own pipeline, all of it at once."""
    index = diffusers.DiffusionPipeline.load_config(folder)
    given: dict[str, Any] = {}
    if "processor" in index:
        given["processor"] = TextProcessor(folder / "processor")
    if index["_class_name"] == "Kandinsky5T2IPipeline":
        given["tokenizer"] = TextProcessor(folder / "tokenizer")
    pipeline = diffusers.DiffusionPipeline.from_pretrained(folder, local_files_only=True, **given)
    pipeline.set_progress_bar_config(disable=True)
    request = value.request
    output = pipeline(
        prompt=value.prompt,
        negative_prompt=request.negative_prompt,
        height=request.height,
        width=request.width,
        num_inference_steps=STEPS,
        generator=generators([RowKey(request.seed, request.candidate)], "paint")[0],
        output_type="np",
        **{GUIDANCE.get(family, "guidance_scale"): 4.0},
    )
    (picture,) = output.image if family == "Kandinsky 5" else output.images
    shades = torch.from_numpy(picture).float()
    if shades.shape[-1] == 4:
        shades = 1 + (shades[..., :3] - 1) * shades[..., 3:]
    return (shades * 255).round().clamp(0, 255).int()


@pytest.mark.parametrize("family", NEWER)
def test_the_picture_is_the_librarys_own_and_a_row_the_same_beside_others(family: str, twin: Twin) -> None:
    folder = twin(NEWER[family])
    stages = paint_stages(model=key(folder))
    memory = DeviceMemory(Registry())
    rows = [plan(family, text, seed=seed) for seed, text in enumerate(TEXTS)]
    (alone,) = pictures(stages, rows[:1], memory=memory)
    expected = library_picture(family, folder, rows[0])
    assert alone.shape == expected.shape and expected.float().std() > 1
    assert (alone - expected).abs().max() == 0
    if family not in SIDES:
        together = pictures(stages, rows, memory=memory)
        for row, beside in zip(rows, together, strict=True):
            assert (beside - library_picture(family, folder, row)).abs().max() <= 1
        assert (together[0] - together[2]).abs().max() > 1


@pytest.mark.parametrize("family", SIDES)
def test_a_size_that_would_be_painted_otherwise_is_refused_before_any_work(family: str, twin: Twin) -> None:
    stages = paint_stages(model=key(twin(NEWER[family])))
    first: Any = stages[0]
    fault = first.size_fault(512, 512)
    assert fault.startswith("512x512 pixels: ") and "would paint 1024x1024 instead: ask for that size" in fault
    assert first.size_fault(1024, 1024) == ""
    (reason,) = painted(stages, [plan(family, side=512)])
    assert reason == fault


def test_a_processor_that_reads_texts_alone_answers_as_the_real_one(twin: Twin) -> None:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
    from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor

    ours: Any = TextProcessor(twin(NEWER["NucleusMoE"]) / "processor")
    theirs: Any = object.__new__(Qwen3VLProcessor)
    tokenizer = ours.tokenizer
    vars(theirs).update(tokenizer=tokenizer, image_processor=Qwen2VLImageProcessorPil(), video_processor=None)
    vars(theirs).update(
        chat_template=tokenizer.chat_template, image_token="<|image_pad|>", video_token="<|video_pad|>"
    )
    vars(theirs).update(image_token_id=-1, video_token_id=-2)
    said = [{"role": "user", "content": [{"type": "text", "text": text}]} for text in TEXTS]
    for options in ({"add_generation_prompt": True}, {"tokenize": True, "return_dict": False}):
        expected = theirs.apply_chat_template(said[:1], **options)
        assert ours.apply_chat_template(said[:1], **options) == expected
    for side in ("left", "right"):
        read = {"text": list(TEXTS), "padding": True, "padding_side": side, "return_tensors": "pt"}
        mine, real = ours(**read), theirs(**read)
        for name in ("input_ids", "attention_mask"):
            assert torch.equal(mine[name], real[name])


def test_each_part_is_leased_alone_where_it_has_another_name(twin: Twin) -> None:
    registry = Registry()
    encode, _, decode = paint_stages(model=key(twin(NEWER["Kandinsky 3"])))
    (text,), (vae,) = encode.uses, decode.uses
    assert registry.weight_bytes(text) > 0 and registry.weight_bytes(vae) > 0
    part: Any = registry.load(vae, "cpu")
    assert part.movq is not None and part.unet is None and isinstance(part, type(registry.load(text, "cpu")))
    (made,) = painted(paint_stages(model=key(twin(NEWER["Kandinsky 3"]))), [plan("Kandinsky 3")])
    assert isinstance(made, Picture)
