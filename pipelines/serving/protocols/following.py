"""What happens to jobs, as server-sent events: of one job until it has ended, or of all."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from ..engine_thread.events import Event, followed
from ..pictures import preview
from ..queue.jobs import Job
from ..replies import event_text
from ..runtime import Runtime
from .results import base64_of, job_now, picture_body, row_body

PAUSE_S = 15.0
"""Seconds after which one who follows hears that the server is still there."""


async def of_job(runtime: Runtime, request: Request, job: Job, *, views: bool) -> AsyncIterator[bytes]:
    """The state of a job, then what happens to it, until it has ended.

    Args:
        views: previews, too.
    """
    with runtime.bus.reading(job.id, views=views, progress=True) as reader:
        now = await run_in_threadpool(runtime.store.job, job.id)
        if now is None:
            return
        yield event_text("job", job_now(runtime, now))
        for guest in runtime.shop.guests():  # what was told before
            if guest.job.id == job.id:
                for plan in list(guest.plans.values()):
                    yield event_text("plan", {"row": guest.number, **plan})
        async for event in followed(reader, every=PAUSE_S) if not now.ended else _none():
            if event is None and (await request.is_disconnected() or not runtime.works):
                return
            if event is None or event.kind == "job":
                now = await run_in_threadpool(runtime.store.job, job.id)
                is_over = now is None or now.ended
                if event is not None or is_over:
                    yield event_text("job", {"state": "deleted"} if now is None else job_now(runtime, now))
                else:
                    yield b": still there\n\n"
                if is_over:
                    return
            elif event.kind == "row":
                row = await run_in_threadpool(runtime.store.row, job.id, event.row)
                if row is not None:
                    yield event_text("row", row_body(job, row))
            else:
                yield event_text(event.kind, await _said(event))


async def _said(event: Event) -> dict[str, Any]:
    data = {"row": event.row, **event.data}
    if event.picture is not None:
        data["b64_png"] = base64_of(await run_in_threadpool(preview, event.picture))
    return data


async def _none() -> AsyncIterator[None]:
    await asyncio.sleep(0)
    return
    yield


async def of_all(runtime: Runtime, request: Request) -> AsyncIterator[bytes]:
    """What happens to jobs from now on, and the rows that come of them."""
    with runtime.bus.reading() as reader:
        yield b": here\n\n"
        async for event in followed(reader, every=PAUSE_S):
            if event is None:
                if await request.is_disconnected() or not runtime.works:
                    return
                yield b": still there\n\n"
                continue
            if event.kind not in ("job", "row"):
                continue
            job = await run_in_threadpool(runtime.store.job, event.job)
            if job is None:
                yield event_text("job", {"id": event.job, "state": "deleted"})
            elif event.kind == "row":
                row = await run_in_threadpool(runtime.store.row, event.job, event.row)
                if row is not None:
                    yield event_text("row", picture_body(job, row))
            else:
                yield event_text("job", job_now(runtime, job))
