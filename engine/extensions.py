"""What other packages add: stages, families and pipelines, each an entry point of its group.

    [project.entry-points."diptych.stages"]
    frame = "my_package.frame:FrameStage"

Nothing is imported before it is asked for by name, and what diptych has itself comes first. Follows the Python
packaging specification "Entry points".
"""

import importlib.metadata
from collections.abc import Iterable
from typing import Any

from .errors import InputError
from .messages import first_line

STAGES = "diptych.stages"
"""Classes that are built with `model=`, the other models by their roles, and the recipe's settings."""
FAMILIES = "diptych.families"
"""Functions of (folder, dtype, device) that load a model's handle."""
PIPELINES = "diptych.pipelines"
"""Classes with `from_recipe`."""


def extension(group: str, name: str) -> Any:
    """What an installed package brings under this name; `None` where none does.

    Raises:
        InputError: it cannot be imported, or several packages bring one of this name.
    """
    found = list(importlib.metadata.entry_points(group=group, name=name))
    if not found:
        return None
    if len({entry.value for entry in found}) > 1:
        places = " and ".join(sorted(entry.value for entry in found))
        raise InputError(f"{group}: {name!r} is brought by {places}: remove one of these packages")
    try:
        return found[0].load()
    except Exception as error:  # whatever foreign code does while it is imported
        where = f"{group}: {name!r} cannot be loaded from {found[0].value}"
        raise InputError(f"{where} ({first_line(error)}): mend or remove its package") from error


def names(group: str) -> list[str]:
    """What installed packages bring, in order of the alphabet; imports nothing."""
    return sorted({entry.name for entry in importlib.metadata.entry_points(group=group)})


def packages(group: str, names: Iterable[str]) -> dict[str, str]:
    """The packages that bring these, with their versions; of names that no package brings, nothing."""
    wanted = set(names)
    found = (entry.dist for entry in importlib.metadata.entry_points(group=group) if entry.name in wanted)
    return {dist.name: dist.version for dist in found if dist is not None}
