"""A request for one picture: what a chain starts with."""

import dataclasses
import re
import types
from collections.abc import Iterable, Mapping
from typing import Annotated

from ..errors import InputError
from ..messages import shown
from .contents import short
from .control import Control, check_controls
from .fact import Fact
from .reference import Reference, check_count
from .setting import MAX_PROMPT_CHARACTERS, Setting, declared, meant, whole_number
from .settings import NO_SETTINGS, Settings
from .start import Start

MAX_SEED = 2**64 - 1  # as other tools have it
MAX_SIDE = 4096  # pixels; larger pictures are made by tiling, not in one go

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")  # and half surrogate pairs


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Request:
    """A request for one picture.

    Args:
        prompt: what the picture should show, in words.
        seed: 0 to 2**64 - 1; with `candidate` it decides every random draw (see `randomness`).
        height, width: of the finished picture, in pixels.
        settings: resolved settings; what is `None` here was left to the stages' own defaults.
        row: where the request stands in its prompt file, from 1; 0 if it has no place there.
        candidate: which attempt at the same wish this is, from 0.
        missed: facts that earlier attempts missed, for the planner to stress.
        start: what it begins with beside the prompt: a picture, tokens, a plan; `None` for the prompt alone.
        controls: pictures whose structure it follows.
        references: pictures to take after, at most 8.

    Raises:
        InputError: an empty or overlong prompt, or one with control characters (but line ends and tabs) or half
            surrogate pairs; a value of the wrong kind, or a number outside its range.
    """

    prompt: str
    seed: Annotated[
        int,
        Setting("Decides every random draw.", low=0, high=MAX_SEED, aliases=("random_seed", "noise_seed")),
    ] = 0
    height: Annotated[int, Setting("Of the finished picture.", low=8, high=MAX_SIDE, unit="pixels")] = 256
    width: Annotated[int, Setting("Of the finished picture.", low=8, high=MAX_SIDE, unit="pixels")] = 256
    negative_prompt: Annotated[
        str,
        Setting(
            "What the picture should not show, in words.", short=("negative",), aliases=("neg_prompt", "uc")
        ),
    ] = ""
    settings: Settings = NO_SETTINGS
    row: int = 0
    candidate: int = 0
    missed: tuple[Fact, ...] = ()
    start: Start | None = None
    controls: tuple[Control, ...] = ()
    references: tuple[Reference, ...] = ()

    def __post_init__(self) -> None:
        _check_text("prompt", self.prompt)
        _check_text("negative prompt", self.negative_prompt)
        if not self.prompt.strip():
            raise InputError("the prompt is empty: say what the picture should show")
        for name, setting in declared(type(self)).items():
            object.__setattr__(self, name, setting.check(getattr(self, name)))
        for name in ("row", "candidate"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name)))
        if self.start is not None:
            self.start.check_size(self.height, self.width)
        object.__setattr__(self, "controls", check_controls(self.controls, self.height, self.width))
        check_count(len(self.references))

    def __repr__(self) -> str:
        parts = [short(self.prompt), f"seed={self.seed}", f"{self.width}x{self.height}"]
        parts += [f"{name}={value}" for name in ("row", "candidate") if (value := getattr(self, name))]
        if self.negative_prompt:
            parts.append(f"negative_prompt={short(self.negative_prompt)}")
        parts += [repr(each) for each in (self.settings, self.start) if each not in (NO_SETTINGS, None)]
        parts += [repr(each) for each in self.controls]
        parts += [repr(each) for each in self.references]
        return f"Request({', '.join(parts)})"


SETTINGS: Mapping[str, Setting] = types.MappingProxyType({**declared(Request), **declared(Settings)})
"""All that a request may say beside its prompt: first what is a field of its own, then its settings."""


def check_names(names: Iterable[str]) -> None:
    """Raise InputError where one of these names is that of no setting."""
    for name in names:
        if name not in SETTINGS:
            near = meant(name, SETTINGS)
            hint = f": did you mean {near!r}?" if near else ""
            raise InputError(f"no such setting: {shown(name)}{hint}")


def _check_text(name: str, text: object) -> None:
    if not isinstance(text, str):
        raise InputError(f"the {name} is {shown(text)}: must be text")
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise InputError(f"the {name} has {len(text)} characters: at most {MAX_PROMPT_CHARACTERS} are read")
    if found := _CONTROL.search(text):
        code = f"U+{ord(found[0]):04X}"
        raise InputError(
            f"the {name} has a control character ({code}) at place {found.start() + 1}: take it out"
        )
