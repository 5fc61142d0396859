"""Histories and starts that are damaged or made to do harm: read, or refused in one line."""

import base64
import io
import json
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import PIL.Image
import PIL.PngImagePlugin
import pytest
from hypothesis import given

from diptych import InputError
from diptych.engine.values import Request
from diptych.pipelines.cli.show import _lines
from diptych.pipelines.rendering.provenance.provenance import plan_of, read_history
from diptych.pipelines.rendering.provenance.start_text import parse_start

from ....fuzzing import changed, fuzz_settings

OLDER = Path(__file__).parents[1] / "older" / "history.json"


def png(width: int = 4, height: int = 4, mode: str = "RGB") -> str:
    stream = io.BytesIO()
    PIL.Image.new(mode, (width, height), "white").save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def bomb() -> str:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 10**5)) + chunk(b"IEND", b"")
    return base64.b64encode(data).decode()


START: dict[str, Any] = {
    "picture": png(),
    "mask": png(mode="L"),
    "strength": 0.5,
    "tokens": [[1, 2], [3, 4]],
    "redraw": 0.5,
    "former": "",
    "shows": "",
    "wording": None,
}
HISTORY: dict[str, Any] = json.loads(OLDER.read_text(encoding="utf-8"))
PICTURES = (bomb(), png(5, 3), png()[:40], "%%%", "iVBORw0KGgo=")


def check(error: InputError) -> None:
    text = str(error)
    assert "\n" not in text and len(text) < 1000, text


@pytest.mark.parametrize(
    "redraw",
    [None, "x", True, [], [[]], [[], []], [1, 2], [[0, 1], [1]], [[2, 2], [2, 2]], [[0, 1, 1]], -1, {}],
)
def test_a_start_of_an_odd_redraw_is_refused(redraw: Any) -> None:
    with pytest.raises(InputError, match=r"x\.png: what it started from is damaged"):
        parse_start(json.dumps({**START, "redraw": redraw}), "x.png")


@pytest.mark.parametrize("name", ["picture", "mask"])
def test_a_bomb_in_a_start_is_refused_before_it_is_decoded(name: str) -> None:
    with pytest.raises(InputError, match=r"x\.png: .*is 60000 x 60000 pixels"):
        parse_start(json.dumps({**START, name: bomb()}), "x.png")


def test_a_history_of_a_later_format_is_refused_by_that_name(tmp_path: Path) -> None:
    path = tmp_path / "later.png"
    info = PIL.PngImagePlugin.PngInfo()
    info.add_text("diptych", json.dumps({**HISTORY, "format": 9, "plan": 7}))
    PIL.Image.new("RGB", (4, 4)).save(path, pnginfo=info)
    with pytest.raises(InputError, match="is of format 9, and 3 is the latest known here: update diptych"):
        read_history(path)


@fuzz_settings(200)
@given(changed(START, *PICTURES))
def test_a_changed_start_is_read_or_refused(values: Any) -> None:
    started = time.process_time()
    try:
        start = parse_start(json.dumps(values), "x.png")
    except InputError as error:
        check(error)
    else:
        assert start.digest and start.keeps_something is not None
    assert time.process_time() - started < 10


@fuzz_settings(200)
@given(changed(HISTORY, *PICTURES))
def test_a_changed_history_is_shown_or_refused(tmp_path: Path, values: Any) -> None:
    path = tmp_path / "boat.png"
    info = PIL.PngImagePlugin.PngInfo()
    info.add_text("diptych", json.dumps(values))
    PIL.Image.new("RGB", (1, 1)).save(path, pnginfo=info)
    try:
        history = read_history(path)
        _lines(history)
        plan_of(history, Request(prompt="a boat"))
    except InputError as error:
        check(error)
