"""Helpers of the tests of diffusers pipelines: plans and drafts, stages run on them, the library's own call."""

import importlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from diptych.engine.memory import DeviceMemory
from diptych.engine.microbatch import Batching, Done, run_stage
from diptych.engine.models.registry import Registry
from diptych.engine.randomness import RowKey, generators
from diptych.engine.runner import shape_of
from diptych.engine.stage import ModelKey
from diptych.engine.stages.painting.paint import paint_stages, token_stages
from diptych.engine.values import Codebook, Draft, Picture, Plan, Request, Settings

diffusers: Any = importlib.import_module("diffusers")

SIDE = 64
STEPS = 3
PROMPT = "a red boat at sunset, with the words 'two fish'"

Twin = Callable[[Callable[[Path], None]], Path]

ALIKE: dict[str, Any] = {"use_resolution_binning": False, "clean_caption": False}
"""What the stages tell each pipeline that takes it."""

NOT_LOADED = ("StableDiffusionSafetyChecker", "CLIPImageProcessor")

CALLS: dict[str, dict[str, Any]] = {
    "SD 1.5": {"guidance_scale": 5.0, "negative_prompt": "a tree"},
    "SDXL": {"guidance_scale": 5.0, "negative_prompt": "a tree"},
    "SD 3": {"guidance_scale": 5.0, "negative_prompt": "a tree"},
    "FLUX.1": {"guidance_scale": 3.5},
    "FLUX.2": {"guidance_scale": 4.0},
    "FLUX.2 klein": {"guidance_scale": 4.0},
    "Z-Image": {"guidance_scale": 3.0, "negative_prompt": "a tree"},
    "Qwen-Image": {"true_cfg_scale": 4.0, "negative_prompt": "a tree"},
    "PixArt-Sigma": {"guidance_scale": 4.5, "negative_prompt": "a tree", **ALIKE},
    "Sana": {"guidance_scale": 4.5, "negative_prompt": "a tree", **ALIKE},
    "GLM-Image": {"guidance_scale": 1.5},
}
"""How the library is called for the same picture."""


def key(folder: Path) -> ModelKey:
    return ModelKey("diffusers", str(folder))


def plan(family: str, *, prompt: str = PROMPT, seed: int = 7, negative: str | None = None, **more: Any) -> Plan:
    call = CALLS[family]
    settings = Settings(
        num_inference_steps=STEPS, guidance_scale=call.get("guidance_scale", call.get("true_cfg_scale"))
    )
    request = Request(
        prompt=prompt,
        seed=seed,
        candidate=1,
        negative_prompt=call.get("negative_prompt", "") if negative is None else negative,
        settings=settings,
        **{"height": SIDE, "width": SIDE, **more},
    )
    return Plan(request=request, prompt=prompt, facts=())


def draft(of: Plan, *, size: int = 64, grid: tuple[int, int] = (2, 2)) -> Draft:
    """Tokens and a preview that depend on the seed alone."""
    generator = torch.Generator().manual_seed(of.request.seed)
    tokens = torch.randint(size, grid, generator=generator)
    preview = torch.randint(256, (32, 32, 3), generator=generator).to(torch.uint8)
    return Draft(plan=of, tokens=tokens, codebook=Codebook(name="random", size=size), preview=preview)


def stages_of(family: str, folder: Path, **settings: Any) -> tuple[Any, ...]:
    make = token_stages if family == "GLM-Image" else paint_stages
    return make(model=key(folder), **settings)


def value_of(family: str, **more: Any) -> Plan | Draft:
    made = plan(family, **more)
    return draft(made) if family == "GLM-Image" else made


def painted(
    stages: Sequence[Any],
    values: Sequence[Any],
    *,
    memory: DeviceMemory | None = None,
    batching: Batching | None = None,
) -> list[Any]:
    """What comes out of the last of `stages`, each run as the runner does; a reason, where a row fails."""
    memory = memory or DeviceMemory(Registry())
    passing: list[Any] = list(values)
    for stage in stages:
        alive = [i for i, value in enumerate(passing) if not isinstance(value, str)]
        results = run_stage(
            stage, [passing[i] for i in alive], memory=memory, batching=batching or Batching(alike=shape_of)
        )
        for i, result in zip(alive, results, strict=True):
            passing[i] = result.value if isinstance(result, Done) else result.reason
    return passing


def pictures(stages: Sequence[Any], values: Sequence[Any], **more: Any) -> list[torch.Tensor]:
    """Their pixels, int32, so that they can be subtracted."""
    results = painted(stages, values, **more)
    assert all(isinstance(result, Picture) for result in results), results
    return [result.pixels.int() for result in results]


def library_picture(folder: Path, value: Plan | Draft, *, stage: str = "paint", **call: Any) -> torch.Tensor:
    """float32 (h, w, 3), 0 to 1: the library's own, of the whole pipeline at once."""
    request = (value.plan if isinstance(value, Draft) else value).request
    pipeline = library_pipeline(folder)
    if isinstance(value, Draft):
        finer = value.tokens.repeat_interleave(2, 0).repeat_interleave(2, 1)
        call["prior_token_ids"] = finer.reshape(1, -1)
    images = pipeline(
        prompt=request.prompt,
        height=request.height,
        width=request.width,
        num_inference_steps=STEPS,
        generator=generators([RowKey(request.seed, request.candidate)], stage)[0],
        output_type="np",
        **call,
    ).images
    return torch.from_numpy(images[0]).float()


def library_pipeline(folder: Path, kind: Any = diffusers.DiffusionPipeline) -> Any:
    """All of a pipeline but what pictures are not made with."""
    index = json.loads((folder / "model_index.json").read_text())
    parts = {name: entry[1] for name, entry in index.items() if isinstance(entry, list)}
    absent = {name: None for name, kind in parts.items() if kind in (None, "PixtralProcessor", *NOT_LOADED)}
    pipeline = kind.from_pretrained(folder, local_files_only=True, **absent)
    if "tokenizer" in absent:  # the processor that it is a part of needs torchvision
        pipeline.tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
