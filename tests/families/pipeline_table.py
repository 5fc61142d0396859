"""Prints what each pipeline class of the installed diffusers is here:

    python -m diptych.tests.families.pipeline_table

Nothing is built: a class is told by its call. Which of them paint the library's pictures is held by the tests
beside this file.
"""

import collections
import inspect
from collections.abc import Iterator
from typing import Any

import diffusers

from diptych.engine.models.diffusion.classes.kinds import Kind, kind_of


def kinds() -> Iterator[Kind]:
    """Of every class that can be looked at; others need a package that is not here."""
    for name in sorted(dir(diffusers)):
        found: Any = getattr(diffusers, name, None) if name.endswith("Pipeline") else None
        if inspect.isclass(found) and "Modular" not in name:
            try:
                yield kind_of(found)
            except ImportError:
                continue


def verdict(kind: Kind) -> str:
    if kind.fault:
        return kind.fault
    if kind.starts_from_picture:
        return "repaints within a mask" if kind.masks else "repaints"
    return "paints, one text at a time" if kind.one_text else "paints"


def main() -> None:
    count: collections.Counter[str] = collections.Counter()
    modular = 0
    for kind in kinds():
        said = verdict(kind)
        count["refused" if kind.fault else said.partition(",")[0]] += 1
        has_blocks = hasattr(diffusers, kind.name.replace("Pipeline", "ModularPipeline"))
        modular += has_blocks and said.startswith("paints")
        print(f"| {kind.name} | {said} | {'modular, too' if has_blocks else ''} |")
    print(", ".join(f"{number} {what}" for what, number in count.most_common()))
    print(f"{modular} of those that paint have modular blocks, too")


if __name__ == "__main__":
    main()
