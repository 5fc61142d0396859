"""The real command, in a process of its own: killed at any moment it loses nothing, and makes nothing twice."""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROMPTS = [f"a {colour} {thing}" for colour in ("red", "blue") for thing in ("boat", "cat", "tree")]
SETTINGS = {"candidates": 2, "keep": 1}


class Server:
    """`diptych serve` over a folder, begun and killed as often as is wished."""

    def __init__(self, folder: Path, *options: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.options = ["--data", str(folder), "--port", str(self.port), "--device", "cpu", "--deterministic"]
        self.options += options
        self.log = folder.with_suffix(".log")
        self.process: subprocess.Popen[Any] | None = None

    def begin(self) -> None:
        command = [sys.executable, "-m", "diptych", "serve", *self.options]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[4])}
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=log)
        self.process = process
        end = time.monotonic() + 120
        while True:
            try:
                self.ask("GET", "/healthz")
                return
            except OSError:
                assert time.monotonic() < end and process.poll() is None, "it does not begin"
                time.sleep(0.05)

    def end(self, number: int = signal.SIGKILL) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(60)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            data = answer.read()
            return json.loads(data) if "json" in (answer.getheader("Content-Type") or "") else data
        finally:
            connection.close()

    def pictures(self, job: str, count: int) -> list[bytes]:
        end = time.monotonic() + 300
        while (found := self.ask("GET", f"/v1/jobs/{job}"))["done"] < count:
            assert time.monotonic() < end and not found["failed"], found
            time.sleep(0.1)
        return [self.ask("GET", f"/files/{job}/{number}.png") for number in range(1, count + 1)]


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Any]:
    made: list[Server] = []

    def make(name: str, *options: str) -> Server:
        made.append(Server(tmp_path / name, *options))
        return made[-1]

    yield make
    for each in made:
        if each.process is not None and each.process.poll() is None:
            each.end()


def test_jobs_outlive_kills_and_come_out_the_same_byte_for_byte(servers: Any, tmp_path: Path) -> None:
    said = {"prompts": PROMPTS, "seed": 7, "settings": SETTINGS}
    calm, server = servers("calm"), servers("killed")
    calm.begin()
    job = calm.ask("POST", "/v1/jobs", said)["id"]
    expected = calm.pictures(job, len(PROMPTS))
    _leaves_before_the_answer(calm)
    assert calm.end(signal.SIGTERM) in (0, 143, -signal.SIGTERM)
    chance = random.Random(7)
    server.begin()
    jobs = [server.ask("POST", "/v1/jobs", {**said, "prompts": PROMPTS[:3]})["id"]]
    for _ in range(3):
        time.sleep(chance.uniform(0, 3))
        jobs.append(server.ask("POST", "/v1/jobs", {**said, "prompts": PROMPTS[:1]})["id"])
        server.end()
        server.begin()
    listed = server.ask("GET", "/v1/jobs")["jobs"]
    assert sorted(each["id"] for each in listed) == sorted(jobs)  # none lost, none twice
    assert server.pictures(jobs[0], 3) == expected[:3]
    for each in jobs[1:]:
        assert server.pictures(each, 1) == expected[:1]
    rows = [row for each in jobs for row in server.ask("GET", f"/v1/jobs/{each}/rows")["rows"]]
    assert [row["state"] for row in rows] == ["done"] * 6
    files = [path for path in (tmp_path / "killed" / "pictures").rglob("*") if path.is_file()]
    assert len(files) == 6


def _leaves_before_the_answer(server: Server) -> None:
    """Whoever asks for pictures and goes away is not made pictures for; others are not held up."""
    body = json.dumps({"prompt": "a red boat", "n": 16, "candidates": 8}).encode()
    with socket.create_connection(("127.0.0.1", server.port)) as gone:
        head = f"POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        gone.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
        end = time.monotonic() + 60
        while (latest := server.ask("GET", "/v1/jobs")["jobs"][0])["rows"] != 16:
            assert time.monotonic() < end, "it was not accepted"
            time.sleep(0.05)
    while server.ask("GET", f"/v1/jobs/{latest['id']}")["state"] != "cancelled":
        assert time.monotonic() < end, "it goes on for nobody"
        time.sleep(0.05)


def test_those_who_wait_are_let_go_when_the_server_ends(servers: Any) -> None:
    server, answers = servers("ended"), dict[str, Any]()
    server.begin()
    said = {"prompt": "a red boat", "n": 16, "candidates": 8}

    def asks(name: str, method: str, path: str, body: Any = None) -> threading.Thread:
        def ask() -> None:
            answers[name] = server.ask(method, path, body)

        asking = threading.Thread(target=ask)
        asking.start()
        return asking

    waiting = [
        asks("waits", "POST", "/v1/images/generations", said),
        asks("streams", "POST", "/v1/images/generations", {**said, "stream": True}),
        asks("follows", "GET", "/v1/events"),
    ]
    end = time.monotonic() + 60
    while len(server.ask("GET", "/v1/jobs")["jobs"]) < 2:
        assert time.monotonic() < end, "they were not accepted"
        time.sleep(0.05)
    assert server.end(signal.SIGINT) in (0, 130, -signal.SIGINT)
    for each in waiting:
        each.join(10)
    assert answers["waits"]["error"]["code"] == "unavailable"
    assert b"event: error" in answers["streams"] and b"the server is ending" in answers["streams"]
    assert answers["follows"].startswith(b": here")
    told = server.log.read_text(encoding="utf-8")
    assert "Traceback" not in told and "ERROR" not in told and "timeout" not in told, told
    server.begin()
    assert {each["state"] for each in server.ask("GET", "/v1/jobs")["jobs"]} == {"cancelled"}
    assert server.end(signal.SIGINT) in (0, 130, -signal.SIGINT)


def test_a_server_that_others_reach_needs_a_key() -> None:
    command = [sys.executable, "-m", "diptych", "serve", "--host", "0.0.0.0"]
    environment = {k: v for k, v in os.environ.items() if k != "DIPTYCH_API_KEY"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[4])
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2
    assert "others can reach it: name a key with --api-key" in done.stderr
