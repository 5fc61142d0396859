"""What a stage's table in a recipe says of the controls that its pictures can be steered by.

[stages.paint.controls.edges]
checkpoint = "./controlnet-canny"     # a ControlNet or T2I-Adapter: a folder, or a Hub id
preprocess = "edges"                  # edges, depth or none: how photographs become control pictures
weight = 1.0                          # of rows that say none
mode = 0                              # of a union ControlNet: which of its kinds of control
estimator = "./depth-anything"        # for depth: the model that finds it
dtype = "float16"                     # else that of the stage
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ....engine.errors import InputError
from ....engine.messages import did_you_mean, shown
from ....engine.models.diffusion.control.key import DEPTH, EDGES, ESTIMATOR, FAMILY, NONE, PREPARED, ControlKey
from ....engine.stage import ModelKey
from ....engine.values.control import check_weight

STAGES = ("paint", "repaint")
"""Stages of recipes whose pictures can be steered."""

MOST = 32
_KNOWN = ("checkpoint", "revision", "part", "dtype", "preprocess", "weight", "mode", "estimator")
_DTYPES = ("float32", "bfloat16", "float16", "auto")
_READY = {"pose": "poses: give control pictures that are ready (preprocess = 'none')"}


def controls_in(
    stage: str, table: Any, model: ModelKey[Any], where: str, resolve: Callable[[str, str], str]
) -> tuple[ControlKey, ...]:
    """The controls of a stage's table.

    Args:
        stage: its name.
        table: what stands under `controls`.
        model: the pipeline that is steered.
        resolve: a checkpoint's name and where it stands, to where it lies.

    Raises:
        InputError: it says what cannot be.
    """
    if not table:
        return ()
    if not isinstance(table, Mapping):
        raise InputError(f"{where}: controls must be a table, not {shown(table)}")
    if stage not in STAGES:
        raise InputError(f"{where}: controls: are for {' and '.join(STAGES)} alone: leave them out")
    if len(table) > MOST:
        raise InputError(f"{where}: controls: {len(table)} of them: at most {MOST}")
    return tuple(_control(name, each, model, f"{where}: controls", resolve) for name, each in table.items())


def written_controls(controls: tuple[ControlKey, ...], named: Callable[[str], str]) -> dict[str, Any]:
    """The same as a table.

    Args:
        named: how a recipe names a checkpoint.
    """
    return {each.name: _written(each, named) for each in controls}


def _written(control: ControlKey, named: Callable[[str], str]) -> dict[str, Any]:
    key = control.model
    table = {
        "checkpoint": named(key.checkpoint),
        "dtype": key.dtype,
        "preprocess": control.preprocess,
        "weight": control.weight,
    }
    rest = {
        "part": key.part or None,
        "mode": control.mode,
        "estimator": None if control.estimator is None else named(control.estimator.checkpoint),
    }
    return table | {name: value for name, value in rest.items() if value is not None}


def _control(
    name: str, table: Any, model: ModelKey[Any], where: str, resolve: Callable[[str, str], str]
) -> ControlKey:
    if not name.isprintable() or not name.strip() or "," in name or len(name) > 100:
        raise InputError(f"{where}: {shown(name)} is no name of a control: take one such as edges")
    where = f"{where}.{name}"
    if not isinstance(table, Mapping):
        raise InputError(f"{where}: {shown(table)}: must be a table with a checkpoint")
    for each in table:
        if each not in _KNOWN:
            known = ", ".join(_KNOWN)
            raise InputError(
                f"{where}: {shown(each)} is not known{did_you_mean(each, _KNOWN)}; known are {known}"
            )
    dtype = _text(table, "dtype", where) or model.dtype
    if dtype not in _DTYPES:
        raise InputError(f"{where}: dtype = {shown(dtype)}: must be one of {', '.join(_DTYPES)}")
    found = _text(table, "estimator", where)
    estimator = ModelKey(ESTIMATOR, resolve(found, f"{where}: estimator"), dtype) if found else None
    try:
        weight = check_weight(table.get("weight", 1.0))
    except InputError as error:
        raise InputError(f"{where}: {str(error).removeprefix('control_')}") from None
    return ControlKey(
        name=name,
        model=ModelKey(FAMILY, _checkpoint(table, where, resolve), dtype, part=_text(table, "part", where)),
        preprocess=_preprocess(name, table, where, has_estimator=estimator is not None),
        weight=weight,
        mode=_mode(table, where),
        estimator=estimator,
    )


def _checkpoint(table: Mapping[str, Any], where: str, resolve: Callable[[str, str], str]) -> str:
    said = _text(table, "checkpoint", where)
    if not said:
        raise InputError(f"{where}: checkpoint is missing: name a ControlNet or a T2I-Adapter")
    if said.endswith((".safetensors", ".gguf", ".pth", ".bin")):
        raise InputError(
            f"{where}: checkpoint = {shown(said)}: name the folder of diffusers, not a single file"
        )
    checkpoint, revision = resolve(said, where), _text(table, "revision", where)
    if revision and Path(checkpoint).is_absolute():
        raise InputError(f"{where}: revision = {shown(revision)}: is for a Hub id, not for a folder")
    return f"{checkpoint}@{revision}" if revision else checkpoint


def _preprocess(name: str, table: Mapping[str, Any], where: str, *, has_estimator: bool) -> str:
    """How photographs are made control pictures: as it is said, or by the control's name."""
    said = _text(table, "preprocess", where)
    usual = name if name == EDGES or (name == DEPTH and has_estimator) else NONE
    found = said or usual
    if found not in PREPARED:
        rather = _READY.get(found, f"such pictures: must be one of {', '.join(PREPARED)}")
        raise InputError(f"{where}: preprocess = {shown(found)}: nothing here makes {rather}")
    if found == DEPTH and not has_estimator:
        raise InputError(
            f"{where}: preprocess = 'depth': name the model that finds it: estimator = \"./depth\""
        )
    if has_estimator and found != DEPTH:
        raise InputError(f"{where}: estimator: is for preprocess = 'depth' alone: leave it out")
    return found


def _mode(table: Mapping[str, Any], where: str) -> int | None:
    mode = table.get("mode")
    if mode is not None and (type(mode) is not int or mode < 0):
        raise InputError(f"{where}: mode = {shown(mode)}: must be a whole number from 0 on")
    return mode


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table.get(key, "")
    if isinstance(value, Path):
        return str(value.absolute())
    if not isinstance(value, str):
        raise InputError(f"{where}: {key} = {shown(value)}: must be of kind str")
    return value
