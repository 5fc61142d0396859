"""How the command ends where it was interrupted: one line, and the status that shells have for it."""

import sys

INTERRUPTED = 130


def say_stopped() -> int:
    """Says that it was stopped, and returns the exit status.

    Where an interrupt came within an `exec`, which dataclasses use, CPython ends the process by the signal and
    not with its exit status; the next `exec` makes it forget that (`run_eval_code_obj` in Python/pythonrun.c).
    """
    exec("")
    print("diptych: stopped", file=sys.stderr)
    return INTERRUPTED
