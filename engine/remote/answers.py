"""What a server answers, by OpenAI's API: a text, and how likely other words were in its place.

Only what is used is read; whatever else stands there is skipped.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import msgspec

_THINKING_ENDS = ("</think>", "[/THINK]", "<|END_THINKING|>", "</seed:think>")
_MOST_NAME = 200  # characters of what a server calls itself or its model


class Garbled(ValueError):
    """What came is no answer of this API; says why, in a few words."""


class _Top(msgspec.Struct):
    token: str = ""
    logprob: float = -math.inf


class _Place(msgspec.Struct):
    token: str = ""
    logprob: float = -math.inf
    top_logprobs: list[_Top] | None = None


class _Logprobs(msgspec.Struct):
    content: list[_Place] | None = None


class _Message(msgspec.Struct):
    content: Any = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    model: str | None = None
    system_fingerprint: str | None = None


class _Listed(msgspec.Struct):
    id: str


class _List(msgspec.Struct):
    data: list[_Listed]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model said.

    Args:
        text: without what it thought before.
        cut_off: it had no tokens left to end it.
        by: the model, as the server calls it, with the fingerprint of what carried it out, if it says one.
        first: probabilities of tokens in the place of the first, as far as the server says them.
    """

    text: str
    cut_off: bool = False
    by: str = ""
    first: Sequence[tuple[str, float]] = ()


def read_answer(data: bytes) -> Answer:
    """The answer in the body of a response.

    Raises:
        Garbled: there is none.
    """
    read = _decoded(data, _Completion)
    if not read.choices:
        raise Garbled("it holds no choices")
    choice = read.choices[0]
    text = _text(choice.message.content)
    if not text and choice.message.refusal:
        raise Garbled(f"the model refuses: {_short(choice.message.refusal)}")
    first = choice.logprobs.content if choice.logprobs and choice.logprobs.content else []
    found = (first[0].top_logprobs or [_Top(first[0].token, first[0].logprob)]) if first else []
    mark = f" ({_short(read.system_fingerprint)})" if read.system_fingerprint else ""
    return Answer(
        text=_spoken(text),
        cut_off=choice.finish_reason == "length",
        by=f"{_short(read.model or '')}{mark}".strip(),
        first=tuple((each.token, math.exp(min(0.0, each.logprob))) for each in found),
    )


def read_models(data: bytes) -> list[str]:
    """The names in the body of a response to `/models`. Raises `Garbled` as `read_answer`."""
    return [_short(each.id) for each in _decoded(data, _List).data]


def read_error(data: bytes) -> str:
    """What the body of a response that is an error says, on one line; empty where it says nothing."""
    try:
        read = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, ValueError):
        text = data.decode("utf-8", "replace").strip()
        return "" if text.startswith("<") else _short(text, 300)  # a page is for browsers
    for _ in range(3):
        if isinstance(read, dict):
            table: dict[str, Any] = read
            read = table.get("error", table.get("message", table.get("detail", "")))
    return _short(read if isinstance(read, str) else str(read)[:1000], 300)


def _decoded(data: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError, ValueError) as error:
        raise Garbled(_short(str(error))) from None


def _text(content: Any) -> str:
    """A message's content: a text, or parts of which some are texts."""
    if isinstance(content, str):
        return content
    parts: list[Any] = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))


def _spoken(text: str) -> str:
    """Without the reasoning that some servers leave before the answer."""
    for mark in _THINKING_ENDS:
        text = text.rpartition(mark)[2]
    return text.strip()


def _short(text: str, most: int = _MOST_NAME) -> str:
    """On one line, printable, and not too long."""
    line = " ".join("".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in text[:10_000]).split())
    return line if len(line) <= most else f"{line[: most - 3]}..."
