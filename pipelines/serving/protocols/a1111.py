"""The API of AUTOMATIC1111's web UI: what SillyTavern, Open WebUI, Krita's plugins and many scripts speak.

    POST /sdapi/v1/txt2img, img2img, interrupt, options
    GET  /sdapi/v1/options, progress

and what `a1111_lists.py` and `a1111_extras.py` have.

What a request says of the web UI's own works (face restoration, scripts, hires fix and the like) has no effect.
"""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ....engine.messages import did_you_mean
from ....engine.values.start import check_share
from ...calls.control_check import offered_controls
from ...pictures.pixels import upright
from ...pictures.texts import texts_of
from ..pictures import Format, checked, decoded, encoded, is_all_black, mask_of_light, preview, size_of
from ..queue.jobs import Job, NewJob, RowResult, RowSpec
from ..replies import ApiError
from ..runtime import Intake, Runtime, count_of, without_effect
from .a1111_controlnet import control_settings
from .a1111_extras import extras_routes
from .a1111_lists import AUTOMATIC, PROTOCOL, SAMPLERS, WITHOUT_EFFECT, Options, lists
from .bodies import body_of, client_of, converted, gone_of, priority_of
from .results import base64_of, failure_of, picture_of

_NOT_OURS = ("sampler_name", "sampler_index", "scheduler", "size", "n_iter", "batch_size", "seed", "steps")


class Painting(msgspec.Struct, kw_only=True):
    """What `txt2img` and `img2img` are asked, as far as it has an effect."""

    prompt: str = ""
    negative_prompt: str | None = None
    seed: int | None = None
    steps: int | None = None
    cfg_scale: float | None = None
    width: int | None = None
    height: int | None = None
    batch_size: int | None = None
    n_iter: int | None = None
    sampler_name: str | None = None
    sampler_index: str | None = None
    override_settings: dict[str, Any] | None = None
    send_images: bool | None = None
    init_images: list[str] | None = None
    mask: str | None = None
    inpainting_mask_invert: int | None = None
    denoising_strength: float | None = None
    alwayson_scripts: dict[str, Any] | None = None


