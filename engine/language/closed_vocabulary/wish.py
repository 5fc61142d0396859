"""What a prompt wishes for, in the terms of a closed vocabulary: things with their colours and sizes, how they
stand, setting and style, each with the words that say so; and the words that are of none of these.

Says nothing of what can be drawn together: that is left to `composition`.
"""

import dataclasses

from ...values.fact import Span

BETWEEN = "between"
"""The relation that takes three things."""


@dataclasses.dataclass(frozen=True)
class Said:
    """A value of the vocabulary, and the words that say it; `None` where the planner adds it."""

    value: str
    span: Span | None


@dataclasses.dataclass(kw_only=True)
class Thing:
    """One thing wished for, or several alike. What is not said is `None`; of `number`, digits, or 'several'."""

    kind: Said
    colour: Said | None = None
    size: Said | None = None
    number: Said | None = None
    place: Said | None = None

    @property
    def spans(self) -> list[Span]:
        """All words that say something of it."""
        parts = (self.kind, self.colour, self.size, self.number, self.place)
        return [part.span for part in parts if part and part.span]

    @property
    def is_bare(self) -> bool:
        """Whether nothing is said of it but its name."""
        return self.colour is None and self.size is None and self.number is None and self.place is None

    def says(self, other: "Thing") -> bool:
        """Whether all that is said of the other is said of this, too."""
        pairs = ((self.colour, other.colour), (self.size, other.size), (self.number, other.number))
        return all(b is None or (a is not None and a.value == b.value) for a, b in pairs)

    def agrees(self, other: "Thing") -> bool:
        """Whether nothing that is said of the other is said otherwise of this."""
        pairs = ((self.colour, other.colour), (self.size, other.size), (self.place, other.place))
        alike = all(a is None or b is None or a.value == b.value for a, b in pairs)
        return alike and (
            other.number is None or self.number is None or self.number.value == other.number.value
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Relation:
    """How the things of these places in `Wish.things` stand to each other: two, or three of 'between'."""

    said: Said
    things: tuple[int, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wish:
    """All that a prompt wishes for.

    Args:
        denied: what is not to be there, as (category, value) of the vocabulary: nobody may add it.
        left_out: words that ask for something which the vocabulary has not, joined where they stand together.
    """

    prompt: str
    things: tuple[Thing, ...]
    relations: tuple[Relation, ...] = ()
    setting: Said | None = None
    style: Said | None = None
    denied: frozenset[tuple[str, str]] = frozenset()
    left_out: tuple[Span, ...] = ()
