"""Bodies of requests, read: JSON or forms, as plain values; and who sends them."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from starlette.datastructures import UploadFile
from starlette.requests import Request

from ....engine.messages import did_you_mean, shown
from ....engine.values.setting import whole_in
from ....prompts.settings import KNOWN_NAMES, plain_name
from ..queue.jobs import MOST_PRIORITY, Limits
from ..replies import ApiError
from ..runtime import Gone

_SLIP = 0.8  # how like a name is to the one that was meant

MOST_FIELDS = 100
"""Of a form."""

MOST_FILES = 17

MOST_BYTES_OF_FIELD = Limits().body_bytes
"""Of one that is no file: it may be a picture in base64. The body is bounded before."""


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
    """What a form says; a field that is left empty says nothing."""
    said: dict[str, Any] = {}
    bounds = {"max_files": MOST_FILES, "max_fields": MOST_FIELDS, "max_part_size": MOST_BYTES_OF_FIELD}
    async with request.form(**bounds) as form:
        for name, value in form.multi_items():
            read = await value.read() if isinstance(value, UploadFile) else value
            if read != "" or name == "prompt":
                said[name] = [*_listed(said[name]), read] if name in said else read
    return said


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def converted(said: Mapping[str, Any], kind: Any) -> Any:
    """What is said, as a declared type has it. Raises `ApiError` with the field that is wrong."""
    try:
        return msgspec.convert(said, kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error, kind) from None


def refuse_unknown(said: Mapping[str, Any], kind: type[msgspec.Struct], *, elsewhere: str = "") -> None:
    """Refuse fields that a body of the server's own API does not have: they would have no effect.

    Args:
        elsewhere: where settings stand, which are no fields.

    Raises:
        ApiError: there is one.
    """
    known = kind.__struct_fields__
    for name in said:
        if name not in known:
            is_setting = bool(elsewhere) and plain_name(name) in KNOWN_NAMES
            hint = f": say it in {elsewhere}" if is_setting else f": there are {', '.join(known)}"
            hint = did_you_mean(name, known, cutoff=_SLIP) or hint
            message = f"{shown(name, quoted=False)}: no such field{hint}"
            raise ApiError(400, message, param=name[:60], code="unknown_field")


def invalid(error: msgspec.ValidationError, kind: Any) -> ApiError:
    """The refusal of a field of the wrong kind.

    Args:
        kind: the declared type, whose field may be one of few words.
    """
    what, _, where = str(error).partition(" - at `$")
    field = where.rstrip("`").lstrip(".").partition(".")[0].partition("[")[0] or None
    if what.startswith("Object missing required field"):
        field = what.split("`")[1]
        return ApiError(400, f"{field}: is missing", param=field, code="missing")
    named = f"{field}: " if field else ""
    return ApiError(400, f"{named}{_in_words(what, field, kind)}", param=field, code="invalid_type")


_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}
_EXPECTED = re.compile(r"Expected `(?P<kinds>[a-z| ]+)`, got `(?P<got>[a-z]+)`")


def _in_words(what: str, field: str | None, kind: Any) -> str:
    """What is said against a value, for people."""
    if what.startswith("Invalid enum value"):
        words = [str(word) for word in _words_of(get_type_hints(kind)[field or ""])]
        return f"must be {', '.join(words[:-1])} or {words[-1]}"
    if (found := _EXPECTED.match(what)) is None:
        return f"{what[:1].lower()}{what[1:]}"
    kinds = [_KINDS.get(each, each) for each in found["kinds"].split(" | ") if each != "null"]
    got = "" if found["got"] == "str" else f", not {_KINDS.get(found['got'], found['got'])}"
    return f"must be {' or '.join(kinds)}{got}"


def _words_of(hint: Any) -> list[Any]:
    """The words of a `Literal`, which may be optional."""
    parts = get_args(hint)
    if get_origin(hint) is Literal:
        return list(parts)
    return [word for part in parts for word in _words_of(part)]


def digest_of(said: Mapping[str, Any]) -> str:
    """Tells one request from another by what it says, in whatever order; files by their content. Takes a while:
    requests may be large."""
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
    if isinstance(value, str):  # of a form
        value = whole_in(value, signed=True)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MOST_PRIORITY:
        raise ApiError(
            400, f"priority: must be a whole number from -{MOST_PRIORITY} to {MOST_PRIORITY}", param="priority"
        )
    return value


def number_of(request: Request) -> int:
    """The row that an address names. Raises `ApiError` where there can be none of that number."""
    number = whole_in(request.path_params["number"])
    if number is None:
        raise ApiError(404, "there is no such row", code="no_such_row")
    return number


def asked_number(request: Request, name: str, usual: int, *, least: int = 0) -> int:
    """A number in the query of an address. Raises `ApiError` where it is none, or less than `least`."""
    if (said := request.query_params.get(name)) is None:
        return usual
    number = whole_in(said, most_digits=12)
    if number is None or number < least:
        raise ApiError(400, f"{name}: must be a whole number, {least} or more", param=name)
    return number


def gone_of(request: Request) -> Gone:
    """Whether whoever sent a request has gone."""
    return request.is_disconnected
