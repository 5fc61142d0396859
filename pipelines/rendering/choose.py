"""Carries out what a person chose among the pictures of a batch.

A candidate that was picked is made again, as a picture of its own beside the row's; `choices.json` says what
was chosen, and the gallery shows it. What the run wrote stays as it is.
"""

import dataclasses
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from ...engine.errors import InputError
from ...engine.messages import shown
from ...engine.values import Candidate, Failure
from ...engine.watch import Watcher
from ..files import RESULTS
from ..sheets.thumbnails import pick_thumbnail_name, thumbnail
from ..text_to_image import TextToImage
from .gallery.choices_script import CHOICES_SCRIPT, choices_script
from .output.choices import CHOICES, Choice, Choices, pick_name
from .output.folder import OutputFolder
from .output.journal import Journal
from .output.lines import CandidateLine
from .output.record import Record
from .provenance.history import History
from .provenance.provenance import picture_bytes, read_history
from .provenance.rerender import PipeMaker, changes_since, pipe_of, repeatable, request_of

MAX_NAMED = 20  # candidates that a message names
_MOST_OF_PATH = 300  # characters that a message shows


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chosen:
    """What became of the choices for one row.

    Args:
        trouble: why the candidate that was picked could not be made, or in what it differs from what was seen.
    """

    row: int
    choice: Choice
    trouble: str = ""


def choose(
    out: Path,
    *,
    picks: Mapping[int, int | None],
    ratings: Mapping[int, int],
    make_pipe: PipeMaker | None = None,
    watch: Watcher | None = None,
) -> Iterator[Chosen]:
    """Carry out choices among the pictures in the output folder `out`, row by row.

    Args:
        picks: the index of the candidate to take by the number of its row; `None` takes the engine's own again.
        ratings: stars from 1 to 5 by the number of the row; 0 takes a rating back.
        make_pipe: the pipeline for a history; `pipe_of`, if not given.

    Raises:
        InputError: there is no batch in the folder, another run is writing into it, or a row or candidate is
            not there; nothing was carried out.
    """
    if not os.path.lexists(out / RESULTS):  # what is no file is refused as what it is
        short = shown(str(out), quoted=False, most=_MOST_OF_PATH)
        raise InputError(f"{short}: no {RESULTS} lies there: name the folder that render wrote into")
    records = _records(out, {*picks, *ratings})
    for row, candidate in picks.items():
        if candidate is not None:
            _candidate(records[row], candidate)
    return _carry_out(out, records, picks, ratings, _Pipes(make_pipe or pipe_of), watch)


def _records(out: Path, rows: Collection[int]) -> dict[int, Record]:
    """The records of these rows, all of which must have a picture."""
    with OutputFolder(out) as folder:
        journal = Journal(folder)
        for row in rows:
            entry = journal.entry(row)
            if entry is None:
                raise InputError(f"{out}: there is no row {row}: {RESULTS} lists the rows")
            if not entry.done:
                raise InputError(f"{out}: row {row} failed, and has no picture to choose")
        return {row: journal.record(row) for row in sorted(rows)}


def _candidate(record: Record, index: int) -> CandidateLine:
    for candidate in record.candidates:
        if candidate["index"] == index:
            return candidate
    known = ", ".join(str(each["index"]) for each in record.candidates[:MAX_NAMED])
    raise InputError(f"row {record.row} has no candidate {index}: it has {known}")


def _reason(trail: Sequence[Candidate], index: int) -> str:
    reasons = (candidate.reason for candidate in trail if candidate.index == index)
    return next(reasons, "it was not made again")


def _carry_out(
    out: Path,
    records: Mapping[int, Record],
    picks: Mapping[int, int | None],
    ratings: Mapping[int, int],
    pipes: "_Pipes",
    watch: Watcher | None,
) -> Iterator[Chosen]:
    with OutputFolder(out) as folder:
        choices = Choices.read(out)
        for row, record in records.items():
            before = choices.rows.get(row, Choice())
            choice = before if before.id == record.id else Choice()
            choice, trouble = dataclasses.replace(choice, id=record.id), ""
            if row in ratings:
                choice = dataclasses.replace(choice, rating=ratings[row] or None)
            if row in picks:
                choice, trouble = _picked(folder, record, choice, picks[row], pipes, watch)
            choices = choices.with_row(row, choice)
            folder.write(CHOICES, choices.to_json().encode())
            folder.write(CHOICES_SCRIPT, choices_script(choices, out), sync=False)
            yield Chosen(row=row, choice=choice, trouble=trouble)


def _picked(
    folder: OutputFolder,
    record: Record,
    choice: Choice,
    candidate: int | None,
    pipes: "_Pipes",
    watch: Watcher | None,
) -> tuple[Choice, str]:
    """The choice with that candidate, whose picture is then there; as it was, if it cannot be made."""
    if candidate is None or _candidate(record, candidate)["chosen"]:
        return dataclasses.replace(choice, pick=None, picture=None), ""  # the engine's own
    assert record.picture is not None, "a row of candidates has a picture"
    path = folder.path / record.picture
    history = read_history(path)
    pipe = pipes.of(history)
    request = request_of(pipe, path, history, record.row)
    picked = dataclasses.replace(request, settings=dataclasses.replace(request.settings, pick=candidate))
    (result,) = pipe.run([repeatable(picked, history)], watch=watch)
    if isinstance(result, Failure):
        return choice, f"{result.stage}: {result.reason}"
    if result.best.index != candidate:
        return choice, f"candidate {candidate} came to no picture: {_reason(result.trail, candidate)}"
    outcome = dataclasses.replace(result, request=picked)
    now = pipe.environment()
    name = pick_name(record.picture, candidate)
    folder.write(name, picture_bytes(outcome, now, template=history["request"].get("template")))
    folder.write(pick_thumbnail_name(record.row, candidate), thumbnail(outcome.image), sync=False)
    seen = _candidate(record, candidate)["tokens"]
    made = outcome.draft.token_hash if outcome.draft is not None else None
    changes = "; ".join(("its draft came out differently", *changes_since(history["origin"], now)))
    trouble = "" if seen == made else changes
    return dataclasses.replace(choice, pick=candidate, picture=name), trouble


class _Pipes:
    """The pipeline of the histories last seen, made once for all pictures of one origin."""

    def __init__(self, make_pipe: PipeMaker) -> None:
        self._make_pipe = make_pipe
        self._key = ""
        self._pipe: TextToImage | None = None

    def of(self, history: History) -> TextToImage:
        key = json.dumps(history["origin"], sort_keys=True)
        if self._pipe is None or key != self._key:
            self._pipe = None  # its memory goes before the next one's comes
            self._key, self._pipe = key, self._make_pipe(history)
        return self._pipe
