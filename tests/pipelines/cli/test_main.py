"""The command line: exit statuses, what goes to which stream, and one line for each thing that is wrong."""

import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import PIL.Image
import pytest

from diptych import PictureJudge, TextToImage
from diptych.engine.memory import DeviceMemory
from diptych.engine.models.checkpoint.roots import ROOTS, Root
from diptych.pipelines.cli import main as cli

from .conftest import Run


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch, make_pipe: Callable[..., TextToImage]) -> dict[str, Any]:
    """Puts a pipeline of fakes in the place of the recipe's; holds the options that it was asked for with."""
    asked: dict[str, Any] = {}

    def make(recipe: str, **options: Any) -> TextToImage:
        asked.update(options, recipe=recipe)
        return make_pipe()

    monkeypatch.setattr(cli, "_text_to_image", make)
    return asked


def wrong(result: SimpleNamespace, *words: str) -> None:
    """The input was wrong: status 2, one line on standard error, nothing on standard output."""
    assert result.status == 2, result
    assert result.out == ""
    assert result.err.count("\n") == 1 and result.err.startswith("diptych: "), result.err
    for word in words:
        assert word in result.err, result.err


def test_a_file_becomes_pictures_and_a_table(run: Run, fakes: dict[str, Any], prompt_file: Path) -> None:
    out = prompt_file.parent / "out"
    result = run("render", prompt_file, "-o", out, "--seed", 3)
    assert result.status == 0, result.err
    assert f"gallery:       {out / 'index.html'}" in result.out
    for text in ("a red boat", "a picture of grey", "contact_sheet.png"):
        assert text in result.out
    assert "draft: 3 of 3" in result.err and "rows: 3 of 3" in result.err
    assert len((out / "results.jsonl").read_text().splitlines()) == 3
    assert fakes == {"recipe": "atlas", "device": "auto", "memory": None, "deterministic": False, "wave": 16}


def test_options_reach_the_requests(run: Run, fakes: dict[str, Any], prompt_file: Path) -> None:
    out = prompt_file.parent / "out"
    loop = ["--candidates", "4", "--keep", "2", "--rounds", "2", "--accept", "1"]
    options = ["--steps", "5", "--guidance", "2.5", "--limit", "1", "--stats", "--deterministic"]
    result = run("render", prompt_file, "-o", out, *loop, *options, "--memory", "3MiB", "--device", "cpu")
    assert result.status == 0, result.err
    (line,) = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert len(line["candidates"]) == 8
    assert sum(candidate["score"] is not None for candidate in line["candidates"]) == 4
    assert "a minute" in result.err and "preview" in result.err
    assert (fakes["memory"], fakes["device"], fakes["deterministic"]) == ("3MiB", "cpu", True)


def test_settings_are_options_under_the_names_that_people_know(
    run: Run, fakes: dict[str, Any], tmp_path: Path
) -> None:
    more = ["--height", 64, "--negative-prompt", "fog", "--top-k", 7, "--no-ignore-left-out"]
    for steps, guidance in (("--steps", "--cfg"), ("--num-inference-steps", "--guidance-scale")):
        out = tmp_path / steps
        assert run("render", "-p", "a boat", "-o", out, steps, 5, guidance, 2.5, *more).status == 0
        assert json.loads((out / "results.jsonl").read_text())["settings"] == {
            "height": 64,
            "width": 48,
            "negative_prompt": "fog",
            "num_inference_steps": 5,
            "guidance_scale": 2.5,
            "top_k": 7,
            "accept": 0.5,
            "ignore_left_out": False,
        }


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["render", "-p", "a", "--seed", "-2"], "--seed = -2: must lie between 0 and 18446744073709551615"),
        (["render", "-p", "a", "--cfg", "51"], "--cfg = 51.0: must lie between 0.0 and 50.0"),
        (["render", "-p", "a", "--height", "7"], "--height = 7: must lie between 8 and 4096 pixels"),
        (["prompts", "-p", "a", "--seed", "-2"], "--seed = -2: must lie between"),
        (["upscale", "a.png", "--seed", "-2"], "--seed = -2: must lie between"),
        (
            ["storyboard", "a.txt", "--cast", "Mia=a cat", "--steps", "0"],
            "--steps = 0: must lie between 1 and 1000",
        ),
        (["interpolate", "-p", "a", "--seed", "1", "--seed", "-2"], "--seed = -2: must lie between"),
        (["score", "a.png", "--accept", "2"], "--accept = 2.0: must lie between 0.0 and 1.0"),
        (["evaluate", "words", "--accept", "nan"], "--accept = nan: must lie between 0.0 and 1.0"),
        (["bench", "loop", "--temperature", "6"], "--temperature = 6.0: must lie between 0.0 and 5.0"),
    ],
)
def test_an_option_out_of_range_is_one_line_with_its_limits(run: Run, arguments: list[str], fault: str) -> None:
    wrong(run(*arguments), fault)


def test_the_whole_command_has_the_benchmarks_in_it(run: Run) -> None:
    assert "bench" in run("--help").out


