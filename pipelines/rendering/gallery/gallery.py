"""The gallery: a page that shows a batch, grows while it is rendered, and opens from disk without a network.

`index.html` is the same for every batch but for its title. What it shows lies in `gallery/`, as scripts, since
a page that was opened from disk may load nothing else:

    state.js            the title, how many rows there are to come, and how many lie in each part
    rows-0001.js ...    what cards, filters and sorting need: `PART_ROWS` rows a file
    details-0001.js ... what a row's own view needs beside; read when one of the part's rows is opened
    choices.js          what a person chose among the pictures

Only the last part is ever written again, a few times a minute: a row costs the same in a batch of any length.
Prompts, captions and names reach the page as data, never as markup; its policy lets no other script run.
"""

import base64
import contextlib
import hashlib
import html
import re
import shlex
import string
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ....engine.errors import InputError
from ....prompts.row import place_of
from ...files import GALLERY, opened
from ...sheets.thumbnails import MAX_CELLS, candidates_name, given_name, thumbnail_name
from ..output.choices import Choices
from ..output.folder import OutputFolder
from ..output.record import GIVEN, Record
from .choices_script import CHOICES_SCRIPT, choices_script
from .script import cleaned, json_line

PART_ROWS = 250
WRITE_EVERY_S = 3.0

_PAGE = Path(__file__).parent / "page"
_SCRIPTS = ("dom.js", "choices.js", "store.js", "choice.js", "grid.js", "detail.js", "main.js")
_NOT_SETTINGS = ("height", "width", GIVEN)  # shown elsewhere
_SHORT = 600  # characters of a text that cards show and filters search
_LONG = 20_000  # characters of a text that a row's own view shows
_PNG_HEADER = struct.Struct(">8s8xII")  # its first chunk begins with the size


class Gallery:
    """The page of one output folder. Rows may come in any order; of two with the same number the later counts.

    Nothing is written before the first row comes.

    Args:
        folder: where it lies; commands on the page name it as it is named here.
        title: of the page.
        total: rows that there will be, if that is known.
        clock: seconds, for how often files are written.
    """

    def __init__(
        self,
        folder: OutputFolder,
        *,
        title: str,
        total: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self.title = title
        self.total = total
        self._clock = clock
        self._run = time.time_ns() // 1_000_000  # names this writing of the files, for caches
        self._parts: list[int] = []  # rows in each
        self._rows: list[str] = []  # of the last part
        self._details: list[str] = []
        self._saved = True  # the last part is on disk as it is here
        self._page_written = False
        self._as_it_lies = False  # nothing of it must be written
        self._due = clock()  # when to write again

    @classmethod
    def adopted(
        cls, folder: OutputFolder, *, title: str, before: str, total: int | None, parts: Sequence[int]
    ) -> "Gallery | None":
        """The gallery that an earlier run left in the folder; `None` where its last part cannot be gone on
        with.

        Args:
            before: the title that it has.
            parts: rows in each of its parts.
        """
        gallery = cls(folder, title=title, total=total)
        if parts and parts[-1] < PART_ROWS:
            for lines, name in ((gallery._rows, "rows"), (gallery._details, "details")):
                lines += _lines_of(folder.path / f"gallery/{name}-{len(parts):04d}.js")
                if len(lines) != parts[-1]:
                    return None
        gallery._parts = list(parts)
        gallery._page_written = gallery._as_it_lies = title == before and bool(parts)
        return gallery if parts else None

    @property
    def as_it_lies(self) -> bool:
        """Nothing of it must be written."""
        return self._as_it_lies

    @property
    def parts(self) -> list[int]:
        """Rows in each."""
        return list(self._parts)

    def add(self, record: Record) -> None:
        """Show a row. Most calls only remember it; what cannot be written is tried again with a later row."""
        if not self._parts or (self._parts[-1] >= PART_ROWS and self._saved):
            self._parts.append(0)
            self._rows, self._details = [], []
        self._rows.append(json_line(_row(record, self.folder.path)))
        self._details.append(json_line(_details(record, self.folder.path)))
        self._parts[-1] += 1
        self._saved = self._as_it_lies = False
        now = self._clock()
        if now >= self._due or self._parts[-1] == PART_ROWS:
            self._due = now + WRITE_EVERY_S
            with contextlib.suppress(OSError):
                self._write(running=True)

    def close(self) -> None:
        """Write what is left, and that no more is to come.

        Raises:
            OSError: it cannot be written.
        """
        if self._parts and not self._as_it_lies:
            self._write(running=False)

    def _write(self, *, running: bool) -> None:
        """The last part before the state that speaks of it, so that a page never asks for what is not there."""
        number = len(self._parts)
        if not self._saved:
            self.folder.write(f"gallery/rows-{number:04d}.js", _call("rows", number, self._rows), sync=False)
            self.folder.write(
                f"gallery/details-{number:04d}.js", _call("details", number, self._details), sync=False
            )
            self._saved = True
        state = {
            "title": cleaned(self.title, _SHORT),
            "total": self.total,
            "running": running,
            "run": self._run,
            "parts": self._parts,
            "updated": round(time.time()),
        }
        self.folder.write("gallery/state.js", f"diptych.state({json_line(state)});\n".encode(), sync=False)
        if not self._page_written:
            self.folder.write(CHOICES_SCRIPT, self._choices(), sync=False)
            self.folder.write(GALLERY, page(self.title), sync=False)
            self._page_written = True

    def _choices(self) -> bytes:
        """Choices that cannot be read are shown as none; their file stays as it is."""
        try:
            choices = Choices.read(self.folder.path)
        except InputError:
            choices = Choices()
        return choices_script(choices, self.folder.path)


def page(title: str) -> bytes:
    """The page without its data, as a UTF-8 file. Its policy names its own script and style by their hashes."""
    style = _asset("page.css")
    script = "\n".join(["'use strict';", *(_asset(name) for name in _SCRIPTS)])
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src 'self' file: data:; "
        f"script-src 'self' file: {_hash(script)}; style-src {_hash(style)}; "
        "require-trusted-types-for 'script'; trusted-types diptych"
    )
    template = string.Template(_asset("page.html"))
    text = template.substitute(
        title=html.escape(cleaned(title, _SHORT) or ""), policy=policy, style=style, script=script
    )
    return text.encode()


