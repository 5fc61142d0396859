"""The result of calling a pipeline: outcomes with their pictures, and failures."""

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..engine.errors import DiptychError
from ..engine.values import Failure, Outcome
from ..engine.values.fact import said

if TYPE_CHECKING:
    import PIL.Image


@dataclasses.dataclass(frozen=True)
class RenderResult:
    """What came of a call: an outcome for each prompt that was carried out, a failure for each that was not.

    Both are in the order of the prompts; `request.row` says which prompt, from 1.
    """

    outcomes: tuple[Outcome, ...]
    failures: tuple[Failure, ...] = ()

    @functools.cached_property
    def images(self) -> "list[PIL.Image.Image]":
        """The picture of each outcome."""
        return [outcome.image for outcome in self.outcomes]

    def captioned(self, captions: Sequence[str]) -> "tuple[list[PIL.Image.Image | None], list[str]]":
        """For rows 1, 2, ... the picture, `None` where it failed, and its caption with what was not drawn."""
        by_row = {outcome.request.row: outcome for outcome in self.outcomes}
        images: list[PIL.Image.Image | None] = []
        texts: list[str] = []
        for row, caption in enumerate(captions, start=1):
            outcome = by_row.get(row)
            images.append(outcome and outcome.image)
            texts.append(
                f"{caption} (not drawn: {said(outcome.left_out)})" if outcome and outcome.left_out else caption
            )
        return images, texts


def gathered(results: Iterable[Outcome | Failure]) -> RenderResult:
    """What came of a call, in the order of its rows.

    Raises:
        DiptychError: there is no picture at all; the message is the first failure's.
    """
    rows = sorted(results, key=lambda result: result.request.row)
    outcomes = tuple(result for result in rows if isinstance(result, Outcome))
    failures = tuple(result for result in rows if isinstance(result, Failure))
    if failures and not outcomes:
        raise DiptychError(f"{failures[0].stage}: {failures[0].reason}")
    return RenderResult(outcomes, failures)
