"""How a request is to be carried out: every setting, its range, and checks of what callers hand over."""

import dataclasses
import math
import operator
from typing import Any

from ..errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """How a request is to be carried out; `None` means 'what the recipe says'.

    Args:
        num_inference_steps: denoising steps, 1 to 1000.
        guidance_scale: classifier-free guidance of the refiner, 0 to 50; 1 is none.
        temperature: of the draft's tokens, 0 (greedy) to 5.
        top_k: the draft keeps the k likeliest tokens; 0 keeps all.
        top_p: the draft keeps the smallest set of tokens of this probability, 0 to 1.
        draft_guidance_scale: classifier-free guidance of the drafter, 0 to 50; 1 is none.
        candidates: drafts made in a round.
        keep: drafts of a round that are painted (the others are thrown out by their previews' scores).
        rounds: how often a request may be planned anew.
        accept: the score, 0 to 1, at which a picture is taken at once.
        seconds: no new round is begun after this much time on the request's batch.
        repairs: how often the best picture is mended where it misses something that was asked, before all is
            planned anew, 0 to 100.
        ignore_left_out: accept a picture although the plan left out some of what was asked.

    Raises:
        InputError: a value is of the wrong kind, or lies outside its range.
    """

    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    draft_guidance_scale: float | None = None
    candidates: int | None = None
    keep: int | None = None
    rounds: int | None = None
    accept: float | None = None
    seconds: float | None = None
    repairs: int | None = None
    ignore_left_out: bool | None = None

    def __post_init__(self) -> None:
        if self.ignore_left_out is not None:
            object.__setattr__(self, "ignore_left_out", truth("ignore_left_out", self.ignore_left_out))
        for name, (low, high) in _SETTING_RANGES.items():
            value = getattr(self, name)
            if value is None:
                continue
            value = whole_number(name, value) if type(low) is int else number(name, value)
            if not low <= value <= high:  # also false for NaN
                raise InputError(f"{name} = {value}: must lie between {low} and {high}")
            object.__setattr__(self, name, value)

    def over(self, defaults: "Settings") -> "Settings":
        """These settings where they say something, `defaults` where they do not."""
        mine = {k: v for k, v in dataclasses.asdict(self).items() if v is not None}
        return dataclasses.replace(defaults, **mine)


_SETTING_RANGES: dict[str, tuple[float, float]] = {
    "num_inference_steps": (1, 1000),
    "guidance_scale": (0.0, 50.0),
    "temperature": (0.0, 5.0),
    "top_k": (0, 1_000_000),
    "top_p": (0.0, 1.0),
    "draft_guidance_scale": (0.0, 50.0),
    "candidates": (1, 4096),
    "keep": (1, 4096),
    "rounds": (1, 100),
    "accept": (0.0, 1.0),
    "seconds": (0.0, math.inf),
    "repairs": (0, 100),
}


NO_SETTINGS = Settings()
"""What leaves everything to the recipe."""


def truth(name: str, value: object) -> bool:
    """The value as a bool, whoever made it (numpy, say), but a number is none."""
    is_array_bool = str(getattr(value, "dtype", "")) == "bool" and getattr(value, "shape", None) == ()
    if not (isinstance(value, bool) or is_array_bool):
        raise InputError(f"{name} = {shown(value)}: must be true or false")
    return bool(value)


def whole_number(name: str, value: Any) -> int:
    """The value as an int, whoever made it (numpy, say), but a fraction or a bool is none."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise InputError(f"{name} = {shown(value)}: must be a whole number")
    return operator.index(value)


def number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not (hasattr(value, "__float__") or hasattr(value, "__index__")):
        raise InputError(f"{name} = {shown(value)}: must be a number")
    try:
        return float(value)
    except (OverflowError, TypeError, ValueError):
        raise InputError(f"{name} = {shown(value)}: must be a number") from None


def shown(value: object) -> str:
    """The value as a message shows it: on one line, and not too long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
