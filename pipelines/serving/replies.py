"""What clients hear when something cannot be done: one line, a status, and no path of this machine."""

import errno
import json
import logging
import re
import sqlite3
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ...engine.errors import DiptychError, InputError
from ...engine.messages import reason_of
from ...prompts.row import PromptFileError
from ...prompts.settings import FieldError
from .queue.jobs import KeyUsedError, QueueFullError, TooLargeError, UnknownRecipeError

_log = logging.getLogger(__name__)

_PATH = re.compile(r"(?<![\w.:/\\])(?:~|[A-Za-z]:)?(?:[/\\][^\s/\\'\"`,;:()<>|]+){2,}[/\\]?")
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "invalid_request_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}
_MAY_PASS = frozenset(["queue_full", "busy", "unavailable", "storage", "timeout", "fault"])
_OF_DISKS = frozenset([errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG])

RETRY_S = 10
"""Seconds after which a client that was turned away may try again."""


class ApiError(DiptychError):
    """A request that is not carried out.

    Args:
        status: of HTTP.
        param: which field of the request is meant.
        code: a word for programs.
    """

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.param, self.code = status, param, code

    @property
    def may_pass(self) -> bool:
        """Whether the same request may be carried out later."""
        return self.code in _MAY_PASS


def without_paths(text: str) -> str:
    """A message with each path of this machine cut to its last part."""
    return _PATH.sub(lambda found: re.split(r"[/\\]", found[0].rstrip("/\\"))[-1], text)


def as_api_error(error: Exception) -> ApiError:
    """An error as clients hear of it; what nobody foresaw is logged, and is no more than that to them."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, sqlite3.OperationalError) or getattr(error, "errno", None) in _OF_DISKS:
        reason = reason_of(error)
        _log.warning("diptych: a request cannot be written to disk: %s", reason)
        return ApiError(503, f"the server cannot write to its disk ({reason}): try later", code="storage")
    said = without_paths(" ".join(str(error).split()))
    match error:
        case UnknownRecipeError():
            return ApiError(404, said, param="model", code="model_not_found")
        case QueueFullError():
            return ApiError(429, said, code="queue_full")
        case KeyUsedError():
            return ApiError(422, said, code="idempotency_key_in_use")
        case TooLargeError():
            return ApiError(413, said, code="too_large")
        case InputError() | PromptFileError() | FieldError():
            return ApiError(400, said, param=_param(said), code="invalid_value")
        case ClientDisconnect():
            return ApiError(499, "the client has gone", code="gone")
        case DiptychError():
            return ApiError(422, said, code="cannot_be_made")
        case _:
            _log.exception("diptych: a request met a fault", exc_info=error)
            return ApiError(500, "the server met a fault, which its log describes", code="fault")


def _param(said: str) -> str | None:
    """The setting that a message begins with, as in `steps = 0: must ...`, of whichever row."""
    found = re.match(r"(?:row \d+: )?([a-z][a-z_]{0,40}) = ", said)
    return found[1] if found else None


def openai_body(error: ApiError) -> dict[str, Any]:
    """As OpenAI's clients read it."""
    kind = _KINDS.get(error.status, "server_error")
    return {"error": {"message": str(error), "type": kind, "param": error.param, "code": error.code}}


def a1111_body(error: ApiError) -> dict[str, Any]:
    """As AUTOMATIC1111's clients read it."""
    return {"error": error.code or _KINDS.get(error.status, "error"), "detail": str(error), "errors": ""}


def refusal(path: str, error: ApiError) -> Response:
    """An error in the shape of the protocol that a path belongs to."""
    body = a1111_body(error) if path.startswith("/sdapi/") else openai_body(error)
    headers = {"Retry-After": str(RETRY_S)} if error.status in (429, 503) and error.may_pass else {}
    if error.status >= 408 and not error.may_pass:
        headers["x-should-retry"] = "false"  # OpenAI's clients would send it again
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body, status_code=error.status, headers=headers)


async def on_error(request: Request, error: Exception) -> Response:
    """Of Starlette: an error that a handler has raised."""
    return refusal(request.url.path, as_api_error(error))


async def on_http_error(request: Request, error: Exception) -> Response:
    """Of Starlette: its own, such as a path that is not there."""
    status = getattr(error, "status_code", 500)
    said = {404: "there is nothing at this address", 405: "this address does not take that method"}
    detail = said.get(status) or without_paths(str(getattr(error, "detail", "") or "not understood"))
    answer = refusal(request.url.path, ApiError(status, detail))
    answer.headers.update(getattr(error, "headers", None) or {})  # which methods it takes
    return answer


def event_text(kind: str, data: Any) -> bytes:
    """One server-sent event."""
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def event_stream(request: Request, events: AsyncIterator[bytes]) -> Response:
    """Server-sent events, which proxies hand on as they come; of `HEAD` the headers alone."""
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    if request.method == "HEAD":
        return Response(headers=headers, media_type="text/event-stream")
    return StreamingResponse(events, headers=headers, media_type="text/event-stream")
