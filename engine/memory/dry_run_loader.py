"""Models that are never loaded, for finding out what memory would do with the real ones."""

from collections.abc import Callable, Mapping
from typing import Any

from ..stage import ModelKey
from .loader import Loader


class DryRunLoader:
    """A loader that knows another's sizes, and brings nothing.

    Args:
        loader: of the real models.
        ahead: whether models that were there before can be loaded ahead.
    """

    def __init__(self, loader: Loader, *, ahead: bool) -> None:
        self._loader = loader
        self._ahead = ahead
        self._known: set[ModelKey] = set()

    def weights(self, key: ModelKey, /, *, streamed: bool = False) -> Mapping[str, int]:
        return self._loader.weights(key, streamed=streamed)

    def load(self, key: ModelKey, device: str, /, *, streamed: bool = False) -> Any:
        self._known.add(key)
        return None

    def brought(self, key: ModelKey, /) -> tuple[int, float]:
        return 0, 0.0

    def can_load_ahead(self, key: ModelKey, device: str, /) -> bool:
        return self._ahead and key in self._known

    def load_ahead(self, key: ModelKey, device: str, /) -> Callable[[], Any]:
        return lambda: None

    def unload(self, key: ModelKey, /) -> None:
        return None
