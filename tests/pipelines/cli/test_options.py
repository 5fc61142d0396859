"""What people reach for: several pictures of a prompt, sizes, pictures to start from, a file of settings; and
options that the run at hand will not use."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from diptych import TextToImage
from diptych.pipelines.cli import main as cli
from diptych.pipelines.rendering.rows import request_makers
from diptych.prompts.settings import START_COLUMNS

from .conftest import Run


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_pipe: Callable[..., TextToImage]) -> Path:
    """A folder to render into, by a pipeline of fakes."""
    monkeypatch.setattr(cli, "_text_to_image", lambda recipe, **options: make_pipe())
    return tmp_path / "out"


def lines(out: Path) -> list[dict[str, Any]]:
    read = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    return sorted(read, key=lambda line: line["row"])


def rows_of(run: Run, *arguments: Any) -> list[tuple[str, int]]:
    result = run("prompts", *arguments, "--json")
    rows = [json.loads(line) for line in result.out.splitlines()]
    return [(row["prompt"], row["seed"]) for row in rows]


def test_n_pictures_of_a_prompt_have_the_seeds_from_that_which_is_given(run: Run, tmp_path: Path) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    assert run("render", "-p", "a {red|blue} boat", "-n", 3, "-o", out, "--seed", 7).status == 0
    for seed in (7, 8, 9):
        assert run("render", "-p", "a {red|blue} boat", "-o", again, "--seed", seed).status == 0
    said = [[(line["prompt"], line["seed"], line["id"]) for line in lines(each)] for each in (out, again)]
    assert said[0] == said[1] and [seed for _, seed, _ in said[0]] == [7, 8, 9]
    result = run("render", "-p", "a boat", "-n", 2, "-o", tmp_path / "new")
    first, second = (line["seed"] for line in lines(tmp_path / "new"))
    assert second == first + 1 and f"seed:          {first} (" in result.out


def test_a_file_has_n_of_each_row_and_what_a_row_says_itself_wins(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("prompt,seed,n_iter\na boat,5,\na cat,,1\na dog,,2\n")
    found = rows_of(run, path, "-n", 3)
    assert [prompt for prompt, _ in found] == ["a boat"] * 3 + ["a cat"] + ["a dog"] * 2
    assert [seed for prompt, seed in found if prompt == "a boat"] == [5, 6, 7]
    written = tmp_path / "same.csv"
    written.write_text("prompt,seed\na boat,5\na boat,6\na boat,7\na cat,\na dog,\na dog,\n")
    assert rows_of(run, written) == found


@pytest.mark.parametrize(
    ("size", "wanted"),
    [("64x48", (64, 48)), ("48", (48, 48)), ("64\u00d748", (64, 48))],
)
def test_a_size_is_width_and_height(run: Run, out: Path, size: str, wanted: tuple[int, int]) -> None:
    assert run("render", "-p", "a boat", "--size", size, "-o", out).status == 0
    settings = lines(out)[0]["settings"]
    assert (settings["width"], settings["height"]) == wanted


def test_width_and_height_win_over_the_size(run: Run, out: Path) -> None:
    assert run("render", "-p", "a boat", "--size", "64x48", "--width", 32, "-o", out).status == 0
    assert (lines(out)[0]["settings"]["width"], lines(out)[0]["settings"]["height"]) == (32, 48)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--size", "5x"], "--size = '5x': write width x height, e.g. 512x768, or 512"),
        (["--size", "4"], "--size = '4': its width must lie between 8 and 4096 pixels"),
        (["-n", "0"], "-n = 0: must be a whole number from 1 to 1000"),
        (
            ["--strength", "0.5"],
            "--strength is for a picture to start from: name that with --image or --sketch",
        ),
        (["--mask", "boat"], "--mask is for a picture to start from: name that with --image"),
        (["--image", "none.png"], "--image none.png: no such file"),
        (["--format", "xml"], "--format 'xml': is for files, not for text given with -p"),
        (["--literal", "--combinatorial"], "--combinatorial is for variants, which --literal takes"),
        (["--literal", "--wildcards", "."], "--wildcards is for variants, which --literal takes"),
        (["--max-variants", "5"], "--max-variants is for --combinatorial"),
        (["--workers", "2"], "--workers is for --ray"),
        (["--sweep", "seed=1,-1"], "--sweep seed = -1: is any seed: name those that are to be gone through"),
        (["--seed", "1.23457E+18"], "--seed = '1.23457E+18': must be a whole number from 0 to"),
        (["--seed", str(2**64)], f"--seed = {2**64}: must lie between"),
        (["--negative", "a\x07b"], "the --negative has a control character (U+0007) at place 2"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(
    run: Run, out: Path, arguments: list[str], fault: str
) -> None:
    result = run("render", "-p", "a boat", *arguments, "-o", out)
    assert (result.status, result.out) == (2, "") and result.err.count("\n") == 1
    assert result.err.startswith("diptych: ") and fault in result.err, result.err
    assert not out.exists()


def test_any_seed_is_shown_and_gives_the_same_picture_again(run: Run, out: Path) -> None:
    result = run("render", "-p", "a boat", "--seed", -1, "-o", out)
    seed = lines(out)[0]["seed"]
    assert f"diptych: --seed -1 is any: this time {seed}" in result.err
    assert run("render", "-p", "a boat", "--seed", 2**64 - 1, "-o", out, "--fresh").status == 0
    assert lines(out)[-1]["seed"] == 2**64 - 1


def test_a_picture_to_start_from_lies_wherever_the_user_says(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[dict[str, Any]] = []

    def note(pipe: TextToImage, prompt: str, settings: Any, folder: Path, **more: Any) -> Any:
        started.append({name: settings[name] for name in settings if name in START_COLUMNS})
        return pipe.request(prompt, **more)

    monkeypatch.setattr(request_makers, "image_request", note)
    picture = tmp_path / "elsewhere" / "boat.png"
    picture.parent.mkdir()
    PIL.Image.new("RGB", (48, 48)).save(picture)
    result = run("render", "-p", "a boat", "--image", picture, "--strength", 0.4, "-o", tmp_path / "a")
    assert result.status in (0, 1) and started == [{"image": picture, "strength": 0.4}]


def test_a_row_of_its_own_picture_takes_what_goes_with_it_and_other_rows_say_that_they_do_not(
    run: Run, out: Path, tmp_path: Path
) -> None:
    path = tmp_path / "p.csv"
    path.write_text("prompt\na boat\na cat\n")
    result = run("render", path, "--strength", 0.4, "-o", out)
    assert result.status == 0
    assert result.err.count("--strength is not used") == 1
    assert f"{path}:2 starts from no picture" in result.err


def test_what_changes_nothing_is_said_once_with_the_reason(run: Run, out: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("prompt,cfg,keep\na boat,1,\na cat,1,2\na dog,1,2\n")
    result = run("render", path, "--negative", "fog", "-o", out)
    assert result.err.count("--negative is not used: guidance_scale is 1") == 1
    assert result.err.count("keep is not used") == 1 and f"{path}:3: keep" in result.err
    assert "is not used" not in run("render", "-p", "a boat", "--negative", "fog", "--cfg", 2, "-o", out).err


def test_a_file_gives_options_and_those_on_the_line_win(run: Run, out: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('steps = 5\n"CFG scale" = 2.5\nnegative = "fog"\nsize = "64x48"\nn_iter = 2\nseed = 9\n')
    assert run("render", "-p", "a boat", "--settings", file, "--steps", 6, "-o", out).status == 0
    assert len(lines(out)) == 2
    settings = lines(out)[0]["settings"]
    wanted = {"num_inference_steps": 6, "guidance_scale": 2.5, "negative_prompt": "fog", "width": 64}
    assert {name: settings[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("stepps = 5", "'stepps' is not known: did you mean 'steps'?"),
        ("steps = 0", "steps = 0: must lie between 1 and 1000"),
        ('steps = "many"', "steps = 'many': must be a whole number"),
        ("steps = 5\nnum_inference_steps = 6", "is set twice"),
        ("steps = [", "is not valid TOML"),
        ("[defaults]\nsteps = 5", "'defaults' is not known"),
        ("device = {a = 1}", "device = {'a': 1}: must be text, a number, or true or false"),
        ('settings = "other.toml"', "'settings' is not known"),
        ('size = "big"', "size = 'big': write width x height"),
        ("n_iter = 0", "mine.toml: n_iter = 0: must be a whole number from 1 to 1000"),
        ('deterministic = "perhaps"', "mine.toml: deterministic = 'perhaps': must be true or false"),
    ],
)
def test_a_wrong_file_of_settings_is_one_line(run: Run, tmp_path: Path, text: str, fault: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    result = run("render", "-p", "a boat", "--settings", file, "-o", tmp_path / "out")
    assert (result.status, result.out) == (2, "") and result.err.count("\n") == 1
    assert fault in result.err, result.err


def test_the_gallery_is_opened_or_that_it_is_not_is_said(
    run: Run, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda page: opened.append(page) or len(opened) == 1)
    assert "browser" not in run("render", "-p", "a boat", "-o", out, "--open").err
    assert "no browser to open" in run("render", "-p", "a boat", "-o", out, "--open").err
    assert opened == [(out / "index.html").as_uri()] * 2


def test_the_version_names_what_pictures_depend_on(run: Run) -> None:
    result = run("--version")
    assert result.status == 0
    for name in ("diptych 0.", "Python 3.", "torch ", "transformers ", "diffusers "):
        assert name in result.out
