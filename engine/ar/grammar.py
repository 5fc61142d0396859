"""Constrained decoding: which tokens a grammar allows next, for any tokenizer (with llguidance).

A constrained row always parses: at every step only those tokens are legal from which the grammar can still be
fulfilled.
"""

import copy
import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Self, get_args

import torch

from ..values.fact import ELISION, UNSPACED, FactKind

if TYPE_CHECKING:
    from llguidance import LLTokenizer

MOST_FACTS = 24

_IN_WORD = rf"[^\W_{UNSPACED}][\u0300-\u036f\u200d]*"
_PIECE = re.compile(
    r"\d+(?:[.,:/]\d+)+"  # 0.5 and 1,000 are one word
    rf"|{ELISION}"
    rf"|(?:{_IN_WORD})+(?:['\u2019](?:{_IN_WORD})+)*"
    r"|\s+"
    r"|.[\u0300-\u036f\u200d\ufe0f]*",  # a mark, a picture sign, a character of a script without blanks
    re.IGNORECASE,
)

_LARK = r"""%llguidance {"no_forcing": true}
start: "{\"prompt\":" TEXT ",\"facts\":[" (fact ("," fact){0,OTHERS})? "]}"
fact: "{\"kind\":\"" KIND "\",\"quote\":" QUOTE ",\"text\":" TEXT "}"
KIND: /KINDS/
QUOTE: "\"" WORDS "\""
WORDS: %regex {"substring_chunks": PIECES}
TEXT: /"([^"\\\x00-\x1f\x7f]|\\["\\\/])+"/
"""  # without no_forcing, forced text is cut into its usual tokens, not the model's


class LarkGrammar:
    """One row's matcher for a grammar.

    Where a tokenizer has no tokens for what alone may come next, the text ends there, unfulfilled.

    Args:
        tokenizer: llguidance's view of the model's tokenizer.
        stop: the id of the end-of-sequence token.
        lark: the grammar, as llguidance writes it.
    """

    def __init__(self, tokenizer: "LLTokenizer", stop: int, *, lark: str) -> None:
        from llguidance import LLMatcher

        self._matcher: LLMatcher = LLMatcher(tokenizer, LLMatcher.grammar_from_lark(lark), log_level=0)
        error = self._matcher.get_error()
        assert not error, f"the grammar does not compile: {error[:2000]}"
        self._only_stop = torch.zeros_like(self._bits())  # as long as any: more than the vocabulary asks for
        self._only_stop[stop // 32] = torch.tensor(1, dtype=torch.int32) << stop % 32  # bit 31 is the sign

    def copies(self, count: int) -> list[Self]:
        """As many of it as there are rows: copying takes a hundredth of the time that compiling does."""
        return [self.copy() for _ in range(count)]

    def copy(self) -> Self:
        """Another one, as far as this one is."""
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


class PlanGrammar(LarkGrammar):
    """What a chat model writes of a prompt, without spaces between its parts:

        {"prompt":"…","facts":[{"kind":"…","quote":"…","text":"…"},…]}

    A quote is words of the prompt, as they stand there, or empty. Texts are not empty, and lie on one line.

    Args:
        prompt: the user's.
    """

    def __init__(self, tokenizer: "LLTokenizer", stop: int, *, prompt: str) -> None:
        super().__init__(tokenizer, stop, lark=plan_lark(prompt))

    @classmethod
    def for_each(cls, prompts: Sequence[str], tokenizer: "LLTokenizer", stop: int) -> Iterator[Self]:
        """One for each prompt; those that are alike are compiled once."""
        compiled: dict[str, Self] = {}
        for prompt in prompts:
            if prompt not in compiled:
                compiled[prompt] = cls(tokenizer, stop, prompt=prompt)
            yield compiled[prompt].copy()


def plan_lark(prompt: str) -> str:
    """The grammar of Plans that quote this prompt: quotes begin and end between its words and marks."""
    pieces = [json.dumps(piece, ensure_ascii=False)[1:-1] for piece in pieces_of(prompt)]
    parts = {
        "OTHERS": str(MOST_FACTS - 1),
        "KINDS": "|".join(get_args(FactKind)),
        "PIECES": json.dumps(pieces),
    }
    return re.sub("|".join(parts), lambda found: parts[found[0]], _LARK)


def pieces_of(prompt: str) -> list[str]:
    """A prompt cut into words, numbers, blanks and marks; put together again they are the prompt."""
    return _PIECE.findall(prompt)
