"""The host's allocator: glibc's keeps free memory for each thread. On other systems nothing is done."""

import contextlib
import ctypes

_ARENA_MAX, _ARENAS = -8, 2  # of mallopt(3)


def hand_back() -> None:
    """Free pieces, between what is still used, are the system's again."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def share_arenas() -> None:
    """All threads of the process have two stores of free memory between them: each thread that comes else has
    one of its own, up to eight for each core, and keeps it. To be called before threads are there."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS)
