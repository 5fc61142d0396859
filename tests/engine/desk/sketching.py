"""A stage whose rows come and go while others are under way."""

import dataclasses
import threading
from collections.abc import Callable, Sequence
from typing import Any

from diptych.engine.chain import Chain
from diptych.engine.desk import open_batch
from diptych.engine.runner import Runner
from diptych.engine.stage import Models, RunContext
from diptych.engine.values import Plan

from ...fakes import FakeStage
from ..world import World, world

LONG = 5 * open_batch.STEPS
"""Steps of a draft."""


class Sketching(FakeStage):
    """A stage in which a row takes `LONG` steps, and which others join on the way.

    Args:
        takes_in: which plans may join.
        opens: whether its models are such that rows can.
        upset: is told of the plans before each step, and may raise or name one to fail.
    """

    takes_in: Callable[[Plan], bool]
    opens = True
    upset: Callable[[Sequence[Plan]], Any]
    most = 0  # rows that were there at a time
    joined: list[int]  # how many were there when one more came

    def may_join(self, plan: Plan) -> bool:
        return self.takes_in(plan)

    def continuous(self, models: Models) -> "Sketches | None":
        assert tuple(models) == self.uses
        return Sketches(self) if self.opens else None


@dataclasses.dataclass
class Sketches:
    stage: Sketching
    rows: list[tuple[Plan, RunContext, list[int]]] = dataclasses.field(default_factory=list)

    def join(self, values: Sequence[Plan], contexts: Sequence[RunContext], models: Models) -> None:
        self.stage.joined.append(len(self.rows))
        self.rows += [(plan, context, [0]) for plan, context in zip(values, contexts, strict=True)]
        self.stage.most = max(self.stage.most, len(self.rows))

    def leave(self, values: Sequence[Plan]) -> None:
        for value in values:
            (gone,) = [each for each in self.rows if each[0] is value]
            self.rows.remove(gone)

    def step(self, models: Models) -> list[tuple[Plan, Any]]:
        assert self.rows, "a step for nobody"
        at_fault = self.stage.upset([plan for plan, _, _ in self.rows])
        for plan, context, steps in self.rows:
            steps[0] += 1
            context.view("drafting", steps[0], lambda: ["as far as it is"])
            context.step(steps[0], LONG)
            if plan is at_fault:
                context.fail(0, "the pencil broke")
        done = [each for each in self.rows if each[2][0] == LONG]
        self.rows = [each for each in self.rows if each not in done]
        return [(plan, self.stage.make(plan)) for plan, _, _ in done]


def sketching_world(**how: Any) -> tuple[World, Sketching]:
    it = world()
    stage = Sketching("draft", it.draft.takes, it.draft.gives, it.draft.make)
    stage.takes_in, stage.upset, stage.joined = lambda plan: True, lambda plans: None, []
    vars(it.plan)["token_by_token"] = True  # all are planned together
    it.draft = stage
    it.runner = Runner(Chain([it.plan, stage, it.refine, it.judge]), it.memory, clock=lambda: 0.0, **how)
    return it, stage


class Gate:
    """Lets a thread through once it is opened; a test that waits for ever fails."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def open(self, *_: Any) -> None:
        self.opened.set()

    def wait(self, *_: Any) -> None:
        assert self.opened.wait(30), "nobody opened it"
