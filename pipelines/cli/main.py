"""The command line: parses, calls, prints.

Results go to standard output, everything else to standard error. Exit status: 0; 1 where some rows failed; 2
where the input was wrong (one line says what, where, and what to do); 70 for a fault of the program's own; 130
where it was stopped by Ctrl-C, 143 by SIGTERM.
"""

import functools
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from ...engine.errors import InputError
from ...engine.models.quiet import QUANTISERS
from ...engine.values import Wishes
from ..files import GALLERY
from ..recipes import DEFAULT_RECIPE
from .caption import caption as caption_command
from .choose import choose
from .evaluate import evaluate
from .front.run import run_app
from .front.versions import show_versions
from .options import (
    ArtOptions,
    DeviceOption,
    MachineOptions,
    MemoryOption,
    ReadingOptions,
    RecipeOption,
    RowOptions,
    RunOptions,
    SettingsFileOption,
    SizeOption,
    StartWishes,
    TextOption,
    grouped,
    setting_option,
    size_wishes,
    start_wishes,
)
from .ray_option import with_ray_address
from .recipes import OnlineOption, recipes
from .score import score as score_command
from .serving.serve import serve
from .serving.studio import studio
from .story import interpolate, storyboard, style_sheet
from .upscale import upscale as upscale_command

