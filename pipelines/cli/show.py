"""What `diptych show` prints: the history of a picture, for a reader or as JSON."""

import json
from collections.abc import Mapping
from pathlib import Path

import rich.box
from rich.table import Table
from rich.text import Text

from ...engine.loop import Policy
from ...engine.values.fact import scored
from ..pictures.texts import texts_of
from ..rendering.output.lines import FactLine
from ..rendering.provenance.history import History, VerdictText
from ..rendering.provenance.other_tools import said_in_picture
from ..rendering.provenance.provenance import CHUNK, read_history
from ..terminal import out_console


def run_show(path: Path, *, as_json: bool = False) -> None:
    """Print what a picture says of itself.

    Raises:
        InputError: it cannot be read, or says nothing.
    """
    chunks = texts_of(path)
    if CHUNK not in chunks:  # of another tool
        found = said_in_picture(path, chunks)
        said: Mapping[str, object] = {
            **{"made with": found.tool, "prompt": found.prompt},
            **{"settings": dict(found.settings), "not carried over": dict(found.rest)},
        }
        lines = [(name, _listed(v) if isinstance(v, Mapping) else str(v)) for name, v in said.items() if v]
    else:
        said = history = read_history(path)
        lines = _lines(history)
    if as_json:
        print(json.dumps(said, indent=2))
        return
    table = Table(box=rich.box.SIMPLE, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in lines:
        table.add_row(name, Text("\n".join(_plain(line) for line in str(value).splitlines())))
    out_console().print(table)


def _lines(history: History) -> list[tuple[str, str]]:
    """Names and values, the most wanted first."""
    request, verdict, environment = history["request"], history["verdict"], history["origin"]
    lines = [("prompt", request["prompt"])]
    if template := request.get("template"):
        lines.append(("written as", template))
    lines.append(("plan", history["plan"]["prompt"]))
    if by := history["plan"].get("by"):
        lines.append(("planned by", by))
    if verdict is None:
        lines.append(("score", "not judged: the recipe has no judge"))
    else:
        lines += [
            ("seen", verdict["caption"]),
            ("score", f"{scored(verdict['score'], _not_drawn(history))}, {_word(history, verdict)}"),
        ]
    if verdict and (by := verdict.get("by")):
        lines.append(("judged by", by))
    if not_drawn := _not_drawn(history):
        lines.append(("not drawn", not_drawn))
    if read := history["plan"].get("read_as"):
        lines.append(("read", ", ".join(f"{typed!r} as {meant!r}" for typed, meant in read.items())))
    lines += _facts(verdict["facts"]) if verdict else []
    lines.append(
        ("seed", f"{request['seed']}, candidate {history['candidate']} of {len(history['candidates'])}")
    )
    lines.append(("settings", _listed(request["settings"])))
    if history["draft"]:
        lines.append(("draft", _listed(history["draft"])))
    lines += [("recipe", environment["recipe"]), ("weights", _listed(environment["revisions"]))]
    mode = "deterministic" if environment["deterministic"] else "ordinary"
    lines.append(("mode", f"{mode}, micro-batches of {environment['micro_batch']}, on {environment['device']}"))
    return [*lines, ("versions", _listed(environment["versions"])), ("id", history["id"])]


def _word(history: History, verdict: VerdictText) -> str:
    settings = history["request"]["settings"]
    if verdict["accepted"]:
        return "accepted"
    accept = settings.get("accept", Policy().accept)
    if _not_drawn(history) and isinstance(accept, (int, float)) and verdict["score"] >= accept:
        return "not accepted: some of the prompt is not drawn"
    return "below what was asked for"


def _not_drawn(history: History) -> str:
    """The words of the prompt that were left out; an earlier version did not say."""
    spans = history["plan"].get("left_out", [])
    return ", ".join(" ".join(span["text"].split()) for span in spans)


def _facts(facts: list[FactLine]) -> list[tuple[str, str]]:
    """What was asked, and what the planner added; of an earlier version, which did not tell them apart, all."""
    if not any("asked" in fact for fact in facts):
        return [("facts", "\n".join(map(_fact, facts)) or "none")]
    added = [fact for fact in facts if fact.get("asked") is False]
    asked = [fact for fact in facts if fact not in added]
    groups = {"asked": asked, "added": added}
    return [(name, "\n".join(map(_fact, group))) for name, group in groups.items() if group]


def _fact(fact: FactLine) -> str:
    return f"{'yes' if fact['shown'] else 'no '} {fact['text']} ({fact['probability']})"


def _listed(values: Mapping[str, object]) -> str:
    return "\n".join(f"{name} = {value}" for name, value in values.items())


def _plain(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
