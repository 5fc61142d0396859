"""What every prompt file becomes: rows that know where they came from."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


class PromptFileError(ValueError):
    """A prompt file that cannot be read; one line that names the file, the line in it, and what to do."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One prompt of a file.

    Args:
        prompt: the wish, without the blanks around it.
        source: the file that it stands in, as it was named; `-` for standard input.
        line: the line of that file, from 1.
        settings: what the row sets for itself: `seed`, `height`, `guidance_scale` and so on.
    """

    prompt: str
    source: str
    line: int
    settings: Mapping[str, Any] = dataclasses.field(default_factory=lambda: MappingProxyType({}))

    @property
    def place(self) -> str:
        """Where the row stands, as messages say it: `prompts.txt:12`."""
        return f"{self.source}:{self.line}"
