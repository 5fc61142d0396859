"""What people see of a folder, the gallery and the contact sheets, kept up with the journal.

What an earlier run left is gone on with, if it is still as it was left. Whatever goes wrong here is no row's
fault, and stops nothing.
"""

import logging

from ...engine.messages import first_line
from ..files import GALLERY, SHEET
from .gallery.gallery import Gallery
from .output.contact_sheet import write_sheets
from .output.folder import OutputFolder
from .output.index import Ended, Settled
from .output.journal import Journal
from .output.record import Record
from .source import Source

_log = logging.getLogger(__name__)


def shown_title(folder: OutputFolder, source: Source, others: int) -> tuple[str, int | None]:
    """The title of a gallery, and how many rows it will have, if that is known: where it shows more than one
    source, it is called after the folder.

    Args:
        others: rows of other sources.
    """
    if not others:
        return source.title, source.total
    total = None if source.by_content else source.total and source.total + others
    return folder.path.resolve().name or source.title, total


def adopted(folder: OutputFolder, ended: Ended, *, title: str, total: int | None) -> Gallery | None:
    """The gallery of a journal that is as the last run left it, if the gallery is so, too."""
    if ended.times != folder.times() or not (folder.path / GALLERY).exists():
        return None
    return Gallery.adopted(folder, title=title, before=ended.title, total=total, parts=ended.parts)


def are_as_left(folder: OutputFolder, ended: Ended, *, title: str, total: int | None) -> bool:
    """Whether nothing of the pages must be written, if nothing was done."""
    gallery = adopted(folder, ended, title=title, total=total)
    return gallery is not None and gallery.as_it_lies and (folder.path / SHEET).exists()


class Pages:
    """The gallery and the contact sheets of a folder.

    Args:
        title: of the gallery.
        total: rows that there will be, if that is known.
    """

    def __init__(self, folder: OutputFolder, journal: Journal, *, title: str, total: int | None) -> None:
        self._folder = folder
        self._journal = journal
        self._title = title
        self._total = total
        self._gallery = self._adopted()  # `None` where it must be made anew, which waits for the first row
        self._first_change: int | None = None  # the lowest row that is not as the sheets show it

    def show(self, record: Record) -> None:
        """Bring the gallery up to date with a record that is in the journal."""
        self._first_change = min(record.row, self._first_change or record.row)
        if self._gallery is None:
            self._gallery = self._new()  # with this row
        else:
            self._add(self._gallery, record)

    def begin_anew(self, row: int) -> None:
        """Rows from this one on are not in the journal any more."""
        self._first_change = min(row, self._first_change or row)
        self._gallery = None

    def close(self, settled: Settled | None = None) -> None:
        """Write what is left; the journal is closed with it.

        Args:
            settled: see `Journal.close`.

        Raises:
            OSError: something cannot be written.
        """
        gallery = self._gallery or self._new()
        gallery.close()
        if self._first_change is not None or not (self._folder.path / SHEET).exists():
            since = self._first_change or 1
            write_sheets(self._journal.records(done=True), self._folder, since=since, done=self._journal.done)
        self._journal.close(parts=gallery.parts, title=gallery.title, settled=settled)

    def _adopted(self) -> Gallery | None:
        """The gallery as an earlier run left it, if it is still so."""
        ended = self._journal.ended
        if ended is None or not self._journal.as_it_was:
            return None
        return adopted(self._folder, ended, title=self._title, total=self._total)

    def _new(self) -> Gallery:
        """A gallery of what the journal has already."""
        gallery = Gallery(self._folder, title=self._title, total=self._total)
        for record in self._journal.records():
            self._add(gallery, record)
        return gallery

    def _add(self, gallery: Gallery, record: Record) -> None:
        try:
            gallery.add(record)
        except Exception as error:  # a line that somebody wrote, say
            said = first_line(error, named=True)
            _log.warning("diptych: row %d is not in the gallery: %s", record.row, said)
