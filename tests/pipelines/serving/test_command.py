"""What `diptych serve` refuses before it listens."""

import builtins
import socket
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
