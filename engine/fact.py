"""What a picture must show, thing by thing: the smallest value of all. Imports nothing."""

import dataclasses
from typing import Literal

FactKind = Literal["thing", "colour", "size", "place", "setting", "count", "style", "relation", "other"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fact:
    """One thing that the picture must show, e.g. `Fact(kind="colour", text="a red boat")`."""

    kind: FactKind
    text: str