def routes(runtime: Runtime) -> list[Route]:
    """The addresses of this protocol."""
    options = Options(runtime)

    async def txt2img(request: Request) -> Response:
        return await _painted(runtime, options, request, starts=False)

    async def img2img(request: Request) -> Response:
        return await _painted(runtime, options, request, starts=True)

    async def set_options(request: Request) -> Response:
        options.set(await body_of(request))
        return JSONResponse(None)

    async def nothing(request: Request) -> Response:
        return JSONResponse(None)

    async def progress(request: Request) -> Response:
        skip = request.query_params.get("skip_current_image", "").lower() == "true"
        return JSONResponse(await run_in_threadpool(_progress, runtime, client_of(request), not skip))

    async def interrupt(request: Request) -> Response:
        for job in await run_in_threadpool(_waiting, runtime, client_of(request)):
            await run_in_threadpool(runtime.cancel, job.id)
        return JSONResponse({})

    def told(make: Callable[[], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return JSONResponse(make())

        return answer

    return [
        Route("/sdapi/v1/txt2img", txt2img, methods=["POST"]),
        Route("/sdapi/v1/img2img", img2img, methods=["POST"]),
        Route("/sdapi/v1/options", set_options, methods=["POST"]),
        *(Route(f"/sdapi/v1/{name}", nothing, methods=["POST"]) for name in WITHOUT_EFFECT),
        *extras_routes(runtime),
        Route("/sdapi/v1/interrupt", interrupt, methods=["POST"]),
        Route("/sdapi/v1/progress", progress),
        *(Route(f"/sdapi/v1/{name}", told(make)) for name, make in lists(runtime, options).items()),
    ]


async def _painted(runtime: Runtime, options: Options, request: Request, *, starts: bool) -> Response:
    said = await body_of(request)
    body: Painting = converted(said, Painting)
    recipe, format = await run_in_threadpool(options.with_, body.override_settings)
    job = await runtime.submitted(lambda keep: _job(runtime, recipe, request, said, body, keep, starts=starts))
    rows = await runtime.finished(job, gone_of(request))
    return JSONResponse(await run_in_threadpool(_answer, runtime, said, body, job, rows, format))


def _job(
    runtime: Runtime,
    recipe: str,
    request: Request,
    said: Mapping[str, Any],
    body: Painting,
    keep: Intake,
    *,
    starts: bool,
) -> NewJob:
    settings = runtime.settings_in(said, but=_NOT_OURS)
    if body.steps is not None:
        settings |= runtime.settings_in({"steps": body.steps})
    if (scheduler := _scheduler(body.sampler_name or body.sampler_index)) is not None and _takes_one(
        runtime, recipe
    ):
        settings["scheduler"] = scheduler
    if starts:
        settings |= _start(runtime, body, keep)
    if body.alwayson_scripts:
        settings |= control_settings(body.alwayson_scripts, _controls(runtime, recipe), keep)
    spec = RowSpec(prompt=body.prompt, seed=0, settings=settings)
    said_counts = {"batch_size": body.batch_size, "n_iter": body.n_iter}
    count = count_of(said_counts, most=runtime.limits.pictures)
    return NewJob(
        recipe=recipe,
        rows=runtime.rows(recipe, spec, count=count, seed=body.seed),
        client=client_of(request),
        priority=priority_of(said),
        protocol=PROTOCOL,
        title=body.prompt[:200],
    )


def _start(runtime: Runtime, body: Painting, keep: Intake) -> dict[str, Any]:
    images = body.init_images or []
    if len(images) != 1:
        raise ApiError(400, f"init_images: {len(images)} pictures: send one", param="init_images")
    image = decoded(images[0], called="init_images")
    settings: dict[str, Any] = {"image": keep(image)}
    if body.denoising_strength is not None:
        settings["strength"] = check_share("denoising_strength", body.denoising_strength)
    if body.mask:
        data = decoded(body.mask, called="mask")
        checked(data, most_pixels=runtime.limits.pixels, called="mask")
        size = upright(image).size
        mask = mask_of_light(data, size=size, invert=bool(body.inpainting_mask_invert))
        if is_all_black(mask):
            raise ApiError(400, "mask: is black throughout: paint white what may change", param="mask")
        settings["mask_image"] = keep(mask, called="mask")
    return settings


def _controls(runtime: Runtime, recipe: str) -> list[str]:
    """The names of the controls that a recipe has."""
    return [key.name for key in offered_controls(runtime.pipes.of(recipe).pipeline.runner.chain)]


def _scheduler(name: str | None) -> str | None:
    if name is None or name in ("", AUTOMATIC):
        return None
    known = {each.lower(): ours for each, ours in SAMPLERS.items()}
    plain = name.lower().removesuffix(" karras").removesuffix(" exponential")
    if plain not in known:
        hint = did_you_mean(name[:60], SAMPLERS)
        raise ApiError(404, f"Sampler not found: {name[:60]!r}{hint}", param="sampler_name", code="sampler")
    return known[plain]


def _takes_one(runtime: Runtime, recipe: str) -> bool:
    from ...unused_settings import unread_by

    return "scheduler" not in unread_by(runtime.pipes.of(recipe).pipeline.runner.chain)


def _answer(
    runtime: Runtime, said: Mapping[str, Any], body: Painting, job: Job, rows: list[RowResult], format: Format
) -> dict[str, Any]:
    done = [row for row in rows if row.picture]
    if not done and (not rows or any(row.state == "failed" for row in rows)):
        raise failure_of(rows)
    files = [_file(runtime, job, row) for row in done]
    texts = [texts_of(data).get("parameters", "") for data in files]
    seeds = [row.spec.seed for row in done or rows[:1]]
    record = (done[0].record if done else None) or {}
    carried = record.get("settings") or {}
    scheduler = carried.get("scheduler")
    size = (body.width, body.height) if not files else size_of(files[0], None)
    info = {
        "prompt": body.prompt,
        "all_prompts": [body.prompt] * len(done),
        "negative_prompt": body.negative_prompt or "",
        "seed": seeds[0],
        "all_seeds": seeds[: len(done)],
        "subseed": 0,
        "all_subseeds": [0] * len(done),
        "width": size[0],
        "height": size[1],
        "sampler_name": next((name for name, ours in SAMPLERS.items() if ours == scheduler), AUTOMATIC),
        "cfg_scale": carried.get("guidance_scale"),
        "steps": carried.get("num_inference_steps"),
        "batch_size": body.batch_size or 1,
        "sd_model_name": job.recipe,
        "denoising_strength": body.denoising_strength,
        "infotexts": texts,
        "job_timestamp": time.strftime("%Y%m%d%H%M%S", time.gmtime(job.created)),
        "version": "diptych",
        "job": job.id,
        "interrupted": len(done) < len(rows),
        "without_effect": without_effect(said, Painting.__struct_fields__),
    }
    shown = {k: v for k, v in said.items() if k not in ("init_images", "mask", "alwayson_scripts")}
    images = [] if body.send_images is False else [base64_of(encoded(data, format=format)) for data in files]
    return {"images": images, "parameters": shown, "info": json.dumps(info)}


def _file(runtime: Runtime, job: Job, row: RowResult) -> bytes:
    return encoded(picture_of(runtime.store, job.id, row), within=row.spec.deliver)


def _waiting(runtime: Runtime, client: str) -> list[Job]:
    """The jobs of a client of this protocol that are not done, the oldest first."""
    jobs = runtime.store.open_jobs()
    return [job for job in jobs if job.protocol == PROTOCOL and job.client == client]


def _progress(runtime: Runtime, client: str, with_image: bool) -> dict[str, Any]:
    jobs = _waiting(runtime, client)
    state: dict[str, Any] = {"skipped": False, "interrupted": False, "job": "", "job_count": 0, "job_no": 0}
    state |= {"sampling_step": 0, "sampling_steps": 0, "job_timestamp": "0"}
    if not jobs:
        return {"progress": 0.0, "eta_relative": 0.0, "state": state, "current_image": None, "textinfo": None}
    job = jobs[0]
    guests = [each for each in runtime.shop.guests() if each.job.id == job.id]
    stages = [each.share for each in guests]
    done = (job.done + job.failed + sum(stages)) / job.rows
    passed = time.time() - job.created
    state |= {"job": job.id, "job_count": job.rows, "job_no": job.done + job.failed}
    if with_image:
        runtime.shop.look()
    image = next((each.shown for each in guests if each.shown is not None), None) if with_image else None
    return {
        "progress": round(min(done, 0.99), 4),
        "eta_relative": round(passed / done - passed, 1) if done > 0.02 else 0.0,
        "state": state,
        "current_image": None if image is None else base64_of(preview(image)),
        "textinfo": guests[0].progress.get("stage") if guests else "waiting",
    }
