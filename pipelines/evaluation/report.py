"""An evaluation as a table for people and as JSON for programs."""

import json
from collections.abc import Mapping
from typing import Any

import rich.box
from rich.table import Table

from .evaluation import Evaluation

SECTIONS: dict[str, str] = {
    "alignment": "alignment",
    "drafts": "of drafts alone",
    "inspector": "the inspector itself",
    "captioner": "captioner",
    "captioner_on_pictures": "captioner, on pictures",
    "tokenizer": "tokenizer",
    "drafter": "drafter",
    "frechet": "Fréchet distance",
    "diversity": "diversity",
    "seconds": "time a picture",
}
"""The parts of an evaluation, in order, and what people call them."""

Body = Mapping[str, Any]


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """One object: the figures of each of `SECTIONS` by name, and the prompts with what was seen.

    A figure has a `value`, an `interval` of 95 % (`null` of fewer than two) and `of` how many it is; shares
    have a `count`, others a `unit`.
    """
    figures = {
        name: {key: figure.to_json() for key, figure in getattr(evaluation, name).items()} for name in SECTIONS
    }
    prompts = [
        {
            "prompt": row.prompt,
            "seen": str(row.seen) if row.seen else None,
            "right": row.right,
            "wrong": row.wrong,
            "error": row.error or None,
        }
        for row in evaluation.judged
    ]
    return {"recipe": evaluation.recipe, "panel": evaluation.panel, **figures, "prompts": prompts}


def to_text(body: Body) -> str:
    """As it is printed and stored."""
    return json.dumps(body, indent=2, ensure_ascii=False)


def to_table(body: Body) -> Table:
    """What `to_json` gives as a table: a row a figure, with its 95 % interval."""
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    panel = "" if body["panel"] == "hybrid" else f", {body['panel']} only"
    table.title = f"recipe {body['recipe']}{panel}, on scenes that training never saw"
    for column in ("", "figure", "value", "95 % interval", "of"):
        table.add_column(column, justify="left" if column in ("", "figure") else "right")
    for section, title in SECTIONS.items():
        figures = body.get(section) or {}
        if figures:
            table.add_section()
        for place, (name, figure) in enumerate(figures.items()):
            table.add_row("" if place else title, name.replace("_", " "), *cells(figure))
    return table


def cells(figure: Body) -> tuple[str, str, str]:
    """A figure's value, interval, and of how many it is."""
    if figure["value"] is None:
        return "-", "-", str(figure["of"])
    interval = "-" if figure["interval"] is None else "{:.3f} to {:.3f}".format(*figure["interval"])
    return f"{figure['value']:.3f} {figure.get('unit', '')}".strip(), interval, str(figure["of"])
