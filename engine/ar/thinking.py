"""Reasoning before the answer: a grammar that lets a model think for a while, and then applies another grammar.

What is thought is of no account afterwards: `answer_of` drops it. Knows token ids only.
"""

from collections.abc import Sequence

import torch

from .decoding import Grammar


class ThinkFirst:
    """A `decoding.Grammar`: anything but the barred ids until `close`, at most so many tokens; then `then`.

    Args:
        then: what may be said after the thinking.
        close: the id that ends the thinking.
        most: tokens of thinking; after them it is ended, whatever was being said.
        gap: ids between the thinking and the answer, and before an end that had to be made.
        barred: ids that thinking must not contain: the end of the text, other special tokens.
        vocabulary: how many ids the tokenizer has; those beyond are padding.
    """

    def __init__(
        self,
        then: Grammar,
        *,
        close: int,
        most: int,
        gap: Sequence[int],
        barred: Sequence[int],
        vocabulary: int,
    ) -> None:
        assert most >= 1, f"{most} tokens are no thinking"
        self._then, self._close, self._left = then, close, most
        self._gap = list(gap)
        self._forced: list[int] | None = None  # what must be said next; `None` while it thinks
        self._width = then.allowed().shape[0]
        free = torch.zeros(32 * self._width, dtype=torch.bool)
        free[:vocabulary] = True
        free[[token for token in barred if token < len(free)]] = False
        free[close] = True
        self._free = _packed(free)

    def allowed(self) -> torch.Tensor:
        """int32 (⌈v / 32⌉,): one bit for each token that may come next."""
        if self._forced is None:
            return self._free
        if not self._forced:
            return self._then.allowed()
        only = torch.zeros(32 * self._width, dtype=torch.bool)
        only[self._forced[0]] = True
        return _packed(only)

    def accept(self, token: int) -> None:
        if self._forced is None:
            self._left -= 1
            if token == self._close:
                self._forced = [*self._gap]
            elif self._left == 0:
                self._forced = [*self._gap, self._close, *self._gap]
        elif self._forced:
            expected = self._forced.pop(0)
            assert token == expected, f"token {token} where {expected} must stand"
        else:
            self._then.accept(token)

    @property
    def finished(self) -> bool:
        return self._forced == [] and self._then.finished


def answer_of(ids: list[int], close: int) -> list[int]:
    """What follows the thinking; nothing where it never ended."""
    return ids[ids.index(close) + 1 :] if close in ids else []


def _packed(bits: torch.Tensor) -> torch.Tensor:
    """bool (32 · w,) as int32 (w,), the first bit the lowest."""
    words = bits.view(-1, 32).long() << torch.arange(32)
    total = words.sum(1)
    return torch.where(total >= 2**31, total - 2**32, total).to(torch.int32)
