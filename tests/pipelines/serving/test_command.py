"""What `diptych serve` refuses before it listens."""

import builtins
import socket
import types
from pathlib import Path
from typing import Any

import pytest

from diptych.engine.errors import InputError
from diptych.pipelines.cli.serving import serve as command
from diptych.pipelines.serving.queue.jobs import Limits


def test_keys_come_from_options_and_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(command.KEY, "first-key, second-key")
    assert command._keys(["third-key"]) == ["third-key", "first-key", "second-key"]
    for key in ("short", "        ", "with\nline end"):
        with pytest.raises(InputError, match="eight characters"):
            command._keys([key])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "pictures.example"])
def test_others_are_let_in_by_key_alone(host: str) -> None:
    with pytest.raises(InputError, match="name a key with --api-key"):
        command._refuse_open_door(host, [])
    command._refuse_open_door(host, ["a-long-key"])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_needs_none(host: str) -> None:
    command._refuse_open_door(host, [])


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"--port {port}: cannot listen there .*: name another"):
            command._listening("127.0.0.1", port)
    with pytest.raises(InputError, match="cannot listen there"):
        command._listening("no.such.host.invalid", 0)


def test_packages_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    imported = builtins.__import__

    def without(name: str, *args: Any, **more: Any) -> Any:
        if name.startswith("uvicorn"):
            raise ImportError(name)
        return imported(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install 'diptych\[serve\]'"):
        command._runtime(["pocket"], tmp_path, Limits(), 0, {})


def test_a_proxy_is_named_by_its_address_and_never_all_of_them() -> None:
    assert command._proxy("127.0.0.1") == "127.0.0.1"
    assert command._proxy("10.0.0.7/24") == "10.0.0.0/24"
    for said in ("*", "proxy.example", ""):
        with pytest.raises(InputError, match="must be an address"):
            command._proxy(said)
    for said in ("0.0.0.0/0", "::/0"):
        with pytest.raises(InputError, match="must not be all addresses"):
            command._proxy(said)


@pytest.mark.parametrize(("proxies", "believed"), [([], False), (["127.0.0.1"], True), (["10.9.8.7"], False)])
def test_forwarded_addresses_are_believed_of_the_named_proxy_alone(
    monkeypatch: pytest.MonkeyPatch, proxies: list[str], believed: bool
) -> None:
    import asyncio

    import uvicorn

    seen: list[Any] = []

    async def keeps(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"][0])

    app: Any = keeps

    def asked(server: Any, sockets: Any) -> None:
        server.config.load()
        headers = [(b"x-forwarded-for", b"6.6.6.6")]
        scope = {"type": "http", "client": ("127.0.0.1", 1), "headers": headers, "scheme": "http"}
        asyncio.run(server.config.loaded_app(scope, None, None))

    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    monkeypatch.setattr(uvicorn.Server, "run", asked)
    runtime: Any = types.SimpleNamespace(shop=types.SimpleNamespace(deaths=types.SimpleNamespace()))
    vars(runtime.shop.deaths)["catch_crashes"] = lambda: None
    listening: Any = None
    command._run(runtime, app, listening, proxies=proxies)
    assert seen == ["6.6.6.6" if believed else "127.0.0.1"]
