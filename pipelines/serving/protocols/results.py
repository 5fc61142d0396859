"""What came of rows, as answers show it: pictures, facts, and the reason where there is none."""

import base64
from typing import Any

from starlette.requests import Request

from ..pictures import Format
from ..queue.jobs import Job, RowResult
from ..queue.store import Store
from ..replies import ApiError, without_paths
from ..runtime import Runtime


def picture_of(store: Store, job: str, row: RowResult) -> bytes:
    """The PNG file of a row that is done.

    Raises:
        ApiError: it is gone: somebody has deleted it.
    """
    try:
        return store.picture_path(job, row.number).read_bytes()
    except OSError:
        raise ApiError(404, "the picture is not there any more", code="gone") from None


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def failure_of(rows: list[RowResult]) -> ApiError:
    """Why there is no picture at all."""
    failed = next((row for row in rows if row.state == "failed"), None)
    if failed is None:
        return ApiError(409, "the job was cancelled, or deleted", code="cancelled")
    said = without_paths(failed.error)
    stage, _, reason = said.partition(": ")
    status = 503 if stage == "fault" or "memory" in reason else 400 if stage == "request" else 422
    return ApiError(status, said, code=f"failed_at_{stage}"[:60])


def facts_of(row: RowResult) -> dict[str, Any]:
    """What the judge says of a row's picture, and how to make it again."""
    record = row.record or {}
    names = ("score", "accepted", "caption", "left_out", "read_as", "facts")
    found = {name: record.get(name) for name in names}
    return {"seed": row.spec.seed, "seconds": round(row.seconds, 3), **found}


def row_body(job: Job, row: RowResult, *, whole: bool = False) -> dict[str, Any]:
    """A row as the server's own API has it.

    Args:
        whole: with all candidates, its trail.
    """
    record = row.record or {}
    body = {
        "number": row.number,
        "state": row.state,
        "prompt": row.spec.prompt,
        "seed": row.spec.seed,
        "settings": row.spec.settings,
        "way": row.spec.way,
        "error": without_paths(row.error) or None,
        "picture": f"/files/{job.id}/{row.number}.png" if row.picture else None,
        **facts_of(row),
        "resolved_prompt": record.get("resolved_prompt"),
    }
    if whole:
        body |= {name: record.get(name) for name in ("candidates", "timings", "id", "template")}
        body["carried_out_with"] = record.get("settings")
    return body


def picture_body(job: Job, row: RowResult) -> dict[str, Any]:
    """A row as those see it who look through all of them."""
    return {**row_body(job, row), "job": job.id, "recipe": job.recipe, "place": f"{job.order}.{row.number}"}


def job_now(runtime: Runtime, job: Job) -> dict[str, Any]:
    """A job as the server's own API has it."""
    running = job.state == "queued" and any(each.job.id == job.id for each in runtime.shop.guests())
    note = None
    if not job.ended and job.recipe not in runtime.pipes.recipes:
        note = f"recipe {job.recipe} is not served now: it waits for a server that has it"
    return {
        "id": job.id,
        "order": job.order,
        "state": "running" if running else job.state,
        "note": note,
        "title": job.title,
        "recipe": job.recipe,
        "protocol": job.protocol,
        "priority": job.priority,
        "rows": job.rows,
        "done": job.done,
        "failed": job.failed,
        "created": job.created,
        "finished": job.finished,
    }


def file_address(request: Request, job: Job, row: RowResult, format: Format = "png") -> str:
    """Where a picture can be fetched by whoever knows its address."""
    return f"{request.base_url}files/{job.id}/{row.number}.{format}"
