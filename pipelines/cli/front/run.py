"""One run of the command: its arguments are read, it is carried out, and however it ends there is a line."""

import contextlib
import itertools
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import typer

from ....engine.errors import InputError
from .interrupted import say_stopped
from .refusals import TRACEBACK_OPTION, TRACEBACK_VARIABLE, command_of, refusal
from .streams import OutputLostError, forget_output, guarded_streams

_FOLDERS = ("-o", "--out")


def run_app(app: typer.Typer, arguments: Sequence[str]) -> NoReturn:
    """Carry out what the arguments say, and end the process.

    Args:
        arguments: without the program's name. `--traceback`, wherever it stands before `--`, or
            DIPTYCH_TRACEBACK=1 show whole tracebacks.
    """
    given, whole = _traceback_wished(decoded(arguments))
    with guarded_streams():
        status = _run(app, given, whole=whole)
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    sys.exit(status)


def decoded(arguments: Sequence[str]) -> list[str]:
    """Arguments as UTF-8, where the system's language made something else of them."""
    texts: list[str] = []
    for argument in arguments:
        try:
            argument.encode("utf-8")
            texts.append(argument)
        except UnicodeEncodeError:
            with contextlib.suppress(UnicodeError):
                argument = os.fsencode(argument).decode("utf-8")
            texts.append(argument)
    return texts


def _traceback_wished(arguments: list[str]) -> tuple[list[str], bool]:
    end = arguments.index("--") if "--" in arguments else len(arguments)
    given = [each for each in arguments[:end] if each != TRACEBACK_OPTION] + arguments[end:]
    return given, len(given) < len(arguments) or os.environ.get(TRACEBACK_VARIABLE, "0") not in ("", "0")


def _run(app: typer.Typer, arguments: list[str], *, whole: bool) -> int:
    """Returns the exit status."""
    try:
        _refuse_empty(arguments)
        status = _invoke(app, arguments)
        sys.stdout.flush()
    except OutputLostError as error:
        forget_output()
        if not error.unread:
            _say(str(error))
        return 1
    except (KeyboardInterrupt, typer.Abort):
        return say_stopped()
    except Exception as error:
        if whole:
            traceback.print_exc()
        line, status = refusal(error, arguments)
        _say(line)
    return status


def _refuse_empty(arguments: Sequence[str]) -> None:
    """Raise InputError where a folder to write into has an empty name, of a variable that is not set, say: it
    would be the folder at hand."""
    for before, value in itertools.pairwise(arguments):
        if before in _FOLDERS and not value:
            raise InputError(f"{before}: its value is empty: name a folder; . is the one at hand")


def _invoke(app: typer.Typer, arguments: list[str]) -> int:
    """Runs the command itself, without typer's frame around it, which has several lines for what is wrong. The
    context holds what was typed: messages name options as they were."""
    command = command_of(app)
    try:
        asked = list(arguments) or (["--help"] if hasattr(command, "commands") else [])  # a copy: it is used up
        with command.make_context("diptych", asked, obj=tuple(arguments)) as context:
            command.invoke(context)
    except typer.Exit as ended:
        return ended.exit_code
    return 0


def _say(line: str) -> None:
    print(f"diptych: {line}", file=sys.stderr)
