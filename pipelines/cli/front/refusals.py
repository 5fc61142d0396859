"""What the command says when something is wrong: one line, with what, where, and what to do.

Values that were typed are shown shortened, however the message came about, and no message is longer than a
screen: nobody reads 26,000 characters.
"""

import os
import re
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import typer
from typer.main import get_command

from ....engine.errors import DiptychError
from ....engine.messages import first_line, reason_of
from ....engine.models.checkpoint.roots import by_roots
from ....prompts.row import PromptFileError
from .usage import usage_message

FAULT = 70  # the exit status of a fault of the program's own, as sysexits.h has it
TRACEBACK_OPTION, TRACEBACK_VARIABLE = "--traceback", "DIPTYCH_TRACEBACK"
MOST_CHARACTERS = 1500  # of a message,
MOST_OF_VALUE = 100  # and of a value that was typed, in it
USAGE_ERROR: Any = typer.BadParameter.__mro__[1]  # typer has no public name for it
_HERE = Path(__file__).parents[3]


def refusal(error: Exception, arguments: Sequence[str]) -> tuple[str, int]:
    """The line that says what is wrong, and the exit status.

    Args:
        arguments: as they were typed.
    """
    if isinstance(error, USAGE_ERROR):
        message, status = usage_message(error, arguments), 2
    elif isinstance(error, (DiptychError, PromptFileError)):
        said = error.whole if isinstance(error, DiptychError) else str(error)
        message, status = _as_typed(by_roots(said), arguments), 2
    else:
        message, status = _fault(error), FAULT
    return one_line(shortened(message, arguments)), status


def _as_typed(message: str, arguments: Sequence[str]) -> str:
    """The message with the name that it begins with, `scale = 3: …` or `device 'gpu': …`, written as an option,
    where it was one."""
    found = re.match(r"([a-z][a-z_]*)(?= = | ')", message)
    option = f"--{found[1].replace('_', '-')}" if found else ""
    typed = any(each.partition("=")[0] == option for each in arguments)
    return f"{option}{message[found.end() :]}" if found and typed else message


def shortened(message: str, arguments: Iterable[str]) -> str:
    """The message with each long value in it cut to `MOST_OF_VALUE` characters."""
    for argument in arguments:
        for value in (argument, argument.partition("=")[2]):
            for said in {value, repr(value)[1:-1], os.path.normpath(value) if value else ""}:
                if len(said) > MOST_OF_VALUE and said in message:
                    message = message.replace(said, f"{said[: MOST_OF_VALUE - 3]}...")
    return message


def one_line(message: str) -> str:
    """The message on one line, without what a terminal would obey, and no longer than `MOST_CHARACTERS`."""
    plain = "".join(c if c.isprintable() else "?" for c in " ".join(message.split()))
    if len(plain) <= MOST_CHARACTERS:
        return plain
    half = MOST_CHARACTERS // 2
    return f"{plain[:half]} ... {plain[-half:]}"


def _fault(error: Exception) -> str:
    """What nobody foresaw: what, where, and how to tell of it."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_HERE)] or frames
    where = f" in {_short(ours[-1].filename)}, line {ours[-1].lineno}" if ours else ""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {reason_of(error)}{where}: {TRACEBACK_OPTION} shows all of it"
    said = first_line(error, named=True)
    return f"fault{where}: {said}: {TRACEBACK_OPTION} shows all of it: report that with your command, please"


def _short(filename: str) -> str:
    path = Path(filename)
    return path.relative_to(_HERE).as_posix() if path.is_relative_to(_HERE) else path.name


def command_of(app: typer.Typer) -> Any:
    """The application as its parser has it."""
    return get_command(app)