def test_what_was_left_out_is_said_and_may_be_ignored(run: Run, fakes: dict[str, Any], tmp_path: Path) -> None:
    command = ["render", "-p", "a boat with a hat", "--accept", "0"]
    result = run(*command, "-o", tmp_path / "a")
    assert result.status == 0, result.err
    assert "not drawn: hat" in result.out and "1 done (0 accepted, 1 left something out)" in result.out
    result = run(*command, "-o", tmp_path / "b", "--ignore-left-out", "--repairs", "3")
    assert "not drawn: hat" in result.out and "1 done (1 accepted, 1 left something out)" in result.out
    settings = json.loads((tmp_path / "b" / "results.jsonl").read_text())["settings"]
    assert (settings["ignore_left_out"], settings["repairs"]) == (True, 3)
    wrong(run(*command, "-o", tmp_path / "c", "--repairs", "101"), "repairs = 101")


def test_a_column_may_ignore_what_was_left_out(run: Run, fakes: dict[str, Any], tmp_path: Path) -> None:
    table = tmp_path / "p.csv"
    table.write_text("prompt,accept,ignore left out\na boat with a hat,0,yes\na cat with a hat,0,\n")
    assert run("render", table, "-o", tmp_path / "out").status == 0
    lines = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert [line["accepted"] for line in lines] == [True, False]


def test_text_and_standard_input_are_prompts(
    run: Run, fakes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("render", "-p", "a red boat", "-o", tmp_path / "a", "--seed", 5).status == 0
    assert json.loads((tmp_path / "a" / "results.jsonl").read_text())["seed"] == 5
    assert run("render", "-p", "a red boat", "-p", "a cat", "-o", tmp_path / "b").status == 0
    assert len((tmp_path / "b" / "results.jsonl").read_text().splitlines()) == 2
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"a dog\n")))
    assert run("render", "-", "-o", tmp_path / "c").status == 0
    assert json.loads((tmp_path / "c" / "results.jsonl").read_text())["prompt"] == "a dog"


def test_some_rows_failed_is_status_one(run: Run, fakes: dict[str, Any], tmp_path: Path) -> None:
    result = run("render", "-p", "a boat", "-p", "poison", "-o", tmp_path / "out")
    assert result.status == 1
    assert "1 of 2 rows failed" in result.err and "the prompt is poison" in result.out


def test_wrong_sources_are_refused(run: Run, fakes: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "latin.txt").write_bytes(b"ein gr\xfcnes Boot\n")
    wrong(run("render", tmp_path / "empty.txt", "-o", out), "empty.txt", "holds no prompt")
    wrong(run("render", tmp_path / "latin.txt", "-o", out), "latin.txt:1", "not UTF-8")
    wrong(run("render", tmp_path / "none.txt", "-o", out), "none.txt", "no such file")
    (tmp_path / "folder").mkdir()
    wrong(run("render", tmp_path / "folder", "-o", out), "is a folder without .txt files")
    wrong(run("render", "-o", out), "either a prompt file")
    (tmp_path / "some.txt").write_text("a cat\n")
    wrong(run("render", tmp_path / "some.txt", "-p", "a boat", "-o", out), "either a prompt file", "no styles")
    wrong(run("render", "-p", " ", "-o", out), "prompt is empty")
    wrong(run("render", "-p", "word " * 10_000, "-o", out), "-p 'word word", "characters")
    wrong(run("render", "-p", "a boat", "--candidates", 0, "-o", out), "candidates = 0")
    wrong(
        run("render", "-p", "a boat", "--guidance", "nan", "-o", out),
        "--guidance = nan: must lie between 0.0 and 50.0",
    )
    assert not out.exists()


