"""plan without a planner: the prompt is the plan, its statements are what the picture must show."""

from collections.abc import Sequence

from ...language.open_vocabulary.statements import statements_of
from ...stage import ModelKey, Models, RunContext
from ...values import Fact, Plan, Request
from ...values.fact import Span


class PlanPassthroughStage:
    """Request to Plan, with no model: the words of the request, unchanged.

    The facts are what stands between its commas and full stops; all of it is asked for. Words of praise alone,
    and marks of other tools, are no facts. Nothing is left out: it is not known which words the painter
    understands.
    """

    name = "plan"
    takes = Request
    gives = Plan
    uses: tuple[ModelKey[object], ...] = ()

    def workspace(self, batch: Sequence[Request]) -> int:
        return 0

    def run(self, batch: Sequence[Request], models: Models, context: RunContext) -> list[Plan]:
        context.step(1, 1)
        return [Plan(request=each, prompt=each.prompt, facts=facts_of(each.prompt)) for each in batch]


def facts_of(prompt: str) -> tuple[Fact, ...]:
    """What a prompt says, each statement once, in its order; all of it at once where it has none."""
    found: dict[str, Fact] = {}
    for said in statements_of(prompt):
        found.setdefault(said.text.lower(), Fact(kind="other", text=said.text, span=said.span))
    return tuple(found.values()) or (whole(prompt),)


def whole(prompt: str) -> Fact:
    """The prompt itself as one fact."""
    return Fact(kind="other", text=" ".join(prompt.split()), span=Span.of(prompt, 0, len(prompt)))
