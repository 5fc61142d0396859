"""A stage from outside the package, written for the version before `RunContext`: it is kept as it was."""

from collections.abc import Sequence
from typing import Any

from diptych.engine.stage import ModelKey, Models, Report
from diptych.engine.values import Picture


class Tint:
    """What the family `tint` loads."""

    red = 7


def load_tint(folder: Any, dtype: Any, device: Any) -> Tint:
    return Tint()


class TintStage:
    """Picture to Picture: one channel is set."""

    name = "tint"
    takes = Picture
    gives = Picture

    def __init__(self, *, model: ModelKey) -> None:
        self.uses = (model,)
        self.fixed: list[bool] = []

    def workspace(self, batch: Sequence[Picture]) -> int:
        return sum(picture.pixels.numel() for picture in batch)

    def run(self, batch: Sequence[Picture], models: Models, report: Report) -> list[Picture]:
        tint: Tint = models[self.uses[0]]
        tinted: list[Picture] = []
        self.fixed.append(report.fixed_shapes)
        for i, picture in enumerate(batch):
            pixels = picture.pixels.clone()
            pixels[..., 0] = tint.red
            tinted.append(Picture(pixels=pixels, plan=picture.plan, draft=picture.draft))
            report.step(i + 1, len(batch))
            report.view("tint", i + 1, lambda: [tint.red] * len(batch))
        report.note(f"{len(batch)} tinted")
        return tinted
