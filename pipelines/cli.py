"""The command line: parses, calls, prints.

Results go to standard output, everything else to standard error. Exit status: 0; 1 where some rows failed; 2
where the input was wrong (one line says what, where, and what to do); 130 where it was stopped by Ctrl-C.
"""

import io
import itertools
import json
import os
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from ..engine.errors import DiptychError, InputError
from ..engine.values import MAX_SEED
from ..prompts.reader import read_prompts
from ..prompts.row import PromptFileError, Row
from .recipes.reader import known_recipes, read_recipe

app = typer.Typer(
    name="diptych",
    help="Pictures made by two panels: language models plan, draft and judge; diffusion paints.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

WAVE = 16  # rows under way at a time: one micro-batch, so that pictures reach the disk as soon as may be

RecipeOption = Annotated[str, typer.Option("--recipe", help="A recipe's name, or a .toml file.")]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")]
MemoryOption = Annotated[
    str | None, typer.Option("--memory", help="What models and their work may take on the device, e.g. 2GiB.")
]


@app.command()
def render(
    source: Annotated[str | None, typer.Argument(help="A prompt file, or - for standard input.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for pictures and results.")] = Path("out"),
    text: Annotated[list[str] | None, typer.Option("--prompt", "-p", help="A prompt, not a file.")] = None,
    recipe: RecipeOption = "pocket",
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Decides every random draw.")] = 0,
    candidates: Annotated[int | None, typer.Option(help="Drafts of each prompt in a round.")] = None,
    keep: Annotated[int | None, typer.Option(help="Drafts of a round that are painted.")] = None,
    rounds: Annotated[int | None, typer.Option(help="How often a prompt may be planned anew.")] = None,
    accept: Annotated[float | None, typer.Option(help="Score, 0 to 1, at which a picture is taken.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale of the refiner; 1 is none.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first rows of the file.")] = None,
    memory: MemoryOption = None,
    device: DeviceOption = "auto",
    deterministic: Annotated[bool, typer.Option("--deterministic", help="The same bits in any batch.")] = False,
    stats: Annotated[bool, typer.Option("--stats", help="Say where time and memory went.")] = False,
) -> None:
    """Render a file of prompts, or text given with -p, into a folder: pictures, results.jsonl, index.html."""
    from .rendering.batch import plan_job, render_job
    from .rendering.output import GALLERY, RESULTS, SHEET, refuse_if_not_a_folder
    from .terminal import error_console, out_console, progress, results_table, stats_table

    refuse_if_not_a_folder(out)
    rows = list(itertools.islice(_rows(source, text), limit))
    pipe = _text_to_image(recipe, device=device, memory=memory, deterministic=deterministic, wave=WAVE)
    wishes = {
        "candidates": candidates,
        "keep": keep,
        "rounds": rounds,
        "accept": accept,
        "num_inference_steps": steps,
        "guidance_scale": guidance,
    }
    job = plan_job(pipe, rows, seed=seed, alone=source is None and len(rows) == 1, **wishes)
    console, started = error_console(), time.perf_counter()
    try:
        with progress(console, len(rows)) as watch:
            records = render_job(
                pipe, job, out, title=_title(source, rows), watch=watch, on_record=lambda _: watch.on_row()
            )
    except KeyboardInterrupt:
        kept = f"what was finished is in {out}" if (out / RESULTS).exists() else "no row was finished yet"
        console.print(f"diptych: stopped; {kept}", soft_wrap=True)
        raise typer.Exit(130) from None
    done = sum(record.status == "done" for record in records)
    if stats:
        console.print(stats_table(pipe.runner.memory.events, time.perf_counter() - started, done))
    results = out_console()
    results.print(results_table(records))
    if done:
        results.print(f"contact sheet: {out / SHEET}", soft_wrap=True)
    results.print(f"gallery:       {out / GALLERY}", soft_wrap=True)
    if done < len(records):
        failed = f"{len(records) - done} of {len(records)} rows failed"
        console.print(f"diptych: {failed}; results.jsonl says why", soft_wrap=True)
        raise typer.Exit(1)


@app.command()
def caption(
    image: Annotated[Path, typer.Argument(help="A picture: PNG, JPEG, WebP.")],
    recipe: RecipeOption = "pocket",
    device: DeviceOption = "auto",
    memory: MemoryOption = None,
) -> None:
    """Say what a picture shows."""
    from .picture_judge import PictureJudge, open_picture

    picture = open_picture(image)
    print(PictureJudge.from_recipe(recipe, device=device, memory=memory).caption(picture))


@app.command()
def score(
    image: Annotated[Path, typer.Argument(help="A picture: PNG, JPEG, WebP.")],
    prompt: Annotated[str, typer.Option("--prompt", "-p", help="What it should show.")],
    recipe: RecipeOption = "pocket",
    device: DeviceOption = "auto",
    memory: MemoryOption = None,
) -> None:
    """Say how well a picture shows what a prompt asks for: one JSON object."""
    from .picture_judge import PictureJudge, open_picture

    picture = open_picture(image)
    verdict = PictureJudge.from_recipe(recipe, device=device, memory=memory).score(picture, prompt)
    report = {"picture": str(image), "prompt": prompt}
    report |= {"score": round(verdict.score, 6), "caption": verdict.caption}
    print(json.dumps(report, ensure_ascii=False))


@app.command()
def recipes() -> None:
    """List the recipes of the package."""
    for name in known_recipes():
        recipe = read_recipe(name)
        print(f"{name:12}{recipe.summary}")
        print(f"{'':12}{' -> '.join(recipe.stages)}")


@app.command()
def doctor(
    recipe: RecipeOption = "pocket",
    device: DeviceOption = "auto",
    memory: MemoryOption = None,
) -> None:
    """Show versions, device, the checkpoints found and how they fit the memory."""
    from ..engine.memory import DeviceMemory
    from .build import build_chain, registry
    from .device import choose_device
    from .doctor import check_up
    from .terminal import error_console, out_console
    from .units import parse_bytes

    read = read_recipe(recipe)
    budget = None if memory is None else parse_bytes(memory)
    device_memory = DeviceMemory(registry(), device=choose_device(device), budget_bytes=budget)
    checkup = check_up(read, build_chain(read), device_memory)
    console = out_console()
    console.print(checkup.versions)
    console.print(checkup.stages)
    if checkup.troubles:
        for trouble in checkup.troubles:
            error_console().print(f"diptych: {trouble}", soft_wrap=True)
        raise typer.Exit(1)
    console.print("all is well")


@app.command()
def evaluate(
    recipe: RecipeOption = "pocket",
    prompts: Annotated[int, typer.Option(min=1, help="Held-out prompts of one thing, and of two.")] = 100,
    renders: Annotated[int, typer.Option(min=1, help="Held-out renders shown to models that read.")] = 500,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Decides every random draw.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
    sheet: Annotated[Path | None, typer.Option(help="A PNG for the judged pictures.")] = None,
    inspector: Annotated[str, typer.Option(help="The inspector's checkpoint.")] = "pocket/inspector",
    device: DeviceOption = "auto",
    memory: MemoryOption = None,
) -> None:
    """Measure a recipe on prompts and pictures that training never saw, with 95 % intervals."""
    pipe = _text_to_image(recipe, device=device, memory=memory)
    from .evaluation.command import run_evaluation

    run_evaluation(
        pipe, inspector=inspector, prompts=prompts, renders=renders, seed=seed, as_json=as_json, sheet=sheet
    )


@app.command()
def train(
    what: Annotated[
        str, typer.Argument(help="tokenizer, planner, drafter, refiner, captioner, inspector, all; or ship.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the training's state and weights.")],
    config: Annotated[Path | None, typer.Option(help="Sizes and steps that differ from the shipped.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of each model, not as configured.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; all cores, if not given.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Decides every draw.")] = None,
    into: Annotated[Path | None, typer.Option(help="ship: where to; the package, if not given.")] = None,
) -> None:
    """Train the pocket models, going on where it was stopped; `ship` puts the results into the package."""
    from .training.command import run_training

    try:
        done = run_training(what, out, config=config, steps=steps, threads=threads, seed=seed, into=into)
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
        app()  # exits by itself; wrong options are its business
    except (DiptychError, PromptFileError) as error:
        _stop(str(error), 2)
    except BrokenPipeError:  # whoever read standard output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _rows(source: str | None, text: list[str] | None) -> Iterator[Row]:
    if (source is None) == (not text):
        raise InputError("render: give either a prompt file (- for standard input) or text with -p")
    if text:
        return (Row(prompt=prompt, source="-p", line=i) for i, prompt in enumerate(text, start=1))
    if source == "-":
        return read_prompts(sys.stdin.buffer)
    return read_prompts(Path(source or ""))


def _title(source: str | None, rows: list[Row]) -> str:
    """What the gallery is called: the file's name, or the prompt."""
    if source in (None, "-"):
        return rows[0].prompt if len(rows) == 1 else f"{len(rows)} prompts"
    return Path(source).stem


def _text_to_image(recipe: str, **options: Any) -> Any:
    """Apart, so that tests can put another pipeline in its place."""
    from .text_to_image import TextToImage

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


if __name__ == "__main__":
    main()
