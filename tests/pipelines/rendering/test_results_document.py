"""`docs/results.md` names every key that is written, and no other; its example is a line of results."""

import dataclasses
import re
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from diptych.pipelines.rendering.output.lines import CandidateLine, FactLine
from diptych.pipelines.rendering.output.record import VERSION, Record
from diptych.pipelines.rendering.provenance import history

DOCUMENT = (Path(__file__).parents[3] / "docs" / "results.md").read_text(encoding="utf-8")


def tables() -> list[list[tuple[str, str, str]]]:
    """Of each table of the document: key, type and first version; tables that list no keys are left out."""
    found: list[list[tuple[str, str, str]]] = [[]]
    for line in DOCUMENT.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells and found[-1]:
            found.append([])
        elif len(cells) == 4 and (key := re.fullmatch(r"`(\w+)`", cells[0])):
            found[-1].append((key[1], cells[1], cells[3]))
    return [table for table in found if table]


KINDS: list[Any] = [
    FactLine,
    CandidateLine,
    history.History,
    history.RequestText,
    history.PlanText,
    history.PlanFact,
    history.SpanText,
    history.VerdictText,
    history.OriginText,
    history.StartText,
    history.ReferenceText,
    history.ControlText,
]


def test_every_table_has_the_keys_of_its_type_in_their_order() -> None:
    first, *others = tables()
    assert [key for key, *_ in first] == [field.name for field in dataclasses.fields(Record)]
    assert [[key for key, *_ in table] for table in others] == [list(get_type_hints(kind)) for kind in KINDS]


def test_what_may_be_absent_is_what_came_later_or_is_said_to_be() -> None:
    for table, kind in zip(tables()[1:], KINDS, strict=True):
        later = {key for key, _, since in table if since != "1"}
        if kind in (history.SpanText, history.ReferenceText, history.ControlText):  # came later as a whole
            assert not kind.__optional_keys__
        else:
            assert kind.__optional_keys__ - {"template", "start"} == later


@pytest.mark.parametrize(("word", "types"), [("null", "None"), ("true or false", "bool"), ("list", "list")])
def test_the_types_are_those_of_the_code(word: str, types: str) -> None:
    hints = [get_type_hints(kind) for kind in (Record, *KINDS)]
    for table, kinds in zip(tables(), hints, strict=True):
        for key, said, _ in table:
            kind = str(kinds[key]).replace("tuple[", "list[").replace("Optional", "None or ")
            assert (word in said) == (types in kind), f"{key}: {said}, {kind}"


def test_the_example_is_a_line_of_today() -> None:
    (example,) = re.findall(r"^\{.*\}$", DOCUMENT, re.MULTILINE)
    assert Record.from_json(example).version == VERSION
    assert f"| {VERSION} |" in DOCUMENT.split("### Versions")[1]
