"""In which form a server takes what it is asked: servers that speak OpenAI's API do not speak all of it.

vLLM, llama.cpp and Ollama take a JSON schema as `response_format`; LM Studio takes that and no `json_object`;
others take `json_object` alone, or nothing. Models that think take no temperature, some templates no system
message. What a server refuses is left out, and remembered by whoever keeps the form.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

FORMATS = ("json_schema", "json_object", "text")
"""From the strictest to none."""

_MAY_BE_LEFT_OUT = ("seed", "top_p", "temperature", "top_logprobs", "logprobs")
_OF_A_FORMAT = re.compile(
    r"response.?format|json.?(schema|object|mode)|grammar|schema|structured|guided", re.IGNORECASE
)
_OF_THE_SYSTEM = re.compile(
    r"system (role|message|prompt)|only user and assistant|roles must alternate|role.{0,20}system",
    re.IGNORECASE,
)
_REFUSALS = (400, 415, 422, 501)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Form:
    """How a request is written down.

    Args:
        format: one of `FORMATS`, for requests that want JSON.
        left_out: fields that the server does not take.
        tokens: what it calls the most tokens that an answer may have.
        has_system: whether it takes a system message; else it stands at the head of the user's.
    """

    format: str = FORMATS[0]
    left_out: frozenset[str] = frozenset()
    tokens: str = "max_tokens"
    has_system: bool = True

    def body(self, wanted: Mapping[str, Any], *, schema: Mapping[str, object] | None = None) -> dict[str, Any]:
        """The body of a request.

        Args:
            wanted: what is asked, as `FORMATS[0]` has it, with `max_tokens`.
            schema: of the JSON that is wanted; `None` for any text.
        """
        body = {name: value for name, value in wanted.items() if name not in self.left_out}
        if "max_tokens" in body:
            body[self.tokens] = body.pop("max_tokens")
        if not self.has_system:
            body["messages"] = _together(body["messages"])
        if schema is not None and self.format == "json_schema":
            named = {"name": "answer", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        elif schema is not None and self.format == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body

    def without(self, status: int, said: str, *, wants_json: bool, sent: Mapping[str, Any]) -> "Form | None":
        """The form to try next, after a server refused this one; `None` where the refusal is about something
        else.

        Args:
            said: by the server.
            sent: the body that it refused.
        """
        about_format = wants_json and self.format != FORMATS[-1] and _OF_A_FORMAT.search(said) is not None
        if status not in _REFUSALS and not (status == 500 and about_format):
            return None
        if about_format:
            return self._looser()
        if "max_tokens" in sent and "max_completion_tokens" in said:
            return dataclasses.replace(self, tokens="max_completion_tokens")
        if self.has_system and _has_system(sent) and _OF_THE_SYSTEM.search(said):
            return dataclasses.replace(self, has_system=False)
        for name in _MAY_BE_LEFT_OUT:
            if name in sent and re.search(rf"\b{name}\b", said):
                names = {name, "top_logprobs"} if name == "logprobs" else {name}
                return dataclasses.replace(self, left_out=self.left_out | names)
        return self._looser() if wants_json and self.format != FORMATS[-1] else None

    def _looser(self) -> "Form":
        return dataclasses.replace(self, format=FORMATS[FORMATS.index(self.format) + 1])


def _has_system(sent: Mapping[str, Any]) -> bool:
    return any(each["role"] == "system" for each in sent["messages"])


def _together(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """System message and user's as one."""
    system = "\n\n".join(each["content"] for each in messages if each["role"] == "system")
    rest = [each for each in messages if each["role"] != "system"]
    if not system or not rest or not isinstance(rest[0]["content"], str):
        return messages
    return [{**rest[0], "content": f"{system}\n\n{rest[0]['content']}"}, *rest[1:]]
