"""What `diptych evaluate` does: measures, writes sheets and card, prints."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from ...engine.errors import InputError
from ...engine.messages import reason_of
from ..files import write_atomically
from ..terminal import error_console, out_console, progress
from ..text_to_image import TextToImage
from .alignment import Judged
from .card import read_card, write_card
from .checked_by_a_person import read_check, write_check
from .evaluation import Evaluation, Extent, evaluate
from .inspector import Inspector
from .report import SECTIONS, Body, to_json, to_table, to_text
from .sheet import OnSheet, judged_sheet

HAND_CHECKED = "hand-checked pictures"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outputs:
    """Where results go beside standard output.

    Args:
        as_json: JSON is printed, and no table.
        sheet: a PNG of the judged pictures.
        failures: a PNG of those that do not show all that was asked.
        check_sheet: a PNG for a person to check the inspector with, and beside it a table to fill in.
        card: the model card whose figures are replaced.
    """

    as_json: bool = False
    sheet: Path | None = None
    failures: Path | None = None
    check_sheet: Path | None = None
    card: Path | None = None

    def check(self) -> None:
        """Raises `InputError` for what cannot be written."""
        for path in (self.sheet, self.failures, self.check_sheet):
            if path is not None and (path.is_dir() or not path.resolve().parent.is_dir()):
                raise InputError(f"{path}: cannot be written there: name a .png file in a folder that exists")
        if self.card is not None:
            read_card(self.card)


def run_evaluation(
    make_pipe: Callable[[], TextToImage],
    extent: Extent,
    outputs: Outputs,
    *,
    inspector: str,
    panel: str = "hybrid",
    checked: Path | None = None,
) -> Body:
    """Measure a recipe; a table or JSON goes to standard output, all else to standard error.

    Args:
        inspector: its checkpoint.
        panel: see `ablation`.
        checked: the table of an earlier check sheet, filled in.

    Raises:
        InputError: there is no folder for a sheet, or no place for figures in the card.
        CheckpointError: weights are missing or damaged.
    """
    outputs.check()
    by_hand = read_check(checked) if checked is not None else None
    console = error_console()
    looker = Inspector.from_checkpoint(inspector)
    pipe = make_pipe()
    with progress(console, extent.prompts + extent.diverse * extent.seeds) as watch:
        evaluation = evaluate(
            pipe,
            looker,
            extent,
            panel=panel,
            watch=watch,
            say=lambda line: console.print(line, soft_wrap=True),
        )
    body = to_json(evaluation)
    if by_hand is not None:
        body["inspector"][HAND_CHECKED] = by_hand.to_json()
    _write_pictures(evaluation, outputs)
    for row in evaluation.judged:
        if row.error:
            console.print(f"diptych: counted as wrong: {row.prompt!r}: {row.error}", soft_wrap=True)
    _report(body, outputs)
    return body


def run_report(figures: Path, outputs: Outputs, *, checked: Path | None = None) -> Body:
    """Show an earlier evaluation's JSON, or write it into a card, and measure nothing.

    Raises:
        InputError: the file holds no evaluation, or a sheet is asked for.
    """
    if outputs.sheet or outputs.failures or outputs.check_sheet:
        raise InputError("--figures: an evaluation's JSON has no pictures for a sheet: leave one of them")
    outputs.check()
    try:
        body = json.loads(figures.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{figures}: cannot be read ({error}): name what evaluate --json printed") from None
    if not isinstance(body, dict) or not {"recipe", "panel", "prompts", *SECTIONS} <= body.keys():
        raise InputError(f"{figures}: is no evaluation: name what evaluate --json printed")
    if checked is not None:
        body["inspector"][HAND_CHECKED] = read_check(checked).to_json()
    _report(body, outputs)
    return body


def _report(body: Body, outputs: Outputs) -> None:
    if outputs.card is not None:
        write_card(outputs.card, body)
        error_console().print(f"figures: {outputs.card}", soft_wrap=True)
    if outputs.as_json:
        print(to_text(body))
    else:
        out_console().print(to_table(body))


def _write_pictures(evaluation: Evaluation, outputs: Outputs) -> None:
    def wrong(row: Judged) -> bool:
        return not row.right

    console = error_console()
    for path, rows, what in (
        (outputs.sheet, list(evaluation.judged), "judged pictures"),
        (outputs.failures, list(filter(wrong, evaluation.judged)), "failures"),
    ):
        if path is not None:
            write_sheet(path, rows)
            console.print(f"{len(rows)} {what}: {path}", soft_wrap=True)
    if (sheet := outputs.check_sheet) is not None:
        _written(sheet, lambda: write_check(sheet, evaluation.judged))
        console.print(f"to be checked: {sheet}; answers go into {sheet.with_suffix('.csv')}", soft_wrap=True)


def write_sheet(path: Path, rows: Sequence[OnSheet]) -> None:
    """Write a PNG of these rows. Raises `InputError` if that cannot be done."""
    _written(path, lambda: write_atomically(path, judged_sheet(rows)))


def _written(path: Path, write: Callable[[], object]) -> None:
    try:
        write()
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({reason_of(error)}): name another file") from None
