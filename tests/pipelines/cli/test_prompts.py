"""`diptych prompts`: the rows as `diptych render` would carry them out, and nothing rendered."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import PIL.Image
import PIL.PngImagePlugin
import pytest

from diptych import TextToImage
from diptych.engine.randomness import derive_seed
from diptych.pipelines.cli import main as cli

from .conftest import Run


def objects(result: SimpleNamespace) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.out.splitlines()]


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_shows_rows_settings_and_faults(run: Run, tmp_path: Path) -> None:
    path = written(tmp_path, "p.csv", "prompt,steps,category\na boat,12,x\na cat,1.5,y\n<b>fish</b>,,z\n")
    result = run("prompts", path)
    assert result.status == 1
    for text in ("a boat", "num_inference_steps 12", "steps = '1.5': must be a whole", "<b>fish</b>", "3 rows"):
        assert text in " ".join(result.out.split()), text
    assert result.err == "diptych: 1 of 3 rows cannot be rendered\n"


def test_json_is_one_object_a_line_with_all_that_is_known(run: Run, tmp_path: Path) -> None:
    path = written(tmp_path, "p.csv", "prompt,steps,seed,category\n{a|b} boat,12,,x\na cat,,5,\n,,,z\n")
    boat, cat, nothing = objects(run("prompts", path, "--json", "--seed", 3))
    assert boat == {
        "row": 1,
        "prompt": boat["prompt"],
        "num_inference_steps": 12,
        "seed": derive_seed(3, 1),
        "template": "{a|b} boat",
        "notes": {"category": "x"},
        "source": str(path),
        "line": 2,
    }
    assert boat["prompt"] in ("a boat", "b boat")
    assert (cat["seed"], cat["line"]) == (5, 3)
    assert nothing["fault"] == f"{path}:4: has no prompt"


def test_what_it_prints_is_a_prompt_file_that_gives_the_same_rows(run: Run, tmp_path: Path) -> None:
    source = written(
        tmp_path, "p.yaml", "rows:\n- '{a|b|c} boat'\n- {prompt: '\\{x\\} #1', cfg: 2, negative: '{d|e}'}\n"
    )
    first = run("prompts", source, "--json", "--combinatorial")
    again = run("prompts", written(tmp_path, "again.jsonl", first.out), "--json", "--seed", 99)
    said = ("row", "prompt", "seed", "guidance_scale", "negative_prompt", "template")
    assert [{name: row.get(name) for name in said} for row in objects(again)] == [
        {name: row.get(name) for name in said} for row in objects(first)
    ]
    assert [row["prompt"] for row in objects(first)] == ["a boat", "b boat", "c boat", "{x} #1"]


def test_rows_are_those_that_render_carries_out(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_pipe: Callable[..., TextToImage]
) -> None:
    monkeypatch.setattr(cli, "_text_to_image", lambda recipe, **options: make_pipe())
    source = written(
        tmp_path, "p.txt", '{a|b|c|d} __kind__\n--prompt "x {y|z}" --n_iter 3 --seed 4\n--prompt a --steps x\n'
    )
    (tmp_path / "wildcards").mkdir()
    written(tmp_path / "wildcards", "kind.txt", "boat\ncat\nfish\n")
    shown = objects(run("prompts", source, "--json", "--seed", 8))
    result = run("render", source, "-o", tmp_path / "out", "--seed", 8)
    assert result.status == 1
    records = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    keys = ("row", "prompt", "seed", "template", "line")
    assert [[record.get(key) for key in keys] for record in records] == [
        [row.get(key) for key in keys] for row in shown
    ]
    assert [row.get("fault") for row in shown] == [record["error"] for record in records]
    assert len({row["prompt"] for row in shown}) > 2


def test_variants_of_text_follow_the_seed_and_may_be_left_alone(run: Run, tmp_path: Path) -> None:
    (alone,) = objects(run("prompts", "-p", "{a|b|c|d|e|f|g} x", "--json", "--seed", 5))
    (same,) = objects(
        run("prompts", written(tmp_path, "p.jsonl", '{"prompt": "{a|b|c|d|e|f|g} x", "seed": 5}'), "--json")
    )
    assert (alone["seed"], alone["prompt"]) == (5, same["prompt"])
    (literal,) = objects(run("prompts", "-p", "{a|b} __c__", "--json", "--literal"))
    assert (
        literal["prompt"] == literal["template"] == "{a|b} __c__"
    )  # nothing is looked for when it is read again


def test_limit_only_format_and_bounds(run: Run, tmp_path: Path) -> None:
    source = written(tmp_path, "p.txt", "prompt,seed\na,1\nb,2\nc,3\n")
    assert [row["prompt"] for row in objects(run("prompts", source, "--json", "--limit", 2))] == ["a", "b"]
    assert [row["row"] for row in objects(run("prompts", source, "--json", "--only", "2-3"))] == [2, 3]
    assert objects(run("prompts", source, "--json", "--format", "text"))[0]["prompt"] == "prompt,seed"
    result = run("prompts", "-p", "{a|b|c}", "--json", "--combinatorial", "--max-variants", 2)
    assert result.status == 1 and "more than 2 variants" in objects(result)[0]["fault"]


HOSTILE = [
    ('{"prompt": "a", "seed": NaN}', "seed = 'NaN'"),
    ('{"prompt": "a", "seed": -7}', "seed = -7: must lie between 0 and 18446744073709551615"),
    ('{"prompt": "a", "seed": 18446744073709551616}', "must lie between 0 and 18446744073709551615"),
    ('{"prompt": "a", "width": 100000}', "width = 100000: must lie between 8 and 4096 pixels"),
    ('{"prompt": "a", "size": "100000x8"}', "size = '100000x8': its width must lie between 8 and 4096 pixels"),
    ('{"prompt": "a", "steps": 0}', "steps = 0: must lie between 1 and 1000"),
    ('{"prompt": "a", "accept": 2}', "accept = 2: must lie between 0.0 and 1.0"),
    ('{"prompt": "a\\u0000b"}', "control character (U+0000)"),
    ('{"prompt": "a\\u001b[31mb"}', "control character (U+001B)"),
    ('{"prompt": "\\udcff"}', "control character (U+DCFF)"),
    ('{"prompt": "__../../etc/passwd__"}', "no such wildcard"),
    ('{"prompt": "{a|b"}', "brace is not closed"),
    (json.dumps({"prompt": "a " * 2**19}), "characters: at most"),
    (json.dumps({"prompt": "{a|" * 2**18}), "characters: with variants, at most"),
]


@pytest.mark.parametrize(("line", "fault"), HOSTILE)
def test_hostile_rows_are_refused_by_file_and_line(run: Run, tmp_path: Path, line: str, fault: str) -> None:
    path = written(
        tmp_path, "p.jsonl", f'{line}\n{{"prompt": "a", "name": "../../x", "tag": "\\ud800<script>"}}\n'
    )
    result = run("prompts", path, "--json")
    wrong, right = objects(result)
    assert result.status == 1
    assert wrong["fault"].startswith(f"{path}:1: ") and fault in wrong["fault"], wrong["fault"]
    assert wrong["fault"].isprintable() and len(wrong["fault"]) < 500
    assert "fault" not in right and right["notes"]["name"] == "../../x"
    table = run("prompts", path)
    assert table.status == 1 and not re.search("[\x00-\x09\x0b-\x1f\x7f]", table.out)
    assert sorted(os.listdir(tmp_path)) == ["p.jsonl"]


def test_a_picture_of_another_tool_is_a_row_and_what_is_left_of_it_is_named(run: Run, tmp_path: Path) -> None:
    info = PIL.PngImagePlugin.PngInfo()
    info.add_text("parameters", "a red boat\n\nat sea\nSteps: 20, Sampler: Euler a, Seed: 7, Size: 64x32")
    PIL.Image.new("RGB", (4, 4)).save(tmp_path / "a.png", pnginfo=info)
    result = run("prompts", tmp_path / "a.png")
    assert result.status == 0 and "1 row\n" in result.out
    assert "a.png:1: made with AUTOMATIC1111; not carried over: Sampler\n" in result.out


def test_wrong_sources_are_one_line(run: Run, tmp_path: Path) -> None:
    for arguments, words in (
        ((), "either a prompt file"),
        ((tmp_path / "none.txt",), "no such file"),
        ((written(tmp_path, "c.txt", "a\n"), "-p", "a"), "either a prompt file"),
        ((written(tmp_path, "a.txt", "a\n"), "--format", "xml"), "no such format: 'xml'"),
        ((tmp_path / "a.txt", "--wildcards", tmp_path / "none"), "is no folder"),
        ((tmp_path / "a.txt", "--only", "x"), "--only 'x'"),
        ((written(tmp_path, "b.json", '["a"'),), "b.json:1: is no JSON here"),
    ):
        result = run("prompts", *arguments)
        assert result.status == 2, result
        assert result.err.count("\n") == 1 and words in result.err, result.err
