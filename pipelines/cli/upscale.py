"""`diptych upscale`: finished pictures, enlarged into a folder. Imports nothing heavy."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...engine.errors import Cancelled, DiptychError, InputError
from ...engine.messages import reason_of
from ..recipes import DEFAULT_RECIPE
from .options import DeviceOption, MemoryOption, RecipeOption, SeedOption
from .score import Refusals

if TYPE_CHECKING:
    import PIL.Image

    from ...engine.values import Outcome, Picture
    from ..upscale import Upscale

CHUNK = "diptych-upscale"


def upscale(
    images: Annotated[
        list[Path],
        typer.Argument(help="Pictures (PNG, JPEG, WebP), folders of them, or patterns as *.png."),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the enlarged pictures; of one, a .png, too.")
    ] = Path("upscaled"),
    scale: Annotated[int, typer.Option(help="2 or 4.")] = 2,
    prompt: Annotated[
        str | None, typer.Option("--prompt", "-p", help="What they show, if the file does not say.")
    ] = None,
    strength: Annotated[
        float | None, typer.Option(help="How much is repainted, 0 (plain) to 1; default: as the recipe says.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    seed: SeedOption = 0,
    recipe: RecipeOption = DEFAULT_RECIPE,
    device: DeviceOption = "auto",
    memory: MemoryOption = None,
) -> None:
    """Enlarge pictures two or four times, tile by tile, checked by the captioner; one after the other."""
    from ...engine.values import Request
    from ..files import fitting_name, prepare_folder, written_to
    from ..pictures.pixels import alpha_of
    from ..rendering.rows.picture_files import pictures_of
    from ..terminal import error_console, progress
    from ..upscale import Upscale, upscale_stage

    if prompt is not None:
        Request(prompt=prompt)  # raises for one that nothing can be painted of
    files = pictures_of(images)
    names = written_to(
        [file.path for file in files], out, lambda path: fitting_name(path.stem, f"-x{scale}.png")
    )
    if len(files) == 1:
        _opened(files[0].sound_path, scale)  # a slip is found before models are loaded
    pipe = Upscale.from_recipe(recipe, device=device, memory=memory)
    upscale_stage(pipe, {"scale": scale} | ({} if strength is None else {"strength": strength}))
    prepare_folder(next(iter(names.values())).parent)
    refused = Refusals(alone=len(files) == 1)
    with progress(error_console(), len(files)) as watch:
        for file in files:
            try:
                image = _opened(path := file.sound_path, scale)
                picture = _known(pipe, path, image, seed=seed) if prompt is None else image
                made = pipe(picture, scale=scale, prompt=prompt, strength=strength, seed=seed, watch=watch)
                _write(made.outcomes[0], path, names[file.path], scale, alpha=alpha_of(image), as_json=as_json)
            except Cancelled:
                raise
            except (DiptychError, OSError) as error:
                refused(InputError(_with_name(file.path, error)))
            watch.on_row()
    refused.sum_up(len(files))
    raise typer.Exit(1 if refused.count else 0)


def _opened(path: Path, scale: int) -> "PIL.Image.Image":
    from ..pictures.pixels import upright
    from ..upscale import check_size

    image = upright(path)
    check_size(str(path), image.height, image.width, scale)
    return image


def _with_name(path: Path, error: Exception) -> str:
    """What is wrong, with the picture's name, if it is not said."""
    said = (
        f"{error.filename}: {reason_of(error)}" if isinstance(error, OSError) and error.filename else str(error)
    )
    return said if str(path) in said else f"{path}: {said}"


def _write(
    outcome: "Outcome",
    path: Path,
    name: Path,
    scale: int,
    *,
    alpha: "PIL.Image.Image | None",
    as_json: bool,
) -> None:
    """Write a picture, as transparent as its source was, and say so."""
    from ..files import write_atomically
    from ..terminal import out_console

    said = _said(outcome, path, scale)
    write_atomically(name, _png(outcome, said, alpha))
    if as_json:
        size = {"width": outcome.image.width, "height": outcome.image.height}
        print(json.dumps({"picture": str(path), "enlarged": str(name), **size, **said}))
        sys.stdout.flush()
    else:
        out_console().print(f"{name}: {_line(outcome)}", soft_wrap=True)


def _known(pipe: "Upscale", path: Path, image: "PIL.Image.Image", *, seed: int) -> "Picture | PIL.Image.Image":
    """The picture with the plan that it was made by and the bar that it was held to, where diptych made it."""
    from ...engine.values import Picture
    from ..pictures.pixels import pixels_of
    from ..rendering.provenance.provenance import known_history, plan_of

    pixels = pixels_of(image)
    if (history := known_history(path, pixels)) is None:
        return image
    try:
        said = history["request"]
        bar: Any = {name: said["settings"].get(name) for name in ("accept", "ignore_left_out")}
        request = pipe.pipe.request(said["prompt"], seed=seed, **bar)
        return Picture(pixels=pixels, plan=plan_of(history, request))
    except InputError:
        return image


def _line(outcome: "Outcome") -> str:
    """What came of it: its size, its score, what the captioner sees, and what of the prompt is not drawn."""
    from ...engine.values.fact import said, scored

    size = f"{outcome.image.width}x{outcome.image.height}"
    line = f"{size}, {scored(outcome.verdict.score, outcome.left_out)}, {outcome.verdict.caption}"
    return f"{line}, not drawn: {said(outcome.left_out)}" if outcome.left_out else line


def _said(outcome: "Outcome", source: Path, scale: int) -> dict[str, Any]:
    """What the picture was made of and what the captioner says to it: plain values."""
    import hashlib

    from ..rendering.output.record import fact_line

    return {
        "source": source.name,
        "sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "scale": scale,
        "prompt": outcome.plan.prompt,
        "seed": outcome.request.seed,
        "caption": outcome.verdict.caption,
        "score": round(outcome.verdict.score, 6),
        "accepted": outcome.accepted,
        "facts": [fact_line(answer) for answer in outcome.verdict.answers],
        "left_out": [span.text for span in outcome.left_out],
    }


def _png(outcome: "Outcome", said: dict[str, Any], alpha: "PIL.Image.Image | None") -> bytes:
    """The picture as a PNG file that says what it was made of."""
    import PIL.PngImagePlugin

    from ..files import png_bytes
    from ..pictures.pixels import see_through

    chunks = PIL.PngImagePlugin.PngInfo()
    chunks.add_text(CHUNK, json.dumps(said))
    image = outcome.image if alpha is None else see_through(outcome.image, alpha)
    return png_bytes(image, chunks)
