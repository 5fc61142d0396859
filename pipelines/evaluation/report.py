"""An evaluation as a table for people and as JSON for programs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import rich.box
from rich.table import Table

from .evaluation import Evaluation, Figures
from .figures import Figure, Mean, Share


def to_table(evaluation: Evaluation) -> Table:
    """A row a figure, with its 95 % interval."""
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    table.title = f"recipe {evaluation.recipe}, on scenes that training never saw"
    for column in ("", "figure", "value", "95 % interval", "of"):
        table.add_column(column, justify="left" if column in ("", "figure") else "right")
    for section, figures in _sections(evaluation):
        if figures:
            table.add_section()
        for place, (name, figure) in enumerate(figures.items()):
            table.add_row(section if not place else "", name, *_cells(figure))
    return table


def to_json(evaluation: Evaluation) -> str:
    """One object: `alignment` by category, `inspector`, `captioner` by kind of fact, `tokenizer`, `drafter`."""
    body: dict[str, Any] = {
        "recipe": evaluation.recipe,
        "alignment": {category: _plain(figures) for category, figures in evaluation.alignment.items()},
        "inspector": _plain(evaluation.inspector),
        "captioner": _plain(evaluation.captioner),
        "tokenizer": _plain(evaluation.tokenizer),
        "drafter": _plain(evaluation.drafter),
        "prompts": [
            {
                "prompt": row.prompt,
                "seen": str(row.seen) if row.seen else None,
                "right": row.right,
                "error": row.error or None,
            }
            for row in evaluation.judged
        ],
    }
    return json.dumps(body, indent=2, ensure_ascii=False)


def _sections(evaluation: Evaluation) -> Iterator[tuple[str, Figures]]:
    yield from evaluation.alignment.items()
    for name in ("captioner", "tokenizer", "drafter"):
        yield name, getattr(evaluation, name)
    yield "the inspector itself", evaluation.inspector


def _cells(figure: Figure) -> tuple[str, str, str]:
    """Value, interval, of how many."""
    match figure:
        case Share(of=0) | Mean(of=0):
            return "-", "-", "0"
        case Share(value=value, interval=(low, high), of=of):
            return f"{value:.3f}", f"{low:.3f} to {high:.3f}", str(of)
        case Mean(value=value, half_width=half, unit=unit, of=of):
            interval = f"± {half:.3f}" if of > 1 else ""
            return f"{value:.3f} {unit}", interval, str(of)


def _plain(figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {name: figure.to_json() for name, figure in figures.items()}
