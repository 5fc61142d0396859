"""What can be asked, for programs (`/openapi.json`) and for people (`/docs`); made of the declared bodies."""

import functools
import html
import json
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from ....engine.values import SETTINGS
from ....engine.version import __version__
from .a1111 import Painting
from .a1111_extras import Enlarging
from .a1111_lists import EMPTY, WITHOUT_EFFECT
from .new_jobs import NewJobBody
from .openai import Generation
from .own import JobChange
from .page import Again, Reading

_BODIES: dict[tuple[str, str], type[msgspec.Struct]] = {
    ("post", "/v1/images/generations"): Generation,
    ("post", "/v1/images/edits"): Generation,
    ("post", "/sdapi/v1/txt2img"): Painting,
    ("post", "/sdapi/v1/img2img"): Painting,
    ("post", "/sdapi/v1/extra-single-image"): Enlarging,
    ("post", "/v1/jobs"): NewJobBody,
    ("patch", "/v1/jobs/{id}"): JobChange,
    ("post", "/v1/read"): Reading,
    ("post", "/v1/jobs/{id}/rows/{number}/again"): Again,
}
_SAID = {
    (
        "post",
        "/v1/images/generations",
    ): "Pictures of a prompt, as OpenAI has it; settings may stand beside.",
    ("post", "/v1/images/edits"): "A picture edited: within a mask, or by an instruction. JSON or a form.",
    ("get", "/v1/models"): "The recipes that are served.",
    ("get", "/v1/models/{name}"): "One of them.",
    ("post", "/sdapi/v1/txt2img"): "Pictures of a prompt. As AUTOMATIC1111's API.",
    ("post", "/sdapi/v1/img2img"): "Pictures of a prompt that start from one, within a mask if there is one.",
    ("post", "/sdapi/v1/extra-single-image"): "A picture enlarged.",
    ("post", "/sdapi/v1/png-info"): "What a PNG file says of how it was made.",
    ("post", "/sdapi/v1/interrupt"): "Give up what this client waits for.",
    ("get", "/sdapi/v1/progress"): "How far it is, with a picture of it.",
    ("get", "/sdapi/v1/options"): "The recipe and the format that are taken where none is asked for.",
    ("post", "/sdapi/v1/options"): "Choose them.",
    **{("get", f"/sdapi/v1/{name}"): "A list." for name in ("sd-models", "samplers", "schedulers")},
    **{("get", f"/sdapi/v1/{name}"): "A list." for name in ("upscalers", "loras")},
    **{("get", f"/sdapi/v1/{name}"): "Nothing of it is here." for name in EMPTY},
    **{("post", f"/sdapi/v1/{name}"): "Has no effect." for name in WITHOUT_EFFECT},
    ("get", "/v1/jobs"): "The latest jobs: limit, before.",
    ("post", "/v1/jobs"): "A job: prompts, or a prompt file. It is safely on disk when this answers.",
    ("get", "/v1/jobs/{id}"): "A job.",
    ("patch", "/v1/jobs/{id}"): "Change its priority; pause it, or let it go on.",
    ("delete", "/v1/jobs/{id}"): "Forget it, with its pictures.",
    ("post", "/v1/jobs/{id}/cancel"): "Give up what is not done of it.",
    ("post", "/v1/jobs/{id}/retry"): "Try rows again that failed or were cancelled.",
    ("get", "/v1/jobs/{id}/rows"): "Its rows: limit, after.",
    ("get", "/v1/jobs/{id}/rows/{number}"): "A row, with its candidates and why each won or lost.",
    ("get", "/v1/jobs/{id}/events"): "What happens to it, as server-sent events: previews=1 for pictures.",
    (
        "get",
        "/files/{id}/{number}.{format}",
    ): "A picture: png, jpeg or webp. Needs no key: its name is one.",
    ("get", "/v1/recipes"): "The recipes, with their defaults.",
    ("get", "/v1/settings"): "The settings of a recipe (recipe=NAME), and sizes that it paints.",
    ("post", "/v1/read"): "What a prompt says to the recipe's planner, and what of it will not be drawn.",
    ("get", "/v1/pictures"): "Rows of all jobs, done or failed, the latest first: q, limit, before.",
    ("get", "/v1/events"): "What happens to all jobs, as server-sent events.",
    ("get", "/v1/jobs/{id}/rows/{number}/again"): "A row as a command, as Python and as a recipe.",
    ("post", "/v1/jobs/{id}/rows/{number}/again"): "Make it once more: the same, or with another seed.",
    ("get", "/healthz"): "Whether all is well.",
    ("get", "/metrics"): "Figures for Prometheus.",
}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light"
    " dark}code,pre{font-size:.9em}pre{overflow:auto;padding:.5rem;border:1px solid;border-radius:.3rem}"
)


@functools.cache
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    kinds = sorted(set(_BODIES.values()), key=lambda kind: kind.__name__)
    _, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), said in _SAID.items():
        names = [part.partition("}")[0] for part in path.split("{")[1:]]
        about: dict[str, Any] = {"summary": said, "responses": {"200": {"description": "as asked"}}}
        about["responses"]["default"] = {"description": "why it is not carried out"}
        if names:
            about["parameters"] = [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
            ]
        if (body := _BODIES.get((method, path))) is not None:
            schema = {"$ref": f"#/components/schemas/{body.__name__}"}
            about["requestBody"] = {"content": {"application/json": {"schema": schema}}}
        paths.setdefault(path, {})[method] = about
    security = {"key": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Diptych", "version": __version__},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": security},
    }


def document_routes() -> list[Route]:
    """The addresses of the documents."""

    async def machine(request: Request) -> Response:
        return JSONResponse(document())

    async def people(request: Request) -> Response:
        headers = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return HTMLResponse(_page(), headers=headers)

    return [Route("/openapi.json", machine), Route("/docs", people)]


@functools.cache
def _page() -> str:
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Diptych's API</title><style>{_STYLE}</style>"
    ]
    parts.append(
        "<h1>What can be asked</h1><p>The same for programs: <a href=openapi.json>openapi.json</a></p>"
    )
    for (method, path), said in _SAID.items():
        parts.append(f"<h2><code>{method.upper()} {html.escape(path)}</code></h2><p>{html.escape(said)}</p>")
        if (body := _BODIES.get((method, path))) is not None:
            shown = msgspec.json.schema(body)["$defs"][body.__name__]["properties"]
            parts.append(f"<pre>{html.escape(json.dumps(shown, indent=1))}</pre>")
    parts.append("<h2>Settings</h2><dl>")
    for row in SETTINGS.values():
        names = ", ".join(row.names)
        parts.append(
            f"<dt><code>{html.escape(names)}</code></dt><dd>{html.escape(row.described(row.help))}</dd>"
        )
    return "".join([*parts, "</dl></html>"])
