"""Pages and films from the terminal: files where they were asked for, and one clear line for what is wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import typer.testing

from diptych import InputError, TextToImage
from diptych.pipelines.cli import main as cli
from diptych.pipelines.cli import story as story_commands
from diptych.pipelines.sheets.animation import Animation

Run = Callable[..., Any]


@pytest.fixture
def run(make_pipe: Callable[..., TextToImage], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on a pipeline of fakes."""
    monkeypatch.setattr(story_commands, "_made", lambda kind, recipe, **options: kind(make_pipe()))
    return lambda *command: typer.testing.CliRunner().invoke(cli.app, [str(word) for word in command])


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    path = tmp_path / "scenes.txt"
    path.write_text("Mia at sea\nMia ashore\n", encoding="utf-8")
    return path


def test_a_story_is_a_page_and_its_panels(run: Run, scenes: Path, tmp_path: Path) -> None:
    out = tmp_path / "story"
    done = run("storyboard", scenes, "--cast", "Mia=a red cat", "-o", out, "--title", "Mia")
    assert done.exit_code == 0, done.output
    names = {path.name for path in out.iterdir()}
    assert names == {"story.png", "0001-a-red-cat-at-sea.png", "0002-a-red-cat-ashore.png"}
    assert "page: " in done.output


def test_a_style_sheet_with_a_style_that_fails_ends_with_status_1(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "styles"
    done = run("style-sheet", "a boat", "--style", "in ink", "--style", "in poison", "-o", out)
    assert done.exit_code == 1
    assert {path.name for path in out.iterdir()} == {"styles.png", "0001-a-boat-in-ink.png"}


def test_a_film_is_one_file(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def film(self: Any, prompt: list[str], **wishes: Any) -> Animation:
        return Animation(self.pipe([*prompt, "between"]).outcomes)

    monkeypatch.setattr("diptych.pipelines.interpolate.Interpolate.__call__", film)
    out = tmp_path / "film.webp"
    assert run("interpolate", "-p", "a boat", "-p", "a cat", "-o", out).exit_code == 0
    with PIL.Image.open(out) as image:
        assert getattr(image, "n_frames", 1) == 4


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["interpolate", "-p", "a", "-o", "film.jpg"], "film.jpg: no such animation"),
        (["interpolate", "-p", "a", "--fps", "0"], "fps = 0.0: must lie between 1 and 50"),
        (["storyboard", "SCENES", "--cast", "Mia"], "--cast 'Mia': write a name and what it stands for"),
        (["storyboard", "SCENES", "--cast", "Bo=a cat"], "cast 'Bo': is in no scene"),
    ],
)
def test_bad_input_is_one_clear_line(
    run: Run, scenes: Path, tmp_path: Path, command: list[str], message: str
) -> None:
    words = [str(scenes) if word == "SCENES" else word for word in command]
    if "storyboard" in words:
        words += ["-o", str(tmp_path / "out")]
    done = run(*words)
    assert isinstance(done.exception, InputError) and message in str(done.exception)
    assert "\n" not in str(done.exception)
