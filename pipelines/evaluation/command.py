"""What `diptych evaluate` does: measures, writes the sheet, prints."""

from pathlib import Path

from ...engine.errors import InputError
from ..rendering.output import write_atomically
from ..terminal import error_console, out_console, progress
from ..text_to_image import TextToImage
from .evaluation import Evaluation, evaluate
from .inspector import Inspector
from .report import to_json, to_table
from .sheet import judged_sheet


def run_evaluation(
    pipe: TextToImage,
    *,
    inspector: str,
    prompts: int,
    renders: int,
    seed: int = 0,
    as_json: bool = False,
    sheet: Path | None = None,
) -> Evaluation:
    """Measure a recipe; a table or JSON goes to standard output, all else to standard error.

    Args:
        inspector: its checkpoint.
        sheet: where the judged pictures go, as one PNG.

    Raises:
        InputError: there is no folder for the sheet.
        CheckpointError: weights are missing or damaged.
    """
    if sheet is not None and (sheet.is_dir() or not sheet.resolve().parent.is_dir()):
        raise InputError(f"{sheet}: cannot be written there: name a .png file in a folder that exists")
    console = error_console()
    with progress(console, 2 * prompts) as watch:
        evaluation = evaluate(
            pipe,
            Inspector.from_checkpoint(inspector),
            prompts=prompts,
            renders=renders,
            seed=seed,
            watch=watch,
            say=lambda line: console.print(line, soft_wrap=True),
        )
    if sheet is not None:
        _write(sheet, judged_sheet(evaluation.judged))
        console.print(f"judged pictures: {sheet}", soft_wrap=True)
    for row in evaluation.judged:
        if row.error:
            console.print(f"diptych: counted as wrong: {row.prompt!r}: {row.error}", soft_wrap=True)
    if as_json:
        print(to_json(evaluation))
    else:
        out_console().print(to_table(evaluation))
    return evaluation


def _write(path: Path, data: bytes) -> None:
    try:
        write_atomically(path, data)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error}): name another file") from None
