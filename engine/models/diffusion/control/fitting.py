"""Whether a control fits a pipeline: held to each other by their configs, before anything is loaded."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ....errors import CheckpointError, InputError
from ....messages import shown
from ....values.control import Control
from ...checkpoint.folder import folder_of, read_json
from ..pipeline_parts import DENOISER, component_config, components_of, read_index
from .classes import steering_class, takes_ranges, takes_several, word_of
from .key import ControlKey

_ALIKE = (
    "cross_attention_dim",
    "joint_attention_dim",
    "caption_projection_dim",
    "pooled_projection_dim",
    "num_attention_heads",
    "attention_head_dim",
    "block_out_channels",
    "dim",
    "n_heads",
)
"""What a denoiser's config and that of a control for it say alike."""


def control_class(folder: Path) -> str:
    """The class that a control's `config.json` names.

    Raises:
        CheckpointError: it is that of something else.
    """
    name = str(read_json(folder / "config.json").get("_class_name") or "")
    if not word_of(name):
        said = f"of class {shown(name)}" if name else "without a class"
        raise CheckpointError(
            f"{folder}: holds a model {said}: name a ControlNet or a T2I-Adapter of diffusers"
        )
    return name


def refuse_control(pipeline: Path, control: ControlKey, *, from_picture: bool) -> None:
    """Raise where a control does not fit a pipeline, both of which are on this disk.

    Args:
        pipeline: the folder of the pipeline.
        from_picture: whether it paints over pictures.

    Raises:
        InputError: it is for another family, or another size of model; or the library has no class that does
            both.
        CheckpointError: one of the two is damaged, or something else.
    """
    folder = folder_of(control.model.checkpoint)
    kind, name = control_class(folder), str(read_index(pipeline)["_class_name"])
    where = f"controls.{control.name}"
    if steering_class(name, kind, from_picture=from_picture) is None:
        if steering_class(name, kind, from_picture=False) is not None:
            raise InputError(
                f"{where}: diffusers has nothing that both starts {name} from a picture and steers it by a"
                f" {kind}: make the stage paint, or leave the control out"
            )
        raise InputError(f"{where}: {folder} is a {kind}, which does not steer {name}: name one of its family")
    ours, theirs = read_json(folder / "config.json"), _denoiser_config(pipeline)
    if kind == "T2IAdapter":
        ours = _of_adapter(ours, theirs, name)
    for each in _ALIKE:
        one, other = ours.get(each), theirs.get(each)
        if one is not None and other is not None and one != other:
            raise InputError(
                f"{where}: {folder} is for another model: its {each} is {one}, that of {pipeline} {other}"
            )
    _refuse_mode(control, ours, kind, where)


def _of_adapter(ours: dict[str, Any], theirs: dict[str, Any], name: str) -> dict[str, Any]:
    """An adapter's config in the words of a denoiser's: the XL kind has one level less."""
    channels, levels = ours.get("channels"), theirs.get("block_out_channels")
    if not isinstance(channels, list) or not isinstance(levels, list):
        return ours
    is_xl = str(ours.get("adapter_type", "")).endswith("_xl")
    if is_xl != ("XL" in name):
        return {**ours, "block_out_channels": channels}
    kept = [each for each in levels if each in channels]
    return {**ours, "block_out_channels": kept}


def _refuse_mode(control: ControlKey, ours: dict[str, Any], kind: str, where: str) -> None:
    modes = ours.get("num_control_type") if kind == "ControlNetUnionModel" else ours.get("num_mode")
    if modes and control.mode is None:
        raise InputError(f"{where}: is one for {modes} kinds of control: say which, as in mode = 0")
    if control.mode is not None and not (isinstance(modes, int) and control.mode < modes):
        most = f"must be below {modes}" if modes else "is for those that know several kinds: leave it out"
        raise InputError(f"{where}: mode = {control.mode}: {most}")


def asked_fault(
    pipeline: Path, offered: Sequence[ControlKey], asked: Sequence[Control], *, from_picture: bool
) -> str:
    """Why a pipeline cannot be steered by all of these controls together; empty where it can.

    Args:
        offered: by the recipe.
    """
    names = [each.name for each in offered]
    for each in asked:
        if each.kind not in names:
            there = ", ".join(names) if names else "none"
            return (
                f"control_type {shown(each.kind)}: the recipe has no such control: it has {there}: add"
                f" [stages.paint.controls.{each.kind}], or choose one of these"
            )
    if not asked:
        return ""
    found = [next(key for key in offered if key.name == each.kind) for each in asked]
    for each, key in zip(asked, found, strict=True):
        if each.ready is False and key.preprocess == "none":
            return (
                f"control_type {shown(each.kind)}: nothing in the recipe makes such a picture of a photograph:"
                " give the control picture itself, with control_ready = true"
            )
    try:
        name = str(read_index(pipeline)["_class_name"])
        kinds = [control_class(folder_of(key.model.checkpoint)) for key in found]
    except CheckpointError:
        return ""  # whoever loads it says so
    if len(set(kinds)) > 1:
        return f"controls of two kinds ({', '.join(sorted(set(kinds)))}) do not work together: keep one kind"
    steers = steering_class(name, kinds[0], from_picture=from_picture)
    if steers is None:
        return f"no class of diffusers steers {name} by a {kinds[0]}"
    if len(asked) > 1 and not takes_several(steers):
        return f"{steers.__name__} takes one control at a time: keep one of {len(asked)}"
    if not takes_ranges(steers) and any((each.start, each.stop) != (0, 1) for each in asked):
        return f"{steers.__name__} steers all steps: leave out control_start and control_stop"
    return ""


def _denoiser_config(pipeline: Path) -> dict[str, Any]:
    return component_config(pipeline, next(iter(components_of(pipeline, DENOISER))))
