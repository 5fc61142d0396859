"""Streams that are closed, full, or read by nobody: one line or none, no traceback, and no work is lost."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from diptych.pipelines.cli.front.run import decoded

COMMAND = f"{sys.executable} -m diptych"

pytestmark = pytest.mark.skipif(os.name != "posix", reason="uses a shell")


def shell(line: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    said = {**os.environ, **environment}
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=False, cwd=cwd, env=said, timeout=120
    )


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        (f"{COMMAND} prompts - <&-", 2, "standard input is closed"),
        (f"{COMMAND} prompts -p a >&-", 0, ""),
        (
            f"{COMMAND} prompts -p a >/dev/full",
            1,
            "standard output cannot be written (No space left on device)",
        ),
        (f"{COMMAND} --help >/dev/full", 1, "standard output cannot be written (No space left on device)"),
        (f"{COMMAND} prompts -p a --foo 2>/dev/full", 2, ""),
        (f"{COMMAND} prompts --words | true; exit ${{PIPESTATUS[0]}}", 1, ""),
    ],
)
def test_streams_that_are_closed_full_or_read_by_nobody(
    tmp_path: Path, line: str, status: int, said: str
) -> None:
    done = shell(line, tmp_path)
    assert done.returncode == status, done
    assert done.stderr.count("\n") == (1 if said else 0) and said in done.stderr, done.stderr


def test_prompts_are_utf8_whatever_the_system_speaks(tmp_path: Path) -> None:
    ascii_system = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = shell(f"{COMMAND} prompts -p 'B\u00f6ot' --json", tmp_path, **ascii_system)
    assert done.returncode == 0 and json.loads(done.stdout)["prompt"] == "B\u00f6ot"
    assert decoded(["B\udcc3\udcb6ot", "b\udcff", "a"]) == ["B\u00f6ot", "b\udcff", "a"]


def heeds_ctrl_c() -> None:
    """As in a terminal: what a shell starts in the background is told to pass it over."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_ctrl_c_while_importing_is_one_line(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "diptych", "render", "-p", "a boat"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        preexec_fn=heeds_ctrl_c,
    )
    assert process.stderr is not None
    for line in process.stderr:  # it says what it has imported
        if "engine.errors" in line:
            break
    process.send_signal(signal.SIGINT)
    rest = [line for line in process.stderr if not line.startswith("import time:")]
    assert process.wait(30) == 130
    assert rest == ["diptych: stopped\n"]


def test_a_reader_that_has_gone_costs_no_picture(tmp_path: Path) -> None:
    done = shell(f"{COMMAND} render -p 'a boat' -n 2 -o out 2>&1 | true; echo ${{PIPESTATUS[0]}}", tmp_path)
    assert done.stdout == "0\n"
    assert len((tmp_path / "out" / "results.jsonl").read_text().splitlines()) == 2
    assert (tmp_path / "out" / "index.html").exists()
