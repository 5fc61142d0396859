"""Stand-ins that tests of several folders share."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from diptych.engine.stage import ModelKey


@dataclasses.dataclass
class NameLoader:
    """Models that are names.

    Args:
        sizes: in bytes, by name; one number, if all are alike.
        streamed: of those that can be streamed, in bytes while they are.
    """

    sizes: Mapping[str, int] | int
    streamed: Mapping[str, int] = dataclasses.field(default_factory=dict)
    loaded: list[str] = dataclasses.field(default_factory=list)

    def weights(self, key: ModelKey, /, *, streamed: bool = False) -> dict[str, int]:
        name = key.checkpoint
        if streamed and name in self.streamed:
            return {name: self.streamed[name]}
        return {name: self.sizes if isinstance(self.sizes, int) else self.sizes[name]}

    def load(self, key: ModelKey, device: str, /, *, streamed: bool = False) -> str:
        self.loaded.append(key.checkpoint)
        return key.checkpoint

    def brought(self, key: ModelKey, /) -> tuple[int, float]:
        return 0, 0.0

    def can_load_ahead(self, key: ModelKey, device: str, /) -> bool:
        return False

    def load_ahead(self, key: ModelKey, device: str, /) -> Callable[[], Any]:
        raise NotImplementedError

    def unload(self, key: ModelKey, /) -> None:
        return None
