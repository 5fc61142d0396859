"""How a command reads what it is given to render: from where, and what becomes of variants in it."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

from ....engine.errors import InputError
from ....engine.randomness import derive_seed
from ....prompts.row import Row
from ....prompts.variants import MAX_VARIANTS, resolve
from .earlier_runs import read_source, text_rows

WILDCARDS = "wildcards"  # the folder beside a prompt file that is looked in, if none is named


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """What a user may say about it.

    Args:
        format: of the file, one of `prompts.formats.FORMATS`; recognised, if not given.
        wildcards: the folder that `__name__` stands for files of.
        combinatorial: every combination of variants, in place of one chosen by the row's seed.
        max_variants: how many rows may then come of one.
        literal: prompts are taken as they stand; `{`, `|` and `__` mean nothing.
    """

    format: str | None = None
    wildcards: Path | None = None
    combinatorial: bool = False
    max_variants: int = MAX_VARIANTS
    literal: bool = False


def read_rows(
    source: str | None, texts: Sequence[str] | None, *, seed: int, reading: ReadOptions | None = None
) -> Iterator[Row]:
    """The rows of a source, or of texts given with -p, with their variants chosen; read as they are asked for.

    Args:
        source: a prompt file, a folder, a picture, `results.jsonl`, or `-`.
        seed: of the batch; row i, from 1, has a seed made of it and i, unless it names its own or is alone.

    Raises:
        InputError, PromptFileError: neither or both are given; the source cannot be read.
    """
    reading = reading or ReadOptions()
    if (source is None) == (not texts):
        raise InputError("give either a prompt file (- for standard input) or text with -p")
    rows = text_rows(texts or ()) if source is None else read_source(source, format=reading.format)
    if reading.literal:
        return rows
    alone = source is None and len(texts or ()) == 1 and not reading.combinatorial
    return resolve(
        rows,
        wildcards=reading.wildcards or _wildcards_beside(source),
        combinatorial=reading.combinatorial,
        most=reading.max_variants,
        seed_of=(lambda _: seed) if alone else functools.partial(derive_seed, seed),
    )


def _wildcards_beside(source: str | None) -> Path | None:
    if source in (None, "-"):
        return None
    path = Path(source)
    try:
        folder = (path if path.is_dir() else path.parent) / WILDCARDS
        return folder if folder.is_dir() else None
    except (OSError, ValueError):
        return None
