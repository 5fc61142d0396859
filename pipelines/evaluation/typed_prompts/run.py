"""What `diptych evaluate words` does: renders typed prompts, measures, writes sheets, prints."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from ....engine.errors import InputError
from ...terminal import Bars, Lines, error_console, out_console, progress
from ...text_to_image import TextToImage
from ..figures import Figure
from ..inspector import Inspector
from ..report import to_text
from ..run import Outputs, write_sheet
from .prompts import TypedPrompt, typed_prompts
from .renders import WordsRow, plan_typed, render_typed
from .report import Body, to_json, to_table
from .score import score_figures

PLAN = "plan"
LISTED = 100  # mistakes that are printed, at most


@dataclasses.dataclass(frozen=True, kw_only=True)
class WordsExtent:
    """How much is measured.

    Args:
        split: `development`, `held-out` or `all`.
        only: `plan`: nothing is painted, and nothing of what is accepted is measured.
        first: prompts of each split; all, if not given.
        renders: held-out renders that the score is tried on.
        seed: of the pictures.
        accept: the score at which a picture is taken, in place of the recipe's.
    """

    split: str = "all"
    only: str = ""
    first: int | None = None
    renders: int = 200
    seed: int = 0
    accept: float | None = None


def run_words(
    make_pipe: Callable[[], TextToImage], extent: WordsExtent, outputs: Outputs, *, inspector: str
) -> Body:
    """Measure a recipe; a table or JSON goes to standard output, all else to standard error.

    Args:
        inspector: its checkpoint.

    Raises:
        InputError: no such split or part, or no folder or pictures for a sheet.
        CheckpointError: weights are missing or damaged.
    """
    outputs.check()
    if extent.only not in ("", PLAN):
        raise InputError(f"--only {extent.only!r}: evaluate words knows {PLAN}, or none")
    if extent.only == PLAN and outputs.sheet is not None:
        raise InputError(f"--only {PLAN}: no pictures are made for a sheet: leave one of them")
    prompts = typed_prompts(extent.split, first=extent.first)
    console = error_console()
    looker = Inspector.from_checkpoint(inspector) if extent.only != PLAN else None
    pipe = make_pipe()
    with progress(console, len(prompts)) as watch:
        rows = _measured(pipe, looker, prompts, extent, watch)
    score: Mapping[str, Figure] = {}
    if looker is not None:
        console.print(f"score: {extent.renders} renders, and the pictures, with wrong texts", soft_wrap=True)
        with progress(console, None) as watch:
            score = score_figures(pipe, rows, renders=extent.renders, watch=watch)
    body = to_json(pipe.recipe.name, rows, score)
    mistakes = [row for row in rows if not row.right]
    if outputs.sheet is not None:
        write_sheet(outputs.sheet, mistakes)
        console.print(f"{len(mistakes)} false accepts and rejects: {outputs.sheet}", soft_wrap=True)
    _tell(rows)
    if outputs.as_json:
        print(to_text(body))
    else:
        out_console().print(to_table(body))
    return body


def _measured(
    pipe: TextToImage,
    looker: Inspector | None,
    prompts: Sequence[TypedPrompt],
    extent: WordsExtent,
    watch: Bars | Lines,
) -> list[WordsRow]:
    if looker is None:
        return plan_typed(pipe, prompts, seed=extent.seed, watch=watch)
    return render_typed(
        pipe,
        looker.look,
        prompts,
        seed=extent.seed,
        accept=extent.accept,
        watch=watch,
        on_row=watch.on_row,
    )


def _tell(rows: Sequence[WordsRow]) -> None:
    """What went wrong, prompt by prompt; not for held-out ones, so that nothing is tuned to them."""
    console = error_console()
    mistakes = {row.prompt: [*row.wrong, *row.misread, *([row.error] if row.error else [])] for row in rows}
    wrong = [row for row in rows if mistakes[row.prompt]]
    shown = [row for row in wrong if row.typed.split == "development"][:LISTED]
    for row in shown:
        console.print(f"diptych: {row.prompt!r}: {'; '.join(mistakes[row.prompt])}", soft_wrap=True)
    if more := len(wrong) - len(shown):
        console.print(f"diptych: and {more} more of which something is wrong: see --json", soft_wrap=True)
