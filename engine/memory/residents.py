"""What is on the device or on its way there: models are brought, sent for and dropped here, and nowhere else.

Each deed is written down with its bytes and milliseconds. Whether there is room for it, `device.py` knows.
"""

import contextlib
import logging
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, Protocol, Unpack

from ..stage import ModelKey
from .loader import Loader
from .log import EventFields, EventKind
from .sizes import Sizes

_log = logging.getLogger(__name__)


class Record(Protocol):
    """Writes an event down, with what is accounted for."""

    def __call__(self, kind: EventKind, /, **fields: Unpack[EventFields]) -> None: ...


class Residents:
    """The models of one device.

    Args:
        loader: where models come from.
        sizes: what they take.
        device: a torch device, as text.
        record: writes down what was done.
        clock: seconds.
    """

    def __init__(
        self, loader: Loader, sizes: Sizes, *, device: str, record: Record, clock: Callable[[], float]
    ) -> None:
        self.streamed = frozenset[ModelKey[object]]()  # in whose form they are on the device, or were last
        self._loader = loader
        self._sizes = sizes
        self._device = device
        self._record = record
        self._clock = clock
        self._handles: dict[ModelKey[object], Any] = {}  # the least recently leased first
        self._arriving: dict[ModelKey[object], Callable[[], Any]] = {}  # sent for, not leased since
        self._in_vain: set[ModelKey[object]] = set()  # sent for and evicted before they were leased

    @property
    def keys(self) -> tuple[ModelKey[object], ...]:
        """The least recently leased first, those on their way last."""
        return (*self._handles, *self._arriving)

    @property
    def bytes(self) -> int:
        return self.together(self.keys)

    def together(self, keys: Iterable[ModelKey[object]]) -> int:
        """Bytes of the weights of these models in their present forms, each piece counted once."""
        return self._sizes.together(keys, self.streamed)

    def bring(self, key: ModelKey[object], stage: str) -> Any:
        """The model's handle; it is loaded, or waited for, unless it is there."""
        if key in self._handles:
            handle = self._handles[key] = self._handles.pop(key)  # now the most recently leased
            return handle
        arrival = self._arriving.pop(key, None)
        started, before = self._clock(), self.bytes
        try:
            streamed = key in self.streamed
            handle = arrival() if arrival else self._loader.load(key, self._device, streamed=streamed)
        except BaseException:
            self._loader.unload(key)
            raise
        self._handles[key] = handle
        if not arrival:
            self._record("load", key=key, stage=stage, bytes=self.bytes - before, ms=self._ms_since(started))
        return handle

    def may_send_for(self, key: ModelKey[object]) -> bool:
        """Whether the model can come beside the work at hand, and did not do so in vain before."""
        return key not in self._in_vain and self._loader.can_load_ahead(key, self._device)

    def send_for(self, key: ModelKey[object], stage: str) -> bool:
        """Begin to load a model. Whether it is on its way."""
        started, before = self._clock(), self.bytes
        try:
            self._arriving[key] = self._loader.load_ahead(key, self._device)
        except Exception:  # whatever it is, it is told when the model is leased, to whom it concerns
            _log.debug("%s could not be sent for", key, exc_info=True)
            self._loader.unload(key)
            self._in_vain.add(key)
            return False
        self._record("prefetch", key=key, stage=stage, bytes=self.bytes - before, ms=self._ms_since(started))
        return True

    def evict(self, key: ModelKey[object], stage: str) -> None:
        """Drop a model, which may still be on its way."""
        started, before = self._clock(), self.bytes
        if self._arriving.pop(key, None):
            self._in_vain.add(key)
        else:
            del self._handles[key]
        self._loader.unload(key)
        self._record("evict", key=key, stage=stage, bytes=before - self.bytes, ms=self._ms_since(started))

    def plan_anew(self) -> None:
        """What was sent for in vain may be sent for again: other leases are to come now."""
        self._in_vain.clear()

    @contextlib.contextmanager
    def streaming(self, keys: Sequence[ModelKey[object]], stage: str) -> Generator[None]:
        """Write down, after the work, what of `keys` came and went meanwhile."""
        before = {key: self._loader.brought(key) for key in self.streamed.intersection(keys)}
        yield
        for key, (count, seconds) in before.items():
            now, until = self._loader.brought(key)
            if now > count:
                self._record("stream", key=key, stage=stage, bytes=now - count, ms=(until - seconds) * 1000)

    def _ms_since(self, started: float) -> float:
        return (self._clock() - started) * 1000
