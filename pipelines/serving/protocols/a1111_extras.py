"""What AUTOMATIC1111's web UI has in its tabs `Extras` and `PNG Info`.

POST /sdapi/v1/extra-single-image, png-info
"""

from typing import Any, NamedTuple

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ....engine.errors import InputError
from ...files import png_bytes
from ...pictures.pixels import upright
from ...pictures.texts import texts_of
from ..engine_thread.requests_of_rows import UPSCALED
from ..pictures import checked, decoded, kind_of_picture
from ..queue.jobs import NewJob, RowSpec, TooLargeError
from ..runtime import Intake, Runtime
from .a1111_lists import PLAIN_UPSCALERS, PROTOCOL, text_of
from .bodies import body_of, client_of, converted, gone_of, priority_of
from .results import base64_of, failure_of, picture_of

_BY_MODELS = (2, 4)
"""Times that a recipe's models enlarge a picture; what is asked beside is made of the next."""


class Enlarging(msgspec.Struct, kw_only=True):
    """What `extra-single-image` is asked.

    Args:
        resize_mode: 0 by `upscaling_resize`; 1 to `upscaling_resize_w` and `_h`.
        upscaling_crop: to just that size, of which what is too much is cut off; else it is at least that large.
    """

    image: str
    resize_mode: int | None = None
    upscaling_resize: float | None = None
    upscaling_resize_w: int | None = None
    upscaling_resize_h: int | None = None
    upscaling_crop: bool | None = None
    upscaler_1: str | None = None


class Target(NamedTuple):
    """How large a picture becomes, as width and height.

    Args:
        scale: times that it is enlarged.
        size: it is scaled to that.
        crop: of that the middle is left.
    """

    scale: float
    size: tuple[int, int]
    crop: tuple[int, int] | None


def extras_routes(runtime: Runtime) -> list[Route]:
    """The addresses of these tabs."""

    async def png_info(request: Request) -> Response:
        said = await body_of(request)
        return JSONResponse(await run_in_threadpool(_png_info, runtime, said))

    async def enlarge(request: Request) -> Response:
        return await _enlarged(runtime, request)

    return [
        Route("/sdapi/v1/extra-single-image", enlarge, methods=["POST"]),
        Route("/sdapi/v1/png-info", png_info, methods=["POST"]),
    ]


def _png_info(runtime: Runtime, said: dict[str, Any]) -> dict[str, Any]:
    data = decoded(text_of("image", said.get("image")))
    kind_of_picture(data, most_pixels=runtime.limits.pixels)
    texts = texts_of(data)
    return {"info": texts.get("parameters", ""), "items": texts, "parameters": {}}


async def _enlarged(runtime: Runtime, request: Request) -> Response:
    said = await body_of(request)
    body: Enlarging = converted(said, Enlarging)
    data, target = await run_in_threadpool(_read, runtime, body)
    name = body.upscaler_1 or PLAIN_UPSCALERS[0]
    if name in PLAIN_UPSCALERS:
        made = await run_in_threadpool(_fitted, data, target)
        return JSONResponse({"image": base64_of(made), "html_info": ""})
    recipe, scale = runtime.pipes.name_of(name), _scale_of_models(target)

    def make(keep: Intake) -> NewJob:
        settings = {"image": keep(data), "scale": scale}
        row = RowSpec(prompt=UPSCALED, seed=0, settings=settings, way="upscale")
        client, priority = client_of(request), priority_of(said)
        return NewJob(recipe=recipe, rows=[row], client=client, priority=priority, protocol=PROTOCOL)

    job = await runtime.submitted(make)
    rows = await runtime.finished(job, gone_of(request))
    if not rows or not rows[0].picture:
        raise failure_of(rows)

    def as_asked() -> bytes:
        larger = picture_of(runtime.store, job.id, rows[0])
        return larger if target.scale in _BY_MODELS and not target.crop else _fitted(larger, target)

    return JSONResponse({"image": base64_of(await run_in_threadpool(as_asked)), "html_info": ""})


def _scale_of_models(target: Target) -> int:
    found = next((scale for scale in _BY_MODELS if scale >= target.scale), None)
    if found is None:
        most = _BY_MODELS[-1]
        raise InputError(f"upscaling_resize = {target.scale:.3g}: models enlarge pictures {most} times at most")
    return found


def _read(runtime: Runtime, body: Enlarging) -> tuple[bytes, Target]:
    """The picture, and how large it becomes. Errors as `_target`."""
    data = decoded(body.image)
    return data, _target(runtime, body, data)


def _target(runtime: Runtime, body: Enlarging, data: bytes) -> Target:
    """How large a picture is to be.

    Raises:
        InputError: it cannot be told, or is too small or too large.
    """
    checked(data, most_pixels=runtime.limits.pixels)
    width, height = upright(data).size
    crop = None
    if body.resize_mode == 1:
        crop = (body.upscaling_resize_w or 0, body.upscaling_resize_h or 0)
        if min(crop) < 1:
            raise InputError("upscaling_resize_w, upscaling_resize_h: must be 1 or more with resize_mode 1")
        scale = max(crop[0] / width, crop[1] / height)
    else:
        scale = 2.0 if body.upscaling_resize is None else body.upscaling_resize
    if not 0.01 <= scale <= 16:
        raise InputError(f"upscaling_resize = {scale:.3g}: must lie between 0.01 and 16")
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if size[0] * size[1] > runtime.limits.pixels:
        raise TooLargeError(f"image: {size[0]}x{size[1]} pixels are more than are made here")
    return Target(scale, size, None if body.upscaling_crop is False else crop)


def _fitted(data: bytes, target: Target) -> bytes:
    """A picture as a PNG file of the size that is asked for."""
    import PIL.Image

    image = upright(data)
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    made = image.resize(target.size, PIL.Image.Resampling.LANCZOS)
    if target.crop is not None:
        left, top = ((have - want) // 2 for have, want in zip(target.size, target.crop, strict=True))
        made = made.crop((left, top, left + target.crop[0], top + target.crop[1]))
    return png_bytes(made)
