"""Names that calls and pipelines do not have: what to do in place of those of diffusers, or the nearest."""

from collections.abc import Iterable, Mapping
from typing import NoReturn

from ...engine.errors import InputError
from ...engine.messages import nearest, shown
from ...engine.values import SETTINGS

_SLIP = 0.7  # how alike a misspelt keyword is to the right one
_MEMORY = "memory='8GiB', say, when the pipeline is made: models take turns within that by themselves"
_NO_TENSORS = "prompts are planned in words: give the prompt as text"
_STAGE = "this belongs to a stage: set it in the recipe (docs/recipes.md)"
_LATENTS = "latents are not handed out or taken: a seed decides them all"
_RESULT = "a call gives a RenderResult: take its .images"

KEYWORDS: Mapping[str, str] = {
    "return_dict": _RESULT,
    "latents": _LATENTS,
    "prompt_embeds": _NO_TENSORS,
    "negative_prompt_embeds": _NO_TENSORS,
    "pooled_prompt_embeds": _NO_TENSORS,
    "negative_pooled_prompt_embeds": _NO_TENSORS,
    "prompt_2": "there is one prompt: put all of it there",
    "prompt_3": "there is one prompt: put all of it there",
    "negative_prompt_2": "there is one negative_prompt: put all of it there",
    "callback": "it is callback_on_step_end(pipe, step, timestep, kwargs) here",
    "callback_steps": "callback_on_step_end is called at every step: skip those that you do not want",
    "callback_on_step_end_tensor_inputs": "a callback sees no tensors: watch=Explanations() keeps views",
    "eta": _STAGE,
    "clip_skip": _STAGE,
    "sigmas": _STAGE,
    "timesteps": _STAGE,
    "guidance_rescale": _STAGE,
    "true_cfg_scale": "it is guidance_scale here",
    "cross_attention_kwargs": _STAGE,
    "joint_attention_kwargs": _STAGE,
    "max_sequence_length": _STAGE,
    "control_image": "it is control here: a picture whose structure is followed, or a list of them",
    "controlnet_conditioning_scale": "it is control_weight here",
    "control_guidance_start": "it is control_start here",
    "control_guidance_end": "it is control_stop here",
    "ip_adapter_image": "it is reference here: a picture to take after, or a list of them",
    "ip_adapter_scale": "it is reference_weight here",
    "image": "ImageToImage, Inpaint, Outpaint, Edit, Sketch and Variations take one",
    "mask_image": "Inpaint takes one",
    "mask": "Inpaint takes one, as mask_image",
    "strength": "ImageToImage, Inpaint and Sketch take one",
    "margins": "Outpaint takes them",
    "variation": "Variations takes one",
    "device": "the pipeline has one: from_recipe(..., device=) or .to(device)",
    "dtype": "the pipeline has one: from_recipe(..., torch_dtype=) or .to(dtype)",
    "torch_dtype": "the pipeline has one: from_recipe(..., torch_dtype=) or .to(dtype)",
    "memory": "the pipeline has it: from_recipe(..., memory=)",
}
"""Keywords of other calls and other libraries, and what to do instead."""

ATTRIBUTES: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "enable_model_cpu_offload",
            "enable_sequential_cpu_offload",
            "enable_group_offload",
            "enable_attention_slicing",
            "enable_vae_slicing",
            "enable_vae_tiling",
            "enable_xformers_memory_efficient_attention",
            "maybe_free_model_hooks",
            "reset_device_map",
        ),
        f"not needed: {_MEMORY}",
    ),
    "set_progress_bar_config": "there is no bar to set: watch= gets progress",
    "load_lora_weights": "LoRAs are named in the recipe, as loras or lora_folder of a stage (docs/recipes.md)",
    "fuse_lora": "LoRA weights are merged as the recipe says, as loras of a stage (docs/recipes.md)",
    "load_textual_inversion": "not there: train a LoRA, and name it in the recipe (docs/training.md)",
    "load_ip_adapter": "not there: ImageToImage and Variations start from a picture",
    "save_pretrained": "a pipeline is its recipe: keep that file",
    **dict.fromkeys(
        ("unet", "transformer", "vae", "text_encoder", "tokenizer", "scheduler", "components"),
        "models belong to stages, and are on the device only while they work: .recipe.stages names them",
    ),
}
"""What pipelines of diffusers have and these have not, and what to do instead."""

OPTIONS: Mapping[str, str] = {
    "device_map": "one device a pipeline: device=",
    "variant": "the files of a variant are found by themselves: torch_dtype= says the dtype",
    "use_safetensors": "nothing else is read: leave it out",
    "safety_checker": "none is loaded: leave it out",
    "local_files_only": "nothing is ever downloaded here: leave it out",
    "low_cpu_mem_usage": _MEMORY,
    "max_memory": _MEMORY,
    "cache_dir": "the Hub's cache is where HF_HOME says",
    "token": "nothing is ever downloaded here: get the weights with hf download",
    "revision": "it stands in the recipe, beside the checkpoint",
    "custom_pipeline": "a pipeline is a class of its own: see docs/extending.md",
    "quantization_config": "not there: dtypes are float32, bfloat16 and float16",
    "dtype": "it is torch_dtype= here",
}
"""Keywords with which diffusers loads, and what to do instead."""


class NoSuchAttributeError(InputError, AttributeError):
    """A pipeline has nothing of this name; the message says what to do instead."""


def refuse_keyword(name: str, *, known: Iterable[str] = ()) -> NoReturn:
    """Raises InputError for a keyword of a call.

    Args:
        known: what the call has beside settings.
    """
    if name in KEYWORDS:
        raise InputError(f"no such keyword here: {name}: {KEYWORDS[name]}")
    aliases = [each for row in SETTINGS.values() for each in row.names]
    if near := nearest(name, [*known, *aliases], cutoff=_SLIP):
        raise InputError(f"no such setting: {shown(name)}: did you mean {near!r}?")
    every = ", ".join(dict.fromkeys([*known, *SETTINGS]))
    raise InputError(f"no such setting: {shown(name)}; known are {every}")


def refuse_option(name: str, known: Iterable[str]) -> NoReturn:
    """Raises InputError for a keyword with which no pipeline is built."""
    if name in OPTIONS:
        raise InputError(f"no such keyword here: {name}: {OPTIONS[name]}")
    near = nearest(name, known, cutoff=_SLIP)
    hint = f": did you mean {near!r}?" if near else f"; known are {', '.join(known)}"
    raise InputError(f"no such keyword: {shown(name)}{hint}")


def refuse_attribute(owner: object, name: str) -> NoReturn:
    """Raises NoSuchAttributeError for a name that a pipeline does not have."""
    said = f"{type(owner).__name__!r} object has no attribute {name!r}"
    said = f"{said}: {ATTRIBUTES[name]}" if name in ATTRIBUTES else said
    raise NoSuchAttributeError(said)
