"""What `diptych score` shows on a terminal: of one picture its facts, of several a row each."""

import contextlib
from types import TracebackType
from typing import Any, Self

import rich.box
from rich.table import Table
from rich.text import Text

from ...terminal import out_console, progress_of_several
from .results import MAX_TABLE_ROWS


class ScoreTable:
    """Gathers what is said of pictures and shows it when it is closed; use it as a context manager.

    Args:
        rows: how many pictures there are.
    """

    def __init__(self, *, rows: int) -> None:
        self.watch: Any = None
        self._total = rows
        self._lines: list[dict[str, Any]] = []
        self._count = 0
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.watch = self._stack.enter_context(progress_of_several(self._total))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        if self._lines:
            self._show()

    def add(self, line: dict[str, Any]) -> None:
        """One more picture is scored; `line` as `score_command.line_of` makes it."""
        self._count += 1
        if self._count <= MAX_TABLE_ROWS:
            self._lines.append(line)
        if self.watch is not None:
            self.watch.on_row()

    def _show(self) -> None:
        console = out_console()
        if self._total == 1:
            (line,) = self._lines
            console.print(_heading(line))
            console.print(_facts(line))
            for text in _notes(line):
                console.print(text, soft_wrap=True)
            return
        console.print(_pictures(self._lines))
        if (more := self._count - len(self._lines)) > 0:
            console.print(f"... and {more} more: --json prints all", soft_wrap=True)


def _heading(line: dict[str, Any]) -> Text:
    heading = Text.assemble(_score(line), f"  {_short(line['picture'])}: {_short(line['prompt'])}")
    return heading.append(f"\nseen: {_short(line['caption'])}", style="dim")


def _facts(line: dict[str, Any]) -> Table:
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("asked", overflow="fold")
    table.add_column("shown", justify="right")
    for fact in line["facts"]:
        style = "green" if fact["shown"] else "yellow"
        table.add_row(Text(_short(fact["text"])), Text(f"{fact['probability']:.2f}", style=style))
    return table


def _notes(line: dict[str, Any]) -> list[Text]:
    notes: list[Text] = []
    if line["left_out"]:
        notes.append(Text(f"not judged: {_said(line)}", style="yellow"))
    if line["likelihood"] is not None:
        notes.append(Text(f"likelihood: {line['likelihood']:+.2f} nats a token", style="dim"))
    return notes


def _pictures(lines: list[dict[str, Any]]) -> Table:
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
    for name in ("picture", "prompt", "seen"):
        table.add_column(name, ratio=1, overflow="fold")
    table.add_column("score", justify="right")
    for line in lines:
        seen = Text(_short(line["caption"]))
        if missed := [fact["text"] for fact in line["facts"] if not fact["shown"]]:
            seen.append(f"\nnot shown: {_short(', '.join(missed))}", style="yellow")
        if line["left_out"]:
            seen.append(f"\nnot judged: {_said(line)}", style="yellow")
        table.add_row(Text(_short(line["picture"])), Text(_short(line["prompt"])), seen, _score(line))
    return table


def _said(line: dict[str, Any]) -> str:
    return _short(", ".join(" ".join(words.split()) for words in line["left_out"]))


def _score(line: dict[str, Any]) -> Text:
    return Text(f"{line['score']:.2f}", style="green" if line["accepted"] else "yellow")


def _short(text: str) -> str:
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain if len(plain) <= 200 else plain[:197] + "..."
