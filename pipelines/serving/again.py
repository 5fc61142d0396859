"""How a row's picture is made again elsewhere: as a command, as Python, and as a recipe."""

import dataclasses
import re
import shlex
from typing import Any

from ...engine.values.setting import declared
from ...engine.values.settings import Settings
from ..recipes.reader import Recipe
from ..recipes.writer import recipe_table
from ..rendering.rows.reference_rows import names_pictures
from .queue.jobs import Job, RowResult
from .replies import without_paths

_FILLED_IN = re.compile(r"[{}]|__")
_NO_NAME = re.compile(r"[\W_]+")
_LONGEST = 60  # characters of a file's name, before its seed
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def made_again(job: Job, row: RowResult, recipe: Recipe) -> dict[str, str]:
    """`command`, `python` and `recipe`, each a text to be copied, without a path of this machine; `file`, the
    name that these texts have for the picture, and by which it is downloaded."""
    return {
        "command": _command(job, row),
        "python": _python(job, row),
        "recipe": _recipe(row, recipe),
        "file": _file(row),
    }


def _command(job: Job, row: RowResult) -> str:
    """On one line, and without control characters, which a terminal would obey when it is pasted."""
    if _starts_from_a_picture(row):
        words = ["diptych", "rerender", _file(row)]
    else:
        words = ["diptych", "render", "--recipe", job.recipe, "--seed", str(row.spec.seed)]
        for name, value in row.spec.settings.items():
            option = f"--{name.replace('_', '-')}"
            words += ([option] if value else []) if isinstance(value, bool) else [f"{option}={value}"]
        words += ["--literal"] if _FILLED_IN.search(row.spec.prompt) else []
        words.append(f"--prompt={row.spec.prompt}")
    return shlex.join(_CONTROL.sub(" ", word) for word in words)


def _python(job: Job, row: RowResult) -> str:
    if _starts_from_a_picture(row):
        return f"import subprocess\n\nsubprocess.run({['diptych', 'rerender', _file(row)]!r}, check=True)\n"
    said = "".join(f", {name}={value!r}" for name, value in row.spec.settings.items())
    return (
        "from diptych import TextToImage\n\n"
        f"pipe = TextToImage.from_recipe({job.recipe!r})\n"
        f"made = pipe({row.spec.prompt!r}, seed={row.spec.seed}{said})\n"
        f"made.images[0].save({_file(row)!r})\n"
    )


def _recipe(row: RowResult, recipe: Recipe) -> str:
    """The recipe, whose defaults are what this picture was made with."""
    import tomli_w

    known = declared(Settings)
    said = {name: value for name, value in row.spec.settings.items() if name in known}
    size = {name: row.spec.settings[name] for name in ("width", "height") if name in row.spec.settings}
    changed = dataclasses.replace(recipe, defaults=Settings(**said).over(recipe.defaults), **size)
    table = {name: value for name, value in recipe_table(changed).items() if value not in ("", {})}
    return tomli_w.dumps(_plain(table))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return without_paths(value) if isinstance(value, str) else value


def _starts_from_a_picture(row: RowResult) -> bool:
    return names_pictures(row.spec.settings) or row.spec.way != "make"


def _file(row: RowResult) -> str:
    said = str(row.spec.settings.get("edit") or row.spec.prompt)
    name = _NO_NAME.sub("-", said[:_LONGEST]).strip("-") or "picture"
    return f"{name}-{row.spec.seed}.png"
