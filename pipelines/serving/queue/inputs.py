"""Pictures that clients have sent, as files named by their content, and the jobs that use them."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from .jobs import INPUT, InputGoneError, RowSpec, inputs_in


class Inputs:
    """For the store alone, which holds its turn meanwhile.

    Args:
        folder: of the files; is made, if it is not there.
        database: the store's.
    """

    def __init__(self, folder: Path, database: sqlite3.Connection) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self._db = folder, database

    def use(self, job: str, rows: Iterable[RowSpec]) -> None:
        """A job starts from pictures.

        Raises:
            InputGoneError: one has gone with another job.
        """
        names = {name for row in rows for name in inputs_in(row.settings)}
        if not all((self.folder / name).is_file() for name in names):
            raise InputGoneError("a picture that it starts from is not there any more: send it again")
        self._db.executemany("insert into inputs (name, job) values (?, ?)", [(name, job) for name in names])

    def forget(self, job: str) -> list[str]:
        """A job uses none any more. Returns those it used."""
        found = self._db.execute("select name from inputs where job = ?", (job,)).fetchall()
        self._db.execute("delete from inputs where job = ?", (job,))
        return [name for (name,) in found]

    def drop(self, names: Iterable[str]) -> None:
        """Delete those of these that no job uses. What deletes a job is written down before: who dies between
        the two leaves a file that `sweep` finds."""
        for name in names:
            if self._db.execute("select 1 from inputs where name = ? limit 1", (name,)).fetchone() is None:
                (self.folder / name).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Delete all that no job uses."""
        self.drop([path.name for path in self.folder.iterdir() if INPUT.fullmatch(path.name)])


def fill(database: sqlite3.Connection, rows: Iterable[tuple[str, RowSpec]]) -> None:
    """Note what jobs of an older server use.

    Args:
        rows: names of jobs, and rows of theirs.
    """
    used: Sequence[tuple[str, str]] = [(name, job) for job, row in rows for name in inputs_in(row.settings)]
    database.executemany("insert or ignore into inputs (name, job) values (?, ?)", used)
