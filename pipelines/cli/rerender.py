"""What `diptych rerender` does: makes pictures again, writes them, and says how they came out."""

from collections.abc import Sequence
from pathlib import Path

from ...engine.errors import Cancelled, InputError
from ...engine.messages import reason_of
from ..files import write_atomically, written_to
from ..rendering.provenance.rerender import History, PipeMaker, pipe_of, rerender
from ..rendering.stop import Stop, Stoppable
from ..terminal import error_console, out_console, progress
from ..text_to_image import TextToImage


def run_rerender(
    paths: Sequence[Path], out: Path, *, device: str | None = None, make_pipe: PipeMaker | None = None
) -> int:
    """Make the pictures again, into the folder `out` under their own names, or into `out` if it ends in `.png`.

    Args:
        device: in place of the kind that a picture was made on.
        make_pipe: the pipeline for a history, in place of the recipe's own.

    Returns:
        The exit status: 0 where all came out as their mode promises, else 1; 130 or 143 where it was stopped.

    Raises:
        InputError: a file carries no history, or the new file would take the place of the old.
        CheckpointError: the weights are not here.
    """
    targets = written_to(paths, out, lambda path: path.name)

    def pipe_for(history: History) -> TextToImage:
        return make_pipe(history) if make_pipe else pipe_of(history, device=device)

    results, kept, stop = out_console(), True, Stop()
    try:
        with stop, progress(error_console(), len(paths)) as watch:
            for again in rerender(paths, make_pipe=pipe_for, watch=Stoppable(watch, stop)):
                watch.on_row()
                kept = kept and again.as_promised
                if again.data is not None:
                    _write(targets[again.path], again.data)
                came_out = again.difference or "the same, byte for byte"
                line = "; ".join([f"{again.path}: {came_out}", *(again.changes if again.difference else ())])
                results.print(line, soft_wrap=True)
    except (Cancelled, KeyboardInterrupt):
        error_console().print("diptych: stopped")
        return stop.status
    return 0 if kept else 1


def _write(path: Path, data: bytes) -> None:
    try:
        write_atomically(path, data)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({reason_of(error)}): name another -o") from None
