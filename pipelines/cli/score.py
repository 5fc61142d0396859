"""`diptych score`: how well pictures show what prompts ask for. Imports nothing heavy.

On a terminal a table; elsewhere, and with --json, an object for each picture, one a line.
"""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...engine.errors import InputError
from ..recipes import DEFAULT_RECIPE
from .options import DeviceOption, MemoryOption, RecipeOption, setting_option

if TYPE_CHECKING:
    import PIL.Image

    from ...engine.loop import Policy
    from ...engine.watch import Watcher
    from ..picture_judge import Judged, PictureJudge
    from ..rendering.rows.picture_files import PictureFile

Line = dict[str, Any]


def score(
    pictures: Annotated[
        list[Path],
        typer.Argument(help="Pictures, folders, patterns as *.png; a .csv or .tsv of pictures and prompts."),
    ],
    prompt: Annotated[
        str | None, typer.Option("--prompt", "-p", help="What they should show, if the files do not say.")
    ] = None,
    accept: Annotated[float, setting_option("accept", help="The score at which a picture is accepted.")] = 0.5,
    ignore_left_out: Annotated[
        bool,
        typer.Option("--ignore-left-out", help="Accept even if some words of the prompt cannot be judged."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON instead of a table, also on a terminal.")
    ] = False,
    recipe: RecipeOption = DEFAULT_RECIPE,
    device: DeviceOption = "auto",
    memory: MemoryOption = None,
) -> None:
    """Say how well pictures show what a prompt asks for: the probability that all of it is there, and of each
    fact. Without a prompt, a table's own are asked about, or those that pictures of diptych were made of."""
    from ...engine.loop import Policy
    from ...engine.values import Request, Settings
    from ..picture_judge import PictureJudge
    from ..rendering.rows.picture_files import picture_files
    from ..terminal import out_console
    from .tables.scores import ScoreTable

    if prompt is not None:
        Request(prompt=prompt)  # raises for one that cannot be asked about
    policy = Policy.of(Settings(accept=accept, ignore_left_out=ignore_left_out))
    files = picture_files(pictures, prompt)
    judge = PictureJudge.from_recipe(recipe, device=device, memory=memory, likelihood=True)
    if as_json or not out_console().is_terminal:
        status = run_score(judge, files, policy=policy, prompt=prompt, show=_print_json)
    else:
        with ScoreTable(rows=len(files)) as table:
            status = run_score(judge, files, policy=policy, prompt=prompt, show=table.add, watch=table.watch)
    raise typer.Exit(status)


def run_score(
    judge: "PictureJudge",
    files: "list[PictureFile]",
    *,
    policy: "Policy",
    show: Callable[[Line], None],
    prompt: str | None = None,
    watch: "Watcher | None" = None,
) -> int:
    """Score pictures, and show each as soon as it is judged; one that cannot be is a line on standard error.

    Args:
        prompt: what all of them should show, if that was said.

    Returns:
        The exit status: 0; 1 where some pictures have no score.

    Raises:
        InputError: the only picture cannot be scored, or none can, for the prompt that all have.
    """
    from ...engine.values import Failure
    from ..rendering.rows.picture_files import one_by_one

    refused = Refusals(alone=len(files) == 1)
    pairs = one_by_one(files, _opened, lambda pairs: judge.judged(pairs, watch=watch), refused)
    for file, result in pairs:
        if not isinstance(result, Failure):
            show(line_of(file.path, result, policy))
        elif prompt is not None and result.stage != judge.stage.name:
            raise InputError(result.reason)
        else:
            refused(InputError(f"{file.path}: {result.stage}: {result.reason}"))
    refused.sum_up(len(files))
    return 1 if refused.count else 0


class Refusals:
    """Tells of pictures that cannot be looked at, a line each on standard error; raises for the only one."""

    def __init__(self, *, alone: bool) -> None:
        self.count = 0
        self._alone = alone

    def __call__(self, error: InputError) -> None:
        from ..terminal import error_console

        if self._alone:
            raise error
        self.count += 1
        line = "".join(character if character.isprintable() else "?" for character in str(error))
        error_console().print(f"diptych: {line}", soft_wrap=True)

    def sum_up(self, total: int) -> None:
        """Says how many there were, if any."""
        from ..terminal import error_console

        if self.count:
            error_console().print(f"diptych: {self.count} of {total} pictures failed", soft_wrap=True)


def line_of(path: Path, judged: "Judged", policy: "Policy") -> Line:
    """What is said of a picture: plain values."""
    from ...engine.loop import accepts
    from ...engine.values import Candidate
    from ..rendering.output.record import fact_line

    plan, verdict = judged.plan, judged.verdict
    likelihood = verdict.likelihood
    return {
        "picture": str(path),
        "prompt": plan.request.prompt,
        "score": round(verdict.score, 6),
        "accepted": accepts(policy, Candidate(plan=plan, verdict=verdict)),
        "caption": verdict.caption,
        "facts": [fact_line(answer) for answer in verdict.answers],
        "left_out": [span.text for span in plan.left_out],
        "likelihood": None if likelihood is None or not math.isfinite(likelihood) else round(likelihood, 6),
    }


def _opened(file: "PictureFile") -> "tuple[PIL.Image.Image, str]":
    from ..picture_judge import JUDGED_SIDE
    from ..pictures.pixels import rgb_of
    from ..rendering.rows.picture_files import prompt_in

    image = rgb_of(file.sound_path, most=JUDGED_SIDE)
    return image, file.prompt or prompt_in(file.path)


def _print_json(line: Line) -> None:
    print(json.dumps(line, allow_nan=False))
    sys.stdout.flush()
