"""A request for one picture: what a chain starts with."""

import dataclasses
import re
from typing import Any

from ..errors import InputError
from .fact import Fact
from .settings import NO_SETTINGS, Settings, shown, whole_number
from .start import Start

MAX_SEED = 2**63 - 1
MAX_SIDE = 4096  # pixels; larger pictures are made by tiling, not in one go
MAX_PROMPT_CHARACTERS = 20_000

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")  # and half surrogate pairs


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """A request for one picture.

    Args:
        prompt: what the picture should show, in words.
        seed: 0 to 2**63 - 1; with `candidate` it decides every random draw (see `randomness`).
        height, width: of the finished picture, in pixels.
        settings: resolved settings; what is `None` here was left to the stages' own defaults.
        row: where the request stands in its prompt file, from 1; 0 if it has no place there.
        candidate: which attempt at the same wish this is, from 0.
        missed: facts that earlier attempts missed, for the planner to stress.
        start: what it begins with beside the prompt: a picture, tokens, a plan; `None` for the prompt alone.

    Raises:
        InputError: an empty or overlong prompt, or one with control characters (but line ends and tabs) or half
            surrogate pairs; a value of the wrong kind, or a number outside its range.
    """

    prompt: str
    seed: int = 0
    height: int = 256
    width: int = 256
    negative_prompt: str = ""
    settings: Settings = NO_SETTINGS
    row: int = 0
    candidate: int = 0
    missed: tuple[Fact, ...] = ()
    start: Start | None = None

    def __post_init__(self) -> None:
        _check_text("prompt", self.prompt)
        _check_text("negative prompt", self.negative_prompt)
        if not self.prompt.strip():
            raise InputError("the prompt is empty: say what the picture should show")
        for name in ("seed", "height", "width", "row", "candidate"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name)))
        if not 0 <= self.seed <= MAX_SEED:
            raise InputError(f"seed = {self.seed}: must lie between 0 and {MAX_SEED}")
        for name, side in (("height", self.height), ("width", self.width)):
            if not 8 <= side <= MAX_SIDE:
                raise InputError(f"{name} = {side}: must lie between 8 and {MAX_SIDE} pixels")
        if self.start is not None:
            self.start.check_size(self.height, self.width)


def _check_text(name: str, text: Any) -> None:
    if not isinstance(text, str):
        raise InputError(f"the {name} is {shown(text)}: must be text")
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise InputError(f"the {name} has {len(text)} characters: at most {MAX_PROMPT_CHARACTERS} are read")
    if found := _CONTROL.search(text):
        code = f"U+{ord(found[0]):04X}"
        raise InputError(
            f"the {name} has a control character ({code}) at place {found.start() + 1}: take it out"
        )
