"""What models take on the device, whole or streamed, each piece of weights counted once. Pure arithmetic."""

from collections.abc import Collection, Iterable

from ..stage import ModelKey
from .loader import Loader


class Sizes:
    """Asks the loader once for each model, and remembers."""

    def __init__(self, loader: Loader, device: str) -> None:
        self._loader = loader
        self._device = device
        self._pieces: dict[tuple[ModelKey[object], bool], dict[str, int]] = {}

    def together(self, keys: Iterable[ModelKey[object]], streamed: Collection[ModelKey[object]] = ()) -> int:
        """Bytes of the weights of `keys`, those of them in `streamed` streamed."""
        pieces: dict[str, int] = {}
        for key in keys:
            pieces |= self._of(key, key in streamed)
        return sum(pieces.values())

    def can_stream(self, key: ModelKey[object]) -> bool:
        """Whether the model takes less while it is streamed."""
        return self.together([key], [key]) < self.together([key])

    def _of(self, key: ModelKey[object], streamed: bool) -> dict[str, int]:
        if (key, streamed) not in self._pieces:
            weights = self._loader.weights(key, streamed=streamed, device=self._device)
            self._pieces[key, streamed] = dict(weights)
        return self._pieces[key, streamed]
