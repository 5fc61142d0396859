"""The options of benchmarks; each benchmark says in its docstring which it uses. Imports nothing heavy."""

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...engine.errors import InputError
from ...pipelines.device import choose_device
from ...pipelines.recipes.reader import Recipe, read_recipe
from .timing import CLOCKS, Clock

SIZES = ("full", "tiny")
PARTS = {"loop": ("scorer", "repairs"), "gpu": ("decode", "refine", "streaming", "chain")}
"""Of each benchmark that has parts: those that can be measured alone."""
MOST_CANDIDATES = 64
CLOCK_NAMES = tuple(CLOCKS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Settings of one run.

    Args:
        recipe: a recipe's name, a `.toml` file, or a recipe.
        device: as `--device` of the other commands.
        prompts: how many pictures, where pictures are made.
        repeats: how often each pair is run.
        clock_name: `wall`, or `processor` for a CPU that other processes use too (see `timing`).
        candidates: numbers of them, parted by commas; heeded by `loop` only.
        first: number of the first of the held-out prompts; heeded by `loop` only, whose scorer's renders are
            the same in any case.
        temperature: of the drafts, where not the recipe's; heeded by `loop` only.
        only: the part to be measured; heeded by `loop`, whose `scorer` is quick, and whose `repairs` are
            measured against pruned drafts and nothing else, and by `gpu`, whose parts are the other four.
        inspector: the checkpoint that judges pictures; heeded by `loop` only.
        size: `tiny` for a dry run with models of no use; heeded by `gpu` and `lora`.
        folder: where made-up models are kept; heeded by `gpu` and `lora`, which use a scratch folder if not
        given.
        rows: that are done already; heeded by `scale` only.
        kills: at random moments; heeded by `kills` only.
        say: gets a line on what is going on.

    Raises:
        InputError: a number below 1, or a clock, size or part that is not known.
    """

    recipe: str | Path | Recipe = "pocket"
    device: str = "auto"
    prompts: int = 64
    repeats: int = 3
    clock_name: str = "wall"
    candidates: str = "1,2,4,8"
    first: int = 0
    temperature: float | None = None
    only: str = ""
    inspector: str = "pocket/inspector"
    size: str = "full"
    folder: Path | None = None
    rows: int = 100_000
    kills: int = 200
    say: Callable[[str], None] = lambda line: None

    def __post_init__(self) -> None:
        counts = {name: getattr(self, name) for name in ("prompts", "repeats", "rows", "kills")}
        for name, count in counts.items():
            if count < 1:
                raise InputError(f"{name} = {count}: must be at least 1")
        if self.first < 0:
            raise InputError(f"first = {self.first}: must be at least 0")
        _ = self.counts
        chosen = (
            ("clock", self.clock_name, CLOCK_NAMES),
            ("size", self.size, SIZES),
            ("only", self.only, ("", *itertools.chain(*PARTS.values()))),
        )
        for name, said, known in chosen:
            if said not in known:
                raise InputError(f"{name} {said!r}: not known: choose one of {', '.join(filter(None, known))}")

    def part_of(self, benchmark: str) -> str:
        """`only`; raises `InputError` where the benchmark has no such part."""
        if self.only and self.only not in PARTS[benchmark]:
            known = ", ".join(PARTS[benchmark])
            raise InputError(f"only {self.only!r}: {benchmark} has no such part: choose one of {known}")
        return self.only

    def chosen(self) -> dict[str, Any]:
        """What was asked for, for a report."""
        return {"prompts": self.prompts, "repeats": self.repeats, "clock": self.clock_name}

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers of `candidates`, and 1, least first. Raises `InputError` for anything else."""
        try:
            counts = {int(part) for part in self.candidates.split(",")}
        except ValueError:
            counts = {0}
        if not all(1 <= count <= MOST_CANDIDATES for count in counts):
            raise InputError(
                f"candidates {self.candidates!r}: must be numbers from 1 to {MOST_CANDIDATES}, as 1,2,4,8"
            )
        return tuple(sorted(counts | {1}))

    @property
    def clock(self) -> Clock:
        return CLOCKS[self.clock_name]

    def read_recipe(self) -> Recipe:
        """The recipe itself, settled for the device: the script works in the same numbers as the engine. Raises
        `InputError` if there is none of this name."""
        recipe = self.recipe if isinstance(self.recipe, Recipe) else read_recipe(self.recipe)
        return recipe.on(choose_device(self.device))
