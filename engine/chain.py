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
    """Stages from a Request to a Verdict, each taking what the one before gives; or to a Picture, which then
    nobody judges.

    A chain passes a Plan and a Picture on its way. A Draft, stages that change a value without changing its
    kind (Picture to Picture, say), and values that only two neighbours know are up to the recipe.

    Args:
        called: what people call each of the stages: several that paint phase by phase are one to them.

    Raises:
        InputError: two neighbours do not fit, a milestone is missing or passed backwards, or two stages share a
            name; the message names them.
    """

    def __init__(self, stages: Sequence[AnyStage], *, called: Sequence[str] = ()) -> None:
        self.stages = tuple(stages)
        self._called = tuple(called)
        self._check_ends()
        self._check_joints()
        self._passed = self._milestones_passed()
        self._check_order()

    @property
    def judges(self) -> bool:
        """Whether it ends with a Verdict."""
        return issubclass(self.stages[-1].gives, Verdict)

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

    def size_fault(self, height: int, width: int) -> str:
        """Why the chain makes no pictures of so many pixels, found out from configs alone; empty where nothing
        is known against it. What the painter says comes before what the drafter does.
        """
        known = (getattr(stage, "size_fault", None) for stage in reversed(self.stages))
        for fault_of in filter(None, known):
            try:
                if fault := fault_of(height, width):
                    return fault
            except Exception:  # of any kind, as configs are anybody's
                continue  # whoever loads it says what is wrong with the checkpoint
        return ""

    def _check_ends(self) -> None:
        if not self.stages:
            raise InputError("the chain has no stages: name at least one that paints, [stages.paint] say")
        first, last = self.stages[0], self.stages[-1]
        if not issubclass(Request, first.takes):
            before = _MAKERS.get(first.takes, "a stage that gives it")
            raise InputError(f"the chain begins with {self._describe(first)}: put {before} before it")
        if not issubclass(last.gives, Verdict | Picture):
            raise InputError(
                f"the chain ends with {self._describe(last)}: put a stage that paints behind it, such as"
                " [stages.paint]"
            )
        names = [stage.name for stage in self.stages]
        for name in names:
            if names.count(name) > 1:
                tables = [called for called, each in zip(self._called, names, strict=False) if each == name]
                which = " and ".join(dict.fromkeys(tables)) or repr(name)
                raise InputError(f"two stages of the chain do the same, {which}: leave one of them out")

    def _check_joints(self) -> None:
        for before, after in zip(self.stages, self.stages[1:], strict=False):
            if not issubclass(before.gives, after.takes):
                raise InputError(
                    f"{self._describe(before)} cannot be followed by {self._describe(after)}:"
                    f" {_remedy(before.gives, after.takes)}"
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
                raise InputError(f"no stage of the chain gives {_a(kind)}: add {_MAKERS[kind]} to the recipe")
        for i, (earlier, later) in enumerate(zip(self._passed, self._passed[1:], strict=False)):
            if later < earlier:
                before, after = self.stages[i], self.stages[i + 1]
                raise InputError(
                    f"{self._describe(after)} goes back behind {self._describe(before)}: change their order"
                )

    def _describe(self, stage: AnyStage) -> str:
        """As people know it: of one of several phases, what all of them together do."""
        if not self._called:
            return f"stage {stage.name!r} ({stage.takes.__name__} to {stage.gives.__name__})"
        name = self._called[self.stages.index(stage)]
        phases = [each for each, called in zip(self.stages, self._called, strict=True) if called == name]
        return f"{name} ({phases[0].takes.__name__} to {phases[-1].gives.__name__})"


_MAKERS: dict[type, str] = {
    Plan: "[stages.plan]",
    Draft: "[stages.draft]",
    Picture: "[stages.paint], or another stage that paints,",
}
"""What makes such a value in most recipes."""


def _a(kind: type) -> str:
    return f"a {kind.__name__}"


def _remedy(given: type, taken: type) -> str:
    """What to do where a stage that gives the one kind stands before one that takes the other."""
    if given is Draft and taken is Plan:
        return "a Draft is painted by refine, repaint or paint_tokens: name one of them, or leave out the draft"
    if given is Plan and taken is Draft:
        return "put [stages.draft] between them, or paint from the plan ([stages.paint])"
    if given is taken or given is Verdict:
        return "leave one of them out, or change their order"
    return f"put a stage from {given.__name__} to {taken.__name__} between them"