def test_wrong_folders_are_refused(
    run: Run, fakes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    wrong(run("render", "-p", "a boat", "-o", tmp_path / "file"), "is a file, not a folder", "-o")
    wrong(run("render", "-p", "a boat", "-o", tmp_path / "file" / "sub"), "is a file, not a folder")
    wrong(run("render", "-p", "a boat", "-o", tmp_path / "boat.png"), "boat.png: is a picture's name", "folder")
    assert fakes == {} and (tmp_path / "file").read_text() == "mine"

    def refuse(self: Path, *args: Any, **options: Any) -> None:
        raise PermissionError(13, os.strerror(13), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    wrong(run("render", "-p", "a boat", "-o", tmp_path / "new"), "cannot be written (Permission denied)", "-o")


def test_an_option_of_the_wrong_kind_is_status_two(run: Run) -> None:
    result = run("render", "-p", "a boat", "--seed", "x")
    assert result.status == 2 and result.out == "" and "Traceback" not in result.err


def test_ctrl_c_keeps_what_was_finished_and_says_where(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_pipe: Callable[..., TextToImage]
) -> None:
    pipe = make_pipe(wave=1)
    judge = pipe.runner.chain.stages[-1]

    def interrupt(value: Any) -> Any:
        if "cat" in value.plan.request.prompt:
            raise KeyboardInterrupt
        return step(value)

    step = judge.make  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setattr(judge, "make", interrupt)
    monkeypatch.setattr(cli, "_text_to_image", lambda recipe, **options: pipe)
    result = run("render", "-p", "a boat", "-p", "a cat", "-o", tmp_path)
    assert result.status == 130 and f"what was finished is in {tmp_path}" in result.err
    assert json.loads((tmp_path / "results.jsonl").read_text())["row"] == 1


def test_the_same_command_goes_on_and_options_say_with_what(
    run: Run, fakes: dict[str, Any], tmp_path: Path
) -> None:
    command = ("render", "-p", "a boat", "-p", "poison", "-p", "a cat", "--seed", 0, "-o", tmp_path / "out")
    assert run(*command, "--only", "1-2").status == 1
    said = run(*command).out
    assert "3 rows: 1 made now, 1 done before (" in said and "0 failed now, 1 failed before" in said
    said = run(*command, "--retry-failed").out
    assert "0 made now, 2 done before (" in said and ", 1 failed\n" in said
    assert " before" not in run(*command, "--fresh").out
    wrong(run(*command, "--only", "0"), "write rows as in 17,40-60")


def test_a_picture_says_how_it_was_made_and_is_a_source(
    run: Run, fakes: dict[str, Any], tmp_path: Path
) -> None:
    assert run("render", "-p", "a boat", "--seed", 7, "-o", tmp_path / "one").status == 0
    picture = tmp_path / "one" / "0001-a-boat.png"
    assert "a boat" in run("show", picture).out
    assert json.loads(run("show", picture, "--json").out)["request"]["seed"] == 7
    for source in (picture, tmp_path / "one" / "results.jsonl"):
        assert run("render", source, "-o", tmp_path / source.suffix).status == 0
        assert (tmp_path / source.suffix / picture.name).read_bytes() == picture.read_bytes()
    PIL.Image.new("L", (8, 8)).save(tmp_path / "grey.png")
    for command in ("show", "rerender", "render"):
        wrong(run(command, tmp_path / "grey.png"), "grey.png: carries no history")
    wrong(run("rerender", picture, "-o", picture), "is the picture itself")


def test_recipes_are_listed(run: Run) -> None:
    result = run("recipes")
    assert result.status == 0 and "pocket" in result.out and "plan -> draft -> refine -> judge" in result.out


def test_an_unknown_recipe_is_refused(run: Run, tmp_path: Path) -> None:
    wrong(run("render", "-p", "a boat", "--recipe", "poket", "-o", tmp_path / "out"), "did you mean 'pocket'")
    assert not (tmp_path / "out").exists()


def test_a_wrong_device_or_budget_is_refused(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    wrong(run("render", "-p", "a boat", "--device", "gpu", "-o", out), "choose one of")
    wrong(run("render", "-p", "a boat", "--memory", "lots", "-o", out), "such as 2GiB")
    assert not out.exists()


def test_captions_and_scores_go_to_standard_output(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, judge_stage: Any, fake_memory: DeviceMemory
) -> None:
    judge = PictureJudge(judge_stage, fake_memory)
    monkeypatch.setattr(PictureJudge, "from_recipe", lambda recipe, **options: judge)
    path = tmp_path / "grey.png"
    PIL.Image.new("L", (8, 8), 51).save(path)
    assert run("caption", path).out == "a picture of grey 51\n"
    report = json.loads(run("score", path, "--prompt", "grey").out)
    assert (report["picture"], report["prompt"], report["score"]) == (str(path), "grey", 0.2)
    wrong(run("caption", tmp_path / "none.png"), "no such file")
    wrong(run("score", path, "--prompt", " "), "prompt is empty")


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped weights that may be damaged."""
    copy = tmp_path / "weights"
    shutil.copytree(ROOTS["pocket"].folder, copy)
    monkeypatch.setitem(ROOTS, "pocket", Root(copy, ROOTS["pocket"].hint))
    return copy


def test_missing_weights_are_refused(run: Run, weights: Path, tmp_path: Path) -> None:
    shutil.rmtree(weights / "refiner")
    wrong(run("render", "-p", "a boat", "-o", tmp_path / "out"), "refiner")
    assert not (tmp_path / "out").exists()
    result = run("doctor")
    assert result.status == 1 and "refiner" in result.err


def test_damaged_weights_are_refused(run: Run, weights: Path, tmp_path: Path) -> None:
    for path in (weights / "planner").rglob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-100])
    wrong(run("render", "-p", "a boat", "-o", tmp_path / "out"), "planner")
    assert not (tmp_path / "out").exists()


def test_a_budget_too_small_for_the_models_is_refused(run: Run, tmp_path: Path) -> None:
    wrong(run("render", "-p", "a boat", "--memory", "1MiB", "-o", tmp_path / "out"), "1.0 MiB", "at least")
    assert not (tmp_path / "out").exists()


def test_the_doctor_finds_all_well(run: Run) -> None:
    result = run("doctor", "--memory", "2GiB")
    assert result.status == 0, result.err
    assert "all is well" in result.out
    for word in ("torch", "transformers", "diffusers", "planner", "tokenizer", "captioner", "MiB"):
        assert word in result.out
