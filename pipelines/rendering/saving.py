"""A picture saved from Python as `diptych render` writes it: a PNG file that carries its whole history."""

import os
from pathlib import Path

from ...engine.errors import InputError
from ...engine.messages import reason_of, shown
from ...engine.values import Outcome
from ..files import write_atomically
from ..recipes.environment import origin_of
from ..text_to_image import TextToImage
from ..workflow import Workflow
from .provenance.provenance import picture_bytes


def save_picture(outcome: Outcome, path: str | os.PathLike[str], pipe: TextToImage | Workflow) -> Path:
    """Write the picture of an outcome, with all that it was made of and by: `diptych show` tells it, `diptych
    rerender` makes it again, `Edit` knows its plan. The file is there whole, or as it was before.

    Args:
        path: ends in `.png`; folders are made.
        pipe: the pipeline that made it. The first time its checkpoints are hashed, which takes as long as to
            read them.

    Returns:
        The path.

    Raises:
        InputError: it is no outcome, one of another pipeline, or one whose picture was enlarged; the path is no
            PNG file's, or cannot be written.
        CheckpointError: a checkpoint has gone.
    """
    if not isinstance(outcome, Outcome):
        raise InputError(f"outcome = {shown(outcome)}: give an outcome, as out.outcomes[0] of out = pipe(...)")
    made_by = pipe.pipe if isinstance(pipe, Workflow) else pipe
    if not isinstance(made_by, TextToImage):
        raise InputError(f"pipe = {shown(pipe)}: give the pipeline that made the outcome")
    if outcome.origin not in ("", origin_of(made_by.recipe, made_by.runner)):
        raise InputError(
            "pipe: is not the pipeline that made the outcome, or works elsewhere since (`to`): save pictures"
            " with what made them, and before it moves"
        )
    size = outcome.image.height, outcome.image.width
    if size != (outcome.request.height, outcome.request.width):
        raise InputError(
            f"the picture has {size[1]}x{size[0]} pixels, and was asked for as {outcome.request.width}x"
            f"{outcome.request.height}: what was enlarged has no history that it could be made again by"
        )
    target = Path(path)
    if target.suffix.lower() != ".png":
        raise InputError(f"{target}: must end in .png: other files cannot carry the history")
    data = picture_bytes(outcome, made_by.environment())
    try:
        write_atomically(target, data)
    except (OSError, ValueError) as error:  # a NUL in its name
        reason = reason_of(error)
        raise InputError(f"{target}: cannot be written ({reason})") from None
    return target
