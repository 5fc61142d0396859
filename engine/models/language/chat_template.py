"""The text that a chat model gets: its own chat template, with or without room to think first.

Knows the library's tokenizers by what they can do. Knows nothing of models, plans or pictures.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...errors import CheckpointError
from .template_process import TemplateBroken, TemplateRefusal, carry_out

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

    Raises:
        TemplateRefusal: it refuses the conversation.
        CheckpointError: it cannot be carried out, or goes beyond the limits of `template_process`.
    """
    template = str(tokenizer.get_chat_template(template or None))
    if "strftime_now" in template:
        template = f"{_THE_DAY}{template}"
    special = {name: _text(token) for name, token in tokenizer.special_tokens_map.items()}
    try:
        return carry_out(
            template, {**special, "messages": messages, "tools": None, "documents": None, **options}
        )
    except TemplateRefusal as error:
        raise TemplateRefusal(_cannot(tokenizer, error)) from None
    except TemplateBroken as error:
        raise CheckpointError(_cannot(tokenizer, error)) from None


def _text(token: Any) -> Any:
    """A special token, or several, as text."""
    return [str(each) for each in token] if isinstance(token, list | tuple) else str(token)


def _cannot(tokenizer: Any, reason: object) -> str:
    return f"{tokenizer.name_or_path}: its chat template cannot be carried out: {' '.join(str(reason).split())}"


def _templated(tokenizer: Any, system: str, text: str, thinking: bool) -> str:
    together = {"role": "user", "content": f"{system}\n\n{text}"}
    separate = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    try:
        return templated(tokenizer, separate, add_generation_prompt=True, enable_thinking=thinking)
    except TemplateRefusal:
        return templated(tokenizer, [together], add_generation_prompt=True, enable_thinking=thinking)
