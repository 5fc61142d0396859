"""What becomes of a run whose output goes nowhere: the work is done all the same, and no traceback is shown."""

import json
import subprocess
import sys
from pathlib import Path

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
