"""Which LoRA weights a request asks for, by name: `ink:0.8, paper`. Knows texts, no files.

Names are what a recipe lists, or files of its folder; a text never holds a path.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..errors import InputError
from ..messages import shown

MOST = 16
"""LoRAs that a request may ask for."""

_TAG = re.compile(r"<(?:lora|lyco):([^<>\n]{0,200})>", re.IGNORECASE)
_NAME = re.compile(r"[^\s:,<>\x00-\x1f][^:,<>\x00-\x1f]{0,199}")
_LOW, _HIGH = -10.0, 10.0


class Asked(NamedTuple):
    """A LoRA by name.

    Args:
        weight: how strongly; `None` for its own weight.
    """

    name: str
    weight: float | None = None


def parse_loras(value: Any, *, called: str = "loras") -> tuple[Asked, ...]:
    """What is said as text (`"ink:0.8, paper"`), as names to weights, or as a list of either.

    Raises:
        InputError: it is none of these, names one twice, or has a weight that can be none.
    """
    found = [_asked(each, called) for each in _parts(value, called)]
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{called}: {shown(name)} is asked for twice: keep one of them")
    if len(found) > MOST:
        raise InputError(f"{called}: {len(found)} LoRAs: at most {MOST} at once")
    return tuple(found)


def loras_text(loras: Iterable[Asked]) -> str:
    """As `parse_loras` reads it, in their order."""
    return ", ".join(each.name if each.weight is None else f"{each.name}:{each.weight:g}" for each in loras)


def without_tags(prompt: str, *, called: str = "prompt") -> tuple[str, tuple[Asked, ...]]:
    """A prompt without its `<lora:name:0.8>`, and what these ask for.

    Raises:
        InputError: a tag says what it cannot.
    """
    asked = parse_loras([found[1] for found in _TAG.finditer(prompt)], called=called)
    if not asked:
        return prompt, ()
    text = re.sub(r"\s*,(?:\s*,)+", ",", _TAG.sub("", prompt))
    return re.sub(r"[^\S\n]{2,}", " ", text).strip().strip(",").strip(), asked


def _parts(value: Any, called: str) -> list[Any]:
    if isinstance(value, str):
        return [each.strip() for each in value.split(",") if each.strip()]
    if isinstance(value, Mapping):
        return [f"{name}:{weight}" for name, weight in value.items()]
    if isinstance(value, list | tuple):
        return list(value)
    raise InputError(f"{called} = {shown(value)}: write names and weights, such as 'ink:0.8, paper'")


def _asked(part: Any, called: str) -> Asked:
    if isinstance(part, tuple | list) and len(part) == 2:
        part = f"{part[0]}:{part[1]}"
    if not isinstance(part, str):
        raise InputError(f"{called}: {shown(part)}: write a name and a weight, such as 'ink:0.8'")
    name, colon, said = (each.strip() for each in part.partition(":"))
    if not _NAME.fullmatch(name):
        raise InputError(f"{called}: {shown(part)}: write a name and a weight, such as 'ink:0.8'")
    if not colon or said in ("", "None"):
        return Asked(name)
    try:
        weight = float(said)
    except ValueError:
        hint = " (one weight for all parts)" if ":" in said else ""
        raise InputError(
            f"{called}: {shown(part)}: {shown(said)} is no weight{hint}: write {name}:0.8"
        ) from None
    if not math.isfinite(weight) or not _LOW <= weight <= _HIGH:
        raise InputError(f"{called}: {shown(part)}: the weight must lie between {_LOW:g} and {_HIGH:g}")
    return Asked(name, weight)
