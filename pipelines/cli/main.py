"""The command line: parses, calls, prints.

Results go to standard output, everything else to standard error. Exit status: 0; 1 where some rows failed; 2
where the input was wrong (one line says what, where, and what to do); 130 where it was stopped by Ctrl-C, 143
by SIGTERM.
"""

import io
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from ...engine.errors import DiptychError, InputError
from ...engine.values import MAX_SEED
from ...prompts.row import PromptFileError
from ...prompts.variants import MAX_VARIANTS
from .bench import bench
from .caption import caption as caption_command
from .evaluate import evaluate
from .options import DeviceOption, MemoryOption, RecipeOption
from .ray_option import with_ray_address
from .recipes import recipes
from .score import score as score_command
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

FormatOption = Annotated[
    str | None, typer.Option("--format", help="text, infotext, table, jsonl, json or yaml; else recognised.")
]
WildcardsOption = Annotated[
    Path | None, typer.Option("--wildcards", help="Folder that __name__ is looked up in.")
]
CombinatorialOption = Annotated[
    bool, typer.Option("--combinatorial", help="All of {a|b}, not one by the row's seed.")
]
MaxVariantsOption = Annotated[int, typer.Option("--max-variants", min=1, help="Of one row, at most.")]
LiteralOption = Annotated[bool, typer.Option("--literal", help="Take prompts as they stand, braces and all.")]
SourceArgument = Annotated[
    str | None, typer.Argument(help="A prompt file, a picture, results.jsonl, or - for standard input.")
]
UpscaleOption = Annotated[int | None, typer.Option("--upscale", help="Pictures 2 or 4 times as large.")]
SweepOption = Annotated[
    list[str] | None,
    typer.Option("--sweep", help="A setting's values, as guidance=1,2,4; gives a labelled grid."),
]
ExplainOption = Annotated[bool, typer.Option("--explain", help="A sheet on how each picture came about.")]
TrustOption = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run code of checkpoints, where the recipe says so.")
]
RepairsOption = Annotated[
    int | None, typer.Option(help="How often the best picture may be mended where it misses something.")
]
IgnoreLeftOutOption = Annotated[
    bool | None, typer.Option(help="Accept pictures although some words of their prompt are not drawn.")
]
RayOption = Annotated[
    str | None, typer.Option("--ray", metavar="[ADDRESS]", help="On a Ray cluster, or on one begun here.")
]


