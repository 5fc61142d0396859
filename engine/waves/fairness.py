"""Who is next where several want the same machine: the client that had the least of it. Pure arithmetic."""

from collections.abc import Iterable


class Shares:
    """Seconds of work that each client had, of those who have something to do.

    Whoever comes, or comes back, counts as having had as much as the one of those present who had least: nobody
    saves up turns by staying away, and nobody waits because others were here before.
    """

    def __init__(self) -> None:
        self._had: dict[str, float] = {}

    def present(self, clients: Iterable[str]) -> None:
        """These have something to do now; all others are forgotten."""
        now = dict.fromkeys(clients)
        stayed = {client: had for client, had in self._had.items() if client in now}
        least = min(stayed.values(), default=0.0)
        self._had = {client: stayed.get(client, least) for client in now}

    def had(self, client: str) -> float:
        """Seconds that count; a client that is not known had least."""
        known = self._had.get(client)
        return min(self._had.values(), default=0.0) if known is None else known

    def charge(self, client: str, seconds: float) -> None:
        """A client had so much more."""
        self._had[client] = self.had(client) + seconds
