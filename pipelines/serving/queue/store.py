"""The durable queue: jobs, rows and what came of them, in SQLite; pictures beside it, as files.

    DATA/queue.sqlite3      jobs and rows; a job that was accepted is on disk before the client hears of it
    DATA/inputs/            pictures that clients sent, named by their content
    DATA/pictures/JOB/      what was made, `0001.png` for row 1

A row's picture is safely on disk before the row is done, and a row is done once: whoever is killed between the
two makes the picture again, and the same settings give the same bytes with `--deterministic`.
"""

import contextlib
import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ....engine.errors import InputError
from ...files import prepare_folder, sweep, write_atomically
from ...rendering.output.lock import FolderLock
from .jobs import (
    INPUT,
    InputGoneError,
    Job,
    KeyUsedError,
    Limits,
    NewJob,
    QueueFullError,
    RowResult,
    RowState,
    TooLargeError,
    dumped,
    inputs_in,
    new_id,
    now,
    spec_of,
)
from .schema import prepare

_JOB = "ordered, id, client, priority, protocol, recipe, title, paused, cancelled, rows, done, failed, created"
_JOB += ", finished"
_SAID = ("client", "priority", "protocol", "recipe", "title", "paused", "said")
_OF_JOB = len(_JOB.split(", "))
_ROW = "number, spec, state, record, picture, error, tokens, seconds"


