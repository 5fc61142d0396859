"""How long `make demo` renders, and how much memory it takes: `python benchmarks/demo.py [--json]`.

Runs the command that the README names in a process of its own; prints pictures, seconds, seconds a picture, and
the peak of the process's resident memory.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROMPTS = Path(__file__).parents[1] / "prompts" / "library" / "demo.txt"


def measure() -> dict[str, float]:
    """Render the demo once into a scratch folder. Raises `CalledProcessError` if any row fails."""
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        command = [sys.executable, "-m", "diptych.pipelines.cli", "render", str(PROMPTS), "-o", out]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds = time.perf_counter() - started
        lines = (Path(out) / "results.jsonl").read_text(encoding="utf-8").splitlines()
    done = sum(json.loads(line)["status"] == "done" for line in lines)
    peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # KiB on Linux
    return {
        "pictures": done,
        "seconds": round(seconds, 1),
        "seconds_a_picture": round(seconds / done, 2),
        "peak_gib": round(peak_kib / 2**20, 2),
    }


if __name__ == "__main__":
    figures = measure()
    if "--json" in sys.argv[1:]:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:18} {value}")
