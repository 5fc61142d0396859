"""The image API of OpenAI: what the `openai` package, Open WebUI, LibreChat and others speak.

    POST /v1/images/generations     JSON
    POST /v1/images/edits           a form with files, or JSON with pictures in base64
    GET  /v1/models

Beside its own fields a request may have all settings of a row of a prompt file (`seed`, `steps`, `candidates`,
...), by all names that they have there. `revised_prompt` is the plan; `diptych` says what else there is to say.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ....engine.values.reference import check_count
from ...calls.reference_check import edits_by_instruction
from ..pictures import Format, decoded, encoded, mask_of_holes, preview, size_of
from ..queue.jobs import Job, NewJob, RowResult, RowSpec
from ..replies import ApiError, as_api_error, event_stream, event_text, openai_body, without_paths
from ..runtime import POLL_S, Intake, Runtime, count_of, without_effect
from .bodies import body_of, client_of, converted, digest_of, gone_of, priority_of
from .results import base64_of, facts_of, failure_of, file_address, picture_of

MOST_PARTIAL = 3
_OF_EDITS = ("image", "image[]", "images", "mask", "mask[]", "masks", "strength")
_WITHOUT_EFFECT = ("quality", "style", "moderation", "input_fidelity")


class Generation(msgspec.Struct, kw_only=True):
    """What a request may say; what it says beside is looked through for settings."""

    prompt: str
    model: str | None = None
    n: int | None = None
    size: str | None = None
    quality: str | None = None
    style: str | None = None
    background: str | None = None
    moderation: str | None = None
    output_format: Format | None = None
    output_compression: int | None = None
    response_format: str | None = None
    stream: bool | None = None
    partial_images: int | None = None
    user: str | None = None
    seed: int | None = None


_READ = (*Generation.__struct_fields__, "priority")


class Wish:
    """A request, read: what is to be made, and how it is to be handed over."""

    def __init__(self, runtime: Runtime, said: Mapping[str, Any], request: Request, *, edits: bool) -> None:
        self.runtime, self.request, self.edits = runtime, request, edits
        self.body: Generation = converted(said, Generation)
        self.recipe = runtime.pipes.name_of(self.body.model)
        self.said = said
        self._check()
        usual = "url" if (self.body.model or "").startswith("dall-e") else "b64_json"
        self.as_url = (self.body.response_format or usual) == "url"
        self.format: Format = self.body.output_format or "png"
        compression = self.body.output_compression
        self.quality = 95 if compression is None else compression

    def job(self, keep: Intake) -> NewJob:
        """The job that it asks for; takes a while."""
        settings = self.runtime.settings_in(self.said, but=("seed", "n"))
        spec = RowSpec(prompt=self.body.prompt, seed=0, settings=settings)
        if self.edits:
            spec = self._edit(spec, keep)
        count = count_of({"n": self.body.n}, most=self.runtime.limits.pictures)
        rows = self.runtime.rows(self.recipe, spec, count=count, seed=self.body.seed)
        return NewJob(
            recipe=self.recipe,
            rows=rows,
            client=client_of(self.request),
            priority=priority_of(self.said),
            protocol="openai",
            title=self.body.prompt[:200],
            key=self.request.headers.get("idempotency-key"),
            said=digest_of({**self.said, "edits": self.edits}),
        )

    def _check(self) -> None:
        body = self.body
        if body.background == "transparent":
            raise ApiError(400, "background = 'transparent': pictures are opaque here", param="background")
        if body.response_format not in (None, "url", "b64_json"):
            raise ApiError(400, "response_format: must be url or b64_json", param="response_format")
        for name, value, most in (
            ("partial_images", body.partial_images, MOST_PARTIAL),
            ("output_compression", body.output_compression, 100),
        ):
            if value is not None and not 0 <= value <= most:
                raise ApiError(400, f"{name} = {value}: must lie between 0 and {most}", param=name)

    def _edit(self, spec: RowSpec, keep: Intake) -> RowSpec:
        """Within a mask what the prompt says; without one, the prompt is an instruction."""
        images = _pictures(self.said, "image")
        if not images:
            raise ApiError(400, "image: is missing: send the picture that is to be edited", param="image")
        has_editor = edits_by_instruction(self.runtime.pipes.of(self.recipe).pipeline.runner.chain)
        if len(images) > 1 and not has_editor:
            raise ApiError(400, f"image: {len(images)} pictures: one is edited at a time", param="image")
        if has_editor:
            return self._by_editor(spec, images, keep)
        masks = _pictures(self.said, "mask")
        strength = self.said.get("strength")
        settings = {**spec.settings, "image": keep(images[0])}
        if strength is not None:
            settings["strength"] = _share("strength", strength)
        mask = mask_of_holes(masks[0]) if masks else mask_of_holes(images[0], called="image")
        if masks and mask is None:
            raise ApiError(400, "mask: is opaque throughout: make see-through what may change", param="mask")
        if mask is None:
            return msgspec.structs.replace(spec, settings=settings, way="edit")
        settings["mask_image"] = keep(mask, called="mask")
        return msgspec.structs.replace(spec, settings=settings)

    def _by_editor(self, spec: RowSpec, images: list[bytes], keep: Intake) -> RowSpec:
        """By a painter that reads the instruction itself; pictures beyond the first are references, too."""
        if _pictures(self.said, "mask"):
            raise ApiError(400, "mask: this model edits by the prompt alone: leave it out", param="mask")
        check_count(len(images))
        first, *others = (keep(each) for each in images)
        settings = {**spec.settings, "image": first, **({"reference": others} if others else {})}
        return msgspec.structs.replace(spec, settings=settings, way="edit")


def routes(runtime: Runtime) -> list[Route]:
    """The addresses of this protocol."""

    async def generations(request: Request) -> Response:
        return await _made(runtime, request, edits=False)

    async def edits(request: Request) -> Response:
        return await _made(runtime, request, edits=True)

    async def models(request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [_model(name) for name in runtime.pipes.recipes]})

    async def model(request: Request) -> Response:
        return JSONResponse(_model(runtime.pipes.name_of(request.path_params["name"])))

    return [
        Route("/v1/images/generations", generations, methods=["POST"]),
        Route("/v1/images/edits", edits, methods=["POST"]),
        Route("/v1/models", models),
        Route("/v1/models/{name}", model),
    ]


async def _made(runtime: Runtime, request: Request, *, edits: bool) -> Response:
    said = await body_of(request, forms=edits)
    wish = await run_in_threadpool(Wish, runtime, said, request, edits=edits)
    job = await runtime.wanted(wish.job)
    if wish.body.stream:
        return event_stream(request, _streamed(wish, job))
    rows = await runtime.finished(job, gone_of(request))
    return JSONResponse(await run_in_threadpool(_answer, wish, job, rows))


def _answer(wish: Wish, job: Job, rows: list[RowResult]) -> dict[str, Any]:
    """Raises `ApiError` where there is no picture at all."""
    done = [row for row in rows if row.picture]
    if not done:
        raise failure_of(rows)
    ignored = [name for name in _WITHOUT_EFFECT if getattr(wish.body, name, wish.said.get(name)) is not None]
    ignored += without_effect(
        wish.said, (*Generation.__struct_fields__, "priority", *(_OF_EDITS if wish.edits else ()))
    )
    more = {"job": job.id, "model": job.recipe, "without_effect": ignored}
    if (within := done[0].spec.deliver) is not None:  # a size that is not painted
        painted = size_of(picture_of(wish.runtime.store, job.id, done[0]), None)
        more |= {"painted": _times(painted), "fitted_into": _times(within)}
    return {
        "created": int(job.created),
        "data": [_datum(wish, job, row) for row in rows],
        "background": "opaque",
        "output_format": wish.format,
        "quality": wish.body.quality or "auto",
        "size": _size(wish, job, done[0]),
        "usage": usage_of(rows),
        "diptych": more,
    }


def _datum(wish: Wish, job: Job, row: RowResult) -> dict[str, Any]:
    if not row.picture:
        return {"b64_json": None, "url": None, "revised_prompt": None, "error": without_paths(row.error)}
    revised = (row.record or {}).get("resolved_prompt")
    said = {"revised_prompt": revised, "diptych": facts_of(row)}
    if wish.as_url:
        return {"url": file_address(wish.request, job, row, wish.format), **said}
    return {"b64_json": _picture(wish, job, row), **said}


def _picture(wish: Wish, job: Job, row: RowResult) -> str:
    png = picture_of(wish.runtime.store, job.id, row)
    return base64_of(encoded(png, format=wish.format, quality=wish.quality, within=row.spec.deliver))


def _size(wish: Wish, job: Job, row: RowResult) -> str:
    return _times(size_of(picture_of(wish.runtime.store, job.id, row), row.spec.deliver))


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


async def _streamed(wish: Wish, job: Job) -> AsyncIterator[bytes]:
    """Previews as they come, so many as are wanted, then the pictures."""
    kind = "image_edit" if wish.edits else "image_generation"
    wanted, gone, runtime = wish.body.partial_images or 0, gone_of(wish.request), wish.runtime
    told: dict[int, int] = {}
    sent: set[int] = set()
    try:
        with runtime.bus.reading(job.id, views=wanted > 0, waits=True) as reader:
            ended = await run_in_threadpool(runtime.has_ended, job)
            while not ended:
                event = await reader.next(timeout=POLL_S)
                if event is None or event.kind == "job":
                    ended = await run_in_threadpool(runtime.has_ended, job)
                if await gone():
                    return
                if event is None:
                    if not runtime.works:
                        raise await run_in_threadpool(runtime.let_go, job)
                    yield b": still at work\n\n"
                elif event.kind == "preview" and told.get(event.row, 0) < wanted:
                    index = told[event.row] = told.get(event.row, 0) + 1
                    yield event_text(
                        f"{kind}.partial_image",
                        {
                            "type": f"{kind}.partial_image",
                            "b64_json": await run_in_threadpool(_preview, wish, event.picture),
                            "partial_image_index": index - 1,
                            **_said(wish, f"{event.picture.shape[1]}x{event.picture.shape[0]}"),
                        },
                    )
                elif event.kind == "row":
                    sent.add(event.row)
                    yield await run_in_threadpool(_completed, wish, job, event.row, kind)
        for row in await run_in_threadpool(lambda: list(runtime.store.rows(job.id))):
            if row.number not in sent:
                yield await run_in_threadpool(_completed, wish, job, row.number, kind)
    except Exception as error:
        yield event_text("error", {"type": "error", **openai_body(as_api_error(error))})
    finally:
        if runtime.works:  # whoever was to get it may have gone
            asyncio.get_running_loop().run_in_executor(None, runtime.give_up, job)


def _completed(wish: Wish, job: Job, number: int, kind: str) -> bytes:
    row = wish.runtime.store.row(job.id, number)
    if row is None or not row.picture:
        error = failure_of([row] if row else [])
        return event_text("error", {"type": "error", **openai_body(error)})
    revised = (row.record or {}).get("resolved_prompt")
    data = {"type": f"{kind}.completed", "b64_json": _picture(wish, job, row), "revised_prompt": revised}
    said = {**_said(wish, _size(wish, job, row)), "usage": usage_of([row]), "diptych": facts_of(row)}
    return event_text(f"{kind}.completed", {**data, **said})


def _preview(wish: Wish, pixels: Any) -> str:
    return base64_of(preview(pixels, format=wish.format))


def _said(wish: Wish, size: str) -> dict[str, Any]:
    return {
        "created_at": int(time.time()),
        "size": size,
        "quality": wish.body.quality or "auto",
        "background": "opaque",
        "output_format": wish.format,
    }


def usage_of(rows: list[RowResult]) -> dict[str, Any]:
    """What was read and made: words of prompts, and image tokens that were drafted."""
    words = sum(len(row.spec.prompt.split()) for row in rows)
    images = sum("image" in row.spec.settings for row in rows)
    tokens = sum(row.tokens for row in rows)
    return {
        "input_tokens": words,
        "input_tokens_details": {"text_tokens": words, "image_tokens": images},
        "output_tokens": tokens,
        "output_tokens_details": {"text_tokens": 0, "image_tokens": tokens},
        "total_tokens": words + tokens,
    }


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "diptych"}


def _share(name: str, value: Any) -> float:
    from ....prompts.settings import setting

    return setting(name, value)  # pyright: ignore[reportReturnType]


def _pictures(said: Mapping[str, Any], name: str) -> list[bytes]:
    """The pictures of a field: files of a form, or base64 in JSON, as it is or as `{"b64_json": ...}`
    or `{"image_url": {"url": ...}}`."""
    found: list[bytes] = []
    for field in (name, f"{name}[]", f"{name}s"):
        value = said.get(field)
        for each in value if isinstance(value, list) else [value]:
            while isinstance(each, Mapping):
                each = each.get("b64_json") or each.get("image_url") or each.get("url")
            if isinstance(each, bytes):
                found.append(each)
            elif isinstance(each, str) and each:
                found.append(decoded(each, called=name))
            elif each is not None and each != "":
                raise ApiError(400, f"{name}: must be a picture: a file, or base64", param=name)
    return found
