"""Templates for planners: the instructions that a language model gets before it plans a picture.

Each is a text file in `planners/`; a user's own is any other text file. This file knows nothing of models: the
plan stage puts the template into the system message of the model's conversation.
"""

from pathlib import Path

from ..engine.messages import did_you_mean, shown
from .plain_files import read_plain
from .row import PromptFileError

PLANNERS = Path(__file__).parent / "planners"
MAX_CHARACTERS = 20_000


def known_templates() -> list[str]:
    """The names of the templates that ship inside the package."""
    return sorted(path.stem for path in PLANNERS.glob("*.txt"))


def read_template(name: str) -> str:
    """The template of this name in the package, or in this `.txt` file.

    Raises:
        PromptFileError: there is none, it cannot be read, or it is empty or far too long.
    """
    path = Path(name)
    if path.suffix != ".txt":
        path = PLANNERS / f"{name}.txt"
        if name not in known_templates():
            hint = did_you_mean(name, known_templates())
            known = ", ".join(known_templates())
            raise PromptFileError(
                f"no such planner template: {shown(name)}{hint}: choose one of {known}, or a .txt"
            )
    try:
        text = read_plain(path, 8 * MAX_CHARACTERS).decode("utf-8").strip()
    except OSError as error:
        raise PromptFileError(f"{path}: cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError as error:
        raise PromptFileError(f"{path}: is no UTF-8 text ({error.reason}): save it as UTF-8") from None
    if not text or len(text) > MAX_CHARACTERS:
        what = "is empty" if not text else f"has {len(text)} characters, of at most {MAX_CHARACTERS}"
        raise PromptFileError(f"{path}: {what}: write the planner's instructions there")
    return text
