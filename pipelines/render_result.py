"""The result of calling a pipeline: a picture, or the reason why there is none, for each that was asked for.

result = pipe(["a red boat", "gobbledygook"], seed=7)
len(result), result.images[1], result.failures[0].reason    # 2, None, "'gobbledygook' names nothing ..."
"""

import base64
import dataclasses
import functools
import html
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self, overload

from ..engine.errors import Cancelled, DiptychError
from ..engine.values import Failure, Outcome, Request
from ..engine.values.fact import said, scored

if TYPE_CHECKING:
    import PIL.Image

    Images = Any  # list[PIL.Image.Image | None], or arrays: as `output_type` says

_SHOWN = 12  # rows of a repr, pictures of a notebook
_CHARACTERS = 48  # of a prompt or reason that is shown
_SIDE = 256  # pixels of a picture among several in a notebook,
_LARGEST = 1024  # and of one by itself


@dataclasses.dataclass(frozen=True, repr=False)
class RenderResult:
    """What came of a call: a sequence with an outcome or a failure for each picture that was asked for.

    Args:
        outcomes: of those that were carried out.
        failures: of those that were not; `request.row` says which, from 1.
        output_type: what `images` holds: `pil`, `np` or `pt`.
    """

    outcomes: tuple[Outcome, ...]
    failures: tuple[Failure, ...] = ()
    output_type: str = dataclasses.field(default="pil", kw_only=True)

    @functools.cached_property
    def rows(self) -> tuple[Outcome | Failure, ...]:
        """Outcomes and failures, in the order in which they were asked for."""
        return tuple(sorted((*self.outcomes, *self.failures), key=lambda each: each.request.row))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Outcome | Failure]:
        return iter(self.rows)

    @overload
    def __getitem__(self, index: int, /) -> Outcome | Failure: ...
    @overload
    def __getitem__(self, index: slice, /) -> tuple[Outcome | Failure, ...]: ...
    def __getitem__(self, index: int | slice, /) -> Outcome | Failure | tuple[Outcome | Failure, ...]:
        return self.rows[index]

    @functools.cached_property
    def images(self) -> "Images":
        """The picture of each row, `None` where it failed, as PIL pictures. For `np` and `pt` it is one array,
        float32 from 0 to 1, (n, height, width, 3) or (n, 3, height, width); or a list, if a row failed or sizes
        differ."""
        pictures = [each if isinstance(each, Outcome) else None for each in self.rows]
        if self.output_type == "pil":
            return [each and each.image for each in pictures]
        return _arrays([each and each.picture.pixels for each in pictures], self.output_type)

    def raise_for_failures(self) -> Self:
        """The result itself, if no row failed.

        Raises:
            DiptychError: one did; the message has the first reason.
        """
        if self.failures:
            first, count = self.failures[0], len(self.failures)
            more = f" ({count} of {len(self)} rows failed)" if len(self) > 1 else ""
            raise DiptychError(f"row {first.request.row}: {first.stage}: {first.reason}{more}")
        return self

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

    def __repr__(self) -> str:
        """A line for each row, of so many as can be looked through: its score, seed and prompt, and why."""
        failed = f", {len(self.failures)} failed" if self.failures else ""
        pictures = "1 picture" if len(self.outcomes) == 1 else f"{len(self.outcomes)} pictures"
        lines = [f"{type(self).__name__}: {pictures}{failed}"]
        lines += [f"  {each.request.row:>3}  {_told(each)}" for each in self.rows[:_SHOWN]]
        if len(self) > _SHOWN:
            lines.append(f"  ... and {len(self) - _SHOWN} more")
        return "\n".join(lines)

    def _repr_png_(self) -> bytes | None:
        """In a notebook: the picture, if it is the only one."""
        if len(self) != 1 or not self.outcomes:
            return None
        return _png(self.outcomes[0].image, _LARGEST)

    def _repr_html_(self) -> str | None:
        """In a notebook: the first of several pictures, each above what is said of it."""
        if len(self) == 1 and self.outcomes:
            return None
        cells = [_cell(each) for each in self.rows[:_SHOWN]]
        more = f"<p>... and {len(self) - _SHOWN} more</p>" if len(self) > _SHOWN else ""
        inner = "".join(cells) or "no pictures"
        return f'<div style="display:flex;flex-wrap:wrap;gap:12px">{inner}</div>{more}'


