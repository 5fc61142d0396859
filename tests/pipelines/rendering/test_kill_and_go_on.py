"""Runs that are killed, and gone on with. `diptych bench kills` and `crash_points.py` do it more often."""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def run(script: str, *arguments: str) -> str:
    command = [sys.executable, str(HERE / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_killed_at_every_deed_done_to_the_disk() -> None:
    assert "crash points, 2 rows: all as without a crash" in run("crash_points.py", "2")


def test_killed_at_random_moments_with_the_pocket_models() -> None:
    command = [sys.executable, "-m", "diptych", "bench", "kills", "--kills", "5", "--prompts", "6", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert (told["kills"], told["rows_lost"], told["files_different"]) == (5, 0, 0)
