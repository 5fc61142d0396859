"""Constrained decoding: what may come next, from a JSON schema, for any tokenizer (by llguidance).

A constrained row always parses: at every step only those tokens are legal from which the schema can still be
fulfilled.
"""

import copy
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
        error = self._matcher.get_error()
        assert not error, f"the Plan's grammar does not compile: {error}"
        self._only_stop = torch.zeros_like(self._bits())  # as long as any: more than the vocabulary asks for
        self._only_stop[stop // 32] = torch.tensor(1, dtype=torch.int32) << stop % 32  # bit 31 is the sign

    def copies(self, count: int) -> "list[PlanGrammar]":
        """As many of it as there are rows: copying takes a thousandth of the time that compiling does."""
        return [self._copy() for _ in range(count)]

    def _copy(self) -> "PlanGrammar":
        other = copy.copy(self)
        other._matcher = self._matcher.deep_copy()
        return other

    def allowed(self) -> torch.Tensor:
        """int32 (w,), 32 · w ≥ v: a bit for each token, the first the lowest; set for those that may come next.

        Only the end may, once finished.
        """
        if self.finished:
            return self._only_stop
        return self._bits()

    def _bits(self) -> torch.Tensor:
        return torch.frombuffer(bytearray(self._matcher.compute_bitmask()), dtype=torch.int32)

    def accept(self, token: int) -> None:
        taken = self._matcher.consume_token(token)
        assert taken, f"token {token} is not allowed here: {self._matcher.get_error()}"

    @property
    def finished(self) -> bool:
        return bool(self._matcher.is_stopped())
