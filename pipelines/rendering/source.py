"""What the tasks of a run were read from, and which of them are carried out once more."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """What the tasks were read from.

    Args:
        name: as it was named; rows carry it, or a name that lies in it.
        title: of the gallery.
        total: its rows, if that is known.
        whole: all of its rows are among the tasks.
        by_content: its rows are known by what they ask for; else by their numbers in it (see `output.places`).
    """

    name: str
    title: str
    total: int | None = None
    whole: bool = True
    by_content: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Again:
    """Which rows that an earlier run settled are rendered once more.

    Args:
        failed: those that failed.
        all: all of them.
        fresh: all of them, and what the source made before is forgotten, rows that are not among them, too.
        verify: none for that; but of those that are done every file is read whole.
    """

    failed: bool = False
    all: bool = False
    fresh: bool = False
    verify: bool = False
