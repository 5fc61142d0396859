"""Constrained decoding of the wording of a Plan: only texts that match a regular expression."""

import json
from typing import TYPE_CHECKING

from .grammar import LarkGrammar

if TYPE_CHECKING:
    from llguidance import LLTokenizer

BEFORE, AFTER = '{"prompt":"', '","facts":['
"""What a planner that learnt to write Plans in JSON writes around the wording."""


class WordingGrammar(LarkGrammar):
    """One row's matcher: the beginning of a Plan in JSON, up to its facts.

    Args:
        tokenizer: llguidance's view of the model's tokenizer.
        stop: the id of the end-of-sequence token.
        wording: a regular expression, as Rust's `regex` crate has them; nothing that it matches
            needs escapes in JSON.
    """

    def __init__(self, tokenizer: "LLTokenizer", stop: int, *, wording: str) -> None:
        super().__init__(tokenizer, stop, lark=wording_lark(wording))


def wording_lark(wording: str) -> str:
    """The grammar of the beginning of a Plan whose wording a regular expression matches."""
    return (
        '%llguidance {"no_forcing": true}\n'  # else forced text is not cut into the model's own tokens
        f"start: {json.dumps(BEFORE)} WORDING {json.dumps(AFTER)}\n"
        f"WORDING: /{wording.replace('/', chr(92) + '/')}/"
    )


def wording_in(text: str) -> str:
    """The wording in what was written under a `WordingGrammar`; empty where it was cut off."""
    before, _, rest = text.partition(BEFORE)
    wording, ended, _ = rest.partition(AFTER)
    return wording if ended and not before.strip() else ""
