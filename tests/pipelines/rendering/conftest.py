"""Batches of fakes (see `tests/pipelines/conftest.py`), rendered without a command line."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from diptych import Row
from diptych.pipelines.rendering.batch import Again, Source, render_tasks
from diptych.pipelines.rendering.output.tally import Tally
from diptych.pipelines.rendering.rows.request_makers import OfPipeline
from diptych.pipelines.rendering.rows.tasks import Numbers, tasks_of


def _rows(prompts: Iterable[str | Row]) -> Iterator[Row]:
    for line, prompt in enumerate(prompts, start=1):
        yield prompt if isinstance(prompt, Row) else Row(prompt=prompt, source="p.txt", line=line)


def render_into(
    pipe: Any,
    out: Path,
    *prompts: str | Row,
    rows: Iterable[Row] | None = None,
    name: str = "p.txt",
    only: str | None = None,
    whole: bool = True,
    by_content: bool = False,
    again: Again | None = None,
    seed: int = 0,
    alone: bool = False,
    watch: Any = None,
    on_row: Callable[[Any], None] = lambda record: None,
    **wishes: Any,
) -> Tally:
    """Render prompts, or rows, into a folder: `render_into(pipe, out, "a boat", "a tree", seed=3)`."""
    numbers = Numbers(only) if only else None
    source = rows if rows is not None else _rows(prompts)
    tasks = tasks_of(OfPipeline(pipe), source, seed=seed, alone=alone, wishes=wishes, only=numbers)
    return render_tasks(
        pipe,
        tasks,
        out,
        source=Source(
            name=name,
            title="test",
            total=len(prompts) or None,
            whole=whole and only is None,
            by_content=by_content,
        ),
        again=again,
        watch=watch,
        on_row=on_row,
    )


def files_in(out: Path) -> dict[str, bytes]:
    """Every file in a folder and below, by name, as it must be the same again: without times, and without the
    gallery's own files and the index, which say when files were written."""
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    kept = {name: path.read_bytes() for name, path in files.items() if not _is_page(name)}
    lines = [json.loads(line) for line in kept.pop("results.jsonl", b"").splitlines()]
    kept["results.jsonl"] = json.dumps([{**line, "timings": None} for line in lines]).encode()
    return kept


def _is_page(name: str) -> bool:
    return name in ("index.html", ".diptych.index") or (name.startswith("gallery/") and name.endswith(".js"))


@pytest.fixture
def render() -> Callable[..., Tally]:
    return render_into


@pytest.fixture
def files_of() -> Callable[[Path], dict[str, bytes]]:
    return files_in


@pytest.fixture
def lines_of() -> Callable[[Path], list[dict[str, Any]]]:
    """The lines of a folder's `results.jsonl`."""

    def read(out: Path) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]

    return read
