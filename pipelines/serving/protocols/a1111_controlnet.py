"""What a request to AUTOMATIC1111's web UI says of controls: the units of its ControlNet extension.

"alwayson_scripts": {"controlnet": {"args": [{"image": "...", "module": "canny", "weight": 0.8}]}}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ....engine.messages import shown
from ....engine.values.control import MOST
from ....prompts.settings import setting
from ..pictures import decoded
from ..replies import ApiError
from .bodies import converted

_KINDS = {
    "canny": "edges",
    "depth": "depth",
    "depth_anything": "depth",
    "depth_midas": "depth",
    "openpose": "pose",
    "openpose_full": "pose",
    "dw_openpose_full": "pose",
}
"""Names of the extension's preprocessors, and what recipes mostly call such controls."""
_NONE = ("", "none")


class Unit(msgspec.Struct, kw_only=True):
    """One control, as far as it has an effect."""

    enabled: bool = True
    image: str | dict[str, Any] | None = None
    input_image: str | None = None
    module: str | None = None
    model: str | None = None
    weight: float = 1.0
    guidance_start: float = 0.0
    guidance_end: float = 1.0


def control_settings(said: Any, offered: Sequence[str], keep: Callable[..., str]) -> dict[str, Any]:
    """The settings of a row that follows the units of `alwayson_scripts`; none where it says nothing of them.

    Args:
        offered: the names of the recipe's controls.
        keep: puts a picture among the server's inputs, and gives its name there.

    Raises:
        ApiError: a unit says what cannot be, or what the recipe has no control for.
    """
    units = [unit for each in _args(said) if (unit := _unit(each)).enabled]
    if not units:
        return {}
    if len(units) > MOST:
        raise ApiError(400, f"controlnet: {len(units)} units: at most {MOST} at once", param="alwayson_scripts")
    if not offered:
        raise ApiError(400, "controlnet: this recipe follows no control pictures", param="alwayson_scripts")
    return {
        "control": [keep(_picture(each), called="control") for each in units],
        "control_type": [_kind(each, offered) for each in units],
        "control_weight": [setting("control_weight", each.weight) for each in units],
        "control_start": [setting("control_start", each.guidance_start) for each in units],
        "control_stop": [setting("control_stop", each.guidance_end) for each in units],
        "control_ready": [(each.module or "").lower() in _NONE for each in units],
    }


def _args(said: Any) -> list[Any]:
    found = said.get("controlnet", said.get("ControlNet")) if isinstance(said, Mapping) else None
    args = found.get("args") if isinstance(found, Mapping) else None
    return args if isinstance(args, list) else []


def _unit(said: Any) -> Unit:
    if not isinstance(said, dict):
        raise ApiError(400, f"controlnet: {shown(said)}: must be a table", param="alwayson_scripts")
    return converted(said, Unit)


def _picture(unit: Unit) -> bytes:
    image = unit.image.get("image") if isinstance(unit.image, dict) else unit.image
    image = image or unit.input_image
    if not isinstance(image, str):
        raise ApiError(400, "controlnet: image is missing: send one in base64", param="alwayson_scripts")
    return decoded(image, called="controlnet image")


def _kind(unit: Unit, offered: Sequence[str]) -> str:
    """The recipe's control that a unit means: by the model's name, the preprocessor's, or as the only one."""
    module = (unit.module or "").lower()
    wanted = [*((unit.model or "").lower().split(" ")[:1]), module, _KINDS.get(module, "")]
    known = {name.lower(): name for name in offered}
    for name in wanted:
        if name in known:
            return known[name]
    if len(offered) == 1:
        return offered[0]
    said = unit.model or unit.module or ""
    there = ", ".join(offered)
    raise ApiError(
        400, f"controlnet: model {shown(said)}: this recipe has {there}: name one", param="alwayson_scripts"
    )
