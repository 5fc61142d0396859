"""The server's own API: jobs that outlive whoever asked, followed as they go on; recipes; health; metrics.

POST   /v1/jobs                      prompts, or a prompt file
GET    /v1/jobs, /v1/jobs/ID         and `/rows`, `/rows/N`, `/events` (server-sent)
PATCH  /v1/jobs/ID                   priority, paused
POST   /v1/jobs/ID/cancel, retry
DELETE /v1/jobs/ID
GET    /files/ID/N.png               a picture, also .jpeg and .webp; side=320 makes it so large
GET    /v1/recipes, /healthz, /metrics, /openapi.json, /docs
"""

import asyncio
import io
import itertools
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ....engine.errors import InputError
from ....engine.randomness import derive_seed
from ....engine.version import __version__
from ....prompts.reader import read_prompts
from ....prompts.row import Row
from ....prompts.settings import setting
from ....prompts.variants import resolve
from ...rendering.rows.prompt_source import copies_of
from ...rendering.rows.reference_rows import names_pictures
from ..engine_thread.events import followed
from ..engine_thread.requests_of_rows import check
from ..metrics import metrics_text
from ..pictures import MEDIA_TYPES, decoded, encoded, preview
from ..queue.jobs import Job, NewJob, RowSpec, TooLargeError, any_seed
from ..replies import ApiError, event_text, without_paths
from ..runtime import Runtime, count_of
from .bodies import (
    body_of,
    client_of,
    controls_of_row,
    converted,
    digest_of,
    number_of,
    priority_of,
    references_of_row,
)
from .results import base64_of, job_body, picture_of, row_body

MOST_LISTED = 1000
_PAUSE_S = 15.0
"""Seconds after which one who follows hears that the server is still there."""


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


class JobChange(msgspec.Struct, kw_only=True):
    """What may be changed of a job."""

    priority: int | None = None
    paused: bool | None = None


def routes(runtime: Runtime) -> list[Route]:
    """The addresses of this protocol."""
    return [*_jobs_routes(runtime), *_row_routes(runtime), *_other_routes(runtime)]


def _jobs_routes(runtime: Runtime) -> list[Route]:
    async def jobs(request: Request) -> Response:
        if request.method == "POST":
            return await _submitted(runtime, request)
        most, before = _number(request, "limit", 100), _number(request, "before", 0)
        most = max(1, min(most, MOST_LISTED))
        found = await run_in_threadpool(lambda: runtime.store.jobs(most=most, before=before or None))
        return JSONResponse({"jobs": [_body(runtime, job) for job in found]})

    async def job(request: Request) -> Response:
        found = await _found(runtime, request)
        if request.method == "DELETE":
            await run_in_threadpool(runtime.cancel, found.id)
            await run_in_threadpool(runtime.store.delete, found.id)
            runtime.tell_of(found.id, "deleted")
            runtime.shop.wake()
            return Response(status_code=204)
        if request.method == "PATCH":
            change: JobChange = converted(await body_of(request), JobChange)
            priority = None if change.priority is None else priority_of({"priority": change.priority})
            changed = await run_in_threadpool(
                lambda: runtime.store.change(found.id, priority=priority, paused=change.paused)
            )
            runtime.tell_of(found.id, (changed or found).state)
            runtime.shop.wake()
            return JSONResponse(_body(runtime, changed or found))
        return JSONResponse(_body(runtime, found))

    async def cancel(request: Request) -> Response:
        found = await _found(runtime, request)
        return JSONResponse(_body(runtime, await run_in_threadpool(runtime.cancel, found.id) or found))

    async def retry(request: Request) -> Response:
        found = await _found(runtime, request)
        return JSONResponse(_body(runtime, await run_in_threadpool(runtime.retry, found.id) or found))

    return [
        Route("/v1/jobs", jobs, methods=["GET", "POST"]),
        Route("/v1/jobs/{id}", job, methods=["GET", "PATCH", "DELETE"]),
        Route("/v1/jobs/{id}/cancel", cancel, methods=["POST"]),
        Route("/v1/jobs/{id}/retry", retry, methods=["POST"]),
    ]


def _row_routes(runtime: Runtime) -> list[Route]:
    async def rows(request: Request) -> Response:
        found, after = await _found(runtime, request), _number(request, "after", 0)
        most = max(1, min(_number(request, "limit", 100), MOST_LISTED))
        listed = await run_in_threadpool(lambda: list(runtime.store.rows(found.id, after=after, most=most)))
        return JSONResponse({"rows": [row_body(found, row) for row in listed]})

    async def row(request: Request) -> Response:
        found, number = await _found(runtime, request), number_of(request)
        one = await run_in_threadpool(runtime.store.row, found.id, number)
        if one is None:
            raise ApiError(404, f"the job has no row {number}", code="no_such_row")
        return JSONResponse(row_body(found, one, whole=True))

    async def events(request: Request) -> Response:
        found = await _found(runtime, request)
        views = request.query_params.get("previews", "") in ("1", "true")
        return StreamingResponse(_events(runtime, request, found, views), media_type="text/event-stream")

    return [
        Route("/v1/jobs/{id}/rows", rows),
        Route("/v1/jobs/{id}/rows/{number}", row),
        Route("/v1/jobs/{id}/events", events),
    ]


