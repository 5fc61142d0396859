"""Lines of results that others changed: read, or passed over as none; and whatever is read can be shown."""

import dataclasses
import io
import json
import time
from pathlib import Path
from typing import Any

import rich.console
from hypothesis import given
from hypothesis import strategies as st

from diptych.pipelines.cli.tables.results import results_table
from diptych.pipelines.rendering.gallery.gallery import _details, _row
from diptych.pipelines.rendering.output.contact_sheet import contact_sheet
from diptych.pipelines.rendering.output.folder import OutputFolder
from diptych.pipelines.rendering.output.index import INDEX
from diptych.pipelines.rendering.output.journal import Journal
from diptych.pipelines.rendering.output.record import Record
from diptych.pipelines.rendering.output.tally import Tally
from diptych.pipelines.rendering.schema import SchemaError

from ....fuzzing import changed, fuzz_settings

FACT = {"kind": "thing", "text": "a boat", "probability": 0.98, "shown": True, "asked": True, "span": [0, 6]}
CANDIDATE = {
    "index": 0,
    "chosen": True,
    "resolved_prompt": "a boat, in the middle",
    "tokens": "ac2d421a759f61d1",
    "preview_score": None,
    "caption": "a boat in the middle",
    "score": 0.98,
    "missed": ["a red boat"],
    "left_out": ["hat"],
    "repairs": None,
    "reason": "the only one: score 0.98",
}
LINE: dict[str, Any] = dataclasses.asdict(
    Record(
        row=1,
        prompt="a boat",
        seed=7,
        status="done",
        picture="0001-a-boat.png",
        resolved_prompt="a boat, in the middle",
        caption="a boat in the middle",
        score=0.98,
        accepted=True,
    )
) | {
    "facts": [FACT, FACT | {"asked": False, "span": None}],
    "left_out": ["hat"],
    "read_as": {"boot": "boat"},
    "candidates": [CANDIDATE, CANDIDATE | {"index": 1}],
    "timings": {"plan": 0.1, "draft": 1.2},
    "settings": {"height": 256, "width": 256, "num_inference_steps": 1, "accept": 0.5},
    "notes": {"scene": "harbour"},
    "source": "prompts.txt",
    "line": 1,
    "number": 1,
    "id": "d703fcc1a7b4aea6",
}


def show(record: Record, out: Path) -> None:
    """All that is made of a line after a run, or before one."""
    tally = Tally()
    tally.add(record)
    json.dumps([_row(record, out), _details(record, out)], allow_nan=False)
    contact_sheet([record], out)
    rich.console.Console(file=io.StringIO(), width=80).print(results_table([record]))


def test_the_line_that_is_changed_is_one() -> None:
    assert Record.from_json(json.dumps(LINE)).accepted


@fuzz_settings(150)
@given(changed(LINE, "../../x", "\x1b[31m", "0001-a-boat.png", "done", "failed", 5, 99))
def test_a_changed_line_is_read_and_shown_or_refused(tmp_path: Path, values: Any) -> None:
    started = time.process_time()
    try:
        record = Record.from_json(json.dumps(values))
    except SchemaError as error:
        assert "\n" not in str(error) and len(str(error)) < 1000
    else:
        show(record, tmp_path)
        assert Record.from_json(record.to_json()) == record
    assert time.process_time() - started < 10


@fuzz_settings(150)
@given(st.integers(0, len(json.dumps(LINE))), st.binary(max_size=12), st.integers(0, 40))
def test_a_damaged_file_of_results_is_read_as_far_as_it_goes(
    tmp_path: Path, at: int, put: bytes, taken: int
) -> None:
    whole = json.dumps(LINE).encode()
    second = json.dumps(LINE | {"row": 2, "picture": "0002-a-boat.png"}).encode()
    data = whole[:at] + put + whole[at + taken :] + b"\n" + second + b"\n"
    (tmp_path / "results.jsonl").write_bytes(data)
    (tmp_path / INDEX).unlink(missing_ok=True)
    with OutputFolder(tmp_path) as folder:
        try:
            journal = Journal(folder)
        except SchemaError:  # a number of a later version
            return
        rows = [record.row for record in journal.records()]
        journal.close()
    assert 2 in rows or b"\n" in put
    assert len(rows) <= 2 + put.count(b"\n")
