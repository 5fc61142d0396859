"""Constrained decoding: what may come next, from a JSON schema, for any tokenizer (by llguidance).

A constrained row always parses: at every step only those tokens are legal from which the schema can still be
fulfilled.
"""

import json
from typing import TYPE_CHECKING, Any, get_args

import torch

from ..values import FactKind

if TYPE_CHECKING:
    from llguidance import LLTokenizer

PLAN_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "prompt": {"type": "string", "minLength": 1},
        "facts": {
            "type": "array",
            "maxItems": 24,
            "items": {
                "type": "object",
                "properties": {
                    "kind": {"enum": list(get_args(FactKind))},
                    "text": {"type": "string", "minLength": 1},
                },
                "required": ["kind", "text"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["prompt", "facts"],
    "additionalProperties": False,
}
"""What a planner writes: the expanded prompt, then the facts that the picture must show."""


_COMPACT = {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"}
_LARK = (
    '%llguidance {"no_forcing": true}\n'  # forced text is else cut into its usual tokens, not the model's
    f"start: %json {json.dumps(PLAN_SCHEMA | {'x-guidance': _COMPACT})}"
)


class PlanGrammar:
    """One row's matcher for `PLAN_SCHEMA`, written without spaces between its parts.

    Args:
        tokenizer: llguidance's view of the model's tokenizer.
        stop: the id of the end-of-sequence token.
    """

    def __init__(self, tokenizer: "LLTokenizer", stop: int) -> None:
        from llguidance import LLMatcher

        self._matcher: LLMatcher = LLMatcher(tokenizer, LLMatcher.grammar_from_lark(_LARK))
        self._only_stop = torch.zeros(tokenizer.vocab_size, dtype=torch.bool)
        self._only_stop[stop] = True
        error = self._matcher.get_error()
        assert not error, f"the Plan's grammar does not compile: {error}"

    def allowed(self) -> torch.Tensor:
        """bool (v,): the tokens that may come next; only the end once finished."""
        if self.finished:
            return self._only_stop
        bias = torch.frombuffer(bytearray(self._matcher.compute_logit_bias()), dtype=torch.uint8)
        return bias > 0

    def accept(self, token: int) -> None:
        taken = self._matcher.consume_token(token)
        assert taken, f"token {token} is not allowed here: {self._matcher.get_error()}"

    @property
    def finished(self) -> bool:
        return bool(self._matcher.is_stopped())
