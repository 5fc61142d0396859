"""Relations while a wish is being read: each takes the things that are named after it, in their order."""

import dataclasses

from ...values.fact import Span
from .wish import BETWEEN, Relation, Said

MOST_OPEN = 8  # relations that wait for a thing


@dataclasses.dataclass
class _Open:
    """A relation under way, with the things that came so far, in their order."""

    said: Said
    things: list[int]
    before: int | None = None  # what was spoken of before, in another part of the sentence
    turned: bool = False  # the thing that it is said of comes last: 'the tree's left side has a horse'

    def __post_init__(self) -> None:
        self.inverted = self.turned or not self.things

    def in_order(self) -> tuple[int, ...]:
        """The things, the subject first: 'under a tree a snail' is said of the snail."""
        if self.inverted and self.takes == 2:
            return tuple(reversed(self.things))
        return (*self.things[2:], *self.things[:2]) if self.inverted else tuple(self.things)

    @property
    def takes(self) -> int:
        return 3 if self.said.value == BETWEEN else 2


class OpenRelations:
    """Those of one prompt.

    Attributes:
        relations: those of which all things came.
        left_out: the words of the others.
    """

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self.relations: list[Relation] = []
        self.left_out: list[Span] = []

    def begin(self, said: Said, first: int | None, *, before: int | None, turned: bool = False) -> None:
        """A relation is named.

        Args:
            first: the thing that it is said of; `None` where that is still to come.
            before: what was spoken of in another part of the sentence.
            turned: it is said of the thing to come, to the first: of languages that say it behind a thing.
        """
        if len(self._open) < MOST_OPEN:
            things = [] if first is None else [first]
            self._open.append(_Open(said, things, before=before, turned=turned))
        elif said.span:
            self.left_out.append(said.span)

    def begin_between(self, said: Said, others: tuple[int, int]) -> None:
        """'between them': of two things that were named; the third is still to come."""
        relation = _Open(said, [])
        relation.things += others
        self._open.append(relation)

    def take(self, thing: int) -> None:
        """A thing is named: relations that wait for one have it."""
        for relation in list(self._open):
            relation.things.append(thing)
            if len(relation.things) == relation.takes:
                self._open.remove(relation)
                self._relate(relation)

    def part(self) -> None:
        """A part of the sentence ends."""
        if any(each.inverted and each.things and each.before is not None for each in self._open):
            self.close()

    def close(self) -> None:
        """No more things come: what still waits was said of the thing before, or of what is unknown."""
        waiting, self._open = self._open, []
        for relation in waiting:
            if relation.inverted and len(relation.things) == 1 and relation.before is not None:
                relation = _Open(relation.said, [relation.before, *relation.things])
            self._relate(relation)

    def _relate(self, relation: _Open) -> None:
        things = relation.in_order()
        if len(set(things)) == relation.takes:
            self.relations.append(Relation(said=relation.said, things=things))
        elif relation.said.span:
            self.left_out.append(relation.said.span)