def _row(record: Record, out: Path) -> dict[str, Any]:
    """What cards, filters and sorting need of a row. A seed is text: scripts round large numbers."""
    return {
        "row": record.row,
        "id": record.id,
        "prompt": cleaned(record.prompt, _SHORT),
        "plan": cleaned(record.resolved_prompt, _SHORT),
        "caption": cleaned(record.caption, _SHORT),
        "error": cleaned(record.error, _SHORT),
        "status": _status(record),
        "score": record.score,
        "seed": str(record.seed),
        "picture": record.picture,
        "thumbnail": thumbnail_name(record.row) if record.picture else None,
        "size": _png_size(out / record.picture) if record.picture else None,
        "facts": [sum(bool(fact["shown"]) for fact in record.asked), len(record.asked)],
        "not_drawn": cleaned(record.not_drawn, _SHORT),
        "only_left_out": record.wants_only_what_was_left_out,
        "seconds": round(sum(record.timings.values()), 2),
    }


def _status(record: Record) -> str:
    """What became of a row; whether a picture is accepted, nobody can say where nobody judged it."""
    if record.status == "failed":
        return "failed"
    if record.unjudged:
        return "unjudged"
    return "accepted" if record.accepted else "rejected"


def _details(record: Record, out: Path) -> dict[str, Any]:
    """What a row's own view needs beside."""
    several = len(record.candidates) > 1
    return {
        "row": record.row,
        "prompt": cleaned(record.prompt, _LONG),
        "prompt_parts": _parts(cleaned(record.prompt, _LONG) or "", record.left_out),
        "read_as": [
            [cleaned(word, _SHORT) for word in pair] for pair in list(record.read_as.items())[:MAX_CELLS]
        ],
        "plan": cleaned(record.resolved_prompt, _LONG),
        "error": cleaned(record.error, _LONG),
        "preview": record.preview,
        "facts": [_all_cleaned(fact) for fact in record.facts],
        "candidates": [_all_cleaned(candidate) for candidate in record.candidates[:MAX_CELLS]],
        "more_candidates": max(0, len(record.candidates) - MAX_CELLS),
        "candidate_sheet": candidates_name(record.row) if several else None,
        "given": [cleaned(str(each), _SHORT) for each in record.settings.get(GIVEN, ())][:MAX_CELLS],
        "given_sheet": given_name(record.row) if record.picture and record.settings.get(GIVEN) else None,
        "timings": record.timings,
        "settings": {name: value for name, value in record.settings.items() if name not in _NOT_SETTINGS},
        "notes": {cleaned(name, _SHORT): cleaned(str(note), _SHORT) for name, note in record.notes.items()},
        "place": cleaned(place_of(record.source, record.line), _SHORT) if record.source is not None else None,
        "template": cleaned(record.template, _LONG) if record.template != record.prompt else None,
        "command": _command(record, out),
    }


def _command(record: Record, out: Path) -> str:
    """What makes the picture again or, where there is none, tries the prompt again. On one line, and without
    control characters, which a terminal would obey when it is pasted."""
    if record.picture is not None:
        words = ["diptych", "rerender", str(Path(".") / out / record.picture)]
    else:
        words = ["diptych", "render", "-p", record.prompt, "--seed", str(record.seed)]
    return shlex.join(cleaned(word, _LONG) or "" for word in words)


def _parts(prompt: str, left_out: Sequence[str]) -> list[tuple[str, bool]]:
    """The prompt in parts, and whether each of them is among the words that were left out. Words are looked for
    in their order; those that are not found are marked nowhere."""
    parts: list[tuple[str, bool]] = []
    at = 0
    for each in left_out:
        words = re.escape(cleaned(each, _LONG) or "")
        found = re.compile(rf"(?<!\w){words}(?!\w)").search(prompt, at) or re.compile(words).search(prompt, at)
        if found is None or not found[0]:
            continue
        parts += [(prompt[at : found.start()], False), (found[0], True)]
        at = found.end()
    return [(text, out) for text, out in (*parts, (prompt[at:], False)) if text]


def _all_cleaned(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: cleaned(value, _SHORT) if isinstance(value, str) else value for name, value in values.items()}


def _call(name: str, number: int, lines: list[str]) -> bytes:
    """A script that hands the lines of a part to the page."""
    values = ",\n".join(lines)
    return f"diptych.{name}({number},[\n{values}\n]);\n".encode()


def _lines_of(path: Path) -> list[str]:
    """The lines that `_call` made a script of; none, if it is another."""
    try:
        with opened(path, follow=False) as file:
            head, *lines, last = file.read().decode().splitlines()
    except (OSError, ValueError):
        return []
    whole = head.startswith("diptych.") and last == "]);"
    return [line.removesuffix(",") for line in lines] if whole else []


def _png_size(path: Path) -> tuple[int, int] | None:
    """Width and height of a PNG file in pixels (PNG specification, section 11.2.1); `None` if it is none."""
    try:
        with opened(path, follow=False) as file:
            magic, width, height = _PNG_HEADER.unpack(file.read(_PNG_HEADER.size))
    except (OSError, struct.error):
        return None
    return (width, height) if magic == b"\x89PNG\r\n\x1a\n" else None


def _asset(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
