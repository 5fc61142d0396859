"""`diptych caption`: what pictures show, a line each. Imports nothing heavy."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...engine.errors import InputError
from ..recipes import DEFAULT_RECIPE
from .options import DeviceOption, MemoryOption, RecipeOption

if TYPE_CHECKING:
    import PIL.Image

    from ...engine.values import Plan


def caption(
    pictures: Annotated[
        list[Path],
        typer.Argument(help="Pictures (PNG, JPEG, WebP), folders of them, or patterns as *.png."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    recipe: RecipeOption = DEFAULT_RECIPE,
    device: DeviceOption = "auto",
    memory: MemoryOption = None,
) -> None:
    """Say what pictures show: of one its caption, of several each behind its picture's name."""
    from ...engine.microbatch import Failed
    from ..picture_judge import PictureJudge
    from ..rendering.rows.picture_files import one_by_one, pictures_of
    from ..terminal import progress_of_several
    from .score import Refusals

    files = pictures_of(pictures)
    judge = PictureJudge.from_recipe(recipe, device=device, memory=memory)
    refused = Refusals(alone=len(files) == 1)
    with progress_of_several(len(files)) as watch:
        looked = one_by_one(
            files,
            lambda file: _known(file.sound_path),
            lambda pairs: judge.captions_of_known(pairs, watch=watch),
            refused,
        )
        for file, result in looked:
            path = file.path
            if isinstance(result, Failed):
                refused(InputError(f"{path}: {judge.stage.name}: {result.reason}"))
            elif as_json:
                print(json.dumps({"picture": str(path), "caption": result}))
            else:
                print(result if len(files) == 1 else f"{_one_line(path)}: {result}")
            sys.stdout.flush()
            if watch is not None:
                watch.on_row()
    refused.sum_up(len(files))
    raise typer.Exit(1 if refused.count else 0)


def _known(path: Path) -> "tuple[PIL.Image.Image, Plan | None]":
    """The picture, and the plan that it was made by, where diptych made it."""
    from ...engine.values import Request
    from ..picture_judge import JUDGED_SIDE
    from ..pictures.pixels import pixels_of, rgb_of
    from ..rendering.provenance.provenance import known_history, plan_of

    image = rgb_of(path, most=JUDGED_SIDE)
    history = known_history(path, pixels_of(image))
    return image, history and plan_of(history, Request(prompt=history["request"]["prompt"]))


def _one_line(path: Path) -> str:
    return "".join(character if character.isprintable() else "?" for character in str(path))
