"""Prompt files as other tools and benchmarks have them."""

import json
from typing import Any

import pytest

from diptych import PromptFileError

from ..conftest import Read

GRAPH = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 20, "positive": ["6", 0]}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a {red} boat"}},
}
META = {"prompt": "a {red} boat", "negativePrompt": "fog", "seed": 7, "cfgScale": 3, "Size": "64x32"}
SWARM = {"sui_image_params": {"prompt": "a {red} boat", "seed": 7}}
FOOOCUS = {"prompt": "a {red} boat", "performance": "Speed", "base_model": "x", "seed": "7"}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "value",
    [
        GRAPH,
        {"prompt": GRAPH, "client_id": "x"},
        [GRAPH],
        {"items": [{"id": 1, "url": "x", "meta": META}], "metadata": {"nextPage": "x"}},
        {"items": [{"id": 1, "url": "x", "meta": {"id": 1, "meta": META}}]},
        {"id": 5, "images": [{"url": "x", "hash": "U", "meta": META}]},
        SWARM,
        [SWARM],
        FOOOCUS,
    ],
)
def test_json_of_a_tool_is_a_row_of_what_was_rendered(read: Read, value: Any, indent: int | None) -> None:
    (row,) = read(json.dumps(value, indent=indent))
    assert (row.prompt, row.template, row.fault) == ("a {red} boat", "a {red} boat", None)
    assert row.settings["seed"] == 7 and "made with" in row.notes


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"nodes": [], "links": [], "version": 0.4}, r"workflow of ComfyUI as its editor saves it"),
        ({"1": {"class_type": "SaveImage", "inputs": {}}}, "graph of ComfyUI in which no prompt was found"),
        ({"items": [{"url": "x", "meta": None}]}, "picture of Civitai that does not say its prompt"),
    ],
)
def test_what_of_a_tool_cannot_be_read_is_refused_by_its_kind(read: Read, value: Any, fault: str) -> None:
    (row,) = read(json.dumps(value))
    assert row.fault is not None and fault in row.fault


@pytest.mark.parametrize(
    "text",
    [
        '["OPEN"] sign over a cafe',
        '["A", "B"] and C',
        '{"a": 1} b',
        '{"OPEN"|"CLOSED"} sign',
        '["a"|b] sign',
        '{"a", "b"} sign',
        "[{red|blue} boat]",
        '{"x"} y',
        "{} boat",
    ],
)
def test_a_prompt_that_begins_like_json_is_a_prompt(read: Read, text: str) -> None:
    assert [row.prompt for row in read(f"{text}\na cat\n")] == [text, "a cat"]


@pytest.mark.parametrize(
    "text", ['{"prompt": "a"}', '{\n"prompt": "a"}', '{"prompt"\n: "a"}', '["a"]', '[\n"a"\n]', '["a"\n]']
)
def test_json_is_json_all_the_same(read: Read, text: str) -> None:
    assert [row.prompt for row in read(text)] == ["a"]


def test_a_spreadsheets_separator_line_and_its_decimal_commas(read: Read) -> None:
    data = "sep=;\r\nprompt;cfg;strength;note\r\na boat;7,5;;1,5\r\n"
    (row,) = read(data)
    assert row.settings == {"guidance_scale": 7.5} and row.notes["note"] == "1,5" and row.line == 3
    (tabs,) = read("prompt\tcfg\na boat\t7,5\n")
    assert tabs.settings == {"guidance_scale": 7.5}
    (commas,) = read('prompt,cfg\na boat,"7,5"\n')
    assert commas.fault is not None  # there a comma may be anything


def test_a_seed_that_a_spreadsheet_rounded_is_a_fault(read: Read) -> None:
    (row,) = read("prompt,seed\na boat,1.23457E+18\n")
    assert row.fault is not None and row.fault.startswith(
        "seed = '1.23457E+18': was rounded, as spreadsheets do"
    )
    (exact,) = read("prompt,seed\na boat,1e3\n")
    assert exact.settings == {"seed": 1000}


def test_blocks_of_the_inspire_pack(read: Read) -> None:
    rows = read(
        "# mine\npositive: a cat,\non a mat\nnegative: fog\n----\n\nname: two\nPositive:b\n---\n-----\n"
    )
    assert [(row.prompt, row.settings, row.line) for row in rows] == [
        ("a cat,\non a mat", {"negative_prompt": "fog"}, 2),
        ("b", {}, 7),
    ]
    assert rows[1].notes == {"name": "two"}
    with pytest.raises(PromptFileError, match="standard input:4: begins no part: write positive:"):
        read("positive: a\n----\n\na cat\n")


def test_dpg_bench_gives_each_prompt_once(read: Read) -> None:
    header = (
        "item_id,text,keywords,proposition_id,dependency,category_broad,category_detailed,tuple,"
        "question_natural_language\n"
    )
    data = header + "".join(
        f'{item},"a boat, {item}",k,{number},0,entity,whole,entity - whole (boat),Is there a boat?\n'
        for item in ("partiprompts0", "partiprompts1")
        for number in (1, 2, 3)
    )
    rows = read(data, format="table")
    assert [(row.prompt, row.line) for row in rows] == [
        ("a boat, partiprompts0", 2),
        ("a boat, partiprompts1", 5),
    ]
    assert rows[0].notes == {"item_id": "partiprompts0", "keywords": "k"}


def test_other_benchmarks(read: Read) -> None:
    assert [r.prompt for r in read('Prompt\tCategory\tChallenge\tNote\nbond\tAbstract\tBasic\tsays "x\n')] == [
        "bond"
    ]
    assert [r.prompt for r in read("Prompts,Category\nA red car.,Colors\n")] == ["A red car."]
    assert [
        r.prompt for r in read('{"tag": "single", "include": [{"class": "bench"}], "prompt": "a bench"}\n')
    ] == ["a bench"]
    tifa = '[{"id": "coco_1", "caption": "a boat", "coco_val_id": "1", "text_input_source": "coco"}]'
    assert [r.prompt for r in read(tifa)] == ["a boat"]
