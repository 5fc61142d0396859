"""`diptych storyboard`, `interpolate`, `style-sheet`: pages and films. Imports nothing heavy."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...engine.errors import InputError
from ..recipes import DEFAULT_RECIPE
from .options import DeviceOption, MemoryOption, RecipeOption, SeedOption, StepsOption, setting_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...engine.watch import Watcher
    from ..storyboard import Story
    from ..style_sheet import Sheet

OutOption = Annotated[Path, typer.Option("--out", "-o", help="Folder for the page and its pictures.")]
CastOption = Annotated[
    list[str],
    typer.Option("--cast", help='A name and what it stands for: Mia="a red cat". May be given several times.'),
]


def storyboard(
    scenes: Annotated[str, typer.Argument(help="A prompt file, one scene a row, with the names of the cast.")],
    cast: CastOption,
    out: OutOption = Path("story"),
    title: Annotated[str, typer.Option(help="Title of the page.")] = "",
    seed: SeedOption = 0,
    steps: StepsOption = None,
    recipe: RecipeOption = DEFAULT_RECIPE,
    device: DeviceOption = "auto",
    memory: MemoryOption = None,
) -> None:
    """Scenes with one cast, kept the same from panel to panel, on a page with captions."""
    from ..rendering.rows.prompt_source import ReadOptions, read_rows
    from ..storyboard import Storyboard

    panels = [row.prompt for row in read_rows(scenes, None, seed=seed, reading=ReadOptions(literal=True))]
    who = dict(_member(text) for text in cast)
    pipe = _made(Storyboard, recipe, device=device, memory=memory)
    _make(
        out,
        "story.png",
        lambda watch: pipe(panels, cast=who, title=title, seed=seed, num_inference_steps=steps, watch=watch),
    )


def style_sheet(
    subject: Annotated[str, typer.Argument(help="What to paint, in words.")],
    style: Annotated[
        list[str] | None,
        typer.Option("--style", help='A style in words, such as "in ink"; default: the pocket styles.'),
    ] = None,
    out: OutOption = Path("styles"),
    seed: SeedOption = 0,
    steps: StepsOption = None,
    recipe: RecipeOption = DEFAULT_RECIPE,
    device: DeviceOption = "auto",
    memory: MemoryOption = None,
) -> None:
    """One subject in many styles, all from one seed, on one sheet."""
    from ..style_sheet import StyleSheet

    pipe = _made(StyleSheet, recipe, device=device, memory=memory)
    _make(
        out,
        "styles.png",
        lambda watch: pipe(subject, styles=style or (), seed=seed, num_inference_steps=steps, watch=watch),
    )


def interpolate(
    text: Annotated[list[str], typer.Option("--prompt", "-p", help="A prompt to pass through; at least one.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .gif, .webp or .png.")] = Path("film.gif"),
    seed: Annotated[list[int] | None, setting_option("seed", help="One seed, or one for each stop.")] = None,
    frames: Annotated[int, typer.Option(help="Number of frames, stops included.")] = 16,
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 12,
    steps: StepsOption = None,
    recipe: RecipeOption = DEFAULT_RECIPE,
    device: DeviceOption = "auto",
    memory: MemoryOption = None,
) -> None:
    """An animation from one prompt, or seed, to the next, there and back."""
    from ..interpolate import Interpolate
    from ..sheets.animation import check
    from ..terminal import error_console, out_console, progress

    check(out, fps)
    pipe = _made(Interpolate, recipe, device=device, memory=memory)
    with progress(error_console(), frames) as watch:
        film = pipe(text, seed=seed or 0, frames=frames, num_inference_steps=steps, watch=watch)
    film.save(out, fps=fps)
    out_console().print(f"{out}: {len(film.images)} frames, there and back", soft_wrap=True)


def _member(text: str) -> tuple[str, str]:
    name, joint, phrase = text.partition("=")
    if not joint or not name.strip() or not phrase.strip():
        raise InputError(f'--cast {text!r}: write a name and what it stands for, as in Mia="a red cat"')
    return name.strip(), phrase.strip()


def _made(kind: Any, recipe: str, **options: Any) -> Any:
    """Apart, so that tests can put another pipeline in its place."""
    return kind.from_recipe(recipe, **options)


def _make(out: Path, page: str, make: "Callable[[Watcher], Story | Sheet]") -> None:
    """Make a result, write its page and its pictures, and say so; ends with status 1 where some rows failed."""
    from ..files import picture_name, png_bytes, prepare_folder, write_atomically
    from ..terminal import error_console, out_console, progress
    from .tables.results import read_as_line

    prepare_folder(out)
    with progress(error_console(), None) as watch:
        result = make(watch)
    for outcome in result.outcomes:
        name = picture_name(outcome.request.row, outcome.request.prompt)
        write_atomically(out / name, png_bytes(outcome.image))
        seen = outcome.verdict.caption if outcome.judged else "not judged"
        read = read_as_line(outcome.plan.read_as)
        out_console().print(f"{out / name}: {seen}{read and f' ({read})'}", soft_wrap=True)
    for failure in result.failures:
        error_console().print(f"diptych: row {failure.request.row}: {failure.reason}", soft_wrap=True)
    write_atomically(out / page, png_bytes(result.page))
    out_console().print(f"page: {out / page}", soft_wrap=True)
    raise typer.Exit(1 if result.failures else 0)
