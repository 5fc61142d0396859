"""Runs that are killed, and gone on with. The scripts do the work, and say how to ask for more of it."""

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
    told = run("kill_and_go_on.py", "--rows", "8", "--kills", "3", "--steps", "1", "--micro-batch", "2")
    assert "3 kills in" in told and "no row is lost, none is there twice" in told
