"""Constrained decoding of a whole Plan as JSON, for planners that were trained on captions."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, get_args

from ..values import FactKind
from .grammar import MOST_FACTS, LarkGrammar

if TYPE_CHECKING:
    from llguidance import LLTokenizer


def plan_schema(fact: Mapping[str, object]) -> dict[str, object]:
    """The JSON Schema of a Plan.

    Args:
        fact: the schema of each property of a fact, in the order in which they are written; all are required.
    """
    return {
        "type": "object",
        "properties": {
            "prompt": {"type": "string", "minLength": 1},
            "facts": {
                "type": "array",
                "maxItems": MOST_FACTS,
                "items": {
                    "type": "object",
                    "properties": dict(fact),
                    "required": list(fact),
                    "additionalProperties": False,
                },
            },
        },
        "required": ["prompt", "facts"],
        "additionalProperties": False,
    }


PLAN_SCHEMA = plan_schema(
    {"kind": {"enum": list(get_args(FactKind))}, "text": {"type": "string", "minLength": 1}}
)
"""The expanded prompt, then the facts that the picture must show."""

COMPACT = {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"}
PLAN_LARK = (
    '%llguidance {"no_forcing": true}\n'  # forced text is else cut into its usual tokens, not the model's
    f"start: %json {json.dumps(PLAN_SCHEMA | {'x-guidance': COMPACT})}"
)


class SchemaGrammar(LarkGrammar):
    """One row's matcher for `PLAN_SCHEMA`, written without spaces between its parts.

    Args:
        tokenizer: llguidance's view of the model's tokenizer.
        stop: the id of the end-of-sequence token.
    """

    def __init__(self, tokenizer: "LLTokenizer", stop: int) -> None:
        super().__init__(tokenizer, stop, lark=PLAN_LARK)
