"""What `evaluate words` measured, as JSON for programs and as a table for people."""

from collections.abc import Mapping, Sequence
from typing import Any

import rich.box
from rich.table import Table

from ....engine.values import Fact
from ..figures import Figure
from ..report import cells
from .figures import by_language, by_split, by_tag, figures_of
from .renders import WordsRow

SECTIONS: dict[str, str] = {
    "acceptance": "what is accepted",
    "words": "words left out",
    "facts": "facts asked",
    "score": "the score",
}
"""The parts, in order, and what people call them."""

Body = Mapping[str, Any]


def to_json(recipe: str, rows: Sequence[WordsRow], score: Mapping[str, Figure]) -> dict[str, Any]:
    """One object: the figures of each of `SECTIONS`, those of the rows by split, language and tag, the rows.

    A figure is as in `report.to_json`. `words_not_counted` are those that a reader named as left out and that
    count neither way, being function words or praise.
    """
    sections: dict[str, Mapping[str, Figure]] = {**figures_of(rows), "score": score}
    return {
        "recipe": recipe,
        **{name: _figures(sections[name]) for name in SECTIONS},
        "words_not_counted": sorted({word for row in rows for word in row.words.cannot - row.words.content}),
        "by_split": _parts(by_split(rows)),
        "by_language": _parts(by_language(rows)),
        "by_tag": _parts(by_tag(rows)),
        "prompts": [_row(row) for row in rows],
    }


def to_table(body: Body) -> Table:
    """A row a figure, with its 95 % interval."""
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    table.title = f"recipe {body['recipe']}, on {len(body['prompts'])} prompts as people type them"
    for column in ("", "figure", "value", "95 % interval", "count", "of"):
        table.add_column(column, justify="left" if column in ("", "figure") else "right")
    for section, title in SECTIONS.items():
        if body[section]:
            table.add_section()
        for place, (name, figure) in enumerate(body[section].items()):  # none of what was not measured
            value, interval, of = cells(figure)
            count = str(figure.get("count", "-"))
            table.add_row("" if place else title, name.replace("_", " "), value, interval, count, of)
    return table


def _figures(figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {name: figure.to_json() for name, figure in figures.items()}


def _parts(parts: Mapping[str, Mapping[str, Mapping[str, Figure]]]) -> dict[str, Any]:
    return {
        name: {section: _figures(figures) for section, figures in sections.items()}
        for name, sections in parts.items()
    }


def _row(row: WordsRow) -> dict[str, Any]:
    return {
        "prompt": row.prompt,
        "split": row.typed.split,
        "accepted": row.accepted,
        "score": row.score if row.score is None else round(row.score, 4),
        "false_accept": row.false_accept,
        "false_reject": row.false_reject,
        "wrong": row.wrong,
        "left_out": [span.text for span in row.left_out],
        "misread": row.misread,
        "asked": _facts(row.asked),
        "added": _facts(row.added),
        "gold": [list(claim) for claim in row.typed.facts],
        "gold_left_out": list(row.typed.left_out),
        "either": list(row.typed.either),
        "not_shown": row.not_shown,
        "seen": str(row.seen) if row.seen else None,
        "error": row.error or None,
    }


def _facts(facts: Sequence[Fact]) -> list[list[str]]:
    return [list(fact.claim) for fact in facts]
