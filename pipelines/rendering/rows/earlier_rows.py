"""Rows that a folder has already: which sources mean them, and which of them have failed."""

import os
from collections.abc import Iterable
from pathlib import Path

from ....engine.errors import InputError
from ....engine.messages import reason_of
from ....prompts.row import TEXT, Row
from ...files import RESULTS, opened
from ..output.record import Record
from ..schema import SchemaError, bounded_lines
from .picture_files import KINDS


def is_known_by_content(source: str | None, out: Path) -> bool:
    """Whether a source's rows are known by what they ask for (see `output.places`): text, a picture, and the
    results of the folder that is rendered into.

    Args:
        source: as it was named; `None` for text.
    """
    if source is None or Path(source).suffix.lower() in KINDS:
        return True
    try:
        return Path(source).name == RESULTS and os.path.samefile(source, out / RESULTS)
    except (OSError, ValueError):
        return False


def failed_rows(out: Path, texts: Iterable[str]) -> list[Row]:
    """The rows of these texts that failed in a folder, each with the seed that it had.

    Raises:
        InputError: there are none, or the results cannot be read.
    """
    wanted = set(texts)
    found: dict[int, Record] = {}
    try:
        with opened(out / RESULTS, follow=False) as file:
            for line, _ in bounded_lines(file):
                try:
                    record = Record.from_json(line)
                except SchemaError:
                    continue
                if record.source == TEXT and wanted & {record.prompt, record.template}:
                    found[record.row] = record
    except FileNotFoundError:
        pass
    except OSError as error:
        raise InputError(f"{out / RESULTS}: cannot be read ({reason_of(error)})") from None
    failed = {
        (record.prompt, record.seed): record  # with other settings it may have failed more than once
        for record in found.values()
        if record.status == "failed" and record.id is not None
    }.values()
    if not failed:
        raise InputError(
            f"{out}: no row of this text has failed: leave out --retry-failed to make a new picture"
        )
    return [
        Row(
            prompt=record.prompt,
            source=TEXT,
            line=line,
            settings={"seed": record.seed},
            template=record.template or record.prompt,
        )
        for line, record in enumerate(failed, start=1)
    ]
