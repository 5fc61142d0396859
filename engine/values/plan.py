"""What the planner made of a request."""

import dataclasses
from collections.abc import Mapping

from .contents import short
from .fact import Fact, Span, said
from .request import Request


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Plan:
    """What the planner made of a request: the wording for the models, and the facts to be checked.

    Args:
        facts: asked or added; what the prompt of the plan says agrees with them.
        left_out: words of the request's prompt that ask for something which no fact carries; words of an
            instruction or of an earlier prompt have no place in it.
        read_as: misspelt words of the prompt, as they stand there, and what they were taken for.
        by: who wrote it, where that was a server; empty for a model of this machine, which the recipe names.
    """

    request: Request
    prompt: str
    facts: tuple[Fact, ...]
    left_out: tuple[Span, ...] = ()
    read_as: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    by: str = dataclasses.field(default="", compare=False)

    def __post_init__(self) -> None:
        prompt = self.request.prompt
        placed = [fact.span for fact in self.facts if fact.span is not None]
        for span in (*placed, *(each for each in self.left_out if each.has_place)):
            assert span.stands_in(prompt), f"{span!r} does not stand in {prompt!r}"

    def __repr__(self) -> str:
        out = f", left out: {short(said(self.left_out))}" if self.left_out else ""
        return f"Plan({short(self.prompt)}, {len(self.asked)} of {len(self.facts)} facts asked{out})"

    @property
    def asked(self) -> tuple[Fact, ...]:
        """The facts that the user asked for."""
        return tuple(fact for fact in self.facts if fact.asked)
