"""`diptych evaluate`: a recipe, measured on pictures that training never saw, or on prompts as people type
them. Imports nothing heavy."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...engine.errors import InputError
from .options import DeviceOption, MemoryOption, RecipeOption, SeedOption, StepsOption, setting_option

if TYPE_CHECKING:
    from ..text_to_image import TextToImage

WHATS = ("pictures", "words")
PROMPTS = 200  # of pictures


WhatArgument = Annotated[
    str, typer.Argument(help="pictures: what they show; words: what is made of prompts as people type them.")
]
PromptsOption = Annotated[
    int | None, typer.Option(min=1, help="Prompts that are rendered; of words, of each split.")
]
OnlyOption = Annotated[
    str | None, typer.Option(help="tokens or diffusion: one panel alone; words: plan: no pictures.")
]
SheetOption = Annotated[
    Path | None, typer.Option(help="A PNG for the judged pictures; words: those judged wrongly.")
]


def evaluate(
    what: WhatArgument = "pictures",
    recipe: RecipeOption = "pocket",
    prompts: PromptsOption = None,
    renders: Annotated[int, typer.Option(min=1, help="Held-out renders shown to models that read.")] = 200,
    seed: SeedOption = 0,
    split: Annotated[str | None, typer.Option(help="words: development, held-out or all.")] = None,
    accept: Annotated[
        float | None, setting_option("accept", help="words: score at which a picture is accepted.")
    ] = None,
    only: OnlyOption = None,
    steps: StepsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
    sheet: SheetOption = None,
    failures: Annotated[Path | None, typer.Option(help="A PNG of the pictures that are not all right.")] = None,
    check_sheet: Annotated[Path | None, typer.Option(help="A PNG for checking the inspector by hand.")] = None,
    checked: Annotated[Path | None, typer.Option(help="The table of a check sheet, filled in.")] = None,
    card: Annotated[Path | None, typer.Option(help="A model card to write the figures into.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Show this earlier --json; measure nothing.")] = None,
    inspector: Annotated[str, typer.Option(help="The inspector's checkpoint.")] = "pocket/inspector",
    device: DeviceOption = "auto",
    memory: MemoryOption = None,
) -> None:
    """Measure a recipe on prompts and pictures that training never saw, with 95 % intervals."""
    from ..evaluation.evaluation import Extent
    from ..evaluation.run import Outputs, run_evaluation, run_report

    outputs = Outputs(as_json=as_json, sheet=sheet, failures=failures, check_sheet=check_sheet, card=card)
    of_pictures = {"steps": steps, "failures": failures, "check-sheet": check_sheet}
    of_pictures |= {"checked": checked, "card": card, "figures": figures}
    _check(what, {"pictures": of_pictures, "words": {"split": split, "accept": accept}})

    def make() -> "TextToImage":
        return make_pipe(recipe, device=device, memory=memory)

    if what == "words":
        from ..evaluation.typed_prompts.run import WordsExtent, run_words

        extent = WordsExtent(
            split=split or "all",
            only=only or "",
            first=prompts,
            renders=renders,
            seed=seed,
            accept=accept,
        )
        run_words(make, extent, outputs, inspector=inspector)
    elif figures is not None:
        run_report(figures, outputs, checked=checked)
    else:
        run_evaluation(
            make,
            Extent(prompts=prompts or PROMPTS, renders=renders, seed=seed, steps=steps),
            outputs,
            inspector=inspector,
            panel=only or "hybrid",
            checked=checked,
        )


def make_pipe(recipe: str, **options: Any) -> "TextToImage":
    """Apart, so that tests can put another pipeline in its place."""
    from ..text_to_image import TextToImage

    return TextToImage.from_recipe(recipe, **options)


def _check(what: str, options: dict[str, dict[str, Any]]) -> None:
    """Raises InputError for what is not known, and for an option of the other."""
    if what not in WHATS:
        raise InputError(f"evaluate {what!r}: not known: choose one of {', '.join(WHATS)}")
    for other, given in options.items():
        for name, value in given.items():
            if other != what and value is not None:
                raise InputError(f"--{name} is for evaluate {other}: leave it out")
