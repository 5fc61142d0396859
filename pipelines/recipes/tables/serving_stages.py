"""One model for several stages: a component of a pipeline that is the model of another stage of the recipe.

    [stages.paint.parts]
    text_encoder = { stage = "plan" }     # the planner's model reads the text for the painter, too

It is then the same checkpoint in the same form, which memory counts, and holds, once.
"""

from collections.abc import Mapping
from typing import Any

from ....engine.errors import InputError
from ....engine.messages import did_you_mean, shown
from ....engine.models.diffusion.single_files.places import is_single_file

STAGE = "stage"
_WHOLE = ("causal-lm", "image-token-lm", "multimodal-lm", "image-text-to-text")  # whose folder is one model's
_ALIKE = {"dtype": "float32", "quantize": None}  # what makes another form of the weights, and what is usual


def with_models_of_stages(stages: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The tables of a recipe's stages, with a checkpoint in the place of each stage that a part names.

    Raises:
        InputError: there is no such stage, it has no model of that kind, or has it in another form.
    """
    return {name: _with_models(name, table, stages, where) for name, table in stages.items()}


def _with_models(name: str, table: Any, stages: Mapping[str, Any], where: str) -> Any:
    parts = table.get("parts") if isinstance(table, Mapping) else None
    if not isinstance(parts, Mapping):
        return table  # whatever it is, others look at it
    at = f"{where}: [stages.{name}]"
    changed = {
        part: _place(value, f"{at}: parts: {part}", table, stages) if _names_stage(value) else value
        for part, value in parts.items()
    }
    return {**table, "parts": changed}


def _names_stage(value: Any) -> bool:
    return isinstance(value, Mapping) and STAGE in value


def _place(value: Mapping[str, Any], where: str, painter: Mapping[str, Any], stages: Mapping[str, Any]) -> Any:
    said = value[STAGE]
    if len(value) > 1:
        others = ", ".join(shown(each, quoted=False) for each in value if each != STAGE)
        raise InputError(f"{where}: a stage's model is taken as it is: leave out {others}")
    other = stages.get(said) if isinstance(said, str) else None
    if not isinstance(other, Mapping):
        hint = did_you_mean(said, stages) if isinstance(said, str) else ""
        raise InputError(f"{where}: no stage {shown(said)}{hint}; the recipe has {', '.join(stages)}")
    family, checkpoint = other.get("family"), other.get("checkpoint")
    if family not in _WHOLE or is_single_file(str(checkpoint)):
        raise InputError(
            f"{where}: [stages.{said}] is no language model in a folder (family {' or '.join(_WHOLE)}): name"
            " one of those, or a checkpoint"
        )
    for key, usual in _ALIKE.items():
        here, there = painter.get(key, usual), other.get(key, usual)
        if here != there:
            raise InputError(
                f"{where}: {key} is {shown(here)} here and {shown(there)} in [stages.{said}], two models:"
                " say the same in both"
            )
    if isinstance(checkpoint, str) and "revision" in other:
        checkpoint = f"{checkpoint}@{other['revision']}"
    return {"checkpoint": checkpoint, **({"part": other["part"]} if "part" in other else {})}
