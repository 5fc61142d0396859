"""A server and somebody who visits its studio in Chromium: what the tests of the studio do again and again."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def begun(folder: Path, *options: str, command: str = "studio", key: str = "") -> tuple[Any, str]:
    """The process of a server, and its address."""
    words = [sys.executable, "-m", "diptych", command, "--port", "0", "--data", str(folder), "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[4])}
    environment["DIPTYCH_API_KEY"] = key
    process = subprocess.Popen([*words, *options], env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.readline()
    found = re.search(r"http://\S+:\d+", said)
    assert found, said
    return process, found[0]


class Visitor:
    """Opens the studio; notes whatever the page says of itself, and where it asks for something."""

    def __init__(self, browser: Any, address: str) -> None:
        self.browser, self.address = browser, address
        self.trouble: list[str] = []
        self.asked: list[str] = []

    def open(self, *, ready: bool = True, **options: Any) -> Any:
        context = self.browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
        page = context.new_page()
        page.on("console", lambda message: self.trouble.append(message.text))
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("dialog", lambda dialog: (self.trouble.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: self.asked.append(request.url))
        page.set_default_timeout(60_000)
        page.goto(self.address)
        if ready:
            page.wait_for_selector("html[data-ready]")
        return page

    def done(self) -> int:
        """How many pictures of the latest job are done, as the server has it."""
        with urllib.request.urlopen(f"{self.address}/v1/jobs?limit=1", timeout=60) as answer:
            return sum(job["done"] for job in json.load(answer)["jobs"])

    def submit(self, body: Any) -> str:
        """A job, sent without the page; its name."""
        data = json.dumps(body).encode()
        asked = urllib.request.Request(
            f"{self.address}/v1/jobs", data, {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return json.load(answer)["id"]

    def delete(self, job: str) -> None:
        """A job with its pictures, without the page."""
        asked = urllib.request.Request(f"{self.address}/v1/jobs/{job}", method="DELETE")
        urllib.request.urlopen(asked, timeout=60).close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: Any) -> Iterator[str]:
    """The address of a studio over the pocket models."""
    process, address = begun(tmp_path_factory.mktemp("studio"), "--no-open")
    yield address
    process.kill()
    process.wait(60)


@pytest.fixture
def visitor(browser: Any, server: str) -> Iterator[Visitor]:
    """One who saw no fault of the page, and whose page asked nobody but the server."""
    visitor = Visitor(browser, server)
    yield visitor
    for context in browser.contexts:
        context.close()
    assert visitor.trouble == []
    assert all(url.startswith((server, "data:", "blob:")) for url in visitor.asked)


def make(page: Any, prompt: str, *, seed: str = "7", candidates: str = "") -> None:
    """Write a prompt, make its picture, and wait until it is there."""
    page.fill("#prompt", prompt)
    page.fill("#set-seed", seed)
    page.fill("#set-candidates", candidates)
    page.click("#make")
    finished(page, prompt)


def finished(page: Any, prompt: str) -> None:
    page.wait_for_selector(f".run.over:has(h2:text-is({json.dumps(prompt)})) .making.done img")


def opened(page: Any, text: str) -> None:
    """Open the latest picture of a prompt."""
    page.locator(f".card:has-text({json.dumps(text)})").first.click()
    page.wait_for_selector("#about .command")
