"""Who may talk to the server: what is checked of every request before anything reads it.

    Host       a name of this server, or an address: else a page elsewhere could have its own name point here
               (DNS rebinding)
    Origin     browsers say which page asks: another one's is refused, and no answer allows other pages to read
               it (CORS and CSRF are closed)
    key        compared in constant time; without one the server listens on this machine alone
    body       as large as the server takes, and all bodies under way together no larger than `ALL_BODIES`

Answers say that they are not to be framed, sniffed or handed to other pages.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import ipaddress
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .queue.jobs import TooLargeError
from .replies import ApiError, refusal

ALL_BODIES = 512 * 2**20
"""Bytes of bodies that are read at a time."""

SLOWEST_BODY_S = 120.0
"""Seconds within which a body must have come."""

OPEN_PATHS = ("/", "/healthz", "/favicon.ico")
"""Paths that need no key: they hold nothing of anybody's."""

OPEN_FOLDERS = ("/static/", "/files/")
"""The page's own files; and pictures, whose addresses nobody can guess."""

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self';"
    " font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"content-security-policy", PAGE_POLICY.encode()),
)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """Stands before an application.

    Args:
        keys: of which each request must show one; none, for no key.
        names: host names of this server, beside `localhost` and all addresses.
        body_bytes: of a body, at most.
    """

    def __init__(
        self, app: ASGIApp, *, keys: Sequence[str] = (), names: Sequence[str] = (), body_bytes: int
    ) -> None:
        self._app = app
        self._keys = [hashlib.sha256(key.encode()).digest() for key in keys]
        self._names = {"localhost", *(name.lower() for name in names)}
        self._body_bytes = body_bytes
        self._under_way: dict[_Body, int] = {}  # and how large each says it is

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value for name, value in scope["headers"]}
        try:
            self._check(scope["path"], headers)
            scope["diptych.client"] = self._client(scope, self._key(scope["path"], headers))
            length = self._length(headers)
        except ApiError as error:
            await refusal(scope["path"], error)(scope, receive, _with_headers(send))
            return
        body = _Body(receive, most=self._body_bytes)
        self._under_way[body] = length
        try:
            await self._app(scope, body.receive, _with_headers(send))
        finally:
            del self._under_way[body]

    def _check(self, path: str, headers: dict[str, bytes]) -> None:
        host = headers.get("host", b"").decode("latin-1")
        if not self._is_ours(host):
            raise ApiError(403, "this server does not go by that host name: --allow-host names it", code="host")
        origin = headers.get("origin", b"").decode("latin-1")
        if origin and _place_of(origin) != host.lower():
            raise ApiError(403, "pages of other servers may not ask this one", code="origin")
        if headers.get("sec-fetch-site", b"") in (b"cross-site", b"same-site"):
            navigates = headers.get("sec-fetch-mode") == b"navigate" and path in OPEN_PATHS
            if not navigates and not path.startswith(OPEN_FOLDERS):
                raise ApiError(403, "pages of other servers may not ask this one", code="origin")

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _key(self, path: str, headers: dict[str, bytes]) -> int:
        """Which of the keys a request shows, from 1; 0 where none is needed."""
        if not self._keys or path in OPEN_PATHS or path.startswith(OPEN_FOLDERS):
            return 0
        shown = [hashlib.sha256(each).digest() for each in _shown_keys(headers)]
        found = 0
        for each in shown:
            for i, key in enumerate(self._keys, start=1):
                if hmac.compare_digest(each, key):
                    found = i
        if not found:
            raise ApiError(401, "a key is needed: Authorization: Bearer KEY", code="invalid_api_key")
        return found

    def _client(self, scope: Scope, key: int) -> str:
        """Who asks, as far as fairness goes."""
        address = (scope.get("client") or ("",))[0]
        return f"{key}/{address}" if key else str(address)

    def _length(self, headers: dict[str, bytes]) -> int:
        said = headers.get("content-length", b"0")
        if not said.isdigit() or len(said) > 18:
            raise ApiError(400, "Content-Length: must be a whole number", code="content_length")
        if (length := int(said)) > self._body_bytes:
            raise ApiError(413, f"the body is larger than {self._body_bytes} bytes", code="too_large")
        if "transfer-encoding" in headers:
            length = self._body_bytes
        if sum(body.held(said) for body, said in self._under_way.items()) + length > ALL_BODIES:
            raise ApiError(503, "too much is being sent to the server: try again", code="busy")
        return length


class _Body:
    """A request's body as it comes, within bounds of size and time."""

    def __init__(self, receive: Receive, *, most: int) -> None:
        self._receive, self._most = receive, most
        self._read, self._ended = 0, False
        self._until = time.monotonic() + SLOWEST_BODY_S

    def held(self, said: int) -> int:
        """Bytes that it takes, or may take yet, where a request says so many."""
        return self._read if self._ended else max(said, self._read)

    async def receive(self) -> Message:
        """The next piece; once all is there, what else happens to the connection, however late."""
        if self._ended:
            return await self._receive()
        try:
            async with asyncio.timeout(max(0.0, self._until - time.monotonic())):
                message = await self._receive()
        except TimeoutError:
            raise ApiError(408, "the body came too slowly", code="timeout") from None
        self._read += len(message.get("body", b""))
        self._ended = message["type"] != "http.request" or not message.get("more_body", False)
        if self._read > self._most:
            raise TooLargeError(f"the body is larger than {self._most} bytes")
        return message


def _place_of(origin: str) -> str:
    """Host and port of a page that asks; empty where it says none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _shown_keys(headers: dict[str, bytes]) -> list[bytes]:
    """Keys as clients show them: a bearer's, one of their own header, and as a password or `user:password`."""
    shown = [headers[name].strip() for name in ("x-api-key", "api-key") if name in headers]
    kind, _, value = headers.get("authorization", b"").strip().partition(b" ")
    if kind.lower() == b"bearer":
        shown.append(value.strip())
    elif kind.lower() == b"basic":
        try:
            whole = base64.b64decode(value.strip(), validate=True)
        except (binascii.Error, ValueError):
            whole = b""
        shown += [whole, whole.partition(b":")[2]]
    return shown


def _with_headers(send: Send) -> Send:
    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            there = {name for name, _ in message.get("headers", ())}
            more = [each for each in _HEADERS if each[0] not in there]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return sending