app = typer.Typer(
    name="diptych",
    help="Pictures made by two panels: language models plan, draft and judge; diffusion paints.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

WAVE = 16  # rows under way at a time: one micro-batch, so that pictures reach the disk as soon as may be

SourceArgument = Annotated[
    str | None, typer.Argument(help="A prompt file, a picture, results.jsonl, or - for standard input.")
]
UpscaleOption = Annotated[int | None, typer.Option("--upscale", help="Pictures 2 or 4 times as large.")]
SweepOption = Annotated[
    list[str] | None,
    typer.Option("--sweep", help="A setting's values, as guidance=1,2,4; gives a labelled grid."),
]
OpenOption = Annotated[bool, typer.Option("--open", help="Open the gallery in a browser at the end.")]


@app.callback()
def whole(
    version: Annotated[
        bool, typer.Option("--version", help="Show versions and exit.", is_eager=True, callback=show_versions)
    ] = False,
) -> None:
    """Pictures made by two panels: language models plan, draft and judge; diffusion paints."""


@app.command()
@grouped
def render(
    source: SourceArgument = None,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for pictures and results.")] = Path("out"),
    text: TextOption = None,
    recipe: RecipeOption = DEFAULT_RECIPE,
    seed: Annotated[
        int | None,
        setting_option("seed", help="Decides every draw; 0 for files, a new one for -p, if not given."),
    ] = None,
    size: SizeOption = None,
    wishes: Wishes,
    start: StartWishes,
    rows: RowOptions,
    reading: ReadingOptions,
    machine: MachineOptions,
    upscale: UpscaleOption = None,
    sweep: SweepOption = None,
    run: RunOptions,
    open_gallery: OpenOption = False,
    settings: SettingsFileOption = None,
) -> None:
    """Render prompts into a folder: pictures, results.jsonl, index.html. Stopped, the same command goes on."""
    from ..rendering.rows.prompt_source import ReadOptions
    from ..rendering.settled import said_of_pipe
    from .front.browser import show_page
    from .render import run_render

    options = _pipeline_options(machine, explain=run.explain)
    told = functools.partial(said_of_pipe, options=sorted(options.items()))
    status = run_render(
        lambda: _text_to_image(_upscaling(recipe, upscale), **options),
        source=source,
        text=text,
        out=out,
        seed=seed,
        wishes={**size_wishes(size, wishes), **wishes, **start_wishes(start)},
        reading=ReadOptions(**vars(reading)),
        sweep=sweep or (),
        said_of_pipe=None if "address" in options else lambda: told(_upscaling(recipe, upscale)),
        **vars(rows),
        **vars(run),
    )
    if open_gallery:
        show_page(out / GALLERY)
    raise typer.Exit(status)


@app.command()
@grouped
def prompts(
    source: Annotated[str | None, typer.Argument(help="As for render.")] = None,
    *,
    text: TextOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, not a table.")] = False,
    seed: Annotated[int, setting_option("seed", help="Decides what is chosen of variants.")] = 0,
    rows: RowOptions,
    reading: ReadingOptions,
    words: Annotated[
        bool, typer.Option("--words", help="List the words that the recipe's planner knows, and no rows.")
    ] = False,
    recipe: Annotated[
        str, typer.Option("--recipe", help="With --words: a recipe's name, or a .toml file.")
    ] = DEFAULT_RECIPE,
) -> None:
    """Show the rows of a source as render would carry them out, without rendering; or the words it may hold."""
    from ..rendering.rows.prompt_source import ReadOptions
    from .prompts import run_prompts, run_words

    if words:
        if source is not None or text:
            raise InputError(
                "--words lists all words, whatever the prompts are: leave out the one or the other"
            )
        run_words(recipe, as_json=as_json)
        return
    status = run_prompts(
        source, text, seed=seed, reading=ReadOptions(**vars(reading)), as_json=as_json, **vars(rows)
    )
    raise typer.Exit(status)


@app.command()
def show(
    image: Annotated[Path, typer.Argument(help="A PNG file that render made.")],
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as one JSON object.")] = False,
) -> None:
    """Show how a picture was made: prompt, plan, seed, settings, weights, versions, and what the judge said."""
    from .show import run_show

    run_show(image, as_json=as_json)


@app.command()
def rerender(
    images: Annotated[list[Path], typer.Argument(help="PNG files that render made.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A folder, or a .png.")] = Path("rerendered"),
    device: Annotated[str | None, typer.Option("--device", help="If not that of the picture.")] = None,
) -> None:
    """Make pictures again from what stands in their files, and say how they differ, if they do."""
    from .rerender import run_rerender

    raise typer.Exit(run_rerender(images, out, device=device))


app.command()(choose)
app.command("caption")(caption_command)
app.command("score")(score_command)
app.add_typer(recipes, name="recipes")
app.command()(serve)
app.command()(studio)


@app.command()
def doctor(
    recipe: RecipeOption = DEFAULT_RECIPE,
    device: DeviceOption = "auto",
    memory: MemoryOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
    online: OnlineOption = False,
) -> None:
    """Show versions, device, the checkpoints found, and what a batch would do under the memory budget."""
    from ..recipes.doctor import run_doctor

    if not run_doctor(recipe, device=device, memory=memory, as_json=as_json, online=online):
        raise typer.Exit(1)


app.command()(evaluate)
app.command("upscale")(upscale_command)
app.command()(storyboard)
app.command()(style_sheet)
app.command()(interpolate)


TRAINED = (
    "tokenizer, planner, drafter, refiner, captioner, inspector, all, preference, lora, sketch_reader,"
    " edge_reader, thing_finder; ship, art, memory."
)


@app.command()
@grouped
def train(
    what: Annotated[
        str,
        typer.Argument(help=TRAINED),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the training's state and weights.")],
    data: Annotated[
        str, typer.Option(help="world, art, or a folder of pictures with metadata.jsonl or texts beside them.")
    ] = "world",
    config: Annotated[Path | None, typer.Option(help="Sizes and steps that differ from the shipped.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of each model, not as configured.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; all cores, if not given.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Decides every draw.")] = None,
    into: Annotated[Path | None, typer.Option(help="ship: where to; the package, if not given.")] = None,
    start_from: Annotated[
        str | None, typer.Option(help="Begin with these weights: pocket, or a folder of shipped weights.")
    ] = None,
    base: Annotated[Path | None, typer.Option(help="lora: the diffusers folder to fine-tune.")] = None,
    rank: Annotated[int | None, typer.Option(min=1, max=1024, help="lora: of the added matrices.")] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="Train each model for so long, in place of a number of steps.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, max=256, help="Processes that make each model's batches ready; for a GPU.")
    ] = 0,
    cache: Annotated[bool, typer.Option(help="Keep the drawn pictures in OUT, 256 KiB each.")] = False,
    together: Annotated[bool, typer.Option(help="all: the models at the same time, a process each.")] = False,
    drawings: ArtOptions,
) -> None:
    """Train the pocket models, going on where it was stopped; `ship` puts the results into the package; `art`
    makes the drawings ready that --data art is made of; `memory` makes a recipe that draws what it is shown."""
    from ..training.run import run_training

    try:
        done = run_training(
            what,
            out,
            config=config,
            steps=steps,
            threads=threads,
            seed=seed,
            into=into,
            beginning=start_from,
            data=data,
            base=base,
            rank=rank,
            minutes=minutes,
            workers=workers,
            cache=cache,
            together=together,
            art=_art_source(drawings),
        )
    except KeyboardInterrupt:
        done = False
    if not done:
        print(f"diptych: stopped; the same command goes on from what is in {out}", file=sys.stderr)
        raise typer.Exit(130)


def main() -> None:
    """The `diptych` command."""
    _quiet()
    run_app(app, with_ray_address(sys.argv[1:]))


def _pipeline_options(machine: MachineOptions, *, explain: bool) -> dict[str, Any]:
    """What the pipeline that renders is given; that of a cluster is given more."""
    if machine.ray is None and machine.workers is not None:
        raise InputError("--workers is for --ray: add that, or leave it out")
    if machine.ray is not None and explain:
        raise InputError(
            "--explain looks on while pictures are made, --ray makes them elsewhere: leave out one"
        )
    options: dict[str, Any] = {name: getattr(machine, name) for name in ("device", "memory", "deterministic")}
    if machine.trust_remote_code:
        options["trust_remote_code"] = True
    if machine.stall_seconds is not None:
        options["stall_seconds"] = machine.stall_seconds
    if machine.ray is not None:
        options |= {"address": machine.ray, "workers": machine.workers}
    return {**options, "wave": WAVE}


def _art_source(drawings: ArtOptions) -> Any:
    from ..training.data.art_data import ArtSource

    return ArtSource(cache=drawings.art, source=drawings.source, folders=tuple(drawings.folder or ()))


def _upscaling(recipe: str, scale: int | None) -> Any:
    """The recipe, with a stage in it that enlarges, if that is wished for."""
    if scale is None:
        return recipe
    from ...engine.stages.painting.upscale import SCALES
    from ..recipes.reader import read_recipe
    from ..upscale import upscaling

    if scale not in SCALES:
        raise InputError(f"--upscale = {scale}: must be {' or '.join(map(str, SCALES))}")

    return upscaling(read_recipe(recipe), scale)


def _text_to_image(recipe: Any, **options: Any) -> Any:
    """Apart, so that tests can put another pipeline in its place."""
    if "address" in options:
        from ..rendering.ray.pipeline import RayTextToImage

        return RayTextToImage.from_recipe(recipe, **options)
    from ..text_to_image import TextToImage

    return TextToImage.from_recipe(recipe, **options)


def _quiet() -> None:
    """Keep the libraries' own chatter off the terminal, unless it was asked for."""
    for name in ("TRANSFORMERS_VERBOSITY", "DIFFUSERS_VERBOSITY"):
        os.environ.setdefault(name, "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for name in QUANTISERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
