"""A row under way: what is seen of it meanwhile, and who is told."""

import time
from typing import TYPE_CHECKING, Any

from ....engine.desk.visitor import Visitor
from ....engine.values import Draft, Picture, Plan, Request
from ..queue.jobs import Job, RowSpec
from ..reading import plan_body
from .events import Event
from .offered_recipes import Pipe

if TYPE_CHECKING:
    from .workshop import Workshop

_APART_S = 0.1
"""Between two times that one who follows is told how far a row is."""


class Guest(Visitor):
    """A row of a job under way."""

    def __init__(
        self, shop: "Workshop", job: Job, number: int, spec: RowSpec, request: Request, pipe: Pipe
    ) -> None:
        super().__init__(request, pipe.pipeline.runner, client=job.client, priority=job.priority)
        self.shop, self.job, self.number, self.spec, self.pipe = shop, job, number, spec, pipe
        self.gone = False
        self.started = time.monotonic()
        self.tokens = 0
        self.progress: dict[str, Any] = {}
        self.plans: dict[int, dict[str, Any]] = {}  # of candidates, as those hear of them who follow
        self.shown: Any = None  # uint8 (h, w, 3), what was last to be seen
        self._told = 0.0

    def cancelled(self) -> bool:
        return self.gone

    @property
    def share(self) -> float:
        """How much of its way is done, 0 to 1, if nothing is made twice."""
        names = [stage.name for stage in self.runner.chain.stages]
        stage = self.progress.get("stage")
        return (names.index(stage) + self.progress["fraction"]) / len(names) if stage in names else 0.0

    def wants_views(self) -> bool:
        return self.shop.bus.wants_views(self.job.id) or self.shop.is_looked_at

    def on_progress(self, stage: str, fraction: float) -> None:
        self.progress = {"stage": stage, "fraction": round(fraction, 3)}
        now = time.monotonic()
        if now - self._told > _APART_S or fraction >= 1:
            self._told = now
            self._tell("progress", self.progress)

    def on_value(self, stage: str, value: Any) -> None:
        if isinstance(value, Plan):
            self.plans[value.request.candidate] = plan_body(value)
            self._tell("plan", self.plans[value.request.candidate])
        elif isinstance(value, Draft):
            self.tokens += value.tokens.numel()
            self._show("draft", value.plan.request.candidate, value.preview)
        elif isinstance(value, Picture) and value.plan is not None and not value.is_preview:
            self._show("picture", value.plan.request.candidate, value.pixels)

    def on_view(self, stage: str, value: Any, what: str, i: int, view: Any) -> None:
        if what == "estimate":
            self._show("estimate", value.plan.request.candidate, view, step=i)
        elif what == "drafting":
            self._tell("drafting", {"candidate": value.request.candidate, "tokens": i}, view)

    def _show(self, what: str, candidate: int, pixels: Any, **more: Any) -> None:
        self.shown = pixels
        if self.shop.bus.wants_views(self.job.id):
            self._tell("preview", {"what": what, "candidate": candidate, **more}, pixels)

    def _tell(self, kind: str, data: dict[str, Any], picture: Any = None) -> None:
        event = Event(kind=kind, job=self.job.id, row=self.number, data=data, picture=picture)
        self.shop.bus.tell(event)