def _other_routes(runtime: Runtime) -> list[Route]:
    async def recipes(request: Request) -> Response:
        return JSONResponse({"recipes": [_recipe(each) for each in runtime.pipes.recipes.values()]})

    async def health(request: Request) -> Response:
        well = runtime.shop.alive and not runtime.shop.trouble
        body = {"status": "ok" if well else "trouble", "version": __version__}
        return JSONResponse(body, status_code=200 if well else 503)

    async def metrics(request: Request) -> Response:
        text = await run_in_threadpool(metrics_text, runtime)
        return Response(text, media_type="text/plain; version=0.0.4")

    async def picture(request: Request) -> Response:
        return await _picture(runtime, request)

    return [
        Route("/v1/recipes", recipes),
        Route("/files/{id}/{number}.{format}", picture),
        Route("/healthz", health),
        Route("/metrics", metrics),
    ]


# Jobs


async def _submitted(runtime: Runtime, request: Request) -> Response:
    said = await body_of(request, forms=True)
    if isinstance(said.get("file"), bytes):
        said["file"] = _utf8(said["file"])
    body: NewJobBody = converted(said, NewJobBody)
    sent = {
        "client": client_of(request),
        "key": request.headers.get("idempotency-key"),
        "said": digest_of(said),
    }
    job = await runtime.submitted(lambda: _new_job(runtime, body, sent))
    address = {"Location": f"/v1/jobs/{job.id}"}
    return JSONResponse(_body(runtime, job), status_code=201, headers=address)


def _new_job(runtime: Runtime, body: NewJobBody, sent: Mapping[str, Any]) -> NewJob:
    recipe = runtime.pipes.name_of(body.recipe)
    if (body.prompts is None) == (body.file is None):
        raise InputError("give either prompts or a file")
    seed = any_seed() if body.seed is None else body.seed
    common = runtime.settings_in(body.settings or {})
    own_seed = common.pop("seed", None)
    seed = seed if own_seed is None else own_seed
    read = _rows_of_file(body, seed) if body.file is not None else _rows_of_prompts(runtime, body, seed)
    count = count_of({"num_images": body.num_images})
    most = runtime.limits.job_rows
    copies = itertools.islice(copies_of(iter(read), count), most + 1)
    rows = [_spec(row, common, seed, number) for number, row in enumerate(copies, 1)]
    if len(rows) > most:
        raise TooLargeError(f"more than {most} rows: a job may have {most}")
    pipe = runtime.pipes.of(recipe).pipeline
    for number, row in enumerate(rows, 1):
        try:
            check(pipe, row)
        except InputError as error:
            raise InputError(f"row {number}: {error}") from None
    title = body.title or (rows[0].prompt if rows else "")
    priority = priority_of({"priority": body.priority}, usual=0)
    more: dict[str, Any] = {"priority": priority, "title": title[:200], **sent}
    return NewJob(recipe=recipe, rows=rows, paused=bool(body.paused), **more)


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


def _rows_of_prompts(runtime: Runtime, body: NewJobBody, seed: int) -> Iterable[Row]:
    rows: list[Row] = []
    for line, each in enumerate(body.prompts or (), 1):
        said: Mapping[str, Any] = {"prompt": each} if isinstance(each, str) else each
        prompt = said.get("prompt")
        if not isinstance(prompt, str):
            raise InputError(f"row {line}: prompt: must be text")
        settings = runtime.settings_in(said)
        for name in ("image", "mask_image", "sketch"):
            if said.get(name) is not None:
                if not isinstance(said[name], str):
                    raise InputError(f"row {line}: {name}: must be base64")
                settings[name] = runtime.keep(decoded(said[name], called=name), called=name)
        settings |= _of_start(said) | references_of_row(said, runtime.keep, line)
        settings |= controls_of_row(said, runtime.keep, line)
        rows.append(Row(prompt=prompt, source="prompts", line=line, settings=settings))
    return _resolved(iter(rows), body, seed)


