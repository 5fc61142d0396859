"""The sheet that explains a picture: its plan, its draft as it grew, how sure each token was, the paint as it
dried, and what the judge answered to what was asked and added. Knows nothing of models.
"""

import math
from typing import TYPE_CHECKING

from ...engine.values import Draft, Outcome
from ...engine.values.fact import Fact, said, scored
from ..sheets.drawn_text import SMALL, font, line_height, write
from ..sheets.grid import fit
from ..sheets.heat import heat
from ..sheets.palette import BAD, FAINT, GOOD, INK, LINE, PAPER

if TYPE_CHECKING:
    import PIL.Image
    import PIL.ImageDraw

    from .glimpses import Glimpses

WIDTH = 1160
_GAP = 16
_CELL = 176
_SHOWN = 6  # pictures in a row
_LINE = line_height()
_HEAD = 22
_FOOT = 26  # below a row of pictures
_BARS = 320  # where they begin, from the left
_WHOSE = 740  # where it is said who asked


def explanation(outcome: Outcome, glimpses: "Glimpses") -> "PIL.Image.Image":
    """One sheet, `WIDTH` pixels wide; what was not seen is left out."""
    import PIL.Image
    import PIL.ImageDraw

    verdict = outcome.best.verdict
    facts = len(verdict.answers) if verdict else 0
    rows = [row for row in _rows(outcome, glimpses) if row[1]]
    top = _GAP + 30 + 4 * _LINE
    height = top + len(rows) * (_HEAD + _CELL + _FOOT) + _HEAD + facts * 24 + 2 * _GAP
    sheet = PIL.Image.new("RGB", (WIDTH, height), PAPER)
    draw = PIL.ImageDraw.Draw(sheet)
    _write_head(draw, outcome)
    y = top
    for title, images, notes in rows:
        draw.text((_GAP, y), title, fill=INK, font=font())
        y += _HEAD
        for i, (image, note) in enumerate(zip(images, notes, strict=True)):
            x = _GAP + i * (_CELL + _GAP)
            sheet.paste(fit(image, _CELL), (x, y))
            draw.text((x + 4, y + _CELL + 1), note, fill=FAINT, font=font(SMALL))
        y += _CELL + _FOOT
    _write_verdict(draw, outcome, y + 4)
    return sheet


Row = tuple[str, "list[PIL.Image.Image]", list[str]]


def _rows(outcome: Outcome, glimpses: "Glimpses") -> list[Row]:
    draft = outcome.draft
    rows: list[Row] = []
    if draft is not None:
        count = draft.tokens.numel()
        stops = [math.ceil(count * (i + 1) / _SHOWN) for i in range(_SHOWN)]
        grown = [written(draft, stop) for stop in stops]
        rows.append(("draft, token by token", grown, [f"{stop} of {count} tokens" for stop in stops]))
    if draft is not None and len(glimpses.confidence) == draft.tokens.numel():
        rows.append(_confidence_row(draft, glimpses.confidence))
    if estimates := glimpses.estimates:
        places = sorted({round(i * (len(estimates) - 1) / (_SHOWN - 1)) for i in range(_SHOWN)})
        notes = [f"step {place + 1} of {len(estimates)}" for place in places]
        rows.append(("paint, as the refiner took it to be", [estimates[place] for place in places], notes))
    return rows


def _confidence_row(draft: Draft, confidence: list[float]) -> Row:
    """The map, on its own and over the draft; then where it was the least sure."""
    preview = fit(draft.image, _CELL)
    field = heat(confidence, draft.grid, _CELL)
    import PIL.Image

    mixed = PIL.Image.blend(preview, field, 0.55)
    mean = math.exp(sum(math.log(max(p, 1e-6)) for p in confidence) / len(confidence))
    notes = [f"geometric mean {mean:.2f}", "over the draft", "dark: unsure, bright: sure"]
    return "how sure the drafter was of each token", [field, mixed, scale(_CELL)], notes


def written(draft: Draft, count: int) -> "PIL.Image.Image":
    """The draft's preview with its first `count` tokens, in the order of writing; the rest is paper."""
    import PIL.Image

    rows, columns = draft.grid
    whole = draft.image
    deep, wide = whole.height // rows, whole.width // columns
    full, rest = divmod(count, columns)
    shown = PIL.Image.new("RGB", whole.size, LINE)
    for box in ((0, 0, whole.width, full * deep), (0, full * deep, rest * wide, (full + 1) * deep)):
        if box[2] > box[0] and box[3] > box[1]:
            shown.paste(whole.crop(box), box[:2])
    return shown


def scale(side: int) -> "PIL.Image.Image":
    """What the colours of the map mean: 0 at the bottom, 1 on top."""
    import PIL.Image
    import PIL.ImageDraw

    image = PIL.Image.new("RGB", (side, side), PAPER)
    image.paste(heat([1 - i / 31 for i in range(32)], (32, 1), side).crop((0, 0, 28, side)), (0, 0))
    draw = PIL.ImageDraw.Draw(image)
    for share in (0.0, 0.5, 1.0):
        draw.text((34, (1 - share) * (side - 14)), f"{share:.1f}", fill=INK, font=font(12))
    return image


def _write_head(draw: "PIL.ImageDraw.ImageDraw", outcome: Outcome) -> None:
    width, request = WIDTH - 2 * _GAP, outcome.request
    write(draw, request.prompt, (_GAP, _GAP), width, size=20)
    y = _GAP + 30
    y += _LINE * write(draw, f"planned: {outcome.plan.prompt}", (_GAP, y), width, lines=2)
    if outcome.left_out:
        left_out = f"not drawn: {said(outcome.left_out)}"
        y += _LINE * write(draw, left_out, (_GAP, y), width, fill=BAD)
    best = f"candidate {outcome.best.index} of {len(outcome.trail)}, seed {request.seed}: {outcome.best.reason}"
    write(draw, best, (_GAP, y), width, fill=FAINT)


def _write_verdict(draw: "PIL.ImageDraw.ImageDraw", outcome: Outcome, y: int) -> None:
    verdict = outcome.best.verdict
    if verdict is None:
        write(draw, "not judged: the recipe has no judge", (_GAP, y), WIDTH - 2 * _GAP)
        return
    seen = f"seen: {verdict.caption} (score {scored(verdict.score, outcome.left_out)})"
    write(draw, seen, (_GAP, y), WIDTH - 2 * _GAP)
    y += _HEAD + 4
    for answer in verdict.answers:
        name = f"{answer.fact.kind}: {answer.fact.text}"
        write(draw, name, (_GAP, y), _BARS - 2 * _GAP)
        colour = (GOOD if answer.shown else BAD) if answer.fact.asked else FAINT
        draw.rectangle((_BARS, y + 2, _BARS + 300, y + 14), fill=LINE)
        draw.rectangle((_BARS, y + 2, _BARS + round(300 * answer.probability), y + 14), fill=colour)
        answered = f"{'yes' if answer.shown else 'no'}, {answer.probability:.0%}"
        draw.text((_BARS + 316, y), answered, fill=colour, font=font())
        write(draw, whose(answer.fact), (_WHOSE, y), WIDTH - _WHOSE - _GAP, fill=colour)
        y += 24


def whose(fact: Fact) -> str:
    """Who wants a fact: the user, in which words, or the planner."""
    if not fact.asked:
        return "added"
    return f"asked: {said([fact.span])}" if fact.span else "asked"
