"""Units of the web UI's ControlNet extension, as settings of a row."""

import base64
import io
from typing import Any

import PIL.Image
import pytest

from diptych.pipelines.serving.protocols.a1111_controlnet import control_settings
from diptych.pipelines.serving.replies import ApiError


def picture() -> str:
    data = io.BytesIO()
    PIL.Image.new("RGB", (8, 8)).save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()


def settings(*units: Any, offered: tuple[str, ...] = ("edges", "depth")) -> dict[str, Any]:
    said = {"controlnet": {"args": list(units)}}
    return control_settings(said, offered, lambda data, called: f"kept {len(data)} {called}"[:4])


def test_units_become_columns() -> None:
    canny = {"image": picture(), "module": "canny", "weight": 0.8, "guidance_end": 0.7}
    depth = {"input_image": picture(), "module": "none", "model": "depth [abc]", "guidance_start": 0.1}
    off = {"enabled": False, "image": picture(), "weight": 99}
    assert settings(canny, off, depth) == {
        "control": ["kept", "kept"],
        "control_type": ["edges", "depth"],
        "control_weight": [0.8, 1.0],
        "control_start": [0.0, 0.1],
        "control_stop": [0.7, 1.0],
        "control_ready": [False, True],
    }


def test_nothing_is_said_where_no_unit_is_on() -> None:
    assert settings({"enabled": False}) == {} and control_settings({"ADetailer": {}}, (), lambda _: "") == {}


@pytest.mark.parametrize(
    ("unit", "why"),
    [
        ({"module": "canny"}, "controlnet: image is missing"),
        ({"image": "AAAA", "module": "canny"}, "is no picture"),
        ({"image": picture(), "module": "tile"}, "this recipe has edges, depth: name one"),
        ("canny", "must be a table"),
    ],
)
def test_what_cannot_be_is_one_line(unit: Any, why: str) -> None:
    with pytest.raises(Exception) as caught:
        control_settings({"controlnet": {"args": [unit]}}, ("edges", "depth"), _kept)
    assert why in str(caught.value)


def test_a_recipe_without_controls_says_so() -> None:
    with pytest.raises(ApiError, match="this recipe follows no control pictures"):
        settings({"image": picture()}, offered=())


def _kept(data: bytes, *, called: str) -> str:
    from diptych.engine.errors import InputError

    try:
        PIL.Image.open(io.BytesIO(data)).load()
    except Exception:
        raise InputError(f"{called}: is no picture") from None
    return "kept"
