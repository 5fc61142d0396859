"""Plain text: one prompt a line. Blank lines are skipped, and comments: lines that begin with `#`."""

from collections.abc import Iterable, Iterator

from .row import Row


def read_plain(lines: Iterable[str], source: str) -> Iterator[Row]:
    """The rows of `lines`, in order; `source` is the name that they carry."""
    for number, line in enumerate(lines, start=1):
        prompt = line.strip()
        if prompt and not prompt.startswith("#"):
            yield Row(prompt=prompt, source=source, line=number)
