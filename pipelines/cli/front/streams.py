"""Standard streams that may be closed, full, or read by nobody any more.

Results go to standard output: where they cannot, `OutputLostError` says so. Standard error is for people: what
cannot be written there is dropped, for no work should stop because nobody watches it.
"""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any

from ....engine.errors import DiptychError
from ....engine.messages import reason_of


class OutputLostError(DiptychError):
    """Standard output can be written no more.

    Args:
        reason: why, in the system's words.
        unread: whoever read it has gone.
    """

    def __init__(self, reason: str, *, unread: bool) -> None:
        super().__init__(f"standard output cannot be written ({reason}): results are missing from it")
        self.unread = unread


class _Stream(io.TextIOBase):
    """A text stream whose faults are those of this file."""

    def __init__(self, stream: Any, *, needed: bool) -> None:
        self._stream = stream
        self._needed = needed

    def write(self, text: str, /) -> int:
        with self._faults():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._faults():
            self._stream.flush()

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._stream.encoding

    @property
    def buffer(self) -> Any:
        return self._stream.buffer

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if self._needed:
                raise OutputLostError(reason_of(error), unread=error.errno == errno.EPIPE) from None
        except ValueError:  # it was closed
            if self._needed:
                raise OutputLostError("it is closed", unread=True) from None


@contextlib.contextmanager
def guarded_streams() -> Iterator[None]:
    """Both output streams, guarded until the block is left; streams that are closed are opened to nowhere."""
    _open_missing()
    out, err = sys.stdout, sys.stderr
    for stream in (out, err):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a character
    sys.stdout, sys.stderr = _Stream(out, needed=True), _Stream(err, needed=False)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err


def forget_output() -> None:
    """What is still to be written to standard output is dropped: the interpreter's end says nothing of it."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_missing() -> None:
    """Open to nowhere what was closed before the command began: else the next file that is opened, a picture,
    say, would be taken for standard output."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # as long as the process
