"""Plans that were made lately, for requests that are made again."""

import dataclasses
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, TypeGuard

from ..stage import AnyStage
from ..values import Plan, Request

KEPT = 512


class KnownPlans:
    """The latest `KEPT` plans, by what their requests say."""

    def __init__(self) -> None:
        self._plans = OrderedDict[Hashable, tuple[AnyStage, Plan]]()  # a stage that is kept keeps its id

    def __len__(self) -> int:
        return len(self._plans)

    def of(self, stage: AnyStage, value: Any) -> Plan | None:
        """What a stage made of the same, as the plan of this request; `None` if that is not known."""
        if not _can_be_known(value) or not issubclass(stage.gives, Plan):
            return None
        known = self._plans.get(_content(stage, value))
        return None if known is None else dataclasses.replace(known[1], request=value)

    def keep(self, stage: AnyStage, value: Any, made: Any) -> None:
        """A stage has made this of that; what is no plan of a request is passed over."""
        if _can_be_known(value) and isinstance(made, Plan) and made.request == value:
            self._plans[_content(stage, value)] = stage, made
            while len(self._plans) > KEPT:
                self._plans.popitem(last=False)


def _can_be_known(value: Any) -> TypeGuard[Request]:
    """Whether a plan may be remembered. One that starts from a picture would keep that in memory, too."""
    return isinstance(value, Request) and value.start is None


def _content(stage: AnyStage, request: Request) -> Hashable:
    """What a plan is remembered by: all that the request says but its place."""
    return id(stage), dataclasses.replace(request, row=0)
