"""The tables of the queue, how those of an older server become those of today, and what their rows say."""

import json
import sqlite3
from typing import Any

from ....engine.errors import InputError
from .inputs import fill
from .jobs import Job, RowResult, spec_of

VERSION = 2
JOB = "ordered, id, client, priority, protocol, recipe, title, paused, cancelled, rows, done, failed, created"
JOB += ", finished"
OF_JOB = len(JOB.split(", "))
WORDS = "json_extract(r.spec, '$.prompt') || ' ' || coalesce(json_extract(r.spec, '$.settings.edit'), '')"
ROW = "number, spec, state, record, picture, error, tokens, seconds"
_TABLES = """
create table if not exists jobs (
    ordered integer primary key autoincrement, id text unique not null, client text not null,
    priority integer not null, protocol text not null, recipe text not null, title text not null,
    paused integer not null default 0, cancelled integer not null default 0,
    rows integer not null, done integer not null default 0, failed integer not null default 0,
    created real not null, finished real, key text unique);
create index if not exists open_jobs on jobs (finished) where finished is null;
create table if not exists rows (
    job text not null, number integer not null, spec text not null, state text not null default 'queued',
    record text, picture integer not null default 0, error text not null default '',
    tokens integer not null default 0, seconds real not null default 0,
    primary key (job, number)) without rowid;
create index if not exists queued_rows on rows (state) where state = 'queued';
create table if not exists inputs (
    name text not null, job text not null, primary key (name, job)) without rowid;
create index if not exists inputs_of_job on inputs (job);
create table if not exists removed (job text primary key) without rowid;
"""


def prepare(database: sqlite3.Connection) -> None:
    """Have the tables there.

    Raises:
        InputError: a later version wrote them.
        sqlite3.DatabaseError: the file is none of ours.
    """
    database.execute("pragma journal_mode = wal")
    database.execute("pragma synchronous = full")  # a job that is accepted outlives a power cut
    (version,) = database.execute("pragma user_version").fetchone()
    if version > VERSION:
        raise InputError("a later version of diptych wrote it")
    database.executescript(_TABLES)
    if "said" not in {each[1] for each in database.execute("pragma table_info(jobs)")}:  # of an older server
        database.execute("alter table jobs add column said text not null default ''")
    if version == 1:
        found = database.execute("select job, spec from rows")
        database.execute("begin immediate")
        fill(database, ((job, spec_of(spec)) for job, spec in found.fetchall()))
        database.execute("commit")
    database.execute(f"pragma user_version = {VERSION}")


def job_of(values: tuple[Any, ...]) -> Job:
    """A job, of the values of `JOB`."""
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


def row_of(values: tuple[Any, ...]) -> RowResult:
    """A row, of the values of `ROW`."""
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
