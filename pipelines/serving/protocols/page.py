"""What the studio asks beside the server's own API: settings to be shown, prompts to be read, pictures to be
looked through, and what happens to all jobs.

GET    /v1/settings?recipe=          the settings that change something in a recipe's pictures, and sizes
POST   /v1/read                      a prompt as the recipe's planner reads it; nothing is drawn
GET    /v1/pictures                  rows of all jobs, done or failed, the latest first: q, limit, before
GET    /v1/events                    what happens to all jobs (server-sent)
GET    /v1/jobs/ID/rows/N/again      a row as a command, as Python and as a recipe
POST   /v1/jobs/ID/rows/N/again      a job that makes the row once more: `same` seed, or another
"""

from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ....engine.values import SETTINGS, Setting
from ....engine.values.setting import whole_in, words
from ...unused_settings import unread_by
from ...vocabulary import planner_vocabulary
from ..again import made_again
from ..queue.jobs import Job, NewJob, RowResult, any_seed
from ..reading import reading_of
from ..replies import ApiError, event_stream
from ..runtime import Runtime
from .bodies import asked_number, body_of, client_of, converted, number_of
from .following import of_all
from .results import job_now, picture_body

MOST_SHOWN = 200
PERSON = 10  # the priority of what somebody waits for
_SHAPES = ((1, 1), (4, 3), (3, 4), (3, 2), (2, 3), (16, 9), (9, 16))
_SCALES = (1.0, 1.5, 2.0)
_STEP = 16  # pixels: sides are multiples of it


class Reading(msgspec.Struct, kw_only=True):
    """A prompt that is to be read.

    Args:
        recipe: whose planner reads it.
    """

    prompt: str
    recipe: str | None = None


class Again(msgspec.Struct, kw_only=True):
    """A row that is to be made once more: with its seed, or with another."""

    same: bool = True


def routes(runtime: Runtime) -> list[Route]:
    """The addresses of this protocol."""

    async def settings(request: Request) -> Response:
        asked = request.query_params.get("recipe")
        return JSONResponse(await run_in_threadpool(_settings, runtime, asked))

    async def read(request: Request) -> Response:
        body: Reading = converted(await body_of(request), Reading)
        return JSONResponse(await run_in_threadpool(_read, runtime, body))

    async def pictures(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(_pictures, runtime, request))

    async def events(request: Request) -> Response:
        return event_stream(request, of_all(runtime, request))

    async def again(request: Request) -> Response:
        job, row = await run_in_threadpool(_found, runtime, request)
        if request.method == "GET":
            return JSONResponse(made_again(job, row, runtime.pipes.recipes[job.recipe]))
        said: Again = converted(await body_of(request, optional=True), Again)
        spec = row.spec if said.same else msgspec.structs.replace(row.spec, seed=any_seed())
        await run_in_threadpool(lambda: runtime.check(runtime.pipes.of(job.recipe).pipeline, spec))
        title = str(spec.settings.get("edit") or spec.prompt)[:200]
        new = NewJob(recipe=job.recipe, rows=[spec], client=client_of(request), title=title, priority=PERSON)
        return JSONResponse(job_now(runtime, await runtime.submitted(lambda _: new)), status_code=201)

    return [
        Route("/v1/settings", settings),
        Route("/v1/read", read, methods=["POST"]),
        Route("/v1/pictures", pictures),
        Route("/v1/events", events),
        Route("/v1/jobs/{id}/rows/{number}/again", again, methods=["GET", "POST"]),
    ]


def _settings(runtime: Runtime, asked: str | None) -> dict[str, Any]:
    """The settings that a stage of the recipe reads, with their defaults, and sizes that it paints."""
    name = runtime.pipes.name_of(asked)
    pipe = runtime.pipes.of(name).pipeline
    unread = unread_by(pipe.runner.chain)
    usual = {**vars(pipe.recipe.defaults), "width": pipe.recipe.width, "height": pipe.recipe.height}
    rows = [_row(row, usual.get(row.name)) for row in SETTINGS.values() if row.name not in unread]
    sizes = [list(size) for size in _sizes(pipe.recipe.width, pipe.recipe.height) if _fits(runtime, pipe, size)]
    return {"recipe": name, "settings": rows, "sizes": sizes, "most_pictures": runtime.limits.job_rows}


def _row(row: Setting, usual: Any) -> dict[str, Any]:
    ends = {"low": row.low, "high": row.high} if row.kind in (int, float) else {}
    return {
        "name": row.name,
        "kind": row.kind.__name__,
        "help": row.help,
        "unit": row.unit,
        "short": row.short[0] if row.short else row.name,
        "usual": usual,
        **{name: end for name, end in ends.items() if abs(end) < 2**53},
    }


def _sizes(width: int, height: int) -> list[tuple[int, int]]:
    """Sizes about as large as a recipe's own, in usual shapes, and that one larger."""
    found = [(round(width * scale), round(height * scale)) for scale in _SCALES]
    for wide, high in _SHAPES:
        scale = (width * height / (wide * high)) ** 0.5
        found.append((round(wide * scale / _STEP) * _STEP, round(high * scale / _STEP) * _STEP))
    return list(dict.fromkeys(found))


def _fits(runtime: Runtime, pipe: Any, size: tuple[int, int]) -> bool:
    width, height = size
    side = SETTINGS["width"]
    inside = side.low <= min(size) and max(size) <= side.high and width * height <= runtime.limits.pixels
    return inside and not pipe.runner.chain.size_fault(height, width)


def _read(runtime: Runtime, body: Reading) -> dict[str, Any]:
    prompt = words("prompt", body.prompt)
    recipe = runtime.pipes.recipes[runtime.pipes.name_of(body.recipe)]
    return reading_of(prompt, planner_vocabulary(recipe))


def _pictures(runtime: Runtime, request: Request) -> dict[str, Any]:
    said, most = request.query_params, asked_number(request, "limit", 60)
    order, _, number = (whole_in(part, most_digits=12) for part in said.get("before", "").partition("."))
    before = None if order is None or number is None else (order, number)
    if before is None and said.get("before"):
        raise ApiError(400, "before: must be a picture's `place`", param="before")
    query = said.get("q", "")[:300]
    found = runtime.store.pictures(most=max(1, min(most, MOST_SHOWN)), before=before, query=query)
    return {"pictures": [picture_body(job, row) for job, row in found]}


def _found(runtime: Runtime, request: Request) -> tuple[Job, RowResult]:
    name, number = request.path_params["id"], number_of(request)
    job = runtime.store.job(name)
    row = runtime.store.row(name, number) if job is not None else None
    if job is None or row is None:
        raise ApiError(404, "there is no such row", code="no_such_row")
    if job.recipe not in runtime.pipes.recipes:
        raise ApiError(404, f"recipe {job.recipe!r}: is not served here any more", code="no_such_recipe")
    return job, row
