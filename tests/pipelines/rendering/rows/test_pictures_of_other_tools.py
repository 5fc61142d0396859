"""Files as other tools save them: PNG chunks, EXIF and XMP; one picture is one row."""

import copy
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import PIL.PngImagePlugin
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych import InputError, Row
from diptych.pipelines.cli.show import run_show
from diptych.pipelines.rendering.rows.picture_files import prompt_in
from diptych.pipelines.rendering.rows.prompt_source import read_source
from diptych.prompts.entry import Place
from diptych.prompts.other_tools.known import said_in_texts
from diptych.prompts.other_tools.said import ToolError, not_carried_over

from ....fuzzing import fuzz_settings

PARAMETERS = "a red boat,\n\nein Böot 船\nNegative prompt: fog\nSteps: 20, CFG scale: 7, Seed: 11, Size: 64x32"
GRAPH = {
    "3": {
        "class_type": "KSampler",
        "inputs": {"seed": 11, "steps": 20, "cfg": 7, "positive": ["6", 0], "negative": ["7", 0]}
        | {"latent_image": ["5", 0]},
    },
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 32}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red boat,\n\nein Böot 船"}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "fog"}},
}
SWARM = {
    "sui_image_params": {
        "prompt": "a red boat,\n\nein Böot 船",
        "negativeprompt": "fog",
        "seed": 11,
        "steps": 20,
    }
    | {"cfgscale": 7, "width": 64, "height": 32}
}
FOOOCUS = {
    **{"prompt": "a red boat,\n\nein Böot 船", "negative_prompt": "fog", "seed": "11", "steps": 20},
    **{"guidance_scale": 7, "resolution": "(64, 32)", "performance": "Speed"},
}
UNICODE = b"UNICODE\0"
XMP = (
    "<x:xmpmeta xmlns:x='adobe:ns:meta/'><exif:UserComment><rdf:Alt><rdf:li xml:lang=\"x-default\">%s</rdf:li>"
)


def png(path: Path, **texts: str) -> Path:
    info = PIL.PngImagePlugin.PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    PIL.Image.new("RGB", (4, 4)).save(path.with_suffix(".png"), pnginfo=info)
    return path.with_suffix(".png")


def with_exif(
    path: Path, ending: str, photo: dict[int, bytes] | None = None, main: dict[int, str] | None = None
) -> Path:
    exif = PIL.Image.Exif()
    for tag, text in (main or {}).items():
        exif[tag] = text
    for tag, data in (photo or {}).items():
        exif.get_ifd(0x8769)[tag] = data
    PIL.Image.new("RGB", (4, 4)).save(path.with_suffix(ending), exif=exif)
    return path.with_suffix(ending)


