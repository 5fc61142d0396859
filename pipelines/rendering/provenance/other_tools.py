"""What a picture that another tool made says of itself."""

from collections.abc import Mapping
from pathlib import Path

from ....engine.errors import InputError
from ....prompts.other_tools.known import TOOLS, said_in_texts
from ....prompts.other_tools.said import Said, ToolError


def said_in_picture(path: Path, texts: Mapping[str, str]) -> Said:
    """What the texts in a picture's file say of it.

    Raises:
        InputError: they say nothing that is understood.
    """
    try:
        said = said_in_texts(texts)
    except ToolError as error:
        raise InputError(f"{path}: {error}") from None
    if said is None:
        raise InputError(f"{path}: carries no history: pictures of diptych do, and of {TOOLS}")
    return said
