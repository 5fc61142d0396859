"""A job as clients ask for it: prompts, or the text of a prompt file, read into rows."""

import io
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ....engine.errors import InputError
from ....engine.messages import shown
from ....engine.randomness import derive_seed
from ....engine.values import SETTINGS
from ....prompts.reader import read_prompts
from ....prompts.row import Row
from ....prompts.settings import refuse_misspelt, sort_fields
from ....prompts.variants import resolve
from ...rendering.rows.prompt_source import copies_of
from ...rendering.rows.reference_rows import names_pictures
from ..queue.jobs import NewJob, RowSpec, TooLargeError
from ..replies import ApiError
from ..runtime import Intake, Runtime, count_of, seed_of
from .bodies import converted, priority_of, refuse_unknown
from .rows_of_prompts import of_row, rows_of_prompts


class NewJobBody(msgspec.Struct, kw_only=True):
    """A job: prompts, or the text of a prompt file in any format that `diptych render` reads.

    Args:
        prompts: one row each; a row is text, or what a row of a prompt file says, its settings beside the
            prompt. `image`, `mask_image`, `sketch`, `reference` and `control` (also lists) are then pictures in
            base64;
            `strength`, `variation`, `edit`, `margins` and `region` (a thing's name) say what comes of them.
        file: the text of a prompt file, in place of prompts.
        format: of the file, where it is not to be recognised.
        recipe: that carries it out.
        seed: decides all rows that have none of their own.
        settings: of all rows; a row's own come first.
        num_images: pictures of each row.
        priority: the higher goes first.
        paused: it waits until it is told to go on.
        literal: prompts are taken as they stand; variants are not looked for.
    """

    prompts: list[str | dict[str, Any]] | None = None
    file: str | None = None
    format: str | None = None
    recipe: str | None = None
    title: str | None = None
    seed: int | None = None
    settings: dict[str, Any] | None = None
    num_images: int | None = None
    priority: int | None = None
    paused: bool | None = None
    literal: bool | None = None


def job_body(said: Mapping[str, Any]) -> NewJobBody:
    """What a request says, whose file may be one of a form, and whose recipe may be called a model.

    Raises:
        ApiError: a field is of the wrong kind, or not known.
    """
    if isinstance(said.get("file"), bytes):
        said = {**said, "file": _utf8(said["file"])}
    if "recipe" not in said:
        said = {"recipe" if name == "model" else name: value for name, value in said.items()}
    refuse_unknown(said, NewJobBody, elsewhere="settings, or beside a row's prompt")
    return converted(said, NewJobBody)


def new_job(runtime: Runtime, body: NewJobBody, keep: Intake, sent: Mapping[str, Any]) -> NewJob:
    """The job that a request asks for; takes a while.

    Args:
        sent: by whom, with which key, and the digest of what was said.

    Raises:
        InputError, ApiError: it cannot be made.
    """
    recipe = runtime.pipes.name_of(body.recipe)
    if (body.prompts is None) == (body.file is None):
        raise InputError("give either prompts or a file")
    common = _of_all_rows(body.settings or {})
    own_seed, usual = common.pop("seed", None), seed_of(body.seed)
    seed: int = usual if own_seed is None else own_seed
    if body.file is not None:
        read = _rows_of_file(body, seed)
    else:
        read = _resolved(rows_of_prompts(body.prompts or (), keep), body, seed)
    count = count_of({"num_images": body.num_images})
    most = runtime.limits.job_rows
    copies = itertools.islice(copies_of(iter(read), count), most + 1)
    rows = [_spec(row, common, seed, number) for number, row in enumerate(copies, 1)]
    if len(rows) > most:
        raise TooLargeError(f"more than {most} rows: a job may have {most}")
    pipe = runtime.pipes.of(recipe).pipeline
    for number, row in enumerate(rows, 1):
        try:
            runtime.check(pipe, row)
        except InputError as error:
            raise of_row(number, error) from None
    title = body.title or (rows[0].prompt if rows else "")
    priority = priority_of({"priority": body.priority}, usual=0)
    more: dict[str, Any] = {"priority": priority, "title": title[:200], **sent}
    return NewJob(recipe=recipe, rows=rows, paused=bool(body.paused), **more)


def _of_all_rows(said: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a whole job.

    Raises:
        InputError, FieldError: one is wrong, not known, or none of all rows.
    """
    read = sort_fields(said)
    refuse_misspelt(read.notes)
    for fault in read.faults.values():
        raise InputError(fault)
    for name in (*read.notes, *(each for each in read.settings if each not in SETTINGS)):
        raise InputError(f"settings: {shown(name)}: no such setting of a whole job")
    if read.prompt is not None or read.copies is not None:
        raise InputError("settings: have neither a prompt nor copies: say prompts and num_images beside them")
    return dict(read.settings)


def _rows_of_file(body: NewJobBody, seed: int) -> Iterable[Row]:
    """Rows of a prompt file, which may name no files of this machine."""
    stream = io.BytesIO((body.file or "").encode("utf-8", "surrogatepass"))
    rows = list(_resolved(read_prompts(stream, name="the file", format=body.format), body, seed))
    for row in rows:
        if row.fault is not None:
            raise InputError(f"{row.place}: {row.fault}")
        if names_pictures(row.settings):
            raise InputError(f"{row.place}: names a picture: send such rows as prompts, pictures in base64")
    return rows


def _resolved(rows: Any, body: NewJobBody, seed: int) -> Iterable[Row]:
    return rows if body.literal else resolve(rows, wildcards=None, seed_of=lambda row: derive_seed(seed, row))


def _spec(row: Row, common: Mapping[str, Any], seed: int, number: int) -> RowSpec:
    settings = {**common, **row.settings}
    own = settings.pop("seed", None)
    template = row.template if row.template != row.prompt else None
    its_seed = derive_seed(seed, number) if own is None else own
    way = settings.pop("way", "make")
    return RowSpec(prompt=row.prompt, seed=its_seed, settings=settings, way=way, template=template)


def _utf8(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ApiError(400, "file: is no UTF-8 text", param="file") from None
