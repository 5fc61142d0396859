"""Where a server is, which of its models is meant, and how it is asked.

Its key is read from an environment variable when it is needed. It is kept nowhere, and no message shows it.
"""

import dataclasses
import ipaddress
import os
import re
from urllib.parse import SplitResult, urlsplit

from ..errors import InputError
from ..messages import shown

FAMILY = "openai-server"
_PATHS = ("/chat/completions", "/completions", "/models")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,99}")
_KEY = re.compile(r"[\x21-\x7e]+")
_REDACTED_FROM = 8  # characters: shorter ones, such as EMPTY, are no secrets
MOST_AT_ONCE = 64
WAY = ("url", "api_key_env", "timeout_seconds", "at_once")
"""Settings that say how a server is reached, not what it is asked: other ones make no other picture."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Address:
    """A server's address and how it is asked; `Address.of` checks what a user says.

    Args:
        url: up to where `/chat/completions` begins, such as `http://127.0.0.1:8000/v1`.
        model: as the server calls it; empty for the only one that it has.
        api_key_env: the environment variable that holds the key; empty for none.
        timeout_seconds: that an answer may take, with all tries.
        at_once: requests under way at a time, at most.
    """

    url: str
    model: str = ""
    api_key_env: str = ""
    timeout_seconds: float = 120.0
    at_once: int = 8

    @classmethod
    def of(cls, *, url: str, model: str, api_key_env: str, timeout_seconds: float, at_once: int) -> "Address":
        """As a user says it.

        Raises:
            InputError: the address is none, or holds a password; the name of the variable is none.
        """
        if api_key_env and not _VARIABLE.fullmatch(api_key_env):
            raise InputError(
                "api_key_env: must be the name of an environment variable (capitals, digits and _), not the key"
            )
        if not model.isprintable() or len(model) > 300:
            raise InputError(f"model = {shown(model)}: can be no name of a model")
        return cls(
            url=_normal(url),
            model=model,
            api_key_env=api_key_env,
            timeout_seconds=timeout_seconds,
            at_once=at_once,
        )

    @property
    def is_here(self) -> bool:
        """Whether the server runs on this machine: then no proxy is asked."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")

    def key(self) -> str:
        """The key; empty where the server wants none.

        Raises:
            InputError: the variable is not set, or what it holds can be no key.
        """
        if not self.api_key_env:
            return ""
        key = os.environ.get(self.api_key_env, "").strip()
        if not key:
            raise InputError(
                f"the environment variable {self.api_key_env} is not set: put the server's key there"
            )
        if not _KEY.fullmatch(key):
            raise InputError(
                f"what the environment variable {self.api_key_env} holds can be no key: set it anew"
            )
        return key


def redacted(data: bytes, key: str) -> bytes:
    """What a server sent, without the key, should it have sent that back."""
    return data.replace(key.encode(), b"***") if len(key) >= _REDACTED_FROM else data


def _normal(url: str) -> str:
    """Without the parts that are added to it, and with `/v1` where it is a bare host.

    Raises:
        InputError: it is no address of a server.
    """
    example = "such as http://127.0.0.1:8000/v1"
    if not url.strip():
        raise InputError(f"url is missing: name the server, {example}")
    parts = _split(url.strip())
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        said = "" if "@" in url else f" = {shown(url)}"
        raise InputError(f"url{said}: must be the address of a server, {example}")
    if "@" in parts.netloc:
        raise InputError("url: holds a name or password: leave it out; the key's variable is api_key_env")
    if parts.query or parts.fragment:
        raise InputError(f"url = {shown(url.split('?')[0].split('#')[0])}: leave out what stands behind ? or #")
    path = parts.path.rstrip("/")
    path = next((path.removesuffix(each) for each in _PATHS if path.endswith(each)), path)
    return f"{parts.scheme}://{parts.netloc}{path or '/v1'}"


def _split(url: str) -> SplitResult | None:
    if not url.isprintable() or " " in url or len(url) > 1000:
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port  # checked when it is looked at
    except ValueError:
        return None
    return parts
