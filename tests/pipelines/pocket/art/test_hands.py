import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from diptych.engine.errors import InputError
from diptych.pipelines.pocket.art.hands import DRAWN_SIDE, Hand, draw_icons, fit_side, write_hand

from .conftest import BODIES, icons


def test_a_hand_gives_what_was_drawn(hands: dict[str, Hand]) -> None:
    hand = hands["sticker"]
    assert hand.name == "sticker" and hand.kinds == tuple(BODIES) and "ball" in hand and "cat" not in hand
    for kind in hand.kinds:
        drawing = hand.drawing(kind)
        assert drawing.dtype == np.uint8 and max(drawing.shape[:2]) == DRAWN_SIDE and drawing.shape[2] == 4
    height, width = hand.drawing("wagon").shape[:2]
    assert (width, height) == (128, round(128 * 20 / 28))


def test_the_file_is_one_of_safetensors(hands: dict[str, Hand]) -> None:
    with safe_open(hands["emoji"].path, "np") as file:
        assert file.get_tensor("pixels").shape == (len(BODIES), DRAWN_SIDE, DRAWN_SIDE, 4)
        assert file.metadata()["source"] == "tiny 1"


def test_a_drawing_is_read_from_the_file_and_not_copied(hands: dict[str, Hand]) -> None:
    drawing = hands["sticker"].drawing("ball")
    assert not drawing.flags.owndata and not drawing.flags.writeable


def test_other_colours_are_made_once(hands: dict[str, Hand]) -> None:
    assert hands["sticker"].drawing("ball", "blue") is hands["sticker"].drawing("ball", "blue")
    assert (hands["sticker"].drawing("ball", "blue") != hands["sticker"].drawing("ball")).any()


def test_an_alias_is_drawn_as_its_parent() -> None:
    ((_, ball), (_, sphere)) = draw_icons(icons(), {"a": "ball", "b": "sphere"}, where="tiny")
    np.testing.assert_array_equal(ball, sphere)


def test_a_missing_icon_and_a_damaged_set_are_said() -> None:
    with pytest.raises(InputError, match="tiny: has no icon 'whale'"):
        list(draw_icons(icons(), {"whale": "whale"}, where="tiny"))
    for content in (b"", b"[]", b"{}", b'{"icons": 3'):
        with pytest.raises(InputError, match="not an icon set"):
            list(draw_icons(content, {"ball": "ball"}, where="tiny"))


def test_a_thin_drawing_keeps_a_pixel() -> None:
    assert fit_side(np.full((400, 1, 4), 255, np.uint8)).shape == (128, 1, 4)


def test_nothing_to_write_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no drawings"):
        write_hand("x", [], tmp_path / "x.safetensors")


def test_damaged_files_are_said(hands: dict[str, Hand], tmp_path: Path) -> None:
    good = hands["sticker"].path.read_bytes()
    path = tmp_path / "x.safetensors"
    with pytest.raises(InputError, match="cannot be read"):
        Hand(path)
    head = json.dumps({"pixels": 1}).encode()
    for content in (b"", b"12", good[:-9], good[:200], b"\xff" * 99, len(head).to_bytes(8, "little") + head):
        path.write_bytes(content)
        with pytest.raises(InputError, match="not a file of drawings"):
            Hand(path)
