"""`diptych choose`: takes other candidates than the engine did, and rates pictures. Imports nothing heavy."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...engine.errors import Cancelled, InputError
from ...engine.messages import shown

if TYPE_CHECKING:
    from ..rendering.choose import Chosen
    from ..rendering.provenance.rerender import PipeMaker

_PAIR = re.compile(r"\s*0*([1-9]\d{0,8})\s*=\s*(none|\d{1,9})\s*", re.IGNORECASE)


def choose(
    folder: Annotated[Path, typer.Argument(help="The folder that render wrote into.")],
    pick: Annotated[
        list[str] | None,
        typer.Option(metavar="ROW=CANDIDATE", help="Take this candidate; none takes the engine's again."),
    ] = None,
    rate: Annotated[
        list[str] | None,
        typer.Option(metavar="ROW=STARS", help="Stars for a row's picture, 1 to 5; 0 takes them back."),
    ] = None,
    device: Annotated[str | None, typer.Option("--device", help="If not that of the pictures.")] = None,
) -> None:
    """Choose among a batch's pictures: another candidate of a row, made again as a picture, or stars.
    The gallery gives the command for what was clicked there, and shows what was chosen."""
    from ..rendering.provenance.rerender import pipe_of

    picks = _pairs("--pick", pick)
    ratings = {row: stars for row, stars in _pairs("--rate", rate).items() if stars is not None}
    if not picks and not ratings:
        raise InputError("nothing is chosen: give --pick ROW=CANDIDATE or --rate ROW=STARS")
    raise typer.Exit(
        run_choose(folder, picks, ratings, make_pipe=lambda history: pipe_of(history, device=device))
    )


def run_choose(
    folder: Path,
    picks: Mapping[int, int | None],
    ratings: Mapping[int, int],
    *,
    make_pipe: "PipeMaker | None" = None,
) -> int:
    """Carry out choices, and say what became of each row.

    Returns:
        The exit status: 0; 1 where a candidate could not be made, or not as it was; 130 or 143 where it was
        stopped.

    Raises:
        InputError: as `rendering.choose.choose`.
    """
    from ..rendering.choose import choose as carry_out
    from ..rendering.stop import Stop, Stoppable
    from ..terminal import error_console, out_console, progress

    results, sound, stop = out_console(), True, Stop()
    try:
        with stop, progress(error_console(), len({*picks, *ratings})) as watch:
            for chosen in carry_out(
                folder, picks=picks, ratings=ratings, make_pipe=make_pipe, watch=Stoppable(watch, stop)
            ):
                watch.on_row()
                sound = sound and not chosen.trouble
                results.print(
                    _line(chosen),
                    soft_wrap=True,
                )
    except (Cancelled, KeyboardInterrupt):
        error_console().print("diptych: stopped; rows that were named are kept")
        return stop.status
    return 0 if sound else 1


def _line(chosen: "Chosen") -> str:
    choice = chosen.choice
    stars = f"{choice.rating} of 5 stars" if choice.rating else ""
    said = ", ".join(filter(None, (choice.picture or "the engine's own candidate", stars)))
    return f"row {chosen.row}: {said}{f': {chosen.trouble}' if chosen.trouble else ''}"


def _pairs(option: str, values: Sequence[str] | None) -> dict[int, int | None]:
    """What is given for each row; of two for one row the later counts."""
    pairs: dict[int, int | None] = {}
    for value in values or ():
        for each in value.split(","):
            found = _PAIR.fullmatch(each)
            stars = option == "--rate"
            if found is None or (stars and found[2] not in tuple("012345")):
                wanted = "ROW=STARS, 0 to 5, as 3=5" if stars else "ROW=CANDIDATE, as 3=2 or 3=none"
                raise InputError(f"{option} {shown(each)}: must be {wanted}")
            pairs[int(found[1])] = None if found[2].lower() == "none" else int(found[2])
    return pairs
