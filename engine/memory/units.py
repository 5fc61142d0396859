"""Amounts of memory: as people write them, and as messages say them."""

import math
import re

from ..errors import InputError
from ..messages import shown

_FACTORS = {
    **{"": 1, "B": 1},
    **{f"{letter}iB": 1024**power for power, letter in enumerate("KMGT", start=1)},
    **{f"{letter}B": 1000**power for power, letter in enumerate("KMGT", start=1)},
}


def parse_bytes(text: str) -> int:
    """Bytes of an amount such as `2GiB`, `512 MiB`, `1.5GB` or `1000000`.

    Raises:
        InputError: it is not such an amount, or not more than nothing.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text.strip())
    units = {name.lower(): factor for name, factor in _FACTORS.items()}
    amount = float(match[1]) * units[match[2].lower()] if match and match[2].lower() in units else 0
    if not 1 <= amount < 2**63:
        raise InputError(f"memory = {shown(text)}: write an amount such as 2GiB or 512MiB")
    return int(amount)


def format_bytes(count: int, *, up: bool = False) -> str:
    """`count` bytes for a reader: "512 bytes", "1.5 MiB", "2.0 GiB".

    Args:
        up: never less than `count`, for what somebody is to allow.
    """
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{math.ceil(10 * count / size) / 10 if up else count / size:.1f} {unit}"
    return f"{count} bytes"
