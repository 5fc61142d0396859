"""Who is next where several want the same machine: the client that had the least of it. Pure arithmetic."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

OVERRUN = 2.0
"""Times the usual: a request that has taken longer gives way to others."""


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


class UnderWay(NamedTuple):
    """A request that has come and is not done: whose it is, its priority, and seconds that it had."""

    client: str
    priority: int
    spent: float


def turns(requests: Iterable[UnderWay], had: Callable[[str], float], *, usual: float) -> list[float]:
    """When each request's turn is: the seconds that its client will have had when it begins. Of all, the least
    is next, and of these the oldest.

    What a request itself had does not count against it, so one that is begun goes on to its end, and clients
    with one request each are served as they come; shares of time for all at once would make all of them late.
    Of one client's requests each waits for those before it. It is start-time fair queueing (Goyal, Vin and
    Cheng 1996), with what was done for a client in the place of its start.

    Args:
        requests: the oldest first.
        had: seconds of work that a client had.
        usual: seconds that a request takes.
    """
    requests = list(requests)
    begins = {each.client: had(each.client) for each in requests}
    for each in requests:
        begins[each.client] -= each.spent
    before: dict[tuple[str, int], float] = {}
    found: list[float] = []
    for client, priority, spent in requests:
        waits = before.get((client, priority), 0.0)
        found.append(begins[client] + waits + max(0.0, spent - OVERRUN * usual))
        before[client, priority] = waits + max(spent, usual)
    return found