def gathered(
    results: Iterable[Outcome | Failure], *, asked: Sequence[Request] = (), output_type: str = "pil"
) -> RenderResult:
    """What came of a call, in the order of its rows.

    Args:
        asked: all requests: if the work is stopped, those that were not finished are failures.

    Raises:
        DiptychError: there is no picture at all; the message is the first failure's.
        Cancelled: the work was stopped before anything was finished. What a callback raised is raised as it is.
    """
    rows: list[Outcome | Failure] = []
    try:
        for result in results:
            rows.append(result)
    except Cancelled as error:
        if error.__cause__ is not None:
            raise error.__cause__ from None
        if not rows:
            raise
        done = {each.request.row for each in rows}
        missing = (each for each in asked if each.row not in done)
        rows += (Failure(request=each, stage="stopped", reason=str(error)) for each in missing)
    rows.sort(key=lambda result: result.request.row)
    outcomes = tuple(result for result in rows if isinstance(result, Outcome))
    failures = tuple(result for result in rows if isinstance(result, Failure))
    if failures and not outcomes:
        raise DiptychError(f"{failures[0].stage}: {failures[0].reason}")
    return RenderResult(outcomes, failures, output_type=output_type)


def _arrays(pixels: Sequence[Any], output_type: str) -> Any:
    """uint8 (h, w, 3) each, or `None`, as `output_type` says."""
    import numpy as np
    import torch

    def made(each: Any) -> Any:
        scaled = each.float() / 255
        return scaled.permute(2, 0, 1).contiguous() if output_type == "pt" else scaled.numpy()

    arrays: list[Any] = [each if each is None else made(each) for each in pixels]
    if not arrays or any(each is None for each in arrays) or len({each.shape for each in arrays}) > 1:
        return arrays
    return torch.stack(arrays) if output_type == "pt" else np.stack(arrays)


def _told(row: Outcome | Failure) -> str:
    """A row in a line."""
    prompt = _cut(row.request.prompt)
    if isinstance(row, Failure):
        return f"failed  seed {row.request.seed}  {prompt!r}: {row.stage}: {_cut(row.reason)}"
    verdict = row.best.verdict
    score = "not scored" if verdict is None else f"score {scored(verdict.score, row.left_out)}"
    taken = "accepted" if row.accepted else "not accepted"
    missing = f" (not drawn: {_cut(said(row.left_out))})" if row.left_out else ""
    why = f", {_cut(row.best.reason)}" if row.best.reason else ""
    height, width = row.picture.pixels.shape[:2]
    return f"{score}  seed {row.request.seed}  {width}x{height}  {prompt!r}: {taken}{why}{missing}"


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _CHARACTERS else f"{line[: _CHARACTERS - 3]}..."


def _cell(row: Outcome | Failure) -> str:
    """One picture of a notebook's page, with what is said of it."""
    text = html.escape(_told(row))
    if isinstance(row, Failure):
        picture = f'<div style="width:{_SIDE}px;height:{_SIDE // 2}px;border:1px dashed"></div>'
    else:
        data = base64.b64encode(_png(row.image, _SIDE)).decode()
        picture = f'<img src="data:image/png;base64,{data}" alt="{html.escape(_cut(row.request.prompt))}">'
    return f'<figure style="margin:0;max-width:{_SIDE}px">{picture}<figcaption>{text}</figcaption></figure>'


def _png(image: "PIL.Image.Image", side: int) -> bytes:
    """The picture as a PNG file, no larger than `side` on a side."""
    small = image.copy()
    small.thumbnail((side, side))
    stream = io.BytesIO()
    small.save(stream, format="PNG")
    return stream.getvalue()
