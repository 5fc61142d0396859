"""Puts a memory of one hand's drawings where it ships, and shows it to the finder of things that ships, too.

Run as `python -m diptych.pipelines.training.memory_shipping ART`: ART is the folder of `diptych train art`.
"""

import dataclasses
import sys
from pathlib import Path

from ..files import replacing_folder
from ..pocket.art import prepare
from ..pocket.art.words import USUAL_STYLE
from ..recipes.reader import POCKET_WEIGHTS
from .memory import remember
from .memory_judge import FINDER, write_judge

MEMORY = POCKET_WEIGHTS / "memory"


def ship_memory(cache: Path, *, into: Path = MEMORY, finder: Path = FINDER) -> None:
    """Write the memory of the usual hand, whose licence is the package's own, and what it looks like to the
    finder."""
    art = prepare(cache)
    with replacing_folder(into) as part:
        remember(dataclasses.replace(art, hands={USUAL_STYLE: art.hands[USUAL_STYLE]}), part)
    with replacing_folder(finder) as part:
        write_judge(part, into, finder=finder)


if __name__ == "__main__":
    ship_memory(Path(sys.argv[1]))
