"""How long `make demo` renders, and how much memory it takes.

Runs the command that the README names in a process of its own; tells pictures, seconds, seconds a picture,
and the peak of the process's resident memory.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .harness.options import Options
from .harness.report import Report, table

PROMPTS = Path(__file__).parents[1] / "prompts" / "library" / "demo.txt"


def measure(options: Options) -> Report:
    """Heeds device. Raises `CalledProcessError` if any row fails."""
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        command = [sys.executable, "-m", "diptych", "render", str(PROMPTS), "-o", out]
        command += ["--device", options.device]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds = time.perf_counter() - started
        lines = (Path(out) / "results.jsonl").read_text(encoding="utf-8").splitlines()
    done = sum(json.loads(line)["status"] == "done" for line in lines)
    peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # KiB on Linux
    figures = {
        "pictures": done,
        "seconds": round(seconds, 1),
        "seconds_a_picture": round(seconds / done, 2),
        "peak_gib": round(peak_kib / 2**20, 2),
    }
    shown = table("", "value")
    for name, value in figures.items():
        shown.add_row(name, str(value))
    return Report(name="demo", figures=figures, tables={"the command of the README": shown})
