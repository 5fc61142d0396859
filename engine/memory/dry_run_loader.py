"""Models that are never loaded, for finding out what memory would do with the real ones."""

from collections.abc import Callable, Mapping

from ..stage import ModelKey
from .loader import Loader


class DryRunLoader:
    """A loader that knows another's sizes, and brings nothing.

    Args:
        loader: of the real models.
        device: on which they would be loaded. Over a bus, those that were there before can be loaded ahead.
    """

    def __init__(self, loader: Loader, *, device: str) -> None:
        self._loader = loader
        self._device = device
        self._known: set[ModelKey[object]] = set()

    def weights(
        self, key: ModelKey[object], /, *, streamed: bool = False, device: str = "cpu"
    ) -> Mapping[str, int]:
        return self._loader.weights(key, streamed=streamed, device=self._device)

    def load(self, key: ModelKey[object], device: str, /, *, streamed: bool = False) -> object:
        self._known.add(key)
        return None

    def brought(self, key: ModelKey[object], /) -> tuple[int, float]:
        return 0, 0.0

    def can_load_ahead(self, key: ModelKey[object], device: str, /) -> bool:
        return self._device.startswith("cuda") and key in self._known

    def load_ahead(self, key: ModelKey[object], device: str, /) -> Callable[[], object]:
        return lambda: None

    def unload(self, key: ModelKey[object], /) -> None:
        return None
