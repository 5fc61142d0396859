"""Renders the rows of a prompt file into a folder.

A row's picture is safely on disk before its line is in the journal. A row that is no valid request, that a
stage cannot carry out, or whose picture cannot be written, is a line that says so; the others go on.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from ...engine.errors import DiptychError, InputError
from ...engine.randomness import derive_seed
from ...engine.values import Failure, Outcome, Request
from ...engine.watch import Watcher
from ...prompts.row import Row
from . import record as records
from .gallery import gallery
from .journal import Journal
from .output import (
    GALLERY,
    SHEET,
    picture_name,
    png_bytes,
    prepare_folder,
    preview_bytes,
    preview_name,
    write_atomically,
)
from .record import Record
from .sheet import contact_sheet


class Renderer(Protocol):
    """What a batch needs of a pipeline: `TextToImage`, or anything like it."""

    def request(self, prompt: str, *, seed: int = 0, row: int = 0, **wishes: Any) -> Request: ...

    def run(
        self, requests: Iterable[Request], *, watch: Watcher | None = None
    ) -> Iterator[Outcome | Failure]: ...


@dataclasses.dataclass(frozen=True)
class Job:
    """The rows of a file as they are to be carried out: requests, and the rows that are no valid request."""

    requests: tuple[Request, ...]
    refused: tuple[Record, ...] = ()


def plan_job(pipe: Renderer, rows: Sequence[Row], *, seed: int = 0, alone: bool = False, **wishes: Any) -> Job:
    """Make a request of each row; row i, from 1, gets a seed made of `seed` and i unless it names its own.

    Args:
        alone: the one row is a single prompt, not part of a file, and gets `seed` itself.
        wishes: settings for all rows; a row's own come first.

    Raises:
        InputError: a wish is wrong, or there is no row, or none that is a valid request (the message says
            what is the matter with the first).
    """
    pipe.request("any picture", **wishes)  # what is wrong with these is not the rows' fault
    requests: list[Request] = []
    refused: list[Record] = []
    faults: list[str] = []
    for number, row in enumerate(rows, start=1):
        row_seed = row.settings.get("seed", seed if alone else derive_seed(seed, number))
        own = {name: value for name, value in row.settings.items() if name != "seed"}
        try:
            _check_characters(row.prompt)
            requests.append(pipe.request(row.prompt, seed=row_seed, row=number, **{**wishes, **own}))
        except InputError as error:
            faults.append(f"{row.place}: {error}")
            refused.append(records.refused(number, row.prompt, row_seed, faults[-1]))
    if not requests:
        raise InputError(
            faults[0] if faults else "there is nothing to render: give a prompt file, or text with -p"
        )
    return Job(tuple(requests), tuple(refused))


def render_job(
    pipe: Renderer,
    job: Job,
    out: Path,
    *,
    title: str,
    watch: Watcher | None = None,
    on_record: Callable[[Record], None] = lambda record: None,
) -> list[Record]:
    """Render a job into the folder `out` and say of each row what came of it, in order.

    The gallery and the contact sheet are written at the end, and also when the work is stopped half-way.

    Args:
        title: of the gallery.
        on_record: is told of each row as soon as it is on disk.

    Raises:
        InputError: `out` cannot be written.
        Cancelled: the watcher said so; what was finished is on disk.
    """
    results = pipe.run(job.requests, watch=watch)  # refuses what can never work before the folder is touched
    prepare_folder(out)
    journal = Journal(out)
    try:
        for record in itertools.chain(job.refused, (_keep(result, out) for result in results)):
            journal.add(record)
            on_record(record)
    except OSError as error:
        raise InputError(f"{out}: cannot be written any more ({error.strerror or error}): make room") from None
    finally:
        _finish(journal, out, title)
    return journal.records


def _keep(result: Outcome | Failure, out: Path) -> Record:
    """Put the pictures on disk, then say so."""
    if isinstance(result, Failure):
        return records.failed(result)
    request = result.request
    try:
        if result.draft is not None:
            write_atomically(out / preview_name(request.row), preview_bytes(result.draft.image))
        write_atomically(out / picture_name(request.row, request.prompt), png_bytes(result.image))
    except OSError as error:
        return records.refused(
            request.row, request.prompt, request.seed, f"writing: {error.strerror or error}: make room in {out}"
        )
    return records.done(result)


def _finish(journal: Journal, out: Path, title: str) -> None:
    if not journal.records:
        return
    try:
        journal.close()
        sheet = contact_sheet(journal.records, out)
        if sheet is not None:
            write_atomically(out / SHEET, sheet)
        write_atomically(out / GALLERY, gallery(journal.records, title=title))
    except OSError as error:
        raise DiptychError(f"{out}: gallery not written ({error.strerror or error}): make room") from None


def _check_characters(prompt: str) -> None:
    for place, character in enumerate(prompt, start=1):
        code = ord(character)
        if (code < 32 and character not in "\t\n\r") or code == 127 or 0xD800 <= code <= 0xDFFF:
            raise InputError(f"the prompt has a control character (U+{code:04X}) at place {place}: take it out")
