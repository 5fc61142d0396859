"""What a picture must show, thing by thing, and which of the user's words say so: the smallest values of all.

Imports nothing.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Literal

UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Characters of scripts that put no blanks between words, as a range in brackets of a regular expression."""
ELISION = r"(?:qu|jusqu|lorsqu|puisqu|quoiqu|[cdjlmnst])['\u2019](?=[^\W_])"
"""French articles and pronouns that are words of their own, as in l'homme, as a regular expression."""

FactKind = Literal["thing", "colour", "size", "place", "setting", "count", "style", "relation", "other"]


@dataclasses.dataclass(frozen=True, kw_only=True, order=True)
class Span:
    """Some words of a prompt: `prompt[start:end] == text`; or words of another text (an instruction, an earlier
    prompt), which have no place in it: `start` and `end` are then 0."""

    start: int
    end: int
    text: str

    @classmethod
    def of(cls, prompt: str, start: int, end: int) -> "Span":
        """The words of `prompt` from `start` to `end`."""
        return cls(start=start, end=end, text=prompt[start:end])

    @classmethod
    def elsewhere(cls, text: str) -> "Span":
        """Words of another text than the prompt."""
        return cls(start=0, end=0, text=text)

    @property
    def has_place(self) -> bool:
        return self.end > self.start

    def stands_in(self, prompt: str) -> bool:
        """Whether `prompt` has these words at their place."""
        return self.has_place and prompt[self.start : self.end] == self.text

    def seen_from(self, prompt: str) -> "Span":
        """The same words, without a place where `prompt` does not have them there."""
        return self if self.stands_in(prompt) else Span.elsewhere(self.text)

    def __str__(self) -> str:
        return self.text


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fact:
    """One thing that the picture must show, e.g. `Fact(kind="colour", text="a red boat")`.

    Args:
        asked: the user asked for it. Otherwise the planner added it to fill the scene, and no picture is
            rejected because it is missing.
        span: the words of the user's prompt that it stands for, where they are known; added facts have none.
    """

    kind: FactKind
    text: str
    asked: bool = True
    span: Span | None = None

    def __post_init__(self) -> None:
        assert self.asked or self.span is None, f"{self.text!r} was added, and yet stands for {self.span}"

    @property
    def claim(self) -> tuple[FactKind, str]:
        """What it says, whether asked or added."""
        return self.kind, self.text


def once(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Each claim once, however it is capitalised, where it is made first: the asked one of those that make it,
    and of these one that knows its words."""
    found: dict[tuple[FactKind, str], Fact] = {}
    for fact in facts:
        key = (fact.kind, fact.text.lower())
        known = found.setdefault(key, fact)
        if (fact.asked, fact.span is not None) > (known.asked, known.span is not None):
            found[key] = fact
    return tuple(found.values())


def said(spans: Sequence[Span]) -> str:
    """Words of a prompt as messages show them: `wearing, hat`."""
    return ", ".join(" ".join(span.text.split()) for span in spans)


def scored(score: float, left_out: Sequence[object], *, percent: bool = False) -> str:
    """A score as messages show it. It is about what was asked for and understood: beside words that were left
    out it is that of the rest, and says so."""
    number = f"{100 * score:.0f} %" if percent else f"{score:.2f}"
    return f"{number} of the rest" if left_out else number
