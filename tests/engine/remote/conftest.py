"""Starts servers that speak OpenAI's API, and ends them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from diptych.engine.remote import server as remote_server

from .started import Started


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """Starts a server; see `Started`."""
    all_of_them: list[Started] = []

    def start_one(**options: Any) -> Started:
        all_of_them.append(Started(tmp_path / f"asked-{len(all_of_them)}.jsonl", **options))
        return all_of_them[-1]

    yield start_one
    for each in all_of_them:
        each.kill()


@pytest.fixture
def in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between tries are short."""
    monkeypatch.setattr(remote_server, "WAITS_S", (0.02, 0.04, 0.08))
