"""What `diptych show` prints: the history of a picture, for a reader or as JSON."""

import json
from pathlib import Path
from typing import Any

import rich.box
from rich.table import Table
from rich.text import Text

from ...engine.loop import Policy
from ..rendering.provenance.provenance import CHUNK, read_chunks, read_history
from ..terminal import out_console


def run_show(path: Path, *, as_json: bool = False) -> None:
    """Print what a picture says of itself.

    Raises:
        InputError: it cannot be read, or says nothing.
    """
    chunks = read_chunks(path)
    if CHUNK not in chunks and "parameters" in chunks:  # of another tool
        history: dict[str, Any] = {"parameters": chunks["parameters"]}
        lines = list(history.items())
    else:
        history = read_history(path)
        lines = _lines(history)
    if as_json:
        print(json.dumps(history, indent=2))
        return
    table = Table(box=rich.box.SIMPLE, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in lines:
        table.add_row(name, Text("\n".join(_plain(line) for line in str(value).splitlines())))
    out_console().print(table)


def _lines(history: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and values, the most wanted first."""
    request, verdict, environment = history["request"], history["verdict"], history["origin"]
    lines = [("prompt", request["prompt"])]
    if request.get("template"):
        lines.append(("written as", request["template"]))
    lines.append(("plan", history["plan"]["prompt"]))
    lines += [("seen", verdict["caption"]), ("score", f"{verdict['score']:.2f}, {_word(history)}")]
    if not_drawn := _not_drawn(history):
        lines.append(("not drawn", not_drawn))
    lines += _facts(verdict["facts"])
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


def _word(history: dict[str, Any]) -> str:
    verdict, settings = history["verdict"], history["request"]["settings"]
    if verdict["accepted"]:
        return "accepted"
    accept = settings.get("accept", Policy().accept)
    if _not_drawn(history) and isinstance(accept, (int, float)) and verdict["score"] >= accept:
        return "not accepted: some of the prompt is not drawn"
    return "below what was asked for"


def _not_drawn(history: dict[str, Any]) -> str:
    """The words of the prompt that were left out; an earlier version did not say."""
    spans = history["plan"].get("left_out", [])
    return ", ".join(" ".join(str(span["text"]).split()) for span in spans if _names_words(span))


def _names_words(span: Any) -> bool:
    return isinstance(span, dict) and "text" in span


def _facts(facts: list[Any]) -> list[tuple[str, str]]:
    """What was asked, and what the planner added; of an earlier version, which did not tell them apart, all."""
    if not any(isinstance(fact, dict) and "asked" in fact for fact in facts):
        return [("facts", "\n".join(map(_fact, facts)) or "none")]
    added = [fact for fact in facts if isinstance(fact, dict) and fact.get("asked") is False]
    asked = [fact for fact in facts if fact not in added]
    groups = {"asked": asked, "added": added}
    return [(name, "\n".join(map(_fact, group))) for name, group in groups.items() if group]


def _fact(fact: Any) -> str:
    if not isinstance(fact, dict):
        return str(fact)
    return f"{'yes' if fact.get('shown') else 'no '} {fact.get('text')} ({fact.get('probability')})"


def _listed(values: dict[str, Any]) -> str:
    return "\n".join(f"{name} = {value}" for name, value in values.items())


def _plain(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
