"""The journal: whole lines only, the latest of each row, in order at the end."""

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych import InputError
from diptych.pipelines.rendering import schema
from diptych.pipelines.rendering.output.folder import OutputFolder
from diptych.pipelines.rendering.output.journal import Journal
from diptych.pipelines.rendering.output.record import Record, refused


def record(row: int, text: str = "a boat", **more: Any) -> Record:
    return refused(row, text, 3, "no", **more)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[OutputFolder]:
    with OutputFolder(tmp_path) as folder:
        yield folder


def rows_of(path: Path) -> list[int]:
    return [json.loads(line)["row"] for line in (path / "results.jsonl").read_text().splitlines()]


def test_lines_are_in_order_at_the_end(folder: OutputFolder) -> None:
    journal = Journal(folder)
    for row in (3, 1, 2, 1):
        journal.add(record(row, f"prompt {row}"))
    assert rows_of(folder.path) == [3, 1, 2, 1]
    journal.close()
    journal.close()
    assert rows_of(folder.path) == [1, 2, 3]
    assert [each.prompt for each in journal.records()] == ["prompt 1", "prompt 2", "prompt 3"]


def test_a_later_line_counts(folder: OutputFolder) -> None:
    journal = Journal(folder)
    journal.add(record(1, "first", id="a"))
    journal.add(record(1, "second", id="b"))
    again = Journal(folder)
    entry = again.entry(1)
    assert entry is not None and entry.id == "b" and again.record(1).prompt == "second"
    assert again.entry(2) is None and len(again) == 1


@pytest.mark.parametrize("cut", [1, 20, -1])
def test_a_line_that_was_cut_off_is_taken_away(folder: OutputFolder, cut: int) -> None:
    journal = Journal(folder)
    for row in (1, 2):
        journal.add(record(row))
    path = folder.path / "results.jsonl"
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:cut])
    again = Journal(folder)
    assert again.entry(2) is None
    again.add(record(2))
    assert path.read_bytes() == whole
    path.write_bytes(lines[0] + lines[1][:cut])
    Journal(folder).close()
    assert path.read_bytes() == lines[0]


@pytest.mark.parametrize(
    "strange",
    [
        b"",
        b"null",
        b"{}",
        b"\x00" * 100,
        b"[" * 50_000,
        b"\xff\xfe",
        b'{"row": 1}',
        record(1).to_json().replace('"seed": 3', '"seed": "3"').encode(),
        record(1).to_json().replace('"row": 1', '"row": 0').encode(),
        record(1).to_json().replace('"failed"', '"perhaps"').encode(),
        record(1).to_json().replace('"picture": null', '"picture": "../../x.png"').encode(),
        record(1).to_json().replace('"facts": []', '"facts": [7]').encode(),
        record(1).to_json().replace('"timings": {}', '"timings": {"plan": "x"}').encode(),
        record(1).to_json().replace('"row"', '"raw"').encode(),
    ],
)
def test_a_line_that_is_none_of_ours_counts_as_not_there(folder: OutputFolder, strange: bytes) -> None:
    path = folder.path / "results.jsonl"
    path.write_bytes(strange + b"\n" + record(2).to_json().encode() + b"\n")
    journal = Journal(folder)
    assert [each.row for each in journal.records()] == [2]
    journal.add(record(1))
    journal.close()
    assert rows_of(folder.path) == [1, 2]


def test_a_line_without_end_is_passed_over_and_those_after_it_are_kept(
    folder: OutputFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "MAX_CHARACTERS", 2000)
    path = folder.path / "results.jsonl"
    lines = [record(1).to_json().encode(), b" " * 7000, record(2).to_json().encode(), b" " * 9000]
    path.write_bytes(b"\n".join(lines))
    journal = Journal(folder)
    journal.add(record(3))
    journal.close()
    assert rows_of(folder.path) == [1, 2, 3]


def test_results_of_a_later_version_are_left_alone(folder: OutputFolder) -> None:
    path = folder.path / "results.jsonl"
    later = record(2).to_json().replace('"version": 5', '"version": 6')
    path.write_text(f"{record(1).to_json()}\n{later}\n")
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"results\.jsonl, line 2: version 6 is later than 5"):
        Journal(folder)
    assert path.read_bytes() == before


def test_rows_that_are_forgotten_with_the_first_line_stay_until_it_comes(folder: OutputFolder) -> None:
    Journal(folder).add(record(5))
    fresh = Journal(folder)
    fresh.drop([5], with_first=True)
    fresh.close()
    assert rows_of(folder.path) == [5] and len(fresh) == 0
    fresh = Journal(folder)
    fresh.drop([5], with_first=True)
    fresh.add(record(1))
    assert rows_of(folder.path) == [1]


def test_a_line_that_cannot_be_written_leaves_no_half_behind(
    folder: OutputFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(folder)
    journal.add(record(1))
    before = (folder.path / "results.jsonl").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"No space left"):
            journal.add(record(2))
    assert (folder.path / "results.jsonl").read_bytes() == before
    journal.add(record(2))
    journal.close()
    assert rows_of(folder.path) == [1, 2]


def test_an_orderly_journal_is_not_written_again(folder: OutputFolder) -> None:
    journal = Journal(folder)
    for row in (1, 2, 3):
        journal.add(record(row))
    before = (folder.path / "results.jsonl").stat().st_ino
    journal.close()
    assert (folder.path / "results.jsonl").stat().st_ino == before


def test_rows_that_are_dropped_go_with_the_next_close(folder: OutputFolder) -> None:
    journal = Journal(folder)
    for row in (1, 2, 3):
        journal.add(record(row, source="p.txt" if row > 1 else None))
    journal.drop([2, 3])
    journal.close()
    assert rows_of(folder.path) == [1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 9), max_size=30), st.integers(0, 5000), st.randoms(use_true_random=False))
def test_whatever_is_cut_off_the_whole_lines_stay(
    tmp_path_factory: pytest.TempPathFactory, rows: list[int], cut: int, chance: random.Random
) -> None:
    """A crash cuts the file anywhere; what was whole before the cut is there afterwards, and nothing else."""
    with OutputFolder(tmp_path_factory.mktemp("journal")) as folder:
        journal = Journal(folder)
        for row in rows:
            journal.add(record(row, f"prompt {chance.random()}"))
        path = folder.path / "results.jsonl"
        data = (path.read_bytes() if rows else b"")[:cut]
        path.write_bytes(data)
        kept = [json.loads(line) for line in data.splitlines(keepends=True) if line.endswith(b"\n")]
        latest = {line["row"]: line["prompt"] for line in kept}
        again = Journal(folder)
        assert {each.row: each.prompt for each in again.records()} == latest
        again.add(record(10))
        again.close()
        assert rows_of(folder.path) == [*sorted(latest), 10]
