"""How much work reading is, in calls and not in seconds: the same on a busy machine."""

import sys
from collections.abc import Callable
from types import FrameType

SHORT = 3_000  # characters; of the longer prompt, twice as many
MOST = 3.0  # times the work for twice the length: a linear reader takes 2, a quadratic one 4
SPARE = 2_000  # calls: of what is made once


def calls_of(read: Callable[[str], object], prompt: str) -> int:
    """The calls of functions, Python's and C's, that reading a prompt takes."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        read(prompt)
    finally:
        sys.setprofile(before)
    return count


def assert_linear(read: Callable[[str], object], part: str) -> None:
    """Twice as long a prompt, of a part again and again, takes about twice the work."""
    read((part * SHORT)[:SHORT])  # what is made once, and kept
    short, long = (calls_of(read, (part * size)[: size - 3] + "cat") for size in (SHORT, 2 * SHORT))
    assert long <= MOST * short + SPARE, f"{short} calls for {SHORT} characters, {long} for twice as many"
