"""What `render` may be given to render: prompt files, text, and what earlier runs left: pictures and results.

    prompts.txt, -, a folder     as `prompts` reads them
    picture.png                  the row that it was made of, by its history; or by what another tool says there
    results.jsonl                the rows that it speaks of, each with the seed and settings that it had

A row that was made of a picture or of results is what was carried out: no variants are looked for in it.
"""

import dataclasses
import functools
import io
import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from ....engine.errors import InputError
from ....engine.messages import shown
from ....engine.randomness import derive_seed
from ....prompts.entry import Place
from ....prompts.reader import Mark, read_prompts
from ....prompts.row import TEXT, Row
from ....prompts.settings import copy_seed
from ....prompts.variants import MAX_VARIANTS, STYLE_PLACE, resolve
from ...files import opened
from ...pictures.texts import texts_of
from ..output.record import GIVEN, LaterVersionError, Record
from ..provenance.other_tools import said_in_picture
from ..provenance.provenance import CHUNK, CONTROLS_CHUNK, REFERENCES_CHUNK, START_CHUNK, read_history
from ..schema import SchemaError, bounded_lines
from .picture_files import KINDS

MAX_STYLES = 1000  # of a file
_LOOKED_AT = 64  # lines of a `.jsonl`, to know whether it holds results
WILDCARDS = "wildcards"  # the folder beside a prompt file that is looked in, if none is named
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF")  # PNG, JPEG, WebP


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """What a user may say about it.

    Args:
        format: of the file, one of `prompts.formats.known.FORMATS`; recognised, if not given.
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
    source: str | None,
    texts: Sequence[str] | None,
    *,
    seed: int,
    reading: ReadOptions | None = None,
    num_images: int | None = None,
    behind: Mark | None = None,
    first: int = 1,
) -> Iterator[Row]:
    """The rows of a source, or of texts given with -p, with their variants chosen; read as they are asked for.

    Args:
        source: a prompt file, a folder, a picture, `results.jsonl`, or `-`.
        texts: without a source, prompts; with one, which then must hold styles, what these are filled with.
        seed: of the batch; row i, from 1, has a seed made of it and i, unless it names its own or is alone; of
            several pictures of one text the first has it, and the others count up.
        num_images: how often each row stands there, that does not say so itself; see `copies_of`.
        behind: of a prompt file, the rows behind this alone (see `prompts.reader.can_go_on`).
        first: the number of the first of them.

    Raises:
        InputError, PromptFileError: neither is given, or both without styles; the source cannot be read.
    """
    reading = reading or ReadOptions()
    if source == "":
        raise InputError("the source is empty: name a prompt file, or give text with -p")
    if source is None and not texts:
        raise InputError("give either a prompt file (- for standard input) or text with -p")
    _refuse_idle(reading)
    if source is None and reading.format is not None:
        raise InputError(
            f"--format {shown(reading.format)}: is for files, not for text given with -p: leave it out"
        )
    several = source is None and len(texts or ()) == 1 and (num_images or 1) > 1
    given = {"seed": seed} if several else {}  # of the first picture: the others count up from it
    if behind is not None:
        rows = read_prompts(Path(source or ""), format=reading.format, behind=behind)
    else:
        rows = text_rows(texts or (), given) if source is None else read_source(source, format=reading.format)
    if source is not None and texts:
        rows = iter(_styled(source, rows, texts))
    rows = copies_of(rows, num_images)
    if reading.literal:
        return rows
    alone = source is None and len(texts or ()) == 1 and not reading.combinatorial and (num_images or 1) == 1
    return resolve(
        rows,
        wildcards=wildcards_of(source, reading),
        first=first,
        combinatorial=reading.combinatorial,
        most=reading.max_variants,
        seed_of=(lambda _: seed) if alone else functools.partial(derive_seed, seed),
    )


def _refuse_idle(reading: ReadOptions) -> None:
    """Raise InputError for options that mean nothing beside the others."""
    for given, option in ((reading.combinatorial, "--combinatorial"), (reading.wildcards, "--wildcards")):
        if given and reading.literal:
            raise InputError(f"{option} is for variants, which --literal takes as they stand: leave out one")
    if reading.max_variants != MAX_VARIANTS and not reading.combinatorial:
        raise InputError("--max-variants is for --combinatorial: add that, or leave it out")


def copies_of(rows: Iterator[Row], count: int | None) -> Iterator[Row]:
    """Each row `count` times, as if it stood there so often: a seed that it sets goes up by one each time.

    A row whose entry says itself how often it is to be rendered is left as it is.
    """
    for row in rows:
        for copy in range(count or 1 if row.copies is None else 1):
            yield dataclasses.replace(row, settings=copy_seed(row.settings, copy)) if copy else row


def read_source(source: str, *, format: str | None = None) -> Iterator[Row]:
    """The rows of a prompt file, `-` for standard input, a picture or a `results.jsonl`; read as asked for.

    Args:
        format: of a prompt file, one of `prompts.formats.known.FORMATS`; recognised, if not given.

    Raises:
        PromptFileError: it cannot be read, or holds no prompt.
        InputError: it is a picture that does not say what it was made of, or is named like one and is none.
    """
    if source == "-":
        if sys.stdin is None:
            raise InputError("standard input is closed: name a prompt file, or give text with -p")
        return read_prompts(sys.stdin.buffer, format=format)
    path = Path(source)
    if format is not None:
        return read_prompts(path, format=format)
    try:
        with opened(path) as file:
            head = file.read(16)
            results = path.suffix == ".jsonl" and _holds_records(file)
    except (OSError, ValueError):
        return read_prompts(path)  # which says what is the matter
    if head.startswith(_PICTURES):
        return iter(_picture_rows(path))
    if path.suffix.lower() in KINDS:
        raise InputError(f"{path}: is no picture, though it is named like one: name a prompt file .txt")
    return _result_rows(path) if results else read_prompts(path)


def text_rows(texts: Iterable[str], settings: Mapping[str, Any] | None = None) -> Iterator[Row]:
    """The rows of text given with -p."""
    given = dict(settings or {})
    return (
        Row(prompt=text, source=TEXT, line=line, settings=given) for line, text in enumerate(texts, start=1)
    )


def _styled(source: str, styles: Iterable[Row], texts: Sequence[str]) -> list[Row]:
    """Each text in each style of a file, as AUTOMATIC1111 and Fooocus fill them: in place of `{prompt}`, or
    before the words of a style without one.

    Raises:
        InputError: the file holds no styles, or too many.
    """
    read = list(itertools.islice(styles, MAX_STYLES + 1))
    if len(read) > MAX_STYLES:
        raise InputError(f"{source}: holds more than {MAX_STYLES} rows: give fewer styles, or no text with -p")
    if not any(STYLE_PLACE in row.prompt for row in read):
        hint = f"{source} holds no styles ({STYLE_PLACE} in its prompts)"
        raise InputError(f"give either a prompt file (- for standard input) or text with -p: {hint}")
    return [_filled(row, text) for text in texts for row in read]


def _filled(style: Row, text: str) -> Row:
    """A style without words of its own, which says what is unwanted or nothing, leaves the text as it is."""
    if not style.prompt:
        style = dataclasses.replace(style, prompt=STYLE_PLACE, fault=None)
    if style.fault is not None:
        return style
    whole = style.prompt if STYLE_PLACE in style.prompt else f"{STYLE_PLACE}, {style.prompt}"
    settings = dict(style.settings)
    if isinstance(negative := settings.get("negative_prompt"), str):
        settings["negative_prompt"] = negative.replace(STYLE_PLACE, text)
    return dataclasses.replace(style, prompt=whole.replace(STYLE_PLACE, text), settings=settings)


def wildcards_of(source: str | None, reading: ReadOptions | None) -> Path | None:
    """The folder that `__name__` stands for files of; `None` where there is none."""
    if reading is not None and (reading.literal or reading.wildcards):
        return reading.wildcards
    return _wildcards_beside(source)


def is_results(path: Path) -> bool:
    """Whether a file is read as one of results."""
    try:
        with opened(path) as file:
            return path.suffix == ".jsonl" and _holds_records(file)
    except (OSError, ValueError):
        return False


def _wildcards_beside(source: str | None) -> Path | None:
    if source in (None, "-"):
        return None
    path = Path(source)
    try:
        folder = (path if path.is_dir() else path.parent) / WILDCARDS
        return folder if folder.is_dir() else None
    except (OSError, ValueError):
        return None


def _picture_rows(path: Path) -> list[Row]:
    """The one row that a picture was made of."""
    texts = texts_of(path)
    if CHUNK not in texts:
        return [said_in_picture(path, texts).row(Place(source=str(path), line=1))]
    request = read_history(path)["request"]
    made_of_more = not texts.keys().isdisjoint({START_CHUNK, REFERENCES_CHUNK, CONTROLS_CHUNK})
    settings = request["settings"] | ({"starts_from": path.name} if made_of_more else {})
    return [_row(request["prompt"], request["seed"], settings, request.get("template"), path, 1)]


def _result_rows(path: Path) -> Iterator[Row]:
    """The rows of a file of results as it is now: a run may be adding to it, this one even."""
    with opened(path) as lines:
        end = lines.seek(0, io.SEEK_END)
        lines.seek(0)
        left = end
        for number, (line, length) in enumerate(bounded_lines(lines), start=1):
            if left <= 0:
                return
            left -= length
            try:
                record = Record.from_json(line)
            except SchemaError as error:
                yield Row(prompt="", source=str(path), line=number, fault=f"is no line of results: {error}")
                continue
            settings = {name: value for name, value in record.settings.items() if name != GIVEN}
            yield _row(record.prompt, record.seed, settings, record.template, path, number)


def _row(
    prompt: str, seed: int, settings: Mapping[str, Any], template: str | None, path: Path, line: int
) -> Row:
    return Row(
        prompt=prompt,
        source=str(path),
        line=line,
        settings={**settings, "seed": seed},
        template=prompt if template is None else template,
    )


def _holds_records(file: BinaryIO) -> bool:
    """Whether a file holds results: one of the first lines is of ours, though others may be damaged."""
    file.seek(0)
    lines = itertools.islice(bounded_lines(file), _LOOKED_AT)
    return any(_is_record(line) for line, _ in lines)


def _is_record(line: bytes) -> bool:
    try:
        Record.from_json(line)
    except LaterVersionError:
        return True
    except SchemaError:
        return False
    return True
