"""`diptych studio`: the server on this machine, and its page in the browser."""

import json
import sys
import threading
import urllib.request
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from ..options import DeviceOption, MemoryOption
from .serve import serve_here
from .where import address_of


def studio(
    recipe: Annotated[
        list[str] | None,
        typer.Option("--recipe", help="A recipe's name, or a .toml file; may be given often, the usual first."),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes one that is free.")] = 7861,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder of the queue and its pictures; diptych-server if not said."),
    ] = None,
    device: DeviceOption = "auto",
    memory: MemoryOption = None,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="The same bits whenever and beside whatever a row comes.")
    ] = False,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page; or only say its address.")
    ] = True,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Agree that code of checkpoints is run.")
    ] = False,
) -> None:
    """Make pictures, and work on them, in the browser: the server on this machine alone, and its page. One that
    runs there already is taken; stopped or killed, it goes on where it was."""
    says = _opened if open_browser else _said
    folder, usual = data or Path("diptych-server"), f"http://127.0.0.1:{port}"
    is_there = bool(port) and _answers(usual)
    if data is None and is_there:
        says(usual)
        return
    if (its_own := address_of(folder)) is not None and _answers(its_own):
        says(its_own)
        return
    if is_there:
        print(
            f"diptych: the server at {usual}/ keeps other pictures: {data} gets one of its own", file=sys.stderr
        )
        port = 0
    serve_here(
        recipe,
        port=port,
        data=folder,
        options={
            "device": device,
            "memory": memory,
            "deterministic": deterministic,
            **({"trust_remote_code": True} if trust_remote_code else {}),
        },
        listens=says,
    )


def _answers(address: str) -> bool:
    """Whether a server of ours runs there."""
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=2) as answer:
            return "version" in json.load(answer)
    except (OSError, ValueError):
        return False


def _said(address: str) -> None:
    print(f"diptych: the studio is at {address}/", file=sys.stderr, flush=True)


def _opened(address: str) -> None:
    """Beside the server, which answers once it runs: some browsers are waited for until they end."""
    _said(address)
    threading.Thread(target=webbrowser.open, args=(f"{address}/",), daemon=True).start()
