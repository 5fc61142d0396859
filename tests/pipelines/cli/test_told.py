"""What a newcomer is told: which of two values holds, what is not applied, how words were read, what failed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import PIL.PngImagePlugin
import pytest

from diptych import TextToImage
from diptych.pipelines.cli import main as cli

from .conftest import Run


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_pipe: Callable[..., TextToImage]) -> Path:
    """A folder to render into, by a pipeline of fakes."""
    monkeypatch.setattr(cli, "_text_to_image", lambda recipe, **options: make_pipe())
    return tmp_path / "out"


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("column", "options", "told"),
    [
        ("steps,9", ["--steps", 4], "--steps 4 is not used where a row says it itself, as {}:2 does"),
        ("cfg,9", ["--guidance", 4], "--guidance 4.0 is not used where a row says it itself"),
        (
            "size,64x48",
            ["--size", "32x32"],
            "size 32x32 is not used where a row says it itself, as {}:2",
        ),
        ("seed,9", ["--seed", 4], "--seed 4 is not used where a row says it itself"),
        ("n_iter,2", ["-n", 3], "-n 3 is not used where a row says it itself, as {}:2 does: 2"),
        ("negative,fog", ["--negative", "sun"], "--negative sun is not used where a row says it itself"),
        ("steps,4", ["--steps", 4], ""),
        ("steps,", ["--steps", 4], ""),
    ],
)
def test_of_an_option_and_a_rows_own_value_is_said_once_which_holds(
    run: Run, out: Path, tmp_path: Path, column: str, options: list[Any], told: str
) -> None:
    name, _, value = column.partition(",")
    path = tmp_path / "p.csv"
    path.write_text(f"prompt,{name}\na boat,{value}\na cat,{value}\n")
    result = run("render", path, *options, "-o", out)
    assert result.status == 0, result.err
    assert result.err.count("is not used where a row") == bool(told), result.err
    assert told.format(path) in result.err


def test_two_ways_to_say_one_thing_on_the_line_are_told_apart(run: Run, out: Path) -> None:
    result = run("render", "-p", "a boat", "--size", "64x48", "--width", 32, "-o", out)
    assert "diptych: --width 32 holds, not the width of --size 64x48" in result.err
    result = run("render", "-p", "a boat", "--steps", 5, "--sweep", "steps=1,2", "-o", out)
    assert result.status == 2 and "--steps 5: --sweep goes through values of it" in result.err


def test_extra_weights_in_a_prompt_are_said_not_to_be_applied(run: Run, out: Path) -> None:
    result = run("render", "-p", "a boat <lora:ink:0.8>", "-o", out)
    assert "<lora:ink:0.8> is not applied: LoRAs belong into the recipe" in result.err
    assert lines(out)[0]["left_out"] == []


def test_text_on_the_command_line_is_its_own_place(run: Run, out: Path) -> None:
    result = run("render", "-p", "a boat", "-p", "a\x07bell", "-o", out)
    assert result.status == 1 and "-p:2" not in result.out + result.err
    assert "-p 'a\\x07bell': the prompt has a control character" in " ".join(result.out.split())


def test_a_row_that_failed_before_says_why_again_and_what_can_be_done(run: Run, out: Path) -> None:
    command = ("render", "-p", "poison", "--seed", 3, "-o", out)
    assert run(*command).status == 1
    again = run(*command)
    assert again.status == 1
    assert "failed before: 'poison': refine: the prompt is poison" in again.err
    assert "--retry-failed" not in again.err  # what a stage refuses, it refuses again
    assert "1 failed before" in again.out


def test_what_is_edited_says_itself_what_it_was_made_of(run: Run, out: Path) -> None:
    assert run("render", "-p", "a red boat", "-o", out).status == 0
    picture = out / lines(out)[0]["picture"]
    result = run("render", "--image", picture, "--variation", "0.2", "-o", out)
    assert f"{picture} was made of 'a red boat': taken as the prompt" in result.err
    info = PIL.PngImagePlugin.PngInfo()
    history = json.loads(PIL.Image.open(picture).info["diptych"])
    history["request"]["start"] = {"plan": "a red boat and a bird"}  # as an edit leaves it
    info.add_text("diptych", json.dumps(history))
    PIL.Image.open(picture).save(edited := out.parent / "edited.png", pnginfo=info)
    result = run("render", "--image", edited, "--variation", "0.2", "-o", out)
    assert "edited.png was made of 'a red boat and a bird': taken as the prompt" in result.err
    other = out.parent / "other.png"
    PIL.Image.new("RGB", (48, 32)).save(other)
    result = run("render", "--image", other, "--edit", "make it blue", "-o", out)
    assert result.status == 2 and result.err.count("\n") == 1 and "with -p" in result.err, result.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["render", "-p", "a", "--candidates", "two"], "--candidates = 'two': must be a whole number from 1"),
        (["render", "-p", "a", "--num-inference-steps", "0"], "--num-inference-steps = 0: must lie between"),
        (["render", "-p", "a", "--cfg", "x"], "--cfg = 'x': must be a number from 0.0 to 50.0"),
        (["render", "-p", "a", "-nx"], "-n = 'x': must be a whole number from 1 to 1000"),
        (["render", "-p", "a", "--stall-seconds", "-1"], "--stall-seconds = -1: must be a number from 0 on"),
        (["render", "-p", "a", "--deterministic=3"], "--deterministic = '3': --deterministic takes no value"),
        (["render", "a", "red", "boat"], "render: 'red boat': too much: diptych render takes one SOURCE: text"),
        (["render", "-p", "a", "--upscale", "3"], "--upscale = 3: must be 2 or 4"),
        (["render", "-p", "a", "--memory", "lots"], "--memory = 'lots': write an amount"),
        (["render", "-p", "a", "-o", ""], "-o: its value is empty: name a folder"),
        (["render", ""], "the source is empty: name a prompt file"),
        (["train"], "train: WHAT is missing: tokenizer, planner"),
        (["train", "all"], "train: --out is missing: name it, as in diptych train --out OUT"),
    ],
)
def test_what_the_parser_refuses_is_said_in_our_words(run: Run, arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert (result.status, result.out) == (2, "") and result.err.count("\n") == 1
    assert result.err.startswith(f"diptych: {said}"), result.err


def test_how_long_a_stage_may_be_silent_is_an_option(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_pipe: Callable[..., TextToImage]
) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(cli, "_text_to_image", lambda recipe, **options: given.update(options) or make_pipe())
    assert run("render", "-p", "a boat", "-o", tmp_path / "a").status == 0 and "stall_seconds" not in given
    assert run("render", "-p", "a boat", "-o", tmp_path / "a", "--stall-seconds", 5).status == 0
    assert given["stall_seconds"] == 5
    (tmp_path / "mine.toml").write_text("stall_seconds = 7\n")
    assert run("render", "-p", "a", "-o", tmp_path / "a", "--settings", tmp_path / "mine.toml").status == 0
    assert given["stall_seconds"] == 7
