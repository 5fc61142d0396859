"""The documents: links lead somewhere, their Python compiles, and the drawing of the rooms is up to date."""

import ast
import dataclasses
import re
import runpy
import tomllib
from pathlib import Path

import pytest

from diptych import Settings, read_recipe
from diptych.engine.models.families import FAMILIES
from diptych.pipelines.recipes.build import STAGES
from diptych.pipelines.recipes.check import markdown
from diptych.pipelines.recipes.reader import known_recipes
from diptych.pipelines.vocabulary import planner_vocabulary
from diptych.prompts.formats.known import FORMATS
from diptych.prompts.settings import COLUMNS, COPIES_NAMES, PROMPT_NAMES, SIZE_NAMES, TEMPLATE_NAME

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md")),
    ROOT / "pipelines" / "pocket" / "MODEL_CARD.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
MOST_LINES_OF_README = 150

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_SOURCE = re.compile(r"`((?:benchmarks|docs|engine|examples|pipelines|prompts|tests)/[\w./-]*)`")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose_of(path: Path) -> str:
    """A document without its blocks of code and code in lines."""
    return re.sub(r"`[^`\n]+`", "", _FENCE.sub("", path.read_text(encoding="utf-8")))


def anchors_of(path: Path) -> set[str]:
    """The anchors that GitHub makes of a document's headings."""
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path: Path, root: Path = ROOT) -> list[str]:
    """The relative links of a document that lead to no file below `root`, or to no heading of one."""
    broken: list[str] = []
    for link in _LINK.findall(prose_of(path)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        found = target.exists() and target.is_relative_to(root)
        if not found or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_to_files_and_headings(path: Path) -> None:
    assert broken_links(path) == []


def test_a_broken_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Heads, and tails\n[a](#heads-and-tails) [b](#nowhere) [c](none.md) `[d](none.md)` [e](..)\n"
    )
    assert broken_links(page, tmp_path) == ["#nowhere", "none.md", ".."]
    assert anchors_of(page) == {"heads-and-tails"}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_files_and_folders_that_are_named_are_there(path: Path) -> None:
    named = set(_SOURCE.findall(path.read_text(encoding="utf-8")))
    assert sorted(each for each in named if not (ROOT / each).exists()) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_python_compiles_and_toml_is_read(path: Path) -> None:
    for language, code in _FENCE.findall(path.read_text(encoding="utf-8")):
        if language == "python":
            compile(code, name_of(path), "exec", ast.PyCF_ONLY_AST)
        elif language == "toml":
            tomllib.loads(code)


def test_every_setting_stage_and_family_is_documented() -> None:
    recipes = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    prompt_files = (ROOT / "docs" / "prompt_files.md").read_text(encoding="utf-8")
    settings = [field.name for field in dataclasses.fields(Settings)]
    assert [name for name in (*STAGES, *FAMILIES, *settings) if f"`{name}`" not in recipes] == []
    assert [name for name in settings if f"`{name}`" not in prompt_files] == []
    formats = prompt_files.lower().replace("json lines", "jsonl")
    assert [name for name in FORMATS if name not in formats] == []


def test_the_table_of_columns_is_that_of_the_code() -> None:
    text = (ROOT / "docs" / "prompt_files.md").read_text(encoding="utf-8")
    table = text[text.index("| column |") :].split("\n\n")[0]
    said = {}
    for line in table.splitlines()[2:]:
        name, others, option, _ = (cell.strip().strip("`") for cell in line.strip("|").split("|"))
        said[name] = (set(others.split("`, `")) - {""}, option)
    meant = {
        row.name: (set(row.names[1:]), f"--{(*row.short, row.name)[0].replace('_', '-')}")
        for row in COLUMNS.values()
    }
    meant["seed"] = (meant["seed"][0], "--seed")
    for names, option in ((PROMPT_NAMES, "-p"), (SIZE_NAMES, "--size"), (COPIES_NAMES, "-n")):
        meant[names[0]] = (set(names[1:]), option)
    assert said.pop(TEMPLATE_NAME)
    assert said == meant


def test_the_words_of_the_pocket_models_are_those_of_their_vocabulary() -> None:
    vocabulary = planner_vocabulary(read_recipe("pocket"))
    assert vocabulary is not None
    text = (ROOT / "docs" / "prompt_files.md").read_text(encoding="utf-8")
    for name in ("kinds", "colours", "sizes", "settings", "styles"):
        (listed,) = re.findall(rf"^- \*\*{name}:\*\* (.*(?:\n  .*)*)", text, re.MULTILINE)
        assert " ".join(listed.split()).split(", ") == list(getattr(vocabulary, name))
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    colours, sizes, styles = (len(each) for each in (vocabulary.colours, vocabulary.sizes, vocabulary.styles))
    assert f"in {colours} colours, {sizes} sizes and {styles} styles" in readme
    for kind in vocabulary.kinds:
        assert re.search(rf"\b{kind}\b", readme)


def test_the_table_of_recipes_is_what_the_command_prints() -> None:
    recipes = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert [name for name in known_recipes() if f"\n| `{name}` |" not in recipes] == []
    for line in markdown(read_recipe(name) for name in ("pocket", "sd15")):  # all of them take a minute
        assert line in recipes, "put in what diptych recipes table prints"


def test_every_document_is_linked_from_the_readme() -> None:
    linked = {link.partition("#")[0] for link in _LINK.findall(prose_of(ROOT / "README.md"))}
    assert {name_of(path) for path in DOCUMENTS} - {"README.md"} <= linked


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= MOST_LINES_OF_README


def test_the_drawing_of_the_rooms_is_that_of_today() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "draw_rooms.py"))
    drawn = (ROOT / "docs" / "rooms.svg").read_text(encoding="utf-8")
    assert drawn == script["drawing"](script["floors"]()), "run python docs/draw_rooms.py"


def test_the_documents_are_no_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert not any(name.startswith("diptych.docs") for name in project["tool"]["setuptools"]["packages"])
    assert not list((ROOT / "docs").rglob("__init__.py"))
