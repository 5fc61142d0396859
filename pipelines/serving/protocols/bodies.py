"""Bodies of requests, read: JSON or forms, as plain values; and who sends them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from starlette.datastructures import UploadFile
from starlette.requests import Request

from ....engine.errors import InputError
from ....engine.values.control import MOST
from ....engine.values.reference import check_count
from ....prompts.settings import setting
from ...pictures.controls import KEYWORDS
from ..pictures import decoded
from ..queue.jobs import MOST_PRIORITY
from ..replies import ApiError
from ..runtime import Gone

MOST_FIELDS = 100
"""Of a form."""

MOST_FILES = 17


async def body_of(request: Request, *, forms: bool = False, optional: bool = False) -> dict[str, Any]:
    """What a request says.

    Args:
        forms: it may be a form, whose files are bytes.
        optional: it may say nothing.

    Raises:
        ApiError: it is neither.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if forms and kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
        return await _form(request)
    data = await request.body()
    if optional and not data:
        return {}
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise ApiError(415, f"Content-Type {kind[:60]!r}: must be application/json", code="content_type")
    return object_in(data)


def object_in(data: bytes) -> dict[str, Any]:
    """The JSON object that bytes hold. Raises `ApiError` where they hold none."""
    try:
        said = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(400, f"the body is no JSON: {error}", code="json") from None
    if not isinstance(said, dict):
        raise ApiError(400, "the body must be a JSON object", code="json")
    return said


async def _form(request: Request) -> dict[str, Any]:
    said: dict[str, Any] = {}
    async with request.form(max_files=MOST_FILES, max_fields=MOST_FIELDS) as form:
        for name, value in form.multi_items():
            read = await value.read() if isinstance(value, UploadFile) else value
            said[name] = [*_listed(said[name]), read] if name in said else read
    return said


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def converted(said: Mapping[str, Any], kind: Any) -> Any:
    """What is said, as a declared type has it. Raises `ApiError` with the field that is wrong."""
    try:
        return msgspec.convert(said, kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error) from None


def invalid(error: msgspec.ValidationError) -> ApiError:
    """The refusal of a field of the wrong kind."""
    what, _, where = str(error).partition(" - at `$")
    field = where.rstrip("`").lstrip(".").partition(".")[0].partition("[")[0] or None
    if what.startswith("Object missing required field"):
        field = what.split("`")[1]
        return ApiError(400, f"{field}: is missing", param=field, code="missing")
    named = f"{field}: " if field else ""
    return ApiError(400, f"{named}{what[:1].lower()}{what[1:]}", param=field, code="invalid_type")


def digest_of(said: Mapping[str, Any]) -> str:
    """Tells one request from another by what it says, in whatever order; files by their content."""
    text = json.dumps(said, sort_keys=True, default=lambda value: hashlib.sha256(value).hexdigest())
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def client_of(request: Request) -> str:
    """Who asks, as far as fairness goes."""
    return str(request.scope.get("diptych.client", ""))


def priority_of(said: Mapping[str, Any], usual: int = 10) -> int:
    """The priority that is wished for; what somebody waits for goes before batches, if nothing is said."""
    value = said.get("priority")
    if value is None:
        return usual
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MOST_PRIORITY:
        raise ApiError(
            400, f"priority: must be a whole number from -{MOST_PRIORITY} to {MOST_PRIORITY}", param="priority"
        )
    return value


def number_of(request: Request) -> int:
    """The row that an address names. Raises `ApiError` where there can be none of that number."""
    said = request.path_params["number"]
    if not (said.isascii() and said.isdigit() and len(said) <= 9):
        raise ApiError(404, "there is no such row", code="no_such_row")
    return int(said)


def gone_of(request: Request) -> Gone:
    """Whether whoever sent a request has gone."""
    return request.is_disconnected


def references_of_row(said: Mapping[str, Any], keep: Callable[..., str], line: int) -> dict[str, Any]:
    """What a row says of pictures to take after: one in base64, or a list of them; as settings.

    Args:
        keep: puts a picture among the server's inputs, and gives its name there.
        line: of the row, for messages.

    Raises:
        InputError: it is no picture, or they are too many.
    """
    settings: dict[str, Any] = {}
    if (given := said.get("reference")) is not None:
        pictures = given if isinstance(given, list) else [given]
        if not all(isinstance(each, str) for each in pictures):
            raise InputError(f"row {line}: reference: must be base64, or a list of it")
        check_count(len(pictures))
        data = (decoded(each, called="reference") for each in pictures)
        settings["reference"] = [keep(each, called="reference") for each in data]
    if said.get("reference_weight") is not None:
        settings["reference_weight"] = setting("reference_weight", said["reference_weight"])
    return settings


def controls_of_row(said: Mapping[str, Any], keep: Callable[..., str], line: int) -> dict[str, Any]:
    """What a row says of pictures to follow: one in base64, or a list of them; as settings.

    Args:
        keep: puts a picture among the server's inputs, and gives its name there.
        line: of the row, for messages.

    Raises:
        InputError: it is no picture, or they are too many.
    """
    settings: dict[str, Any] = {
        name: setting(name, said[name]) for name in KEYWORDS[1:] if said.get(name) is not None
    }
    if (given := said.get("control")) is not None:
        pictures = given if isinstance(given, list) else [given]
        if not all(isinstance(each, str) for each in pictures):
            raise InputError(f"row {line}: control: must be base64, or a list of it")
        if len(pictures) > MOST:
            raise InputError(f"row {line}: {len(pictures)} control pictures: at most {MOST} at once")
        data = (decoded(each, called="control") for each in pictures)
        settings["control"] = [keep(each, called="control") for each in data]
    return settings
