"""What entries of new tokens get beside their embeddings: what a row is shown of the place that comes next."""

from collections.abc import Sequence

import torch


class Beside:
    """Of one batch under way, in the order of its tokens.

    Args:
        shown: (b, n, d): the first is for the first new token, and so on; `None` where rows are shown nothing.
    """

    def __init__(self, shown: torch.Tensor | None) -> None:
        self._shown, self._at = shown, 0

    def over(self, entries: torch.Tensor) -> torch.Tensor:
        """The entries of the next tokens (b, t, d), with what they are shown."""
        if self._shown is None:
            return entries
        start, self._at = self._at, self._at + entries.shape[1]
        return entries + self._shown[:, start : self._at].to(entries)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order."""
        if self._shown is not None:
            self._shown = self._shown[list(rows)]
