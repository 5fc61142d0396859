"""The server, put together: protocols over one runtime, behind the guard."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.staticfiles import StaticFiles

from .guard import Guard
from .protocols import a1111, openai, own, page
from .protocols.document import document_routes
from .replies import ApiError, on_error, on_http_error
from .runtime import Runtime

STATIC = Path(__file__).parent / "studio"
"""The studio: the page, and what it loads; `index.html` is what `/` gives."""


def made_app(
    runtime: Runtime, *, keys: Sequence[str] = (), names: Sequence[str] = (), static: Path = STATIC
) -> Guard:
    """The application, as a server runs it. The runtime begins and ends with it.

    Args:
        keys, names: see `Guard`.
        static: the folder of the page.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        runtime.start()
        try:
            yield
        finally:
            runtime.stop()

    async def front(request: Request) -> Response:
        if not (static / "index.html").is_file():
            raise ApiError(404, "there is no page here: /docs says what can be asked", code="no_page")
        return FileResponse(static / "index.html")

    routes: list[BaseRoute] = [
        Route("/", front),
        *openai.routes(runtime),
        *a1111.routes(runtime),
        *own.routes(runtime),
        *page.routes(runtime),
        *document_routes(),
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={HTTPException: on_http_error, Exception: on_error, ApiError: on_error},
    )
    for kind in (*_told(), ClientDisconnect, OSError, sqlite3.Error):
        app.add_exception_handler(kind, on_error)
    if static.is_dir():
        app.mount("/static", StaticFiles(directory=static))
    return Guard(app, keys=keys, names=names, body_bytes=runtime.limits.body_bytes)


def _told() -> tuple[type[Exception], ...]:
    """Errors that say what is wrong with a request."""
    from ...engine.errors import DiptychError
    from ...prompts.row import PromptFileError
    from ...prompts.settings import FieldError

    return DiptychError, PromptFileError, FieldError