COMMENT = 0x9286
FILES: dict[str, Callable[[Path], Path]] = {
    "AUTOMATIC1111, PNG": lambda path: png(path, parameters=PARAMETERS),
    "AUTOMATIC1111, JPEG": lambda path: with_exif(
        path, ".jpg", {COMMENT: UNICODE + PARAMETERS.encode("utf-16-be")}
    ),
    "AUTOMATIC1111, WebP": lambda path: with_exif(
        path, ".webp", {COMMENT: UNICODE + PARAMETERS.encode("utf-16-be")}
    ),
    "ComfyUI, PNG": lambda path: png(path, prompt=json.dumps(GRAPH), workflow='{"nodes": [], "links": []}'),
    "ComfyUI, WebP": lambda path: with_exif(
        path,
        ".webp",
        main={0x0110: f"prompt:{json.dumps(GRAPH)}", 0x010F: 'workflow:{"nodes": [], "links": []}'},
    ),
    "SwarmUI, PNG": lambda path: png(path, parameters=json.dumps(SWARM, indent=2)),
    "SwarmUI, JPEG": lambda path: with_exif(
        path, ".jpg", {COMMENT: UNICODE + json.dumps(SWARM, ensure_ascii=False).encode("utf-16-le")}
    ),
    "Fooocus, PNG": lambda path: png(path, parameters=json.dumps(FOOOCUS), fooocus_scheme="fooocus"),
    "Fooocus, JPEG": lambda path: with_exif(
        path, ".jpg", {COMMENT: json.dumps(FOOOCUS, ensure_ascii=False).encode(), 0x927C: b"fooocus"}
    ),
    "NovelAI, WebP": lambda path: with_exif(
        path,
        ".webp",
        {
            COMMENT: b"ASCII\0\0\0"
            + json.dumps(
                {
                    "Software": "NovelAI",
                    "Comment": json.dumps({**FOOOCUS, "scale": 7, "uc": "fog", "width": 64}),
                }
            ).encode()
        },
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_one_picture_is_one_row(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = FILES[kind](tmp_path / "picture")
    (row,) = read_source(str(path))
    assert (row.prompt, row.template, row.fault) == ("a red boat,\n\nein Böot 船", row.prompt, None)
    wanted = {"seed": 11, "num_inference_steps": 20, "guidance_scale": 7.0, "negative_prompt": "fog"}
    assert wanted.items() <= row.settings.items()
    assert row.source == str(path) and row.notes["made with"] == kind.split(",")[0]
    assert prompt_in(path) == row.prompt
    run_show(path)
    assert "a red boat" in capsys.readouterr().out


def test_a_comment_in_xmp_is_read(tmp_path: Path) -> None:
    said = json.dumps({"c": "a red boat", "uc": "fog", "seed": 11, "scale": 7, "size": "64x32"})
    info = PIL.PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP % said.replace('"', "&quot;"))
    PIL.Image.new("RGB", (4, 4)).save(tmp_path / "a.png", pnginfo=info)
    (row,) = read_source(str(tmp_path / "a.png"))
    assert (row.prompt, row.settings["seed"], row.settings["width"]) == ("a red boat", 11, 64)


def test_text_behind_the_pixels_is_read(tmp_path: Path) -> None:
    path = png(tmp_path / "a", parameters=PARAMETERS)
    data = path.read_bytes()
    start = data.index(b"iTXt") - 4 if b"iTXt" in data else data.index(b"tEXt") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    path.write_bytes(data[:start] + data[end:-12] + data[start:end] + data[-12:])
    (row,) = read_source(str(path))
    assert row.settings["seed"] == 11


def test_what_says_nothing_or_what_is_not_understood_is_refused_by_name(tmp_path: Path) -> None:
    cases = {
        "carries no history: pictures of diptych do, and of AUTOMATIC1111": png(
            tmp_path / "a", Software="Paint"
        ),
        "is a workflow of ComfyUI": png(tmp_path / "b", workflow='{"nodes": [], "links": []}'),
        "parameters in JSON of a kind that is not known": png(tmp_path / "c", parameters='{"x": 1}'),
    }
    for message, path in cases.items():
        with pytest.raises(InputError, match=message):
            list(read_source(str(path)))


@pytest.mark.parametrize(
    "text",
    ['{"sui_image_params": {"prompt": "a red bo', '{"a":' * 2000, '["a", 1]', "{}", "[" * 3 + "1" + "]" * 3],
)
def test_json_that_was_cut_off_is_no_prompt(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="parameters in JSON of a kind that is not known"):
        list(read_source(str(png(tmp_path / "a", parameters=text))))


@pytest.mark.parametrize("text", ['{"OPEN"|"CLOSED"} sign', "[a red] boat", "[1] boat", "{a|b}"])
def test_brackets_begin_prompts_too(tmp_path: Path, text: str) -> None:
    (row,) = read_source(str(png(tmp_path / "a", parameters=text)))
    assert (row.template or row.prompt) == text


ODD: list[Any] = [
    *(None, True, 0, -1, 1.5, 2**64, 10**400, float("nan"), float("inf"), "", "x", "\0", "\ud800", "\x1b[2J"),
    *([], {}, ["6", 0], ["nowhere", 0], [6, 0], ["3", 0], [[]], {"": {}}, ["6"], "a" * 10_000, [["6", 0]] * 50),
]
VALUES = (GRAPH, SWARM, FOOOCUS, {"image": {"prompt": [{"prompt": "a", "weight": 1}], "seed": 3}})
NAMES = (
    "parameters",
    "prompt",
    "workflow",
    "sd-metadata",
    "invokeai_metadata",
    "UserComment",
    "Comment",
    "Dream",
)


@st.composite
def texts(draw: st.DrawFn) -> dict[str, str]:
    """What a picture may carry: a tool's values with odd ones in them, or infotext with pieces lost."""
    value: Any = copy.deepcopy(draw(st.sampled_from(VALUES)))
    for _ in range(draw(st.integers(0, 4))):
        at = value
        while isinstance(at, dict) and at:
            key = draw(st.sampled_from(list(at)))
            if isinstance(at[key], dict) and draw(st.booleans()):
                at = at[key]
                continue
            at[draw(st.sampled_from([key, key, "prompt", "positive", "size", "text"]))] = copy.deepcopy(
                draw(st.sampled_from(ODD))
            )
            break
    text = json.dumps(value)
    words = PARAMETERS
    for _ in range(draw(st.integers(0, 4))):
        at, count = draw(st.integers(0, len(words))), draw(st.integers(0, 9))
        piece = draw(
            st.sampled_from(["\n", "Steps:", ": ", ", ", '"', "Seed: 1e999", "Size: 9x", "\x00", "\ud800"])
        )
        words = words[:at] + piece + words[at + count :]
    cut = draw(st.integers(0, len(text)))
    some = st.sampled_from([text, text, text[:cut], words, words, "{" * 2000, '{"a":' * 2000, '"x" -s 5'])
    found = {draw(st.sampled_from(NAMES)): draw(some) for _ in range(draw(st.integers(1, 3)))}
    return found | draw(st.sampled_from([{}, {"Software": "NovelAI"}, {"negative_prompt": "x"}]))


@fuzz_settings(300)
@given(texts())
def test_whatever_a_picture_says_gives_one_row_or_one_line(said: dict[str, str]) -> None:
    started = time.process_time()
    try:
        found = said_in_texts(said)
    except ToolError as error:
        assert str(error).isprintable() and len(str(error)) < 300
    else:
        if found is not None:
            row = found.row(Place(source="x.png", line=1))
            assert row.fault is not None or row.prompt == row.prompt.strip() != ""
            assert row.fault is None or row.fault.isprintable()
            json.dumps({**row.settings}, allow_nan=False).encode()
    assert time.process_time() - started < 10


def test_what_is_not_carried_over_is_said_on_one_line(tmp_path: Path) -> None:
    (row,) = read_source(str(png(tmp_path / "a", parameters=f"{PARAMETERS}, Sampler: Euler, Model: x\x1b")))
    assert not_carried_over(row).endswith("a.png:1: made with AUTOMATIC1111; not carried over: Sampler, Model")
    assert not_carried_over(Row(prompt="a", source="-", line=1, notes={"category": "x"})) == ""
