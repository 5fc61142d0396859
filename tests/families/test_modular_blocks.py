"""What diffusers' modular blocks can do in the place of the phases of `pipeline.py`; docs/architecture.md says
why they do not. Where one of these tests fails, that decision is to be made anew."""

import importlib
from typing import Any

import pytest
import torch

from .painting import CALLS, PROMPT, SIDE, STEPS, Twin, library_pipeline
from .pipeline_twins import FAMILIES

diffusers: Any = importlib.import_module("diffusers")

BLOCKS = {"SDXL": "StableDiffusionXLAutoBlocks", "FLUX.1": "FluxAutoBlocks", "Z-Image": "ZImageAutoBlocks"}
ROWS = ((PROMPT, 7), ("two cats", 8))


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def block(family: str, name: str, pipeline: Any) -> Any:
    """One of the modular blocks, with a pipeline's components and a scheduler of its own."""
    made = getattr(diffusers, BLOCKS[family])().sub_blocks[name].init_pipeline()
    wanted = made._component_specs
    parts = {each: part for each, part in pipeline.components.items() if part is not None and each in wanted}
    if "scheduler" in parts:
        parts["scheduler"] = type(pipeline.scheduler).from_config(pipeline.scheduler.config)
    if "guider" in wanted:  # each family has its own formula, which the call knows and the block must be told
        parts["guider"] = diffusers.ClassifierFreeGuidance(
            guidance_scale=CALLS[family]["guidance_scale"], use_original_formulation=family == "Z-Image"
        )
    made.update_components(**parts)
    return made


def joined(values: list[Any]) -> Any:
    """Of rows, tensors or lists of them."""
    if isinstance(values[0], torch.Tensor):
        return torch.cat(values)
    return [item for row in values for item in row]


@pytest.mark.parametrize("family", BLOCKS)
def test_phases_of_blocks_give_the_pictures_of_the_call(family: str, twin: Twin) -> None:
    pipeline = library_pipeline(twin(FAMILIES[family]))
    call = CALLS[family]
    encode, denoise, decode = (block(family, name, pipeline) for name in ("text_encoder", "denoise", "decode"))
    negative = {name: value for name, value in call.items() if name in encode.blocks.input_names}
    encoded = [encode(prompt=prompt, **negative).values for prompt, _ in ROWS]
    names = [name for name, value in encoded[0].items() if "embeds" in name and value is not None]
    latents = denoise(
        **{name: joined([row[name] for row in encoded]) for name in names},
        height=SIDE,
        width=SIDE,
        num_inference_steps=STEPS,
        generator=[generator(seed) for _, seed in ROWS],
        **{name: value for name, value in call.items() if name in denoise.blocks.input_names},
    ).values["latents"]
    for i, (prompt, seed) in enumerate(ROWS):
        made = decode(latents=latents[i : i + 1], height=SIDE, width=SIDE, output_type="np").values["images"][0]
        (whole,) = pipeline(
            prompt=[prompt],
            height=SIDE,
            width=SIDE,
            num_inference_steps=STEPS,
            generator=[generator(seed)],
            output_type="np",
            **call,
        ).images
        apart = abs((made * 255).round() - (whole * 255).round()).max()
        assert apart <= 1  # two in a batch, and each alone


@pytest.mark.parametrize("family", BLOCKS)
def test_blocks_do_not_tell_of_their_steps(family: str, twin: Twin) -> None:
    denoise = block(family, "denoise", library_pipeline(twin(FAMILIES[family])))
    assert not [name for name in denoise.blocks.input_names if "callback" in name]
