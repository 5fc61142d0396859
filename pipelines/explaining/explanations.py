"""Watches while pictures are made, and keeps what it saw until it is asked for.

    explanations = Explanations()
    outcome = pipe("a red boat at sunset", seed=7, watch=explanations).outcomes[0]
    explanations.picture(outcome).save("why.png")

This file keeps views and hands them out; `page` lays them out.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...engine.errors import InputError
from ...engine.values import Draft, Outcome, Plan, Request
from ...engine.watch import Quiet, Watcher
from .glimpses import Glimpses

if TYPE_CHECKING:
    import PIL.Image

MAX_KEPT = 4096  # candidates; a batch hands its explanations on row by row, and keeps none
_SIDE = 192  # pixels of what is kept of an estimate

_Key = tuple[int, int, int]  # row, seed, candidate


class Explanations:
    """A watcher that keeps what it sees. It costs time and memory: use it only where something is to be
    explained.

    Args:
        watch: another watcher, which gets every call as well.
    """

    def __init__(self, watch: Watcher | None = None) -> None:
        self._watch = watch or Quiet()
        self._seen: dict[_Key, Glimpses] = {}

    def on_progress(self, stage: str, done: int, total: int, fraction_of_current: float, /) -> None:
        self._watch.on_progress(stage, done, total, fraction_of_current)

    def cancelled(self) -> bool:
        return self._watch.cancelled()

    def on_view(self, stage: str, values: Sequence[Any], what: str, i: int, views: Sequence[Any], /) -> None:
        for value, view in zip(values, views, strict=True):
            if (request := _request(value)) is not None:
                self._keep(_key(request), what, i, view)

    def glimpses(self, request: Request, candidate: int | None = None) -> Glimpses:
        """What was seen of a request's candidate; empty if nothing was recorded."""
        chosen = request.candidate if candidate is None else candidate
        return self._seen.get((request.row, request.seed, chosen), Glimpses())

    def picture(self, outcome: Outcome) -> "PIL.Image.Image":
        """How the outcome's best candidate came about, on one sheet.

        Raises:
            InputError: this watcher did not look on when it was made.
        """
        from .page import explanation

        glimpses = self.glimpses(outcome.request, outcome.best.index)
        if not glimpses.confidence and not glimpses.estimates:
            prompt = outcome.request.prompt[:60]
            raise InputError(f"{prompt!r}: nothing was seen of it: give this to the call as watch=")
        return explanation(outcome, glimpses)

    def files(self, outcome: Outcome) -> dict[str, bytes]:
        """The sheet as a PNG file for a batch's folder, `NAME.explain.png` beside `NAME.png`; what was seen of
        the outcome's candidates is then forgotten."""
        from ..files import picture_name, png_bytes
        from .page import explanation

        request = outcome.request
        name = picture_name(request.row, request.prompt).removesuffix(".png")
        data = png_bytes(explanation(outcome, self.glimpses(request, outcome.best.index)))
        for candidate in outcome.trail:
            self._seen.pop((request.row, request.seed, candidate.index), None)
        return {f"{name}.explain.png": data}

    def _keep(self, key: _Key, what: str, i: int, view: Any) -> None:
        if key not in self._seen:
            while len(self._seen) >= MAX_KEPT:  # the oldest go
                del self._seen[next(iter(self._seen))]
            self._seen[key] = Glimpses()
        seen = self._seen[key]
        if what == "confidence":
            seen.confidence[i - 1 :] = [float(view)]  # with what an attempt that failed had shown after it
        elif what == "estimate":
            seen.estimates[i - 1 :] = [_small(view)]


def _request(value: Any) -> Request | None:
    match value:
        case Plan():
            return value.request
        case Draft():
            return value.plan.request
        case _:
            return None


def _key(request: Request) -> _Key:
    return request.row, request.seed, request.candidate


def _small(pixels: Any) -> "PIL.Image.Image":
    """uint8 (h, w, 3) as a picture that takes little memory."""
    import PIL.Image

    image = PIL.Image.fromarray(pixels.numpy())
    image.thumbnail((_SIDE, _SIDE), PIL.Image.Resampling.LANCZOS)
    return image
