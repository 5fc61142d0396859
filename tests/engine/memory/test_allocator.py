"""The host's allocator is asked in words that glibc knows."""

import ctypes
import platform
from typing import Any

import pytest

from diptych.engine.memory import allocator


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")
def test_glibc_does_what_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    library, answers = ctypes.CDLL(None), dict[str, int]()

    class Told:
        """The library, whose answers are kept: nothing is raised where it knows a word, or none."""

        def __getattr__(self, name: str) -> Any:
            def call(*values: int) -> int:
                answers[name] = getattr(library, name)(*values)
                return answers[name]

            return call

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Told())
    allocator.share_arenas()
    allocator.hand_back()
    assert answers["mallopt"] == 1 and answers["malloc_trim"] in (0, 1)
