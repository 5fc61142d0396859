"""One request to a server and its response, within bounds of time and size.

No redirect is followed: a key goes to the address that the recipe names, and nowhere else. The response is not
to be compressed, so that a small one cannot become a huge one here.
"""

import asyncio
import contextlib
import dataclasses
import email.utils
import math
import time
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from ..messages import first_line
from ..version import __version__
from .address import Address, redacted
from .answers import Garbled

if TYPE_CHECKING:
    import httpx2

MOST_BYTES = 4 * 2**20
_MOST_ERROR_BYTES = 64 * 2**10
_CONNECT_S = 10.0


class Gone(Exception):
    """The server cannot be reached, or broke off; says how."""


class Late(Exception):
    """The time was over before the response was there."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Response:
    """What came back.

    Args:
        data: the body, without the key, should the server send that back.
        wait_s: that it wants to be left alone for, in seconds; `None` where it does not say.
        leads_to: where it sends to instead; empty for nowhere.
    """

    status: int
    data: bytes
    wait_s: float | None = None
    leads_to: str = ""


@contextlib.asynccontextmanager
async def connected(address: Address, key: str) -> AsyncGenerator["Connection"]:
    """A pool of connections to a server."""
    import httpx2

    headers = {"Accept-Encoding": "identity", "User-Agent": f"diptych/{__version__}"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    async with httpx2.AsyncClient(
        headers=headers,
        timeout=httpx2.Timeout(None, connect=_CONNECT_S),
        limits=httpx2.Limits(max_connections=address.at_once),
        trust_env=not address.is_here,
        follow_redirects=False,
    ) as client:
        yield Connection(client, address.url, key)


class Connection:
    """A pool of connections to one server.

    Args:
        url: of the server.
    """

    def __init__(self, client: "httpx2.AsyncClient", url: str, key: str) -> None:
        self._client = client
        self._url = url
        self._key = key

    async def post(self, path: str, body: Mapping[str, Any], *, until: float) -> Response:
        """Send a body as JSON.

        Args:
            path: behind the server's address.
            until: when the time is over, by `time.monotonic`.

        Raises:
            Gone, Late: see there.
            Garbled: the response is larger than any answer, or compressed.
        """
        data = msgspec.json.encode(body)
        return await self._carry_out("POST", path, data, until=until)

    async def get(self, path: str, *, until: float) -> Response:
        """Ask for what stands at a path; arguments and errors as `post`."""
        return await self._carry_out("GET", path, None, until=until)

    async def _carry_out(self, method: str, path: str, data: bytes | None, *, until: float) -> Response:
        import httpx2

        headers = {"Content-Type": "application/json"} if data is not None else {}
        try:
            async with (
                asyncio.timeout(max(0.0, until - time.monotonic())),
                self._client.stream(method, f"{self._url}{path}", content=data, headers=headers) as response,
            ):
                return Response(
                    status=response.status_code,
                    data=redacted(await _body(response), self._key),
                    wait_s=_wait_s(response.headers.get("retry-after")),
                    leads_to=_elsewhere(response),
                )
        except TimeoutError:
            raise Late from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            said = redacted(first_line(error, named=True).encode("utf-8", "replace"), self._key).decode()
            raise Gone(said) from None


async def _body(response: "httpx2.Response") -> bytes:
    """The body; of an error its beginning."""
    well = response.status_code == 200
    if well and response.headers.get("content-encoding", "identity") != "identity":
        raise Garbled("it is compressed, which was not asked for")
    most = MOST_BYTES if well else _MOST_ERROR_BYTES
    found = bytearray()
    async for chunk in response.aiter_raw():
        found += chunk
        if len(found) > most:
            if well:
                raise Garbled(f"it is larger than {most} bytes")
            break
    return bytes(found[:most])


def _wait_s(said: str | None) -> float | None:
    """Seconds of a `Retry-After`, which may be a date (RFC 9110, section 10.2.3)."""
    if said is None:
        return None
    with contextlib.suppress(ValueError, OverflowError):
        wait = float(said)
        return max(0.0, wait) if math.isfinite(wait) else None
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return max(0.0, email.utils.parsedate_to_datetime(said).timestamp() - time.time())
    return None


def _elsewhere(response: "httpx2.Response") -> str:
    """The address that a redirect leads to, without what stands behind `?`."""
    if not 300 <= response.status_code < 400:
        return ""
    place = response.headers.get("location", "")[:1000].split("?")[0].split("#")[0]
    return "".join(c for c in place if c.isprintable())[:200].rpartition("@")[2] or "nowhere"
