"""What all stages have in common whose models are behind a server."""

from collections.abc import Sequence
from typing import Any, ClassVar

from ..stage import ModelKey, Models
from .address import MOST_AT_ONCE
from .server import Server


class OfServer:
    """A stage that takes nothing of the device: each row is a request of its own to `server`."""

    server: Server
    uses: ClassVar[tuple[ModelKey[object], ...]] = ()
    rows_on_cpu = MOST_AT_ONCE  # they are not computed here

    def workspace(self, batch: Sequence[Any]) -> int:
        """Nothing is computed here."""
        return 0

    def rows_apart(self, models: Models) -> bool:
        """See `Stage`: each row is a request of its own."""
        return True

    def rehearse(self, value: Any, models: Models, /) -> None:
        """Make sure that the key is there; asks nobody.

        Raises:
            InputError: it is not.
        """
        self.server.address.key()
