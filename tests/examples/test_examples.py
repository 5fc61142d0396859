"""Every example runs, is short, says what comes out, and needs nothing but the package."""

import ast
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import PIL.Image
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))


def name_of(path: Path) -> str:
    return path.stem


def pictures_in(folder: Path) -> dict[str, tuple[int, int]]:
    """Name and size of each picture."""
    sizes = {}
    for path in sorted(folder.iterdir()):
        with PIL.Image.open(path) as image:
            image.load()
            sizes[path.name] = image.size
    return sizes


def run(name: str, out: Path, **options: bool) -> dict[str, tuple[int, int]]:
    """Runs an example's `main` in one step of denoising; returns the pictures it made."""
    runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"](out, steps=1, **options)
    return pictures_in(out)


MADE = {
    "album": {"album.png"},
    "alphabet": {"alphabet.png"},
    "augmentation": {"augmentation.png"},
    "custom_stage": {"custom_stage.png"},
    "explained": {"explained.png"},
    "inpaint_by_name": {"inpaint_by_name.png"},
    "interpolation": {"interpolation.gif", "interpolation.png"},
    "like_diffusers": {"like_diffusers.png"},
    "poster_series": {"posters.png"},
    "same_character": {"same_character.png"},
    "sketch": {"sketch.png"},
    "sprites": {"sprites.png"},
    "storyboard": {"storyboard.png"},
    "style_sheet": {"style_sheet.png"},
    "upscaled": {"upscaled.png", "upscaled-large.png"},
}
"""What each example makes; here of a few pictures only."""


@pytest.mark.parametrize("name", MADE)
def test_an_example_makes_the_pictures_that_it_says(name: str, tmp_path: Path) -> None:
    pictures = run(name, tmp_path / "out", few=True)
    assert set(pictures) == MADE[name]
    assert all(min(size) >= 64 for size in pictures.values())
    said = ast.get_docstring(ast.parse((EXAMPLES / f"{name}.py").read_text(encoding="utf-8"))) or ""
    assert all(f"OUT/{file}" in said for file in pictures)


def test_a_prompt_becomes_a_picture_by_the_command_line(tmp_path: Path) -> None:
    command = [sys.executable, EXAMPLES / "one_prompt.py", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert pictures_in(tmp_path / "out") == {"one_prompt.png": (256, 256)}
    assert "planned: " in done.stdout and "seen: " in done.stdout
    assert "asked: a red boat: yes" in done.stdout and "added: one thing: yes" in done.stdout
    assert "not drawn" not in done.stdout


def test_a_prompt_file_becomes_a_folder_of_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(run("prompt_file", tmp_path / "out")) == {f"garden-{row}.png" for row in (1, 2, 3, 5)}
    assert "4. failed at plan: 'gobbledygook' names nothing that this planner knows" in capsys.readouterr().out


def test_the_best_of_four_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = run("best_of_four", tmp_path / "out")
    assert set(pictures) == {"best_of_four.png", *(f"draft-{i}.png" for i in range(4))}
    assert set(pictures.values()) == {(256, 256)}
    printed = capsys.readouterr().out
    assert all(f"candidate {i}: " in printed for i in range(4))


def test_every_example_has_a_test() -> None:
    tested = Path(__file__).read_text(encoding="utf-8")
    assert [path.stem for path in SCRIPTS if f'"{path.stem}' not in tested] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_an_example_is_short_says_what_comes_out_and_imports_the_package_alone(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    tree = ast.parse(text)
    about = ast.get_docstring(tree) or ""
    assert f"python examples/{path.name} [OUT]" in about and "What comes out: OUT/" in about
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    libraries = {str(name).split(".")[0] for name in imported} - set(sys.stdlib_module_names)
    assert "diptych" in libraries and libraries <= {"diptych", "PIL", "torch"}


def test_every_result_is_shown_and_small() -> None:
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", readme)
    assert [name for name in shown if not (EXAMPLES / name).is_file()] == []
    assert [path.name for path in SCRIPTS if f"]({path.name})" not in readme] == []
    assert [path.name for path in (EXAMPLES / "results").iterdir() if path.stat().st_size > 60 * 1024] == []
    assert {f"results/{path.name}" for path in (EXAMPLES / "results").iterdir()} <= set(shown)


def test_rows_that_are_given_pictures_show_what_was_asked(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "diptych", "render", str(EXAMPLES / "given.csv"), "-o", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    rows = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert len(rows) == 4 and all(row["accepted"] for row in rows)
    assert [row["settings"]["given"] for row in rows] == [["reference"]] * 2 + [["control: edges"]] * 2
