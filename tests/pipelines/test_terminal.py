"""What becomes of a run whose output goes nowhere: the work is done all the same, and no traceback is shown."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from diptych.pipelines.terminal import Lasting

COMMAND = f"{sys.executable} -m diptych"


def shell(line: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    command = ["bash", "-o", "pipefail", "-c", line]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def test_a_reader_that_goes_costs_no_work(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("a red boat\na blue bird\n")
    done = shell(f"{COMMAND} render p.txt -o out --steps 1 2>&1 | head -1", tmp_path)
    lines = (tmp_path / "out" / "results.jsonl").read_text().splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["done", "done"], done.stdout
    assert done.returncode == 0 and (tmp_path / "out" / "index.html").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no such device")
def test_output_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    done = shell(f"{COMMAND} recipes > /dev/full", tmp_path)
    assert done.returncode == 1
    said = "diptych: standard output cannot be written (No space left on device): make room"
    assert done.stderr.startswith(said) and done.stderr.count("\n") == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_reason_for_a_traceback(tmp_path: Path, closed: str) -> None:
    done = shell(f"{COMMAND} prompts - {closed}; {COMMAND} prompts -p 'a boat' {closed}", tmp_path)
    assert "Traceback" not in done.stdout + done.stderr and done.returncode == 0
    if closed == "<&-":
        assert done.stderr.startswith(
            "diptych: standard input is closed: name a prompt file, or give text with -p"
        )


def test_a_stream_that_broke_is_left_alone(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        stream = Lasting(file)
        print("one", file=stream, flush=True)
    print("two", file=stream, flush=True)
    assert (tmp_path / "file").read_text() == "one\n" and isinstance(stream.trouble, ValueError)
