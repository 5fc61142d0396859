"""The server's own API: jobs that outlive whoever asked, followed as they go on; recipes; health; metrics.

POST   /v1/jobs                      prompts, or a prompt file
GET    /v1/jobs, /v1/jobs/ID         and `/rows`, `/rows/N`, `/events` (server-sent)
PATCH  /v1/jobs/ID                   priority, paused
POST   /v1/jobs/ID/cancel, retry
DELETE /v1/jobs/ID
GET    /files/ID/N.png               a picture, also .jpeg and .webp; side=320 makes it so large
GET    /v1/recipes, /healthz, /metrics, /openapi.json, /docs
"""

from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ....engine.version import __version__
from ..metrics import metrics_text
from ..pictures import MEDIA_TYPES, encoded
from ..queue.jobs import Job
from ..replies import ApiError, event_stream, without_paths
from ..runtime import Runtime
from .bodies import (
    asked_number,
    body_of,
    client_of,
    converted,
    digest_of,
    number_of,
    priority_of,
    refuse_unknown,
)
from .following import of_job
from .new_jobs import job_body, new_job
from .results import job_now, picture_of, row_body

MOST_LISTED = 1000


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
        most = min(asked_number(request, "limit", 100, least=1), MOST_LISTED)
        before = asked_number(request, "before", 0)
        found = await run_in_threadpool(lambda: runtime.store.jobs(most=most, before=before or None))
        return JSONResponse({"jobs": [job_now(runtime, job) for job in found]})

    async def job(request: Request) -> Response:
        found = await _found(runtime, request)
        if request.method == "DELETE":
            await run_in_threadpool(runtime.cancel, found.id)
            await run_in_threadpool(runtime.store.delete, found.id)
            runtime.tell_of(found.id, "deleted")
            runtime.shop.wake()
            return Response(status_code=204)
        if request.method == "PATCH":
            said = await body_of(request)
            refuse_unknown(said, JobChange)
            change: JobChange = converted(said, JobChange)
            if change.priority is None and change.paused is None:
                raise ApiError(400, "there is nothing to change: say priority or paused", code="missing")
            priority = None if change.priority is None else priority_of({"priority": change.priority})
            changed = await run_in_threadpool(
                lambda: runtime.store.change(found.id, priority=priority, paused=change.paused)
            )
            runtime.tell_of(found.id, (changed or found).state)
            runtime.shop.wake()
            return JSONResponse(job_now(runtime, changed or found))
        return JSONResponse(job_now(runtime, found))

    async def cancel(request: Request) -> Response:
        found = await _found(runtime, request)
        return JSONResponse(job_now(runtime, await run_in_threadpool(runtime.cancel, found.id) or found))

    async def retry(request: Request) -> Response:
        found = await _found(runtime, request)
        return JSONResponse(job_now(runtime, await run_in_threadpool(runtime.retry, found.id) or found))

    return [
        Route("/v1/jobs", jobs, methods=["GET", "POST"]),
        Route("/v1/jobs/{id}", job, methods=["GET", "PATCH", "DELETE"]),
        Route("/v1/jobs/{id}/cancel", cancel, methods=["POST"]),
        Route("/v1/jobs/{id}/retry", retry, methods=["POST"]),
    ]


def _row_routes(runtime: Runtime) -> list[Route]:
    async def rows(request: Request) -> Response:
        found, after = await _found(runtime, request), asked_number(request, "after", 0)
        most = min(asked_number(request, "limit", 100, least=1), MOST_LISTED)
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
        return event_stream(request, of_job(runtime, request, found, views=views))

    return [
        Route("/v1/jobs/{id}/rows", rows),
        Route("/v1/jobs/{id}/rows/{number}", row),
        Route("/v1/jobs/{id}/events", events),
    ]


def _other_routes(runtime: Runtime) -> list[Route]:
    async def recipes(request: Request) -> Response:
        return JSONResponse({"recipes": [_recipe(each) for each in runtime.pipes.recipes.values()]})

    async def health(request: Request) -> Response:
        well = runtime.works and not runtime.shop.trouble
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
    body = job_body(said)
    sent = {"client": client_of(request), "key": request.headers.get("idempotency-key")}
    job = await runtime.submitted(lambda keep: new_job(runtime, body, keep, {**sent, "said": digest_of(said)}))
    address = {"Location": f"/v1/jobs/{job.id}"}
    return JSONResponse(job_now(runtime, job), status_code=201, headers=address)


async def _found(runtime: Runtime, request: Request) -> Job:
    found = await run_in_threadpool(runtime.store.job, request.path_params["id"])
    if found is None:
        raise ApiError(404, "there is no such job", code="no_such_job")
    return found


# Pictures and recipes


async def _picture(runtime: Runtime, request: Request) -> Response:
    job, kind, number = request.path_params["id"], request.path_params["format"], number_of(request)
    row = await run_in_threadpool(runtime.store.row, job, number)
    if row is None or not row.picture or kind not in MEDIA_TYPES:
        raise ApiError(404, "there is no such picture", code="no_such_picture")

    side = min(asked_number(request, "side", 0), 4096)

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
