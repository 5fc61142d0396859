"""The files of a row that an earlier run finished: whether they are as they were made.

Three looks, each dearer than the one before, and taken only where the one before is not enough:

1. size and time of change are as the index has them. Small pictures (thumbnails, previews, sheets of
   candidates) are not looked at one by one while nothing was added to their folders or taken away;
2. the whole file is read, and has the checksum that the index has;
3. of a row that the index does not know: the picture is whole, by the checksums that PNG itself has, and says
   that it is this row's; small pictures can be opened.

A thumbnail is made again from its picture. What else is missing or damaged makes the row one that is not done.
"""

import contextlib
import dataclasses
import io

import PIL.Image

from ..files import opened
from ..sheets.thumbnails import candidates_name, given_name, thumbnail, thumbnail_name
from .output.folder import OutputFolder
from .output.index import FileFacts, IndexLine
from .output.journal import Journal
from .output.record import GIVEN
from .provenance.provenance import picture_id
from .schema import SchemaError


@dataclasses.dataclass
class Written:
    """What is noted of a row beside its record; see `IndexLine`."""

    files: tuple[FileFacts, ...] | None = None
    asked: str | None = None


def look_untouched(folder: OutputFolder, files: tuple[FileFacts, ...], *, small: bool) -> bool:
    """The first look: whether size and time of change of a row's files are as they were.

    Args:
        small: small pictures are looked at, too.
    """
    return all(folder.looks_as_it_was(facts) for facts in files if small or "/" not in facts.name)


class RowFiles:
    """Looks after the files of finished rows.

    Args:
        verify: take no file's word for it: read all of them whole.
    """

    def __init__(self, folder: OutputFolder, journal: Journal, *, verify: bool = False) -> None:
        self._folder = folder
        self._journal = journal
        self._verify = verify
        ended = journal.ended
        self._small_untouched = ended is not None and ended.times == folder.times() and not verify

    def are_sound(self, known: IndexLine, *, asked: str | None) -> bool:
        """Whether all files of a row that is done are as they were made.

        Args:
            asked: what the row asks for now, which is noted beside its files; see `IndexLine`.
        """
        row = known.row
        found = self._unknown(known) if known.files is None else self._known(row, known.files)
        if found is None:
            return False
        if found != known.files or (asked is not None and asked != known.asked):
            self._journal.note(row, found, asked or known.asked)
        return True

    def _known(self, row: int, files: tuple[FileFacts, ...]) -> tuple[FileFacts, ...] | None:
        """The files as they are now; `None` if one is not as it was made."""
        if not self._verify and look_untouched(self._folder, files, small=not self._small_untouched):
            return files
        now: list[FileFacts] = []
        for facts in files:
            seen = self._folder.facts_of(facts.name)
            if seen is None or seen.checksum != facts.checksum:
                seen = self._thumbnail_again(row, files) if facts.name == thumbnail_name(row) else None
            if seen is None:
                return None
            now.append(seen)
        return tuple(now)

    def _unknown(self, known: IndexLine) -> tuple[FileFacts, ...] | None:
        """The files of a row that no index knows."""
        row = known.row
        try:
            record = self._journal.record(row)
        except SchemaError:
            return None
        if record.picture is None or _whole_picture_id(self._folder, record.picture) != known.id:
            return None
        picture = self._folder.facts_of(record.picture)
        if picture is None:
            return None
        now = [picture]
        small = self._opened(thumbnail_name(row)) or self._thumbnail_again(row, (picture,))
        others = [record.preview] if record.preview else []
        others += [candidates_name(row)] if len(record.candidates) > 1 else []
        others += [given_name(row)] if record.settings.get(GIVEN) else []
        for facts in (small, *map(self._opened, others)):
            if facts is None:
                return None
            now.append(facts)
        return tuple(now)

    def _opened(self, name: str) -> FileFacts | None:
        """A small picture, if it can be opened."""
        facts = self._folder.facts_of(name)
        if facts is None:
            return None
        try:
            with (
                opened(self._folder.path / name, follow=False) as file,
                PIL.Image.open(file, formats=["PNG", "WEBP"]) as image,
            ):
                image.load()
        except Exception:  # whatever a library makes of a damaged file
            return None
        return facts

    def _thumbnail_again(self, row: int, files: tuple[FileFacts, ...]) -> FileFacts | None:
        """Write the thumbnail again, from the picture, which comes first among the files."""
        with contextlib.suppress(Exception):  # the picture is damaged, too; there is no room
            with opened(self._folder.path / files[0].name, follow=False) as file:
                data = io.BytesIO(file.read())
            with PIL.Image.open(data, formats=["PNG"]) as image:
                return self._folder.write(thumbnail_name(row), thumbnail(image.convert("RGB")), sync=False)
        return None


def _whole_picture_id(folder: OutputFolder, name: str) -> str | None:
    """The id of the row whose picture a file is, if every byte of it is as it was written."""
    try:
        with (
            opened(folder.path / name, follow=False) as file,
            PIL.Image.open(file, formats=["PNG"]) as image,
        ):
            image.verify()  # the checksum of each chunk, and that there is an end
        return picture_id(folder.path / name)
    except Exception:  # whatever a library makes of a damaged file
        return None
