"""Ray itself, on this machine: two workers, one of them killed while it renders, make what one process makes.

Needs Ray, `pip install 'diptych[ray]'`; skipped without.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

pytest.importorskip("ray", reason="ray is not installed")

PROMPTS = ["a red boat at sunset", "a blue bird in the snow", "a yellow fish at the beach", "a green car"] * 2


def command(out: Path, prompts: Path, *options: str) -> list[str]:
    python = [sys.executable, "-m", "diptych", "render", str(prompts), "-o", str(out)]
    return [*python, "--steps", "1", "--deterministic", "--device", "cpu", *options]


def kill_one_that_renders(run: "subprocess.Popen[str]") -> None:
    """Kill the first worker that is seen at work, as a machine that fails would."""
    while run.poll() is None:
        for process in psutil.Process(run.pid).children(recursive=True):
            try:
                if "ray::Worker.render" in process.name() or "ray::Worker.render" in " ".join(
                    process.cmdline()
                ):
                    os.kill(process.pid, signal.SIGKILL)
                    return
            except psutil.Error:
                continue
        time.sleep(0.01)
    pytest.fail("no worker was seen at work")


def pictures(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.glob("*.png")} | {
        f"previews/{path.name}": path.read_bytes() for path in (out / "previews").iterdir()
    }


def lines(out: Path) -> list[dict[str, Any]]:
    read = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    return [{**line, "timings": None} for line in read]


def test_two_workers_one_of_them_killed_make_the_same_pictures(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join(PROMPTS))
    near, far = tmp_path / "near", tmp_path / "far"
    subprocess.run(command(near, prompts), check=True, capture_output=True, cwd=tmp_path, timeout=1200)
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True, "cwd": tmp_path}
    with subprocess.Popen(command(far, prompts, "--ray", "--workers", "2"), **options) as run:
        kill_one_that_renders(run)
        _, said = run.communicate(timeout=1200)
    assert run.returncode == 0, said
    assert pictures(far) == pictures(near) and len(pictures(near)) == 2 * len(PROMPTS) + 1
    assert lines(far) == lines(near)
