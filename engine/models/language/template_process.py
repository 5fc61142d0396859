"""Asks a process of its own to carry out chat templates, and ends it where one takes too long.

Limits that a template cannot get around: seconds, memory, and characters that it writes. The process is
started at the first template, costs some hundredths of a second, and answers in a fraction of a millisecond
from then on.
"""

import functools
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from ...errors import CheckpointError, DiptychError
from ...messages import reason_of

SECONDS = 10.0
"""That a template may take, and the process to start: real ones take less than a hundredth."""

_SCRIPT = Path(__file__).with_name("template_worker.py")


class TemplateRefusal(CheckpointError):
    """A template refuses the conversation: it knows no system message, say."""


class TemplateBroken(Exception):
    """A template cannot be carried out: it has an error in it, or goes beyond a limit."""


def carry_out(template: str, variables: Mapping[str, object]) -> str:
    """What a template writes.

    Args:
        variables: that it reads; of JSON's kinds.

    Raises:
        TemplateRefusal: it says that it will not.
        TemplateBroken: it cannot be carried out within the limits.
    """
    return _process(os.getpid()).ask({"template": template, "variables": dict(variables)})


class _Process:
    """One process and its two ends, for one question at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: subprocess.Popen[str] | None = None

    def ask(self, question: Mapping[str, object]) -> str:
        with self._lock:
            line = self._line(json.dumps(question))
        if line is None:
            raise TemplateBroken(f"it takes more than {SECONDS:.0f} seconds")
        try:
            answer = json.loads(line)
        except ValueError:  # it was ended by the system, or by its limit on memory
            raise TemplateBroken("it takes too much memory") from None
        if "refused" in answer:
            raise TemplateRefusal(answer["refused"])
        if "broken" in answer:
            raise TemplateBroken(answer["broken"])
        return str(answer["text"])

    def _line(self, question: str) -> str | None:
        """The answer; `None` where none came in time, and something that is no JSON where none will come."""
        running = self._running
        if running is None or running.poll() is not None:
            running = self._running = _started()
        assert running.stdin is not None and running.stdout is not None, "both are pipes"
        late = threading.Event()

        def end() -> None:
            late.set()
            running.kill()

        timer = threading.Timer(SECONDS, end)
        timer.daemon = True
        timer.start()
        try:
            running.stdin.write(question + "\n")
            running.stdin.flush()
            line = running.stdout.readline()
        except OSError:  # it ended
            line = ""
        finally:
            timer.cancel()
        if not line.endswith("\n"):
            running.kill()
            running.wait()
            self._running = None
        return None if late.is_set() else line


@functools.cache
def _process(_: int) -> _Process:
    """That of this process: one that was forked off must not speak into its parent's pipes."""
    return _Process()


def _started() -> "subprocess.Popen[str]":
    folders = dict.fromkeys(
        str(Path(found.origin).parents[1])
        for name in ("jinja2", "markupsafe")
        if (found := importlib.util.find_spec(name)) and found.origin
    )
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(_SCRIPT), *folders],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
    except OSError as error:
        reason = reason_of(error)
        raise DiptychError(f"the process that carries out chat templates cannot be started: {reason}") from None
