"""How a model is computed, as its table in a recipe says it: off, unless it does.

matmul_precision = "high"     # of float32 products: highest, high (TF32 on a GPU), medium
attention = "flash"           # sdpa (as torch chooses), math, efficient, flash, cudnn
channels_last = true          # convolutions' weights with the channels of a place side by side
compile = true                # the blocks of a denoiser of diffusers, by torch.compile
quantize = "int8"             # weights of linear layers in fewer bits, made so at loading: int8, fp8
"""

from collections.abc import Mapping
from typing import Any

from ....engine.errors import InputError
from ....engine.guards.numerics import ATTENTIONS, PRECISIONS
from ....engine.messages import did_you_mean, shown
from ....engine.models.quantised.words import WORDS

CHOICES: Mapping[str, tuple[str, ...] | None] = {
    "matmul_precision": PRECISIONS,
    "attention": tuple(ATTENTIONS),
    "channels_last": None,
    "compile": None,
    "quantize": WORDS,
}
"""Name: what it may be; `None` for true or false."""

COMPILED = ("diffusers",)
"""Families of which a part can be compiled."""


def tuning_of(table: Mapping[str, Any], where: str) -> tuple[tuple[str, bool | str], ...]:
    """What a model's table says of `CHOICES`; false is the same as nothing.

    Raises:
        InputError: it says what cannot be.
    """
    found: list[tuple[str, bool | str]] = []
    for name, choices in CHOICES.items():
        value = table.get(name, False)
        if choices is None and not isinstance(value, bool):
            raise InputError(f"{where}: {name} = {shown(value)}: must be true or false")
        if choices is not None and name in table and value not in choices:
            hint = did_you_mean(value, choices) if isinstance(value, str) else ""
            known = ", ".join(choices)
            raise InputError(f"{where}: {name} = {shown(value)} is not known{hint}: choose one of {known}")
        if value is not False:
            found.append((name, value))
    if table.get("compile") and table.get("family") not in COMPILED:
        family = shown(table.get("family"))
        raise InputError(
            f"{where}: compile = true: is for family {COMPILED[0]}, not for {family}: leave it out"
        )
    return tuple(found)
