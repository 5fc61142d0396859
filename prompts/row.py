"""What every prompt file becomes: rows that know where they came from."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..engine.messages import shown

TEXT = "-p"
"""The source of rows that were given as text on the command line."""

STANDARD_INPUT = "-"
_MOST_SHOWN = 40  # characters of a text that stands for its place


def place_of(source: str, line: int | None = None, *, text: str = "") -> str:
    """A place in a source, as messages say it.

    Args:
        text: the row itself, which is its own place where it was given on the command line.
    """
    if source == TEXT:
        return f"{TEXT} {shown(text, most=_MOST_SHOWN)}" if text else TEXT
    name = "standard input" if source == STANDARD_INPUT else source
    return name if line is None else f"{name}:{line}"


class PromptFileError(ValueError):
    """A prompt file that cannot be read on; one line that names the file, the line in it, and what to do."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One prompt of a file.

    A row that says something impossible (a seed that is no number) is a row all the same, with a `fault`: the
    others of its file can be rendered.

    Args:
        prompt: the wish, without the blanks around it; weights such as `(red:1.2)` are left in it as they are,
            for refiners that read them.
        source: the file that it stands in, as it was named; `-` for standard input.
        line: the line of that file, from 1, on which the row begins.
        settings: what the row sets for itself, by the names of `diptych.Settings` and `diptych.Request`:
            `seed`, `height`, `guidance_scale` and so on; whole numbers, finite numbers or text.
        notes: what else the row says, as the file has it: a category, a tag.
        template: the text that `prompt` was made of by choosing variants; `None` where none were looked for.
        fault: why the row cannot be carried out, in one line that does not name the place.
        copies: how many rows its entry asked for, this one among them; `None` where it did not say.
    """

    prompt: str
    source: str
    line: int
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    template: str | None = None
    fault: str | None = None
    copies: int | None = dataclasses.field(default=None, compare=False)

    @property
    def place(self) -> str:
        """Where the row stands, as messages say it: `prompts.txt:12`; of text on the command line, itself."""
        return place_of(self.source, self.line, text=self.template or self.prompt)
