"""The log of everything that memory and those who work in it decided or did."""

import dataclasses
from typing import Literal

from ..stage import ModelKey

EventKind = Literal["load", "prefetch", "stream", "evict", "lease", "run", "shrink", "choose"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """One decision or deed, for `--stats` and benchmarks.

        load      a model's weights came to the device        key, bytes, ms
        prefetch  they were sent for, beside the work at hand  key, bytes, ms until the work went on
        stream    blocks came and went while the stage worked    key, bytes brought, ms that the work waited
    evict     they were dropped                            key, bytes freed, ms
        lease     models and workspace were set aside          bytes of workspace, ms until all were there
        run       a micro-batch was carried out                rows, ms, bytes at its peak where measured
        shrink    memory ran out; fewer rows from here on      rows
        choose    a wave's or a micro-batch's size             rows, bytes of workspace, and why in `note`

    Args:
        stage: for which it was done; empty where it was for the whole chain.
        resident_bytes: weights on the device afterwards.
        workspace_bytes: set aside for work afterwards; together with the weights never above the budget.
    """

    kind: EventKind
    key: ModelKey | None = None
    stage: str = ""
    rows: int = 0
    bytes: int = 0
    ms: float = 0.0
    resident_bytes: int = 0
    workspace_bytes: int = 0
    note: str = ""
