"""The text that a chat model gets: its own chat template, with or without room to think first.

Knows the library's tokenizers by what they can do. Knows nothing of models, plans or pictures.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...errors import CheckpointError

_THE_DAY = "{%- macro strftime_now(format) -%}26 Jul 2024{%- endmacro -%}"
"""The day that Llama 3 itself takes where there is no clock."""


class Marks(NamedTuple):
    """The two tokens that a thinking model writes around its reasoning."""

    open: str
    close: str


KNOWN_MARKS = (
    Marks("<think>", "</think>"),  # Qwen3, DeepSeek-R1, SmolLM3, GLM-4.5
    Marks("[THINK]", "[/THINK]"),  # Magistral
    Marks("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A
    Marks("<seed:think>", "</seed:think>"),  # Seed-OSS
)


def thinking_marks(tokenizer: Any) -> Marks | None:
    """How this model marks its reasoning; `None` for one that does not think aloud."""
    words = tokenizer.get_vocab()
    return next((marks for marks in KNOWN_MARKS if marks.open in words and marks.close in words), None)


def prompt_ids(tokenizer: Any, system: str, text: str, *, thinking: bool = False) -> list[int]:
    """The ids of a conversation that asks for `text`, up to where the answer begins.

    By the checkpoint's own chat template; one that knows no system message gets it at the head of the user's. A
    checkpoint without a template reads both as plain text.

    Args:
        thinking: end with the mark that opens the reasoning; else, where the model would reason, with reasoning
            that is over already.

    Raises:
        CheckpointError: the template cannot be carried out.
    """
    if tokenizer.chat_template is None:
        return tokenizer.encode(f"{system}\n\n{text}\n\n")
    written = _templated(tokenizer, system, text, thinking)
    marks = thinking_marks(tokenizer)
    if marks is not None:
        is_open = written.rstrip().endswith(marks.open)
        if thinking and not is_open:
            written += f"{marks.open}\n"
        elif is_open and not thinking:
            written = f"{written.rstrip()}\n\n{marks.close}\n\n"
    return tokenizer.encode(written, add_special_tokens=False)


def templated(
    tokenizer: Any, messages: Sequence[Mapping[str, object]], *, template: str = "", **options: object
) -> str:
    """A conversation by a chat template; by the tokenizer's own, if none is given.

    Some templates write the date (Llama 3, SmolLM 3): theirs is the same every day, for a row must not be
    another one tomorrow.
    """
    template = str(tokenizer.get_chat_template(template or None))
    if "strftime_now" in template:
        template = f"{_THE_DAY}{template}"
    return str(tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False, **options))


def _templated(tokenizer: Any, system: str, text: str, thinking: bool) -> str:
    from jinja2 import TemplateError

    together = {"role": "user", "content": f"{system}\n\n{text}"}
    separate = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    reason = ""
    for messages in (separate, [together]):
        try:
            return templated(tokenizer, messages, add_generation_prompt=True, enable_thinking=thinking)
        except TemplateError as error:
            reason = str(error)
    raise CheckpointError(f"{tokenizer.name_or_path}: its chat template cannot be carried out: {reason}")