class Store:
    """The server's memory on disk. It may be used from any thread.

    Args:
        folder: is made, if it is not there.

    Raises:
        InputError: it cannot be written, another server holds it, or a later version wrote it.
    """

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        prepare_folder(folder)
        self.folder = folder.absolute()
        self.limits = limits or Limits()
        self.inputs, self._pictures = self.folder / "inputs", self.folder / "pictures"
        try:
            self._lock = FolderLock(folder)
        except InputError as error:
            held = str(error).partition(" renders into it")[0]
            raise InputError(f"{held} serves from it: name another folder with --data") from None
        self._turn = threading.RLock()
        for each in (self.inputs, self._pictures):
            each.mkdir(exist_ok=True)
        sweep(self.folder)
        self._db = sqlite3.connect(self.folder / "queue.sqlite3", check_same_thread=False, isolation_level=None)
        try:
            prepare(self._db)
            self._sweep_inputs()
        except (sqlite3.DatabaseError, InputError) as error:
            self.close()
            raise InputError(f"{folder}: queue.sqlite3 cannot be used ({error}): name another folder") from None

    def close(self) -> None:
        """Let go of the folder. Closing twice is closing once."""
        with self._turn:
            self._db.close()
            self._lock.release()

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
            if self.queued() + len(job.rows) > self.limits.queued_rows:
                raise QueueFullError(f"the queue is full: it holds {self.limits.queued_rows} rows, try later")
            for name in {name for row in job.rows for name in inputs_in(row.settings)}:
                if not (self.inputs / name).is_file():  # it went with a job that was deleted meanwhile
                    raise InputGoneError("a picture that it starts from is not there any more: send it again")
            name = new_id()
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
                f"select {_JOB} from jobs {where} order by ordered desc limit ?", (*values, most)
            )
            return [_job(each) for each in found.fetchall()]

    def open_jobs(self) -> list[Job]:
        """All jobs with something to do, in the order of acceptance."""
        with self._turn:
            found = self._db.execute(f"select {_JOB} from jobs where finished is null order by ordered")
            return [_job(each) for each in found.fetchall()]

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
        """Queue the rows of a job again that failed or were cancelled."""
        with self._turn, self._writing():
            count = self._db.execute(
                "update rows set state = 'queued', error = '', record = null where job = ?"
                " and state in ('failed', 'cancelled')",
                (name,),
            ).rowcount
            if count:
                self._db.execute(
                    "update jobs set cancelled = 0, finished = null, failed = 0 where id = ?", (name,)
                )
            return self._find("id = ?", name)

    def delete(self, name: str) -> bool:
        """Forget a job, and its pictures. False where there is none."""
        with self._turn, self._writing():
            names = self._inputs_of(name)
            found = self._db.execute("delete from jobs where id = ?", (name,)).rowcount
            self._db.execute("delete from rows where job = ?", (name,))
            if found:
                for each in filter(lambda each: not self._is_used(each), names):
                    (self.inputs / each).unlink(missing_ok=True)
        if found:
            shutil.rmtree(self._pictures / name, ignore_errors=True)
        return bool(found)

    def prune(self) -> None:
        """Forget the oldest finished jobs, if there are more than are kept."""
        with self._turn:
            found = self._db.execute(
                "select id from jobs where finished is not null order by ordered desc limit -1 offset ?",
                (self.limits.kept_jobs,),
            ).fetchall()
        for (name,) in found:
            self.delete(name)

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
                f"select {_ROW} from rows where job = ? and number > ?{where} order by number limit ?",
                (job, after, most),
            ).fetchall()
        return map(_row, found)

    def pictures(
        self, *, most: int, before: tuple[int, int] | None = None, query: str = ""
    ) -> list[tuple[Job, RowResult]]:
        """Rows of all jobs that are done or failed, those of the latest job first.

        Args:
            before: of those that stand behind this one, by its job's `order` and its number.
            query: words, all of which the prompts have.
        """
        where, values = ["r.state in ('done', 'failed')"], list[Any]()
        if before is not None:
            where.append("(j.ordered < ? or (j.ordered = ? and r.number < ?))")
            values += [before[0], before[0], before[1]]
        for word in query.split()[:20]:
            where.append("instr(lower(json_extract(r.spec, '$.prompt')), lower(?)) > 0")
            values.append(word)
        columns = [f"j.{each}" for each in _JOB.split(", ")] + [f"r.{each}" for each in _ROW.split(", ")]
        with self._turn:
            found = self._db.execute(
                f"select {', '.join(columns)} from jobs j join rows r on r.job = j.id"
                f" where {' and '.join(where)} order by j.ordered desc, r.number desc limit ?",
                (*values, most),
            ).fetchall()
        return [(_job(each[:_OF_JOB]), _row(each[_OF_JOB:])) for each in found]

    def next_row(self, job: str, after: int) -> RowResult | None:
        """The first row of a job behind number `after` that is to be carried out."""
        with self._turn:
            found = self._db.execute(
                f"select {_ROW} from rows where job = ? and number > ? and state = 'queued'"
                " order by number limit 1",
                (job, after),
            ).fetchone()
        return None if found is None else _row(found)

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
                    self.picture_path(job, number).unlink(missing_ok=True)
        return found

    def picture_path(self, job: str, number: int) -> Path:
        """Where a row's picture lies, once it is done."""
        return self._pictures / job / f"{number:04d}.png"

    # How it is written

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """All of the block, or nothing."""
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def _find(self, where: str, value: str) -> Job | None:
        found = self._db.execute(f"select {_JOB} from jobs where {where}", (value,)).fetchone()
        return None if found is None else _job(found)

    def _sent_before(self, key: str, said: str) -> Job | None:
        """The job that came with this key. Raises `KeyUsedError` where it was another request."""
        found = self._db.execute("select id, said from jobs where key = ?", (key,)).fetchone()
        if found is None:
            return None
        if found[1] and said and found[1] != said:
            raise KeyUsedError("Idempotency-Key: was sent with another request before: choose a new one")
        return self._find("id = ?", found[0])

    def _inputs_of(self, job: str) -> set[str]:
        specs = (spec_of(spec) for (spec,) in self._db.execute("select spec from rows where job = ?", (job,)))
        return {name for spec in specs for name in inputs_in(spec.settings)}

    def _sweep_inputs(self) -> None:
        """Delete what came with requests that were refused, before the server ended."""
        there = {path.name for path in self.inputs.iterdir() if INPUT.fullmatch(path.name)}
        if there:
            for (spec,) in self._db.execute("select spec from rows"):
                there.difference_update(INPUT.findall(spec))
        for name in there:
            (self.inputs / name).unlink(missing_ok=True)

    def _is_used(self, name: str) -> bool:
        found = self._db.execute("select 1 from rows where instr(spec, ?) limit 1", (name,)).fetchone()
        return found is not None


def _job(values: tuple[Any, ...]) -> Job:
    order, name, client, priority, protocol, recipe, title, paused, cancelled, *rest = values
    rows, done, failed, created, finished = rest
    state = "paused" if paused else "queued"
    if finished is not None:
        state = "cancelled" if cancelled else "failed" if failed == rows else "done"
    return Job(
        id=name,
        order=order,
        client=client,
        priority=priority,
        protocol=protocol,
        recipe=recipe,
        title=title,
        state=state,
        rows=rows,
        done=done,
        failed=failed,
        created=created,
        finished=finished,
    )


def _row(values: tuple[Any, ...]) -> RowResult:
    number, spec, state, record, picture, error, tokens, seconds = values
    return RowResult(
        number=number,
        spec=spec_of(spec),
        state=state,
        record=None if record is None else json.loads(record),
        picture=bool(picture),
        error=error,
        tokens=tokens,
        seconds=seconds,
    )
