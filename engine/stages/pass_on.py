"""plan without a planner: the prompt is the plan, its phrases are what the picture must show."""

import re
from collections.abc import Sequence

from ..stage import ModelKey, Models, Report
from ..values import Fact, Plan, Request

_BETWEEN = re.compile(r"[,;.!?\n]+|\s+-\s+")
FACTS = 24
LONGEST = 120  # characters of a phrase that can be asked about


class PassOnStage:
    """Request to Plan, with no model: the words of the request, unchanged.

    The facts are the phrases between its commas and full stops; of a prompt that is one phrase, that phrase.
    """

    name = "plan"
    takes = Request
    gives = Plan
    uses: tuple[ModelKey, ...] = ()

    def workspace(self, batch: Sequence[Request]) -> int:
        return 0

    def run(self, batch: Sequence[Request], models: Models, report: Report) -> list[Plan]:
        report.step(1, 1)
        return [Plan(request=each, prompt=each.prompt, facts=facts_of(each.prompt)) for each in batch]


def facts_of(prompt: str) -> tuple[Fact, ...]:
    """The phrases of a prompt, each once, in its order."""
    phrases = (phrase.strip() for phrase in _BETWEEN.split(prompt))
    kept = dict.fromkeys(phrase for phrase in phrases if phrase and len(phrase) <= LONGEST)
    return tuple(Fact(kind="other", text=phrase) for phrase in kept)[:FACTS]
