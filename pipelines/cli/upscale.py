"""`diptych upscale`: finished pictures, enlarged into a folder. Imports nothing heavy."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...engine.errors import InputError
from .options import DeviceOption, MemoryOption, RecipeOption, SeedOption

if TYPE_CHECKING:
    import PIL.Image

    from ...engine.values import Outcome, Picture
    from ..upscale import Upscale

CHUNK = "diptych-upscale"


def upscale(
    images: Annotated[list[Path], typer.Argument(help="Pictures: PNG, JPEG, WebP.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the enlarged pictures.")] = Path(
        "upscaled"
    ),
    scale: Annotated[int, typer.Option(help="2 or 4.")] = 2,
    prompt: Annotated[
        str | None, typer.Option("--prompt", "-p", help="What they show, if the file does not say.")
    ] = None,
    strength: Annotated[
        float | None, typer.Option(help="How much is repainted, 0 (plain) to 1; default: as the recipe says.")
    ] = None,
    seed: SeedOption = 0,
    recipe: RecipeOption = "pocket",
    device: DeviceOption = "auto",
    memory: MemoryOption = None,
) -> None:
    """Enlarge pictures two or four times, tile by tile, checked by the captioner."""
    from ..files import prepare_folder, write_atomically
    from ..pictures.pixels import alpha_of, upright
    from ..terminal import error_console, out_console, progress
    from ..upscale import Upscale

    names = [out / f"{path.stem}-x{scale}.png" for path in images]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{name}: two pictures would get this name: enlarge them into two folders")
    opened = [upright(path) for path in images]
    prepare_folder(out)
    pipe = Upscale.from_recipe(recipe, device=device, memory=memory)
    pictures = [
        _known(pipe, path, image, seed=seed) if prompt is None else image
        for path, image in zip(images, opened, strict=True)
    ]
    failed = 0
    with progress(error_console(), len(images)) as watch:
        for path, name, picture, image in zip(images, names, pictures, opened, strict=True):
            result = pipe(picture, scale=scale, prompt=prompt, strength=strength, seed=seed, watch=watch)
            for outcome in result.outcomes:
                write_atomically(name, _png(outcome, path, scale, alpha_of(image)))
                out_console().print(f"{name}: {_line(outcome)}", soft_wrap=True)
            for failure in result.failures:
                failed += 1
                error_console().print(f"diptych: {path}: {failure.stage}: {failure.reason}", soft_wrap=True)
            watch.on_row()
    raise typer.Exit(1 if failed else 0)


def _known(pipe: "Upscale", path: Path, image: "PIL.Image.Image", *, seed: int) -> "Picture | PIL.Image.Image":
    """The picture with the plan that it was made by and the bar that it was held to, where diptych made it."""
    from ...engine.values import Picture
    from ..pictures.pixels import pixels_of
    from ..rendering.provenance.provenance import plan_of, read_history

    try:
        history = read_history(path)
        said = history["request"]
        bar: Any = {name: said["settings"].get(name) for name in ("accept", "ignore_left_out")}
        request = pipe.pipe.request(said["prompt"], seed=seed, **bar)
        return Picture(pixels=pixels_of(image), plan=plan_of(history, request))
    except InputError:
        return image


def _line(outcome: "Outcome") -> str:
    """What came of it: its size, its score, what the captioner sees, and what of the prompt is not drawn."""
    from ...engine.values.fact import said

    size = f"{outcome.image.width}x{outcome.image.height}"
    line = f"{size}, {outcome.verdict.score:.2f}, {outcome.verdict.caption}"
    return f"{line}, not drawn: {said(outcome.left_out)}" if outcome.left_out else line


def _png(outcome: "Outcome", source: Path, scale: int, alpha: "PIL.Image.Image | None") -> bytes:
    """The picture as a PNG file that says what it was made of, as transparent as its source was."""
    import hashlib

    import PIL.PngImagePlugin

    from ..files import png_bytes
    from ..pictures.pixels import see_through
    from ..rendering.output.record import fact_line

    said = {
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
    chunks = PIL.PngImagePlugin.PngInfo()
    chunks.add_text(CHUNK, json.dumps(said))
    image = outcome.image if alpha is None else see_through(outcome.image, alpha)
    return png_bytes(image, chunks)
