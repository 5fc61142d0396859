"""The table of settings: each is declared once, and from there known wherever a setting may be said."""

import dataclasses
import json
import os
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import pytest

import diptych
from diptych.engine.values import SETTINGS, Request, Setting, Settings, Wishes
from diptych.engine.values.setting import declared, meant
from diptych.prompts.settings import COLUMNS, plain_name

PACKAGE = Path(diptych.__file__).parent

ANOTHER = """
    sparkle: Annotated[
        int | None, Setting("How much it glitters.", low=0, high=10, short=("shine",), aliases=("glitter",))
    ] = None
"""

LOOK = """
import io, json, sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
import typer.testing
from diptych import TextToImage, read_prompts
from diptych.pipelines.cli import main, render
from diptych.pipelines.recipes.reader import parse_recipe
from diptych.pipelines.rendering.sweep import Sweep

recipe = parse_recipe({"stages": {"plan": {"family": "none"}}, "defaults": {"sparkle": 2}}, Path("r.toml"))
chain = SimpleNamespace(judges=True, size_fault=lambda height, width: "")
memory = SimpleNamespace(device="cpu")
pipe = TextToImage(SimpleNamespace(chain=chain, memory=memory), recipe)
rows = list(read_prompts(io.BytesIO(b"prompt,Glitter\\na boat,7\\na cat,70\\na dog,much\\n"), format="table"))
wishes = {}
render.run_render = lambda make, **options: wishes.update(options["wishes"]) or 0
told = [
    typer.testing.CliRunner().invoke(main.app, ["render", "-p", "a boat", *options])
    for options in (["--shine", "4"], ["--sparkle", "11"], ["--help"])
]
print(json.dumps({
    "keyword": pipe.request("a boat", sparkle=5).settings.sparkle,
    "default": pipe.request("a boat").settings.sparkle,
    "column": dict(rows[0].settings),
    "faults": [row.fault for row in rows[1:]],
    "sweep": Sweep.parse(["shine=1,2"]).combinations,
    "option": wishes,
    "out of range": str(told[1].exception),
    "help": "--sparkle" in told[2].output and "--shine" in told[2].output,
}))
"""


def test_the_keywords_that_type_checkers_know_are_those_of_the_table() -> None:
    of_settings = {name: typing.get_type_hints(Settings)[name] for name in declared(Settings)}
    frame = {name: typing.get_type_hints(Request)[name] for name in declared(Request) if name != "seed"}
    assert typing.get_type_hints(Wishes) == frame | of_settings


def test_every_field_of_settings_is_in_the_table() -> None:
    assert [field.name for field in dataclasses.fields(Settings)] == list(declared(Settings))
    assert all(field.default is None for field in dataclasses.fields(Settings))


def test_no_two_settings_share_a_name() -> None:
    names = [plain_name(name) for row in COLUMNS.values() for name in row.names]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("row", SETTINGS.values(), ids=lambda row: row.name)
def test_every_setting_says_what_it_does_and_takes_the_ends_of_its_range(row: Setting) -> None:
    assert row.help.endswith(".") and "\n" not in row.help
    if row.kind in (int, float):
        assert row.low < row.high
        assert [row.check(end) for end in (row.low, row.high)] == [row.low, row.high]
        for end in (row.low, row.high):
            assert type(row.check(end)) is row.kind and type(end) is row.kind


@pytest.mark.parametrize(
    ("name", "setting"),
    [("cfg", "guidance_scale"), ("steps", "num_inference_steps"), ("kep", "keep"), ("x", None)],
)
def test_a_name_that_is_none_is_told_what_is_meant(name: str, setting: str | None) -> None:
    assert meant(name, SETTINGS) == setting


def test_a_new_setting_is_known_everywhere_by_one_field_of_the_table(tmp_path: Path) -> None:
    write_package(tmp_path / "diptych")
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "200", "TERM": "dumb"},
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found == {
        "keyword": 5,
        "default": 2,
        "column": {"sparkle": 7},
        "faults": ["Glitter = '70': must lie between 0 and 10", "Glitter = 'much': must be a whole number"],
        "sweep": [{"sparkle": 1}, {"sparkle": 2}],
        "option": {"sparkle": 4},
        "out of range": "--shine = 11: must lie between 0 and 10",
        "help": True,
    }


def write_package(target: Path) -> None:
    """The package as it is, but with one more field in its table of settings."""
    table = PACKAGE / "engine" / "values" / "settings.py"
    for path in (PACKAGE, PACKAGE / "engine", PACKAGE / "engine" / "values"):
        (target / path.relative_to(PACKAGE)).mkdir()
        for child in path.iterdir():
            if child not in (PACKAGE / "engine", PACKAGE / "engine" / "values", table):
                (target / child.relative_to(PACKAGE)).symlink_to(child)
    before, after = "\n    def __post_init__", f"{ANOTHER}\n    def __post_init__"
    text = table.read_text(encoding="utf-8")
    assert text.count(before) == 1
    (target / table.relative_to(PACKAGE)).write_text(text.replace(before, after), encoding="utf-8")
