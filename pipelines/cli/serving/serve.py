"""`diptych serve`: pictures over HTTP, for programs that speak OpenAI's image API or AUTOMATIC1111's."""

import ipaddress
import os
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....engine.errors import InputError
from ....engine.messages import reason_of
from ...recipes import SERVED
from ..options import DeviceOption, MemoryOption
from .where import note_address

if TYPE_CHECKING:
    from ...serving.guard import Guard
    from ...serving.queue.jobs import Limits
    from ...serving.runtime import Runtime

KEY = "DIPTYCH_API_KEY"
"""The variable of the environment that holds keys, parted by commas: other users of a machine see options."""

EXTRA = "diptych serve needs packages that are not here: pip install 'diptych[serve]'"
_MOST_CONNECTIONS = 1000
IDLE_S = 300.0
_PATIENCE_S = 5  # for answers under way, when the server ends


def serve(
    recipe: Annotated[
        list[str] | None,
        typer.Option("--recipe", help="A recipe's name, or a .toml file; may be given often, the usual first."),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen at; others need a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes one that is free.")] = 7861,
    api_key: Annotated[
        list[str] | None,
        typer.Option("--api-key", help=f"Of which clients must show one; better in {KEY}."),
    ] = None,
    data: Annotated[Path, typer.Option("--data", help="Folder of the queue and its pictures.")] = Path(
        "diptych-server"
    ),
    device: DeviceOption = "auto",
    memory: MemoryOption = None,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="The same bits whenever and beside whatever a row comes.")
    ] = False,
    idle_seconds: Annotated[
        float, typer.Option("--idle-seconds", min=0, help="Without work, until models leave memory; 0: never.")
    ] = IDLE_S,
    max_queue: Annotated[
        int, typer.Option("--max-queue", min=1, help="Rows that wait at a time, at most.")
    ] = 100_000,
    keep: Annotated[
        int,
        typer.Option(
            "--keep",
            min=0,
            help="Finished jobs whose pictures are kept; the first to finish go, after ten minutes at least.",
        ),
    ] = 10_000,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", help="A name by which clients may call this server.")
    ] = None,
    behind_proxy: Annotated[
        list[str] | None,
        typer.Option(
            "--behind-proxy", help="A proxy's address, whose X-Forwarded-For is believed; may be often."
        ),
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Agree that code of checkpoints is run.")
    ] = False,
) -> None:
    """Serve pictures to programs that speak OpenAI's image API, or AUTOMATIC1111's. Stopped or killed, it
    goes on where it was."""
    keys = _keys(api_key)
    options: dict[str, Any] = {"device": device, "memory": memory, "deterministic": deterministic}
    if trust_remote_code:
        options["trust_remote_code"] = True
    _refuse_open_door(host, keys)
    proxies = [_proxy(each) for each in behind_proxy or ()]
    with _listening(host, port) as listening:
        limits = _limits(queued_rows=max_queue, kept_jobs=keep)
        runtime = _runtime(recipe or SERVED, data, limits, idle_seconds, options)
        app = _app(runtime, keys=keys, names=[host, *(allow_host or ())])
        _say(runtime, listening)
        _run(runtime, app, listening, proxies=proxies)


def serve_here(
    recipe: Sequence[str] | None,
    *,
    port: int,
    data: Path,
    options: dict[str, Any],
    listens: Callable[[str], None],
) -> None:
    """Serve this machine alone, without a key; arguments as `serve`, the others those of pipelines.

    Args:
        listens: is told the address, once the server can be asked there.
    """
    _refuse_open_door("127.0.0.1", [])
    with _listening("127.0.0.1", port) as listening:
        runtime = _runtime(recipe or SERVED, data, _limits(), IDLE_S, options)
        app = _app(runtime, keys=[], names=[])
        _say(runtime, listening)
        listens(f"http://127.0.0.1:{listening.getsockname()[1]}")
        _run(runtime, app, listening)


def _keys(given: Sequence[str] | None) -> list[str]:
    """The keys of options and of the environment."""
    keys = [*(given or ()), *filter(None, os.environ.get(KEY, "").split(","))]
    for key in keys:
        if len(key.strip()) < 8 or not key.isprintable():
            raise InputError("--api-key: must have eight characters or more, none of them blank or unprintable")
    return [key.strip() for key in keys]


def _proxy(said: str) -> str:
    """An address, or a network of them, of a proxy; never any, or whoever asks could choose who they are."""
    try:
        network = ipaddress.ip_network(said, strict=False)
    except ValueError:
        raise InputError(f"--behind-proxy {said}: must be an address, such as 127.0.0.1") from None
    if network.prefixlen == 0:
        raise InputError(f"--behind-proxy {said}: must not be all addresses: name the proxy's own")
    return str(network if network.num_addresses > 1 else network.network_address)


def _refuse_open_door(host: str, keys: Sequence[str]) -> None:
    try:
        from ...serving.guard import is_loopback
    except ImportError:
        raise InputError(EXTRA) from None
    if not keys and not is_loopback(host):
        raise InputError(f"--host {host}: others can reach it: name a key with --api-key, or in {KEY}")


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host.strip("[]"), port), family=family, backlog=512)
    except (OSError, UnicodeError) as error:
        reason = (reason_of(error)).partition(" (while")[0]  # the rest is said
        raise InputError(f"--host {host} --port {port}: cannot listen there ({reason}): name another") from None


def _limits(**limits: Any) -> "Limits":
    from ...serving.queue.jobs import Limits

    return Limits(**limits)


def _runtime(
    recipes: Sequence[str], data: Path, limits: "Limits", idle_s: float, options: dict[str, Any]
) -> "Runtime":
    """Made before anybody is let in: what is wrong with a recipe is said at once."""
    try:
        import python_multipart  # noqa: F401  # pyright: ignore[reportUnusedImport]
        import uvicorn  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError:
        raise InputError(EXTRA) from None
    from ....engine.memory.allocator import share_arenas
    from ...serving.engine_thread.offered_recipes import Pipes
    from ...serving.runtime import Runtime

    share_arenas()
    pipes = Pipes(recipes, **options)
    pipes.of(pipes.usual)
    return Runtime(data, pipes, limits=limits, idle_s=idle_s)


def _say(runtime: "Runtime", listening: socket.socket) -> None:
    host, port = listening.getsockname()[:2]
    note_address(runtime.store.folder, host, port)
    shown = f"[{host}]" if ":" in host else host
    left = runtime.store.queued()
    goes_on = f"; {left} rows go on from before" if left else ""
    served = ", ".join(runtime.pipes.recipes)
    line = f"diptych: serves {served} at http://{shown}:{port} (/docs says what can be asked){goes_on}"
    print(line, file=sys.stderr, flush=True)


def _app(runtime: "Runtime", *, keys: Sequence[str], names: Sequence[str]) -> "Guard":
    from ...serving.app import made_app

    return made_app(runtime, keys=keys, names=names)


def _run(runtime: "Runtime", app: "Guard", listening: socket.socket, *, proxies: Sequence[str] = ()) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        """Lets those go who wait for what comes, before it waits for answers under way."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            runtime.stop_telling()
            await super().shutdown(sockets)

    runtime.shop.deaths.catch_crashes()
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_PATIENCE_S,
        ws="none",
        proxy_headers=bool(proxies),  # else anybody could say that they are somebody else
        forwarded_allow_ips=list(proxies),
        lifespan="on",
    )
    Server(config).run(sockets=[listening])
