"""The script that tells the page of a batch what a person chose among its pictures."""

import shlex
from pathlib import Path

from ...sheets.thumbnails import pick_thumbnail_name
from ..output.choices import Choices
from .script import cleaned, json_line

CHOICES_SCRIPT = "gallery/choices.js"


def choices_script(choices: Choices, out: Path) -> bytes:
    """Args:
    out: the output folder, for the command that the page gives.
    """
    rows = {
        str(row): {
            "id": choice.id,
            "pick": choice.pick,
            "picture": choice.picture,
            "thumbnail": None if choice.pick is None else pick_thumbnail_name(row, choice.pick),
            "rating": choice.rating,
        }
        for row, choice in choices.rows.items()
    }
    command = shlex.join(["diptych", "choose", cleaned(str(out), 4096) or "."])
    return f"diptych.choices({json_line({'command': command, 'rows': rows})});\n".encode()
