"""The API of AUTOMATIC1111's web UI: what SillyTavern, Open WebUI, Krita's plugins and many scripts speak.

    POST /sdapi/v1/txt2img, img2img, extra-single-image, png-info, interrupt, options
    GET  /sdapi/v1/options, progress, sd-models, samplers, schedulers, upscalers, latent-upscale-modes, sd-vae,
         loras

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

from ....engine.errors import InputError
from ....engine.messages import did_you_mean
from ....engine.values.start import check_share
from ...calls.control_check import offered_controls
from ...pictures.opening import opened
from ...pictures.texts import texts_of
from ...recipes.lora_table import rack_of
from ...recipes.reader import Recipe
from ..engine_thread.requests_of_rows import UPSCALED
from ..pictures import decoded, encoded, is_all_black, mask_of_light, preview
from ..queue.jobs import Job, NewJob, RowResult, RowSpec, TooLargeError
from ..replies import ApiError
from ..runtime import Runtime, count_of
from .a1111_controlnet import control_settings
from .bodies import body_of, client_of, converted, gone_of, priority_of
from .results import base64_of, failure_of, picture_of

SAMPLERS = {
    "Euler": "EulerDiscrete",
    "Euler a": "EulerAncestralDiscrete",
    "DPM++ 2M": "DPMSolverMultistep",
    "DPM++ SDE": "DPMSolverSDE",
    "Heun": "HeunDiscrete",
    "LMS": "LMSDiscrete",
    "DPM2": "KDPM2Discrete",
    "DPM2 a": "KDPM2AncestralDiscrete",
    "DDIM": "DDIM",
    "PNDM": "PNDM",
    "UniPC": "UniPCMultistep",
    "DDPM": "DDPM",
    "LCM": "LCM",
}
"""Names that people have for samplers, and the schedulers of diffusers that they are."""

AUTOMATIC = "Automatic"
PLAIN_UPSCALERS = ("None", "Lanczos")
_PROTOCOL = "a1111"
_MODEL = "sd_model_checkpoint"
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


class Enlarging(msgspec.Struct, kw_only=True):
    """What `extra-single-image` is asked."""

    image: str
    upscaling_resize: float | None = None
    upscaler_1: str | None = None


class Options:
    """What `options` keeps for as long as the server lives."""

    def __init__(self, runtime: Runtime) -> None:
        self.said: dict[str, Any] = {_MODEL: runtime.pipes.usual, "samples_format": "png"}


def routes(runtime: Runtime) -> list[Route]:
    """The addresses of this protocol."""
    options = Options(runtime)

    async def txt2img(request: Request) -> Response:
        return await _painted(runtime, options, request, starts=False)

    async def img2img(request: Request) -> Response:
        return await _painted(runtime, options, request, starts=True)

    async def set_options(request: Request) -> Response:
        said = await body_of(request)
        if said.get(_MODEL) is not None:
            said = {**said, _MODEL: runtime.pipes.name_of(_text(_MODEL, said[_MODEL]))}
        options.said |= {k: v for k, v in said.items() if k in (_MODEL, "samples_format")}
        return JSONResponse(None)

    async def progress(request: Request) -> Response:
        skip = request.query_params.get("skip_current_image", "").lower() == "true"
        return JSONResponse(await run_in_threadpool(_progress, runtime, client_of(request), not skip))

    async def interrupt(request: Request) -> Response:
        for job in await run_in_threadpool(_waiting, runtime, client_of(request)):
            await run_in_threadpool(runtime.cancel, job.id)
        return JSONResponse({})

    async def png_info(request: Request) -> Response:
        data = decoded(_text("image", (await body_of(request)).get("image")))
        return JSONResponse(await run_in_threadpool(_png_info, runtime, data))

    async def enlarge(request: Request) -> Response:
        return await _enlarged(runtime, options, request)

    def told(make: Callable[[], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return JSONResponse(make())

        return answer

    return [
        Route("/sdapi/v1/txt2img", txt2img, methods=["POST"]),
        Route("/sdapi/v1/img2img", img2img, methods=["POST"]),
        Route("/sdapi/v1/options", set_options, methods=["POST"]),
        Route("/sdapi/v1/extra-single-image", enlarge, methods=["POST"]),
        Route("/sdapi/v1/png-info", png_info, methods=["POST"]),
        Route("/sdapi/v1/interrupt", interrupt, methods=["POST"]),
        Route("/sdapi/v1/progress", progress),
        *(Route(f"/sdapi/v1/{name}", told(make)) for name, make in _lists(runtime, options).items()),
    ]


def _lists(runtime: Runtime, options: Options) -> dict[str, Callable[[], Any]]:
    """What is told as it is, by name."""
    return {
        "options": lambda: options.said,
        "sd-models": lambda: [_model(name) for name in runtime.pipes.recipes],
        "samplers": lambda: [
            {"name": name, "aliases": [name.lower()], "options": {"scheduler": ours}}
            for name, ours in {AUTOMATIC: "", **SAMPLERS}.items()
        ],
        "schedulers": lambda: [{"name": "automatic", "label": AUTOMATIC, "aliases": None}],
        "upscalers": lambda: [
            {"name": name, "model_name": None, "model_path": None, "model_url": None, "scale": 4}
            for name in (*PLAIN_UPSCALERS, *runtime.pipes.recipes)
        ],
        "latent-upscale-modes": lambda: [],
        "sd-vae": lambda: [],
        "loras": lambda: [_lora(name) for recipe in runtime.pipes.recipes.values() for name in _loras(recipe)],
    }


async def _painted(runtime: Runtime, options: Options, request: Request, *, starts: bool) -> Response:
    said = await body_of(request)
    body: Painting = converted(said, Painting)
    job = await runtime.submitted(lambda: _job(runtime, options, request, said, body, starts=starts))
    rows = await runtime.finished(job, gone_of(request))
    return JSONResponse(await run_in_threadpool(_answer, runtime, said, body, job, rows))


def _job(
    runtime: Runtime,
    options: Options,
    request: Request,
    said: Mapping[str, Any],
    body: Painting,
    *,
    starts: bool,
) -> NewJob:
    chosen = (body.override_settings or {}).get(_MODEL, options.said[_MODEL])
    recipe = runtime.pipes.name_of(_text(_MODEL, chosen))
    settings = runtime.settings_in(said, but=_NOT_OURS)
    if body.steps is not None:
        settings |= runtime.settings_in({"steps": body.steps})
    if (scheduler := _scheduler(body.sampler_name or body.sampler_index)) is not None and _takes_one(
        runtime, recipe
    ):
        settings["scheduler"] = scheduler
    if starts:
        settings |= _start(runtime, body)
    if body.alwayson_scripts:
        settings |= control_settings(body.alwayson_scripts, _controls(runtime, recipe), runtime.keep)
    spec = RowSpec(prompt=body.prompt, seed=0, settings=settings)
    count = count_of({"batch_size": body.batch_size, "n_iter": body.n_iter})
    seed = None if body.seed is None or body.seed < 0 else body.seed
    return NewJob(
        recipe=recipe,
        rows=runtime.rows(recipe, spec, count=count, seed=seed),
        client=client_of(request),
        priority=priority_of(said),
        protocol=_PROTOCOL,
        title=body.prompt[:200],
    )


def _start(runtime: Runtime, body: Painting) -> dict[str, Any]:
    images = body.init_images or []
    if len(images) != 1:
        raise ApiError(400, f"init_images: {len(images)} pictures: send one", param="init_images")
    settings: dict[str, Any] = {"image": runtime.keep(decoded(images[0], called="init_images"))}
    if body.denoising_strength is not None:
        settings["strength"] = check_share("denoising_strength", body.denoising_strength)
    if body.mask:
        data = decoded(body.mask, called="mask")
        runtime.keep(data, called="mask")  # it is a picture, and not too large
        mask = mask_of_light(data, invert=bool(body.inpainting_mask_invert))
        if is_all_black(mask):
            raise ApiError(400, "mask: is black throughout: paint white what may change", param="mask")
        settings["mask_image"] = runtime.keep(mask, called="mask")
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
    runtime: Runtime, said: Mapping[str, Any], body: Painting, job: Job, rows: list[RowResult]
) -> dict[str, Any]:
    done = [row for row in rows if row.picture]
    if not done and any(row.state == "failed" for row in rows):
        raise failure_of(rows)
    files = [_file(runtime, job, row) for row in done]
    texts = [texts_of(data).get("parameters", "") for data in files]
    seeds = [row.spec.seed for row in rows]
    record = (done[0].record if done else None) or {}
    carried = record.get("settings") or {}
    info = {
        "prompt": body.prompt,
        "all_prompts": [body.prompt] * len(rows),
        "negative_prompt": body.negative_prompt or "",
        "seed": seeds[0],
        "all_seeds": seeds,
        "subseed": 0,
        "all_subseeds": [0] * len(rows),
        "width": body.width or carried.get("width"),
        "height": body.height or carried.get("height"),
        "sampler_name": body.sampler_name or body.sampler_index or AUTOMATIC,
        "cfg_scale": carried.get("guidance_scale"),
        "steps": carried.get("num_inference_steps"),
        "batch_size": body.batch_size or 1,
        "sd_model_name": job.recipe,
        "denoising_strength": body.denoising_strength,
        "infotexts": texts,
        "job_timestamp": time.strftime("%Y%m%d%H%M%S", time.gmtime(job.created)),
        "version": "diptych",
        "job": job.id,
    }
    shown = {k: v for k, v in said.items() if k not in ("init_images", "mask", "alwayson_scripts")}
    images = [] if body.send_images is False else [base64_of(data) for data in files]
    return {"images": images, "parameters": shown, "info": json.dumps(info)}


def _file(runtime: Runtime, job: Job, row: RowResult) -> bytes:
    return encoded(picture_of(runtime.store, job.id, row), within=row.spec.deliver)


async def _enlarged(runtime: Runtime, options: Options, request: Request) -> Response:
    said = await body_of(request)
    body: Enlarging = converted(said, Enlarging)
    scale = 2 if body.upscaling_resize is None else body.upscaling_resize
    name = body.upscaler_1 or PLAIN_UPSCALERS[0]
    data = decoded(body.image)
    if name in PLAIN_UPSCALERS:
        made = await run_in_threadpool(_resampled, runtime, data, scale)
        return JSONResponse({"image": base64_of(made), "html_info": ""})
    recipe = runtime.pipes.name_of(name)
    if scale not in (2, 4):
        raise ApiError(400, f"upscaling_resize = {scale}: must be 2 or 4", param="upscaling_resize")

    def make() -> NewJob:
        settings = {"image": runtime.keep(data), "scale": int(scale)}
        row = RowSpec(prompt=UPSCALED, seed=0, settings=settings, way="upscale")
        client, priority = client_of(request), priority_of(said)
        return NewJob(recipe=recipe, rows=[row], client=client, priority=priority, protocol=_PROTOCOL)

    job = await runtime.submitted(make)
    rows = await runtime.finished(job, gone_of(request))
    if not rows or not rows[0].picture:
        raise failure_of(rows)
    made = await run_in_threadpool(picture_of, runtime.store, job.id, rows[0])
    return JSONResponse({"image": base64_of(made), "html_info": ""})


def _resampled(runtime: Runtime, data: bytes, scale: float) -> bytes:
    """Larger by plain arithmetic, without a model."""
    if not 0.1 <= scale <= 8:
        raise ApiError(400, f"upscaling_resize = {scale}: must lie between 0.1 and 8", param="upscaling_resize")
    with opened(data, name="image") as image:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        if max(size[0] * size[1], image.width * image.height) > runtime.limits.pixels:
            raise ApiError(
                413, f"image: {size[0]}x{size[1]} pixels are more than are made here", code="too_large"
            )
    return encoded(data, within=size)


def _png_info(runtime: Runtime, data: bytes) -> dict[str, Any]:
    with opened(data, name="image") as image:
        if image.width * image.height > runtime.limits.pixels:
            raise TooLargeError(f"image: {image.width}x{image.height} pixels are more than are read here")
    texts = texts_of(data)
    return {"info": texts.get("parameters", ""), "items": texts, "parameters": {}}


def _waiting(runtime: Runtime, client: str) -> list[Job]:
    """The jobs of a client of this protocol that are not done, the oldest first."""
    jobs = runtime.store.open_jobs()
    return [job for job in jobs if job.protocol == _PROTOCOL and job.client == client]


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


def _model(name: str) -> dict[str, Any]:
    return {"title": name, "model_name": name, "hash": None, "sha256": None, "filename": name, "config": None}


def _loras(recipe: Recipe) -> list[str]:
    """Names of the LoRA weights that prompts of a recipe may ask for, as `<lora:NAME:0.8>`."""
    return rack_of(recipe).names()


def _lora(name: str) -> dict[str, Any]:
    return {"name": name, "alias": name, "path": name, "metadata": {}}


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InputError(f"{name}: must be text")
    return value
