"""A server that speaks OpenAI's API, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("openai_server.py")


class Started:
    """A server in a process of its own.

    Args:
        port: 0 for any.
        options: see `openai_server`.
    """

    def __init__(self, log: Path, *, port: int = 0, **options: Any) -> None:
        self.log = log
        said = json.dumps({"log": str(log), "port": port, **options})
        self.process = subprocess.Popen([sys.executable, str(SCRIPT), said], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def kill(self) -> None:
        """As `kill -9` does."""
        self.process.kill()
        self.process.wait()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """All that it was asked."""
        text = self.log.read_text(encoding="utf-8") if self.log.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [line["body"] for line in self.lines if line["body"]]
