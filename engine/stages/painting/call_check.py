"""What keeps a recipe's pipeline from being called as the recipe says: found out from its small files and the
library's classes, before anything is loaded."""

import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import CheckpointError, InputError
from ...messages import did_you_mean, shown
from ...models.diffusion.classes.calling import list_of, tuple_of
from ...models.diffusion.classes.kinds import Kind, kind_of, pipeline_class
from ...models.diffusion.pipeline_families import family_of
from ...models.diffusion.pipeline_parts import read_index
from ...models.diffusion.schedulers import refuse_scheduler
from ...models.diffusion.single_files.assembly import pipeline_folder
from ...models.diffusion.texts.encoder_layers import refuse_layers
from ...stage import ModelKey

if TYPE_CHECKING:
    from .pipeline_call import PipelineCall

OURS = (
    "prompt",
    "negative_prompt",
    "height",
    "width",
    "num_inference_steps",
    "num_images_per_prompt",
    "generator",
    "latents",
    "image",
    "mask_image",
    "strength",
    "output_type",
    "return_dict",
    "callback",
    "callback_steps",
    "callback_on_step_end",
    "callback_on_step_end_tensor_inputs",
    "prompt_embeds",
    "negative_prompt_embeds",
    "prior_token_ids",
    "max_area",
    "ip_adapter_image",
    "ip_adapter_image_embeds",
    "use_resolution_binning",
    "caption_upsample_temperature",
)
"""Arguments of a pipeline's call that rows and stages decide."""

_SEVERAL: dict[Any, str] = {int: "whole numbers", float: "numbers"}
_WORDS: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def refuse_call(model: ModelKey[Any], call: "PipelineCall") -> None:
    """Raise where a pipeline that is on this disk cannot be called as a recipe says; of one that is not,
    nothing is known.

    Raises:
        InputError: a setting of the stage is not one of the pipeline's, or the pipeline is for another stage.
        CheckpointError: the pipeline makes no pictures.
    """
    if model.family != "diffusers":
        raise InputError(
            f"family {shown(model.family)}: {call.name} paints with a pipeline: name family 'diffusers'"
        )
    try:
        folder = pipeline_folder(model)
    except CheckpointError:
        return  # whoever loads it says so
    read_index(folder)
    pipeline = pipeline_class(folder)
    kind = kind_of(pipeline)
    refuse_stage(kind, call)
    refuse_arguments(pipeline, kind, call.arguments)
    refuse_layers(folder, call.arguments)
    refuse_scheduler(folder, call.scheduler, call.scheduler_config)


def refuse_stage(kind: Kind, call: "PipelineCall") -> None:
    """Raise `InputError` where a pipeline of this kind is for another stage."""
    family, over, name = family_of(kind.name), kind.starts_from_picture, kind.name
    if call.strength is not None and not (family.image_to_image or over):
        raise InputError(f"{name} cannot start from a picture: name another checkpoint for {call.name}")
    if call.strength is None and over:
        within = " within a mask" if kind.masks else ""
        raise InputError(
            f"{name} paints over a picture{within}, none of text alone: make {call.name} repaint in the recipe"
        )
    if call.tokens != family.tokens:
        rather = "paint_tokens" if family.tokens else "paint or repaint"
        raise InputError(f"{name} does not go with stage {call.name}: make it {rather} in the recipe")


def refuse_arguments(pipeline: Any, kind: Kind, arguments: Mapping[str, object]) -> None:
    """Raise `InputError` where a recipe's arguments are not those of a pipeline's call, or of another kind."""
    call = _call_of(pipeline)
    free = [name for name in kind.takes if name not in OURS and name != family_of(kind.name).guidance]
    for name, value in arguments.items():
        if name in kind.takes and name not in free:
            raise InputError(f"arguments: {name} is what rows and settings say: leave it out")
        if name not in free:
            raise InputError(f"arguments: {kind.name} takes no {shown(name)}{did_you_mean(name, free)}")
        numbers = tuple_of(call[name].annotation, usual=call[name].default)
        if numbers and not _are_of(value, numbers):
            must = f"a list of {len(numbers)}: {', '.join(_WORDS[each] for each in numbers)}"
            raise InputError(f"arguments: {name} = {shown(value)}: must be {must}")
        each = list_of(call[name].annotation)
        if each is not None and not _are_several(value, each):
            raise InputError(f"arguments: {name} = {shown(value)}: must be a list of {_SEVERAL[each]}")
        kinds = _kinds(call[name].annotation)
        if kinds and not any(_is_of(value, each) for each in kinds):
            must = " or ".join(_WORDS[each] for each in kinds)
            raise InputError(f"arguments: {name} = {shown(value)}: must be {must}")


def _call_of(pipeline: Any) -> Mapping[str, inspect.Parameter]:
    """The parameters of its call, with types for annotations, where they can be had."""
    try:
        return inspect.signature(pipeline.__call__, eval_str=True).parameters
    except (NameError, AttributeError, TypeError, SyntaxError):
        return inspect.signature(pipeline.__call__).parameters


def _kinds(hint: Any) -> list[Any]:
    """Of `int | None` `[int]`; none where an annotation says something else."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    kinds = [each for each in (typing.get_args(hint) if union else (hint,)) if each is not types.NoneType]
    return kinds if all(isinstance(each, type) and each in _WORDS for each in kinds) else []


def _are_of(value: object, kinds: Sequence[Any]) -> bool:
    return isinstance(value, list | tuple) and len(value) == len(kinds) and all(map(_is_of, value, kinds))


def _are_several(value: object, kind: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) > 0 and all(_is_of(each, kind) for each in value)


def _is_of(value: object, kind: Any) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, int | float if kind is float else kind)
