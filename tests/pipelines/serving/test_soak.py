"""A server at full load for long: its memory must stay flat. Minutes by the environment, one line a minute:

DIPTYCH_SOAK=20 python -m pytest -s tests/pipelines/serving/test_soak.py
"""

import os
import statistics
import time
from pathlib import Path
from typing import Any

import pytest

from .test_processes import PROMPTS, Server, servers  # noqa: F401  # pyright: ignore[reportUnusedImport]

MINUTES = float(os.environ.get("DIPTYCH_SOAK") or 0)
WARM = 0.25
"""Of the time: until then caches fill up."""
ROWS = 12


def resident(process: int) -> float:
    """MiB that a process has in memory."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.skipif(not MINUTES, reason="takes minutes: set DIPTYCH_SOAK to how many")
def test_memory_stays_flat_at_full_load(servers: Any) -> None:  # noqa: F811
    server: Server = servers("soak", "--keep", "50")
    server.begin()
    assert server.process is not None
    began, told, seen, number, pictures = time.monotonic(), 0.0, list[tuple[float, float]](), 0, 0
    waiting: list[str] = []
    while (passed := (time.monotonic() - began) / 60) < MINUTES:
        while len(waiting) < 4:
            number += 1
            said = {"prompts": PROMPTS * (ROWS // len(PROMPTS)), "seed": number, "title": f"{number}"}
            waiting.append(server.ask("POST", "/v1/jobs", said)["id"])
        found = server.ask("GET", f"/v1/jobs/{waiting[0]}")
        if found["state"] in ("done", "failed"):
            assert found["done"] == ROWS, found
            pictures += ROWS
            server.ask("GET", f"/files/{waiting.pop(0)}/1.webp?side=320")
        seen.append((passed, resident(server.process.pid)))
        if passed >= told:
            told += 1
            print(f"{passed:5.1f} min: {seen[-1][1]:7.1f} MiB, {pictures} pictures", flush=True)
        time.sleep(0.2)
    warm = [mib for minute, mib in seen if minute >= WARM * MINUTES]
    half = len(warm) // 2
    before, after = statistics.median(warm[:half]), statistics.median(warm[half:])
    print(f"after {pictures} pictures: {before:.1f} MiB, then {after:.1f} MiB")
    assert pictures and after < 1.05 * before + 16, (before, after)
