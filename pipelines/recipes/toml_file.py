"""Reads a TOML file that a user wrote, or says in one line what is wrong with it."""

import tomllib
from pathlib import Path
from typing import Any

from ...engine.errors import InputError


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """The table in the file; `what` is what the file is, for messages: a recipe, a config.

    Raises:
        InputError: it cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise InputError(f"{what} {path}: cannot be read ({error.strerror or error})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{what} {path}: is not valid TOML: {error}") from None
