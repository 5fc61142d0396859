"""Reasoning before the answer, over an alphabet of forty ids."""

import pytest
import torch

from diptych.engine.ar.decoding import unpacked
from diptych.engine.ar.thinking import ThinkFirst, answer_of

CLOSE, GAP, END = 33, 5, 31


class Answer:
    """A grammar that wants 7, then the end."""

    def __init__(self) -> None:
        self.taken: list[int] = []

    def allowed(self) -> torch.Tensor:
        bits = torch.zeros(64, dtype=torch.bool)
        bits[END if self.taken else 7] = True
        return (bits.view(-1, 32).long() << torch.arange(32)).sum(1).to(torch.int32)

    def accept(self, token: int) -> None:
        self.taken.append(token)

    @property
    def finished(self) -> bool:
        return self.taken == [7, END]


def thinking(most: int) -> ThinkFirst:
    return ThinkFirst(Answer(), close=CLOSE, most=most, gap=[GAP], barred=[END, 2], vocabulary=40)


def ids_of(grammar: ThinkFirst) -> list[int]:
    return unpacked(grammar.allowed()).nonzero()[:, 0].tolist()


def test_anything_may_be_thought_but_the_end_and_what_is_barred() -> None:
    assert ids_of(thinking(3)) == [i for i in range(40) if i not in (END, 2)]


def test_after_thinking_comes_the_answer() -> None:
    grammar = thinking(9)
    for token in (1, 38, CLOSE):
        assert token in ids_of(grammar)
        grammar.accept(token)
    for token in (GAP, 7, END):
        assert not grammar.finished and ids_of(grammar) == [token]
        grammar.accept(token)
    assert grammar.finished


@pytest.mark.parametrize("most", [1, 4])
def test_thinking_ends_at_its_cap_whatever_is_being_said(most: int) -> None:
    grammar = thinking(most)
    for _ in range(most):
        assert len(ids_of(grammar)) > 1
        grammar.accept(3)
    said = [3] * most
    while not grammar.finished:
        (token,) = ids_of(grammar)
        grammar.accept(token)
        said.append(token)
    assert answer_of(said, CLOSE) == [GAP, 7, END]


def test_what_was_never_ended_has_no_answer() -> None:
    assert answer_of([1, 2, 3], CLOSE) == []
