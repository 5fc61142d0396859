"""Stages joined by type: the order of the work, checked when built. Runs nothing."""

from collections.abc import Sequence

from .errors import InputError
from .stage import AnyStage, ModelKey
from .values import Draft, Picture, Plan, Request, Verdict

MILESTONES: tuple[type, ...] = (Request, Plan, Draft, Picture, Verdict)
"""The values that the runner and its loop know, in the order in which a chain passes them."""

PREVIEW = "preview"
"""What judging the drafts' previews is called in progress, events and timings."""

LOOK = "look"
"""What captioning the init images of requests is called in progress, events and timings."""


class Chain:
    """Stages from a Request to a Verdict, each taking what the one before gives.

    A chain passes a Plan and a Picture on its way. A Draft, stages that change a value without changing its
    kind (Picture to Picture, say), and values that only two neighbours know are up to the recipe.

    Raises:
        InputError: two neighbours do not fit, a milestone is missing or passed backwards, or two stages share a
            name; the message names them.
    """

    def __init__(self, stages: Sequence[AnyStage]) -> None:
        self.stages = tuple(stages)
        self._check_ends()
        self._check_joints()
        self._passed = self._milestones_passed()
        self._check_order()

    def until(self, end: type) -> tuple[AnyStage, ...]:
        """The stages that lead from a Request to a finished `end`, which is one of `MILESTONES`."""
        return self.between(Request, end)

    def between(self, start: type, end: type) -> tuple[AnyStage, ...]:
        """The stages that lead from a finished `start` to a finished `end`, both of them `MILESTONES`.

        Stages from one kind to the same belong to what makes that kind: an upscaler is part of
        `between(Draft, Picture)`. Where the chain passes no `end`, as without a drafter `between(Plan, Draft)`,
        there are none.
        """
        first, last = MILESTONES.index(start), MILESTONES.index(end)
        if start is Request:
            first -= 1  # a caller's Request is not finished: stages from Request to Request come first
        pairs = zip(self.stages, self._passed, strict=True)
        return tuple(stage for stage, passed in pairs if first < passed <= last)

    def uses_in_order(self) -> tuple[tuple[ModelKey[object], ...], ...]:
        """The models of each stage, in the order of the stages."""
        return tuple(tuple(stage.uses) for stage in self.stages)

    def round(self, *, previews: bool = False) -> tuple[tuple[str, AnyStage], ...]:
        """What one round is made of, in order: the names of the steps, and the stages that carry them out.

        Args:
            previews: whether drafts are judged by their previews before they are painted.
        """
        looks = self.between(Picture, Verdict) if previews else ()
        return (
            *((stage.name, stage) for stage in self.until(Draft)),
            *((PREVIEW, stage) for stage in looks),
            *((stage.name, stage) for stage in self.between(Draft, Verdict)),
        )

    def _check_ends(self) -> None:
        if not self.stages:
            raise InputError("the chain has no stages: name at least plan, refine and judge in the recipe")
        first, last = self.stages[0], self.stages[-1]
        if not issubclass(Request, first.takes):
            raise InputError(f"the chain begins with {_describe(first)}: its first stage must take a Request")
        if not issubclass(last.gives, Verdict):
            raise InputError(f"the chain ends with {_describe(last)}: its last stage must give a Verdict")
        names = [stage.name for stage in self.stages]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"two stages of the chain are called {name!r}: give each its own name")

    def _check_joints(self) -> None:
        for before, after in zip(self.stages, self.stages[1:], strict=False):
            if not issubclass(before.gives, after.takes):
                raise InputError(
                    f"{_describe(before)} cannot be followed by {_describe(after)}: put a stage from"
                    f" {before.gives.__name__} to {after.takes.__name__} between them"
                )

    def _milestones_passed(self) -> tuple[int, ...]:
        """For each stage, the milestone that it works towards: the next that is given, by it or after it."""
        towards = len(MILESTONES) - 1
        passed: list[int] = []
        for stage in reversed(self.stages):
            towards = next((i for i, kind in enumerate(MILESTONES) if issubclass(stage.gives, kind)), towards)
            passed.insert(0, towards)
        return tuple(passed)

    def _check_order(self) -> None:
        for kind in (Plan, Picture):
            if MILESTONES.index(kind) not in self._passed:
                raise InputError(f"no stage of the chain gives a {kind.__name__}: add one to the recipe")
        for i, (earlier, later) in enumerate(zip(self._passed, self._passed[1:], strict=False)):
            if later < earlier:
                before, after = self.stages[i], self.stages[i + 1]
                raise InputError(f"{_describe(after)} goes back behind {_describe(before)}: change their order")


def _describe(stage: AnyStage) -> str:
    return f"stage {stage.name!r} ({stage.takes.__name__} to {stage.gives.__name__})"
