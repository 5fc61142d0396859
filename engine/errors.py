"""The exceptions that a caller can meet. Each message is one line: what, where, and what to do about it."""

import unicodedata

_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"  # a painter is a woman, a joiner and a palette

MOST_SAID = 2000
"""Characters of a message."""


class DiptychError(Exception):
    """Anything that the engine refuses or cannot do; its message is fit to be shown to a user: on one line, not
    too long, and what cannot be seen of names in it is spelled out."""

    def __str__(self) -> str:
        said = self.whole
        if len(said) <= MOST_SAID:
            return said
        half = MOST_SAID // 2  # a value is echoed; what it is about, and what to do, stand around it
        return f"{said[:half]} ... {said[-half:]}"

    @property
    def whole(self) -> str:
        """The message however long it is, for who shortens the values in it."""
        return "".join(c if _is_plain(c) else c.encode("unicode_escape").decode() for c in super().__str__())


def _is_plain(c: str) -> bool:
    return c.isprintable() or c in _JOINERS or unicodedata.category(c) == "Zs"


class InputError(DiptychError):
    """The request, prompt file, option or recipe is wrong: correct it and try again."""


class CheckpointError(DiptychError):
    """A checkpoint is missing, damaged or of a kind that is not read."""


class MemoryBudgetError(DiptychError):
    """Something cannot fit the memory budget, whatever is evicted; nothing was loaded."""


class RowError(DiptychError):
    """One row of a batch cannot be carried out; the others can. `index` is its place in the batch."""

    def __init__(self, index: int, message: str) -> None:
        super().__init__(message)
        self.index = index


class Cancelled(DiptychError):
    """The caller asked to stop; what was finished stays finished."""
