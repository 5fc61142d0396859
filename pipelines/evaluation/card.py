"""The figures of a model card, from an evaluation's JSON: the text between two marks is replaced."""

from collections.abc import Iterator
from pathlib import Path

from ...engine.errors import InputError
from ...engine.messages import reason_of
from ..files import write_atomically
from .report import SECTIONS, Body, cells

BEGIN, END = "<!-- figures: written by diptych evaluate --card -->", "<!-- end of figures -->"


def write_card(path: Path, body: Body) -> None:
    """Put the figures of `body`, as `report.to_json` gives it, between the marks of the card at `path`.

    Raises:
        InputError: the card cannot be read or written, or has no such marks.
    """
    before, after = read_card(path)
    text = f"{before}{BEGIN}\n\n{figures_of(body)}\n{END}{after}"
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({reason_of(error)})") from None


def read_card(path: Path) -> tuple[str, str]:
    """What stands before the figures, and what after.

    Raises:
        InputError: the card cannot be read, or has no marks.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}): name a model card") from None
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise InputError(f"{path}: has no place for figures: put the lines {BEGIN} and {END} into it")
    return before, after


def figures_of(body: Body) -> str:
    """Markdown: what was measured, and a table a section."""
    parts = [_how(body)]
    for section, title in SECTIONS.items():
        if figures := body.get(section):
            parts.append("\n".join(_table(title, figures)))
    return "\n\n".join(parts) + "\n"


def _how(body: Body) -> str:
    prompts = body["prompts"]
    right = sum(row["right"] for row in prompts)
    return (
        f"Recipe `{body['recipe']}`, plain chain (one candidate, one round), {len(prompts)} held-out prompts\n"
        f"in full wording: {right} pictures show everything that was asked and no other thing. Intervals are\n"
        "of 95 %: Wilson's for shares, the bootstrap's for Fréchet distances and entropy, else of the mean.\n"
        "The inspector reads the pictures; how often it is right about held-out renders is stated, too."
    )


def _table(title: str, figures: Body) -> Iterator[str]:
    yield f"| {title} | value | 95 % interval | of |"
    yield "| --- | --- | --- | --- |"
    for name, figure in figures.items():
        yield f"| {name.replace('_', ' ')} | {' | '.join(cells(figure))} |"
