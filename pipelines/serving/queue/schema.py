"""The tables of the queue, and how those of an older server become those of today."""

import sqlite3

from ....engine.errors import InputError

VERSION = 1
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
    database.execute(f"pragma user_version = {VERSION}")
