"""Models of the libraries, as stages use them. What checkpoints there are beside folders is said here."""

from pathlib import Path

from .checkpoint.roots import add_opener


def _unpacked(path: Path) -> Path:
    from .quantised.gguf_planner import unpacked  # imported when there is one: the command is to be quick

    return unpacked(path)


add_opener(".gguf", _unpacked)