def _of_start(said: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of how a picture is started from: `region` names a thing, or a box, to be painted anew; by
    `way`, the prompt is an instruction."""
    names = ("strength", "variation", "edit", "margins")
    settings = {name: setting(name, said[name]) for name in names if said.get(name) is not None}
    if said.get("region") is not None:
        if settings.keys() & {"edit", "margins", "variation"} or said.get("mask_image") is not None:
            raise InputError("region: goes with an image and a prompt, and with no mask or other way to start")
        settings["mask_image"] = setting("mask_image", said["region"], called="region")
    if said.get("way") not in (None, "make", "edit") or (said.get("way") == "edit" and not said.get("image")):
        raise InputError("way: must be 'make', or 'edit' beside an image: the prompt is then the instruction")
    return settings if said.get("way") != "edit" else settings | {"way": "edit"}


def _resolved(rows: Any, body: NewJobBody, seed: int) -> Iterable[Row]:
    return rows if body.literal else resolve(rows, wildcards=None, seed_of=lambda row: derive_seed(seed, row))


def _spec(row: Row, common: Mapping[str, Any], seed: int, number: int) -> RowSpec:
    settings = {**common, **row.settings}
    own = settings.pop("seed", None)
    template = row.template if row.template != row.prompt else None
    its_seed = derive_seed(seed, number) if own is None else own
    way = settings.pop("way", "make")
    return RowSpec(prompt=row.prompt, seed=its_seed, settings=settings, way=way, template=template)


async def _found(runtime: Runtime, request: Request) -> Job:
    found = await run_in_threadpool(runtime.store.job, request.path_params["id"])
    if found is None:
        raise ApiError(404, "there is no such job", code="no_such_job")
    return found


def _body(runtime: Runtime, job: Job) -> dict[str, Any]:
    return job_body(job, running=any(each.job.id == job.id for each in runtime.shop.guests()))


# Following


async def _events(runtime: Runtime, request: Request, job: Job, views: bool) -> AsyncIterator[bytes]:
    """The state of a job, then what happens to it, until it has ended."""
    with runtime.bus.reading(job.id, views=views, progress=True) as reader:
        now = await run_in_threadpool(runtime.store.job, job.id)
        if now is None:
            return
        yield event_text("job", _body(runtime, now))
        for guest in runtime.shop.guests():  # what was told before
            if guest.job.id == job.id:
                for plan in list(guest.plans.values()):
                    yield event_text("plan", {"row": guest.number, **plan})
        async for event in followed(reader, every=_PAUSE_S) if not now.ended else _none():
            if event is None:
                if await request.is_disconnected() or not runtime.shop.alive:
                    return
                yield b": still there\n\n"
                continue
            if event.kind == "job":
                now = await run_in_threadpool(runtime.store.job, job.id)
                yield event_text("job", {"state": "deleted"} if now is None else _body(runtime, now))
                if now is None or now.ended:
                    return
            elif event.kind == "row":
                row = await run_in_threadpool(runtime.store.row, job.id, event.row)
                if row is not None:
                    yield event_text("row", row_body(job, row))
            else:
                data = {"row": event.row, **event.data}
                if event.picture is not None:
                    data["b64_png"] = base64_of(await run_in_threadpool(preview, event.picture))
                yield event_text(event.kind, data)


async def _none() -> AsyncIterator[None]:
    await asyncio.sleep(0)
    return
    yield


# Pictures and recipes


async def _picture(runtime: Runtime, request: Request) -> Response:
    job, kind, number = request.path_params["id"], request.path_params["format"], number_of(request)
    row = await run_in_threadpool(runtime.store.row, job, number)
    if row is None or not row.picture or kind not in MEDIA_TYPES:
        raise ApiError(404, "there is no such picture", code="no_such_picture")

    side = min(_number(request, "side", 0), 4096)

    def made() -> bytes:
        within = (side, side) if side else row.spec.deliver
        return encoded(picture_of(runtime.store, job, row), format=kind, within=within)

    data = await run_in_threadpool(made)
    headers = {"Cache-Control": "private, max-age=31536000, immutable"}
    return Response(data, media_type=MEDIA_TYPES[kind], headers=headers)


def _recipe(recipe: Any) -> dict[str, Any]:
    defaults = {name: value for name, value in vars(recipe.defaults).items() if value is not None}
    return {
        "name": recipe.name,
        "summary": recipe.summary,
        "use": recipe.use,
        "licence": without_paths(recipe.licence),
        "width": recipe.width,
        "height": recipe.height,
        "stages": list(recipe.stages),
        "defaults": defaults,
    }


def _number(request: Request, name: str, usual: int) -> int:
    said = request.query_params.get(name)
    if said is None:
        return usual
    if not (said.isascii() and said.isdigit()) or len(said) > 12:
        raise ApiError(400, f"{name}: must be a whole number", param=name)
    return int(said)


def _utf8(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ApiError(400, "file: is no UTF-8 text", param="file") from None
