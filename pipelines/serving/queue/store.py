"""The durable queue: jobs, rows and what came of them, in SQLite; pictures beside it, as files.

    DATA/queue.sqlite3      jobs and rows; a job that was accepted is on disk before the client hears of it
    DATA/inputs/            pictures that clients sent, named by their content
    DATA/pictures/JOB/      what was made, `0001.png` for row 1

A row's picture is safely on disk before the row is done, and a row is done once: whoever is killed between the
two makes the picture again, and the same settings give the same bytes with `--deterministic`.
"""

import contextlib
import json
import math
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ....engine.errors import InputError
from ...files import prepare_folder, sweep, write_atomically
from ...rendering.output.lock import FolderLock
from .inputs import Inputs
from .jobs import (
    Job,
    KeyUsedError,
    Limits,
    NewJob,
    QueueFullError,
    RowResult,
    RowState,
    TooLargeError,
    dumped,
    new_id,
    now,
)
from .schema import JOB, OF_JOB, ROW, WORDS, job_of, prepare, row_of

_SAID = ("client", "priority", "protocol", "recipe", "title", "paused", "said")


class Store:
    """The server's memory on disk. It may be used from any thread.

    Args:
        folder: is made, if it is not there.
        served: names of the recipes that are served; `None` where that is not known.

    Raises:
        InputError: it cannot be written, another server holds it, or a later version wrote it.
    """

    def __init__(
        self, folder: Path, limits: Limits | None = None, *, served: Iterable[str] | None = None
    ) -> None:
        prepare_folder(folder)
        self.folder = folder.absolute()
        self.limits = limits or Limits()
        self._served = None if served is None else tuple(served)
        self._pictures = self.folder / "pictures"
        try:
            self._lock = FolderLock(folder)
        except InputError as error:
            held = str(error).partition(" renders into it")[0]
            raise InputError(f"{held} serves from it: name another folder with --data") from None
        self._turn = threading.RLock()
        self._pictures.mkdir(exist_ok=True)
        sweep(self.folder)
        self._db = sqlite3.connect(self.folder / "queue.sqlite3", check_same_thread=False, isolation_level=None)
        self._inputs = Inputs(self.folder / "inputs", self._db)
        try:
            prepare(self._db)
            self._inputs.sweep()
            self._finish_removing()
        except (sqlite3.DatabaseError, InputError) as error:
            self.close()
            raise InputError(f"{folder}: queue.sqlite3 cannot be used ({error}): name another folder") from None

    def close(self) -> None:
        """Let go of the folder. Closing twice is closing once."""
        with self._turn:
            self._db.close()
            self._lock.release()

    @property
    def inputs(self) -> Path:
        """The folder of the pictures that clients have sent."""
        return self._inputs.folder

    def drop_unused(self, inputs: Iterable[str]) -> None:
        """Delete those of these pictures that no job starts from."""
        with self._turn:
            self._inputs.drop(inputs)

    # Jobs

    def add(self, job: NewJob) -> Job:
        """Accept a job: when this returns it is safely on disk.

        Raises:
            QueueFullError: so many rows are not taken now.
            TooLargeError: so many rows are never taken in one job.
            InputError: it has none.
            KeyUsedError: its client has sent another one with the same key.
            InputGoneError: another job's end has taken a picture with it.
        """
        if not job.rows:
            raise InputError("there is nothing to make: the job has no rows")
        if len(job.rows) > self.limits.job_rows:
            raise TooLargeError(f"{len(job.rows)} rows: a job may have {self.limits.job_rows}")
        with self._turn, self._writing():
            key = None if job.key is None else f"{job.client} {job.key}"  # others choose the same
            if key is not None and (known := self._sent_before(key, job.said)) is not None:
                return known
            self._have_room(len(job.rows))
            name = new_id()
            self._inputs.use(name, job.rows)
            said = {each: getattr(job, each) for each in _SAID}
            said |= {"id": name, "rows": len(job.rows), "created": now(), "key": key}
            places = ", ".join("?" * len(said))
            self._db.execute(f"insert into jobs ({', '.join(said)}) values ({places})", (*said.values(),))
            specs = ((name, number, dumped(spec)) for number, spec in enumerate(job.rows, start=1))
            self._db.executemany("insert into rows (job, number, spec) values (?, ?, ?)", specs)
            made = self._find("id = ?", name)
        assert made is not None, "it was just written"
        return made

    def job(self, name: str) -> Job | None:
        """The job of this name, if there is one."""
        with self._turn:
            return self._find("id = ?", name)

    def jobs(self, *, most: int = 100, before: int | None = None) -> list[Job]:
        """The latest jobs, the latest first.

        Args:
            before: of those accepted before this one, by its `order`.
        """
        with self._turn:
            where, values = ("where ordered < ?", (before,)) if before is not None else ("", ())
            found = self._db.execute(
                f"select {JOB} from jobs {where} order by ordered desc limit ?", (*values, most)
            )
            return [job_of(each) for each in found.fetchall()]

    def open_jobs(self) -> list[Job]:
        """All jobs with something to do, in the order of acceptance."""
        with self._turn:
            found = self._db.execute(f"select {JOB} from jobs where finished is null order by ordered")
            return [job_of(each) for each in found.fetchall()]

    def change(self, name: str, *, priority: int | None = None, paused: bool | None = None) -> Job | None:
        """Change how a job is carried out; what is `None` stays."""
        with self._turn, self._writing():
            for column, value in (("priority", priority), ("paused", paused)):
                if value is not None:
                    self._db.execute(f"update jobs set {column} = ? where id = ?", (int(value), name))
            return self._find("id = ?", name)

    def cancel(self, name: str) -> Job | None:
        """Give up the rows of a job that are not done."""
        with self._turn, self._writing():
            changed = self._db.execute(
                "update rows set state = 'cancelled' where job = ? and state = 'queued'", (name,)
            ).rowcount
            if changed:
                self._db.execute(
                    "update jobs set cancelled = 1, finished = ? where id = ? and finished is null",
                    (now(), name),
                )
            return self._find("id = ?", name)

    def retry(self, name: str) -> Job | None:
        """Queue the rows of a job again that failed or were cancelled.

        Raises:
            QueueFullError: so many rows are not taken now.
        """
        with self._turn, self._writing():
            count = self._db.execute(
                "update rows set state = 'queued', error = '', record = null where job = ?"
                " and state in ('failed', 'cancelled')",
                (name,),
            ).rowcount
            if count:
                self._have_room(0)
                self._db.execute(
                    "update jobs set cancelled = 0, finished = null, failed = 0 where id = ?", (name,)
                )
            return self._find("id = ?", name)

    def delete(self, name: str, *, finished_by: float = math.inf) -> bool:
        """Forget a job, and its pictures. False where there is none.

        Args:
            finished_by: seconds since 1970: one that has not finished by then stays; any goes, if not said.
        """
        where, values = ("id = ?", (name,))
        if finished_by < math.inf:
            where, values = "id = ? and finished is not null and finished <= ?", (name, finished_by)
        with self._turn:
            with self._writing():
                if not self._db.execute(f"delete from jobs where {where}", values).rowcount:
                    return False
                inputs = self._inputs.forget(name)
                self._db.execute("delete from rows where job = ?", (name,))
                self._db.execute("insert or ignore into removed (job) values (?)", (name,))
            self._inputs.drop(inputs)
        self._remove(name)
        return True

    def prune(self, tell: Callable[[str], None] = lambda name: None) -> bool:
        """Forget the jobs that finished first, if there are more than are kept; but none that has ended just
        now, for somebody may wait for what came of it. Whether there are such.

        Args:
            tell: is told the name of each that is gone.
        """
        with self._turn:
            found = self._db.execute(
                "select id, finished from jobs where finished is not null"
                " order by finished desc, ordered desc limit -1 offset ?",
                (self.limits.kept_jobs,),
            ).fetchall()
        settled = now() - self.limits.linger_s
        for name, finished in found:
            if finished <= settled and self.delete(name, finished_by=settled):
                tell(name)
        return any(finished > settled for _, finished in found)

    # Rows

    def queued(self) -> int:
        """Rows of all jobs that are not done."""
        with self._turn:
            return self._db.execute("select count(*) from rows where state = 'queued'").fetchone()[0]

    def row(self, job: str, number: int) -> RowResult | None:
        """What is known of a row."""
        return next(self.rows(job, after=number - 1, most=1, only=number), None)

    def rows(self, job: str, *, after: int = 0, most: int = -1, only: int | None = None) -> Iterator[RowResult]:
        """The rows of a job, by number.

        Args:
            after: those behind this one.
            only: this one.
        """
        where = "" if only is None else f" and number = {int(only)}"
        with self._turn:
            found = self._db.execute(
                f"select {ROW} from rows where job = ? and number > ?{where} order by number limit ?",
                (job, after, most),
            ).fetchall()
        return map(row_of, found)

    def pictures(
        self, *, most: int, before: tuple[int, int] | None = None, query: str = ""
    ) -> list[tuple[Job, RowResult]]:
        """Rows of all jobs that are done or failed, those of the latest job first.

        Args:
            before: of those that stand behind this one, by its job's `order` and its number.
            query: words, all of which prompts or instructions have.
        """
        where, values = ["r.state in ('done', 'failed')"], list[Any]()
        if before is not None:
            where.append("(j.ordered < ? or (j.ordered = ? and r.number < ?))")
            values += [before[0], before[0], before[1]]
        for word in query.split()[:20]:
            where.append(f"instr(lower({WORDS}), lower(?)) > 0")
            values.append(word)
        columns = [f"j.{each}" for each in JOB.split(", ")] + [f"r.{each}" for each in ROW.split(", ")]
        with self._turn:
            found = self._db.execute(
                f"select {', '.join(columns)} from jobs j join rows r on r.job = j.id"
                f" where {' and '.join(where)} order by j.ordered desc, r.number desc limit ?",
                (*values, most),
            ).fetchall()
        return [(job_of(each[:OF_JOB]), row_of(each[OF_JOB:])) for each in found]

    def next_row(self, job: str, after: int) -> RowResult | None:
        """The first row of a job behind number `after` that is to be carried out."""
        with self._turn:
            found = self._db.execute(
                f"select {ROW} from rows where job = ? and number > ? and state = 'queued'"
                " order by number limit 1",
                (job, after),
            ).fetchone()
        return None if found is None else row_of(found)

    def finish(
        self,
        job: str,
        number: int,
        *,
        record: dict[str, Any] | None,
        picture: bytes | None = None,
        error: str = "",
        tokens: int = 0,
        seconds: float = 0.0,
    ) -> Job | None:
        """Write down what came of a row, with its picture; once. `None` where nobody waits for it any more.

        Raises:
            OSError, sqlite3.OperationalError: it cannot be written; the row is as it was.
        """
        try:
            if picture is not None:
                write_atomically(self.picture_path(job, number), picture)
        except FileNotFoundError:  # somebody deletes the job just now, and its folder
            if self.job(job) is None:
                return None
            raise
        state: RowState = "failed" if picture is None else "done"
        with self._turn, self._writing():
            changed = self._db.execute(
                "update rows set state = ?, record = ?, picture = ?, error = ?, tokens = ?, seconds = ?"
                " where job = ? and number = ? and state = 'queued'",
                (state, json.dumps(record), picture is not None, error, tokens, seconds, job, number),
            ).rowcount
            if changed:
                self._db.execute(f"update jobs set {state} = {state} + 1 where id = ?", (job,))
                self._db.execute(
                    "update jobs set finished = ? where id = ? and done + failed = rows and finished is null",
                    (now(), job),
                )
            found = self._find("id = ?", job) if changed else None
        if not changed and picture is not None:
            with contextlib.suppress(OSError):
                if (row := self.row(job, number)) is None or not row.picture:
                    path = self.picture_path(job, number)
                    path.unlink(missing_ok=True)
                    path.parent.rmdir()  # where no other picture is in it
        return found

    def picture_path(self, job: str, number: int) -> Path:
        """Where a row's picture lies, once it is done."""
        return self._pictures / job / f"{number:04d}.png"

    def _waiting_for_recipes(self) -> int:
        """Rows to be done of recipes that are not served; 0 where it is not known which are."""
        if self._served is None:
            return 0
        places = ", ".join("?" * len(self._served))
        return self._db.execute(
            "select coalesce(sum(rows - done - failed), 0) from jobs"
            f" where finished is null and recipe not in ({places})",
            self._served,
        ).fetchone()[0]

    # How it is written

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """All of the block, or nothing."""
        self._db.execute("begin immediate")
        try:
            yield
            self._db.execute("commit")
        except BaseException:
            if self._db.in_transaction:  # a full disk has ended it already
                self._db.execute("rollback")
            raise

    def _have_room(self, more: int) -> None:
        """Raises `QueueFullError` where so many rows more are not taken. What waits for recipes that are not
        served takes no room."""
        if self.queued() - self._waiting_for_recipes() + more > self.limits.queued_rows:
            raise QueueFullError(f"the queue is full: it holds {self.limits.queued_rows} rows, try later")

    def _find(self, where: str, value: str) -> Job | None:
        found = self._db.execute(f"select {JOB} from jobs where {where}", (value,)).fetchone()
        return None if found is None else job_of(found)

    def _sent_before(self, key: str, said: str) -> Job | None:
        """The job that came with this key. Raises `KeyUsedError` where it was another request."""
        found = self._db.execute("select id, said from jobs where key = ?", (key,)).fetchone()
        if found is None:
            return None
        if found[1] and said and found[1] != said:
            raise KeyUsedError("Idempotency-Key: was sent with another request before: choose a new one")
        return self._find("id = ?", found[0])

    def _remove(self, name: str) -> None:
        """Delete the pictures of a job that is gone; who dies meanwhile goes on when the next server begins."""
        shutil.rmtree(self._pictures / name, ignore_errors=True)
        with self._turn, self._writing():
            self._db.execute("delete from removed where job = ?", (name,))

    def _finish_removing(self) -> None:
        for (name,) in self._db.execute("select job from removed").fetchall():
            self._remove(name)
