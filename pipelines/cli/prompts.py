"""What `diptych prompts` does: shows the rows of a source as `diptych render` would carry them out."""

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import rich.box
from rich.table import Table
from rich.text import Text

from ...engine.errors import InputError
from ...prompts.other_tools.said import not_carried_over
from ...prompts.row import STANDARD_INPUT, TEXT, place_of
from ...prompts.template import is_template
from ..recipes.reader import read_recipe
from ..rendering.rows.prompt_source import ReadOptions, read_rows
from ..rendering.rows.request_makers import WithoutPipeline
from ..rendering.rows.tasks import Numbers, Task, tasks_of
from ..terminal import error_console, out_console
from ..vocabulary import planner_vocabulary, ways_by_category
from .tables.results import MAX_TABLE_ROWS


def run_prompts(
    source: str | None,
    texts: list[str] | None,
    *,
    seed: int = 0,
    reading: ReadOptions | None = None,
    limit: int | None = None,
    only: str | None = None,
    num_images: int | None = None,
    as_json: bool = False,
) -> int:
    """Print the rows: a table, or an object a line, which is a prompt file again.

    Returns:
        The exit status: 0; 1 where some rows cannot be carried out.

    Raises:
        InputError, PromptFileError: the source or an option is wrong.
    """
    rows = itertools.islice(read_rows(source, texts, seed=seed, reading=reading, num_images=num_images), limit)
    numbers = None if only is None else Numbers(only)
    head = list(itertools.islice(rows, 2))
    alone = source is None and len(head) == 1
    tasks = tasks_of(WithoutPipeline(), itertools.chain(head, rows), seed=seed, alone=alone, only=numbers)
    total, faulty = _print_json(tasks) if as_json else _print_table(tasks)
    if not total and numbers is not None:
        raise InputError(f"--only {only}: the source has no such row")
    if faulty:
        error_console().print(f"diptych: {faulty} of {total} rows cannot be rendered", soft_wrap=True)
    return 1 if faulty else 0


def run_words(recipe: str, *, as_json: bool = False) -> None:
    """Print the words that a recipe's planner knows, by what they say: the usual one, and other ways to say it.

    Raises:
        InputError, CheckpointError: there is no such recipe, or its planner cannot be read.
    """
    vocabulary = planner_vocabulary(read_recipe(recipe))
    if vocabulary is None:
        print(json.dumps({}) if as_json else f"recipe {recipe}: its planner takes any words")
        return
    said = ways_by_category(vocabulary)
    if as_json:
        print(json.dumps(said, ensure_ascii=False))
        return
    for category, phrases in said.items():
        print(f"{category}:")
        for phrase, ways in phrases.items():
            print(f"  {phrase}" + (f" ({', '.join(ways)})" if ways else ""))


def _print_json(tasks: Iterable[Task]) -> tuple[int, int]:
    total = faulty = 0
    for task in tasks:
        total += 1
        faulty += task.request is None
        print(json.dumps(_object(task)))
    return total, faulty


def _object(task: Task) -> dict[str, Any]:
    place = task.place()
    fields = {"row": task.number, "prompt": task.row.prompt, **task.row.settings, "seed": task.seed}
    template = task.row.prompt if task.row.template is None else task.row.template
    has_more = any(map(is_template, (task.row.prompt, str(fields.get("negative_prompt", "")))))
    if template and (has_more or template != task.row.prompt):  # nothing is looked for then
        fields["template"] = template
    fields |= {"notes": place["notes"]} if place["notes"] else {}
    fields |= {"source": place["source"], "line": place["line"]}
    return {**fields, "fault": task.fault} if task.fault else fields


def _print_table(tasks: Iterable[Task]) -> tuple[int, int]:
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("row", justify="right", style="dim")
    table.add_column("from", style="dim", overflow="fold", max_width=24)
    table.add_column("prompt", ratio=2, overflow="fold")
    table.add_column("settings", ratio=1, overflow="fold")
    total = faulty = 0
    left: list[str] = []
    for task in tasks:
        total += 1
        faulty += task.request is None
        if total <= MAX_TABLE_ROWS:
            left += [line] if (line := not_carried_over(task.row)) else []
            said = Text(_short(task.fault), style="red") if task.fault else Text(_short(_settings(task)))
            place = _short(place_of(_name_of(task.row.source), task.row.line))
            table.add_row(str(task.number), place, Text(_short(task.row.prompt)), said)
    console = out_console()
    console.print(table)
    shown = f", {MAX_TABLE_ROWS} of them shown: --json prints all" if total > MAX_TABLE_ROWS else ""
    for line in left:
        console.print(line, soft_wrap=True)
    console.print(f"{total} row{'s' * (total != 1)}{shown}", soft_wrap=True)
    return total, faulty


def _name_of(source: str) -> str:
    return source if source in (TEXT, STANDARD_INPUT) else Path(source).name


def _settings(task: Task) -> str:
    return ", ".join(f"{name} {value}" for name, value in {**task.row.settings, "seed": task.seed}.items())


def _short(text: str) -> str:
    plain = "".join(character if character.isprintable() else " " for character in text)
    return plain if len(plain) <= 200 else f"{plain[:197]}..."
