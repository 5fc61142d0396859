"""`diptych bench`, as it is typed. Imports nothing heavy."""

from pathlib import Path
from typing import Annotated

import typer

from ...pipelines.cli.options import DeviceOption, RecipeOption, setting_option
from .command import run_benchmark
from .options import Options


def bench(
    name: Annotated[
        str | None,
        typer.Argument(
            help="chain, decode, limit, memory, gpu (all five, if none); busy, creative, demo, gallery, kills,"
            " loop, lora, planner, refine, scale, sketch, storyboard, upscale."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
    prompts: Annotated[int, typer.Option(help="Number of pictures to make.")] = 64,
    repeats: Annotated[int, typer.Option(help="Runs of each pair; the median is reported.")] = 3,
    clock: Annotated[str, typer.Option(help="wall; or processor, where a CPU has other work to do.")] = "wall",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder where results are kept.")] = None,
    candidates: Annotated[str, typer.Option(help="loop: numbers of candidates to compare.")] = "1,2,4,8",
    first: Annotated[int, typer.Option(help="loop: number of the first of the held-out prompts.")] = 0,
    temperature: Annotated[
        float | None,
        setting_option("temperature", help="loop: temperature of the drafts; default: the recipe's."),
    ] = None,
    only: Annotated[
        str, typer.Option(help="Only this part. loop: scorer, repairs; gpu: decode, refine, streaming, chain.")
    ] = "",
    inspector: Annotated[str, typer.Option(help="loop: the checkpoint that judges.")] = "pocket/inspector",
    size: Annotated[str, typer.Option(help="gpu, lora: full; or tiny, a dry run on any device.")] = "full",
    models: Annotated[Path | None, typer.Option(help="gpu: folder for its made-up models.")] = None,
    rows: Annotated[int, typer.Option(help="scale: rows that are done already.")] = 100_000,
    kills: Annotated[int, typer.Option(help="kills: how many, at random moments.")] = 200,
    recipe: RecipeOption = "pocket",
    device: DeviceOption = "auto",
) -> None:
    """Measure how quick the engine is, and how little memory it needs, beside scripts that do the same."""
    options = Options(
        recipe=recipe,
        device=device,
        clock_name=clock,
        size=size,
        folder=models,
        prompts=prompts,
        repeats=repeats,
        candidates=candidates,
        first=first,
        temperature=temperature,
        only=only,
        inspector=inspector,
        rows=rows,
        kills=kills,
    )
    run_benchmark(name, options, as_json=as_json, out=out)
