"""The text in which AUTOMATIC1111, Forge, SD.Next and many beside keep how one picture was made.

    a red boat at sunset, (detailed:1.2)
    Negative prompt: blurry
    Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 7, Size: 512x512, Model: some-model

As its own reader has it (`modules/infotext_utils.py`): the last line holds the parameters, if it has three of
them; what stands before it, blank lines and all, is the prompt, and behind `Negative prompt:` what is unwanted.
"""

import json
import re

from .said import Said, said_by

NEGATIVE = "Negative prompt:"
PARAMETERS = re.compile(r"\s*Steps:\s*\d+\s*(,|$)", re.ASCII)
_PARAMETER = re.compile(r'\s*(\w[\w \-/]{0,60}):\s*("(?:\\.|[^\\"])++"|[^,]*)(?:,|$)')
_LEAST = 3  # parameters that make a line one of them
_TOOLS = (  # by a parameter's name and how its value begins
    ("App", "SD.Next", "SD.Next"),
    ("Version", "ComfyUI", "ComfyUI"),
    ("Version", "Fooocus", "Fooocus"),
    ("Version", "diptych", "diptych"),
    ("Version", "f", "Forge"),
    ("Version", "neo", "Forge"),
)


def parameters_of(line: str) -> list[tuple[str, str]]:
    """Names and values of a line of parameters; those in JSON quotes without them."""
    return [(name, _unquoted(value.strip())) for name, value in _PARAMETER.findall(line)]


def is_parameters(text: str) -> bool:
    """Whether a text is one of these, and not just any words."""
    return any(line.startswith(NEGATIVE) or PARAMETERS.match(line) for line in text.splitlines())


def said_in_parameters(text: str) -> Said:
    """What the text of one picture says."""
    lines = text.strip().splitlines()
    at = next((at for at in reversed(range(len(lines))) if PARAMETERS.match(lines[at])), None)
    if at is None:
        at = len(lines) - (len(lines) > 0 and len(parameters_of(lines[-1])) >= _LEAST)
    found: dict[str, object] = {}
    for name, value in parameters_of("\n".join(lines[at:])):
        found.setdefault(name, value)
    words = lines[:at]
    begin = next((i for i, line in enumerate(words) if line.startswith(NEGATIVE)), len(words))
    negative = "\n".join(words[begin:]).removeprefix(NEGATIVE).strip()
    tool = next((tool for name, begins, tool in _TOOLS if str(found.get(name, "")).startswith(begins)), "")
    said: dict[str, object] = {"prompt": "\n".join(words[:begin]).strip(), "negative_prompt": negative}
    return said_by(tool or "AUTOMATIC1111", said | {n: v for n, v in found.items() if n not in said})


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value
