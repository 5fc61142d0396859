"""Ray's agent on this machine (its raylet): whether it still listens.

Without it Ray ends this process within a second or so, in which nothing can be said or tidied up any more: so
it is knocked at between results. What is knocked at is the socket that Ray itself names.
"""

import os
import socket
import stat
from collections.abc import Iterable, Mapping
from typing import Any

_KNOCK_S = 0.5


class Agent:
    """The agent, by its socket.

    Args:
        nodes: the cluster's, as Ray lists them. Of those elsewhere no socket is found here.
    """

    def __init__(self, nodes: Iterable[Mapping[str, Any]]) -> None:
        names = [str(node.get("RayletSocketName") or "") for node in nodes if node.get("Alive")]
        self._sockets = [name for name in names if _is_socket(name) and _listens(name)]

    @property
    def lost(self) -> bool:
        """Whether it listened before, and does no more."""
        return any(not _listens(name) for name in self._sockets)


def _is_socket(name: str) -> bool:
    try:
        return bool(name) and stat.S_ISSOCK(os.stat(name).st_mode)
    except (OSError, ValueError):
        return False


def _listens(name: str) -> bool:
    """Whether somebody takes calls at a socket; a slow one does."""
    with socket.socket(socket.AF_UNIX) as knocking:
        knocking.settimeout(_KNOCK_S)
        try:
            knocking.connect(name)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True
