"""What a benchmark found: its promised figures for programs, tables for people."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import rich.box
from rich.table import Table


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """The result of one benchmark.

    Args:
        figures: by the names that are promised; what is checked.
        details: everything else that a program may want: spreads, stages, counts.
        tables: the same for people, by what is shown.
        notes: what must be said beside the figures, a line each.
        pictures: PNG files by name, which are kept where results are.
        skipped: why nothing was measured; empty where something was.
    """

    name: str
    figures: Mapping[str, Any]
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    tables: Mapping[str, Table] = dataclasses.field(default_factory=dict)
    notes: Sequence[str] = ()
    pictures: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    skipped: str = ""

    def to_json(self, machine: Mapping[str, Any]) -> dict[str, Any]:
        """One object: the figures on top, then details, notes and the machine."""
        if self.skipped:
            return {"benchmark": self.name, "skipped": self.skipped, "machine": machine}
        body = {"benchmark": self.name, **self.figures, "details": self.details}
        return body | {"notes": list(self.notes), "machine": machine}


def dump(body: Any) -> str:
    """JSON, with floats cut to what means something."""
    return json.dumps(_rounded(body), indent=2, ensure_ascii=False)


def table(*columns: str) -> Table:
    """An empty table: the first column is text, the others are numbers."""
    made = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(columns):
        made.add_column(column, justify="right" if i else "left", overflow="fold")
    return made


def number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return float(f"{value:.5g}")
        case Mapping():
            return {str(key): _rounded(each) for key, each in value.items()}
        case list() | tuple():
            return [_rounded(each) for each in value]
        case _:
            return value