@app.command()
def render(
    source: SourceArgument = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for pictures and results.")] = Path("out"),
    text: Annotated[list[str] | None, typer.Option("--prompt", "-p", help="A prompt, not a file.")] = None,
    recipe: RecipeOption = "pocket",
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Decides every random draw.")] = 0,
    candidates: Annotated[int | None, typer.Option(help="Drafts of each prompt in a round.")] = None,
    keep: Annotated[int | None, typer.Option(help="Drafts of a round that are painted.")] = None,
    rounds: Annotated[int | None, typer.Option(help="How often a prompt may be planned anew.")] = None,
    accept: Annotated[float | None, typer.Option(help="Score, 0 to 1, at which a picture is taken.")] = None,
    repairs: RepairsOption = None,
    ignore_left_out: IgnoreLeftOutOption = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale of the refiner; 1 is none.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first rows of the file.")] = None,
    only: Annotated[str | None, typer.Option(help="Only these rows, e.g. 17,40-60.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Rows that failed, once more.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="All rows once more, also those done before.")] = False,
    format: FormatOption = None,
    wildcards: WildcardsOption = None,
    combinatorial: CombinatorialOption = False,
    max_variants: MaxVariantsOption = MAX_VARIANTS,
    literal: LiteralOption = False,
    memory: MemoryOption = None,
    device: DeviceOption = "auto",
    deterministic: Annotated[bool, typer.Option("--deterministic", help="The same bits in any batch.")] = False,
    trust_remote_code: TrustOption = False,
    stats: Annotated[bool, typer.Option("--stats", help="Say where time and memory went.")] = False,
    upscale: UpscaleOption = None,
    sweep: SweepOption = None,
    explain: ExplainOption = False,
    ray: RayOption = None,
    workers: Annotated[int | None, typer.Option(help="With --ray: pipelines at a time.")] = None,
) -> None:
    """Render prompts into a folder: pictures, results.jsonl, index.html. Stopped, the same command goes on."""
    from ..rendering.rows.prompt_source import ReadOptions
    from .render import run_render

    options = {"device": device, "memory": memory, "deterministic": deterministic, "wave": WAVE}
    options |= _on_ray(ray, workers, explain) | ({"trust_remote_code": True} if trust_remote_code else {})
    reading: dict[str, Any] = {"format": format, "wildcards": wildcards, "combinatorial": combinatorial}
    reading |= {"max_variants": max_variants, "literal": literal}
    wishes = {"candidates": candidates, "keep": keep, "rounds": rounds, "accept": accept, "repairs": repairs}
    wishes |= {"num_inference_steps": steps, "guidance_scale": guidance, "ignore_left_out": ignore_left_out}
    switches = {"retry_failed": retry_failed, "fresh": fresh, "stats": stats, "explain": explain}
    status = run_render(
        lambda: _text_to_image(_upscaling(recipe, upscale), **options),
        source=source,
        text=text,
        out=out,
        seed=seed,
        wishes=wishes,
        reading=ReadOptions(**reading),
        limit=limit,
        only=only,
        sweep=sweep or (),
        **switches,
    )
    raise typer.Exit(status)


@app.command()
def prompts(
    source: Annotated[str | None, typer.Argument(help="As for render.")] = None,
    text: Annotated[list[str] | None, typer.Option("--prompt", "-p", help="A prompt, not a file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, not a table.")] = False,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Decides what is chosen of variants.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first rows of the file.")] = None,
    only: Annotated[str | None, typer.Option(help="Only these rows, e.g. 17,40-60.")] = None,
    format: FormatOption = None,
    wildcards: WildcardsOption = None,
    combinatorial: CombinatorialOption = False,
    max_variants: MaxVariantsOption = MAX_VARIANTS,
    literal: LiteralOption = False,
) -> None:
    """Show the rows of a source as render would carry them out, without rendering."""
    from ..rendering.rows.prompt_source import ReadOptions
    from .prompts import run_prompts

    reading: dict[str, Any] = {"format": format, "wildcards": wildcards, "combinatorial": combinatorial}
    reading |= {"max_variants": max_variants, "literal": literal}
    status = run_prompts(
        source, text, seed=seed, reading=ReadOptions(**reading), limit=limit, only=only, as_json=as_json
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


app.command("caption")(caption_command)
app.command("score")(score_command)
app.add_typer(recipes, name="recipes")


@app.command()
def doctor(
    recipe: RecipeOption = "pocket",
    device: DeviceOption = "auto",
    memory: MemoryOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
) -> None:
    """Show versions, device, the checkpoints found, and what a batch would do under the memory budget."""
    from ..recipes.doctor import run_doctor

    if not run_doctor(recipe, device=device, memory=memory, as_json=as_json):
        raise typer.Exit(1)


app.command()(evaluate)
app.command("upscale")(upscale_command)
app.command()(storyboard)
app.command()(style_sheet)
app.command()(interpolate)
app.command()(bench)


@app.command()
def train(
    what: Annotated[
        str,
        typer.Argument(
            help="tokenizer, planner, drafter, refiner, captioner, inspector, all, preference, lora; ship."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the training's state and weights.")],
    data: Annotated[
        str, typer.Option(help="The world, or a folder of pictures with metadata.jsonl or texts beside them.")
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
) -> None:
    """Train the pocket models, going on where it was stopped; `ship` puts the results into the package."""
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
        )
    except KeyboardInterrupt:
        done = False
    if not done:
        print(f"diptych: stopped; the same command goes on from what is in {out}", file=sys.stderr)
        raise typer.Exit(130)


def main() -> None:
    """The `diptych` command."""
    _quiet()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a character
    try:
        app(with_ray_address(sys.argv[1:]))  # exits by itself; wrong options are its business
    except (DiptychError, PromptFileError) as error:
        _stop(str(error), 2)
    except BrokenPipeError:  # whoever read standard output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _on_ray(ray: str | None, workers: int | None, explain: bool) -> dict[str, Any]:
    """What the pipeline of a cluster is told beside what every pipeline is."""
    if ray is None and workers is not None:
        raise InputError("--workers is for --ray: add that, or leave it out")
    if ray is not None and explain:
        raise InputError(
            "--explain looks on while pictures are made, --ray makes them elsewhere: leave out one"
        )
    return {} if ray is None else {"address": ray, "workers": workers}


def _upscaling(recipe: str, scale: int | None) -> Any:
    """The recipe, with a stage in it that enlarges, if that is wished for."""
    if scale is None:
        return recipe
    from ..recipes.reader import read_recipe
    from ..upscale import upscaling

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
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def _stop(message: str, status: int) -> None:
    print(f"diptych: {message}", file=sys.stderr)
    sys.exit(status)
