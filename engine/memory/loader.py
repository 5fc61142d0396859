"""What memory asks of whoever loads the models: their sizes, before all else, and to bring and drop them.

Some models can be *streamed*: their blocks come one after the other as the work reaches them, and go again.
Beside what is no block, only the largest of them needs room, twice where one comes while another works.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from ..stage import ModelKey


class Loader(Protocol):
    """Where models come from, and where they go back to. It keeps the masters of all weights on the host."""

    def weights(
        self, key: ModelKey[object], /, *, streamed: bool = False, device: str = "cpu"
    ) -> Mapping[str, int]:
        """Bytes on the device of each piece of the model's weights, by a name that is the same for every model
        which has the piece in common with it. Read from the files' headers; loads nothing.

        Args:
            streamed: what it takes while it is streamed; the same where it cannot be.
            device: on which.
        """
        ...

    def load(self, key: ModelKey[object], device: str, /, *, streamed: bool = False) -> object:
        """The model's handle, its weights on `device`; what pieces are there already are shared.

        The handle is a new one each time: what hangs on it (a captured graph, a cache) goes when it goes.
        """
        ...

    def brought(self, key: ModelKey[object], /) -> tuple[int, float]:
        """Bytes that were streamed so far, and the seconds that the work waited for them."""
        ...

    def can_load_ahead(self, key: ModelKey[object], device: str, /) -> bool:
        """Whether `load_ahead` would run beside the work at hand and not in its way."""
        ...

    def load_ahead(self, key: ModelKey[object], device: str, /) -> Callable[[], object]:
        """Begin to load, and return at once; what is returned gives the handle, and waits for it if need be."""
        ...

    def unload(self, key: ModelKey[object], /) -> None:
        """Drop the model's weights from the device, or what has come of them if they are still arriving, or
        could not be loaded; copies nothing back."""
        ...
