"""Galleries of made-up rows, and a reader who opens them in Chromium, for the tests of the page.

Needs Chromium, which Playwright drives; `apt-get install chromium` puts it there. Where it is missing these
tests are skipped, unless DIPTYCH_BROWSER=required, as it is in `.ci/run`.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from diptych.pipelines.files import picture_name, preview_name
from diptych.pipelines.rendering.gallery.gallery import Gallery
from diptych.pipelines.rendering.output.folder import OutputFolder
from diptych.pipelines.rendering.output.record import Record, refused
from diptych.pipelines.sheets.thumbnails import candidates_name, thumbnail_name

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update"]
FLAGS += ["--disable-background-networking", "--disable-sync"]
EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script> \"'><b>bold</b> javascript:alert(3) \u202ezyx"
COLOURS = ["red", "blue", "green"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        missing = "no Chromium is installed: apt-get install chromium"
        assert os.environ.get("DIPTYCH_BROWSER") != "required", missing
        pytest.skip(missing)
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Reader:
    """Opens galleries; notes whatever a page says of itself, and where it asks for something."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser
        self.trouble: list[str] = []
        self.asked: list[str] = []

    def open(self, out: Path, *, hash: str = "", **options: Any) -> Any:
        page = self.browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options}).new_page()
        page.on("console", lambda message: self.trouble.append(message.text))
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("dialog", lambda dialog: (self.trouble.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: self.asked.append(request.url))
        page.set_default_timeout(120_000)
        page.goto(f"{(out / 'index.html').as_uri()}{hash}")
        page.wait_for_selector(".card, #nothing-text:not(:empty)", state="visible")
        return page


@pytest.fixture
def reader(browser: Any) -> Iterator[Reader]:
    reader = Reader(browser)
    yield reader
    for context in browser.contexts:
        context.close()
    assert reader.trouble == []
    assert {url.split(":")[0] for url in reader.asked} <= {"file", "data"}


def row(number: int, *, prompt: str = "", score: float = 0.5, **values: Any) -> Record:
    """Every fourth row has three candidates."""
    prompt = prompt or f"a {COLOURS[number % 3]} boat, number {number}"
    made = {"preview_score": 0.4, "caption": None, "score": None, "reason": f"thrown out: {prompt}"}
    chosen = {"preview_score": 0.6, "caption": "a boat", "score": score, "reason": "the best of them"}
    several = number % 4 == 0
    fields: dict[str, Any] = {
        "row": number,
        "prompt": prompt,
        "resolved_prompt": f"{prompt}, softly lit",
        "seed": 2**62 + number,
        "status": "done",
        "picture": picture_name(number, prompt),
        "caption": f"seen: {prompt}",
        "score": score,
        "accepted": score >= 0.5,
        "facts": (
            {"kind": "thing", "text": "a boat", "probability": 0.93, "shown": True},
            {"kind": "colour", "text": prompt, "probability": 0.12, "shown": False},
        ),
        "candidates": tuple(
            {
                "index": i,
                "chosen": i == 1 or not several,
                "tokens": "ab",
                **(made if several and i != 1 else chosen),
            }
            for i in range(3 if several else 1)
        ),
        "timings": {"plan": 0.1, "draft": 0.4, "refine": 1.5},
    }
    return Record(**{**fields, **values})


def write_pictures(folder: OutputFolder, record: Record) -> None:
    if record.picture is None:
        return
    names = [record.picture, preview_name(record.row), thumbnail_name(record.row)]
    for name in [*names, *([candidates_name(record.row)] if len(record.candidates) > 1 else [])]:
        (folder.path / name).parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.new("RGB", (96, 64), COLOURS[record.row % 3]).save(folder.path / name)


WANTING = {
    "prompt": "a cat wearing a hat",
    "score": 0.98,
    "accepted": False,
    "left_out": ("wearing", "hat"),
    "facts": (
        {"kind": "thing", "text": "a cat", "probability": 0.97, "shown": True, "asked": True, "span": [0, 5]},
        {
            "kind": "colour",
            "text": "a red cat",
            "probability": 0.2,
            "shown": False,
            "asked": False,
            "span": None,
        },
    ),
}


@pytest.fixture
def batch(tmp_path: Path) -> Iterator[Callable[..., tuple[Path, Gallery]]]:
    """Writes a batch of these records, with their pictures, and leaves the gallery open for more."""
    folders: list[OutputFolder] = []

    def write(*records: Record, finished: bool = True, total: int | None = None) -> tuple[Path, Gallery]:
        folder = OutputFolder(tmp_path / "out & <more>")
        folders.append(folder)
        gallery = Gallery(folder, title="Boats <b>& all</b>", total=total)
        for record in records:
            write_pictures(folder, record)
            gallery.add(record)
        if finished:
            gallery.close()
        return folder.path, gallery

    yield write
    for folder in folders:
        folder.close()


def twelve() -> list[Record]:
    """Rows 1 to 12 of rising scores; row 7 failed."""
    rows = [row(number, score=number / 16) for number in range(1, 13)]
    rows[6] = refused(7, "a sunken ship", 7, "refine: it is under water")
    return rows


def until(page: Any, condition: str) -> None:
    """Wait until this is so; what it is of may not be there yet. (Playwright's own way is refused by the page's
    policy.)"""
    deadline = time.monotonic() + 120
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(20)


def numbers(page: Any) -> list[int]:
    """Of the rows whose cards are in the page, in order."""
    return [int(text[1:]) for text in page.locator(".card .notes > span:first-child").all_inner_texts()]


def focused_on(page: Any, start: str) -> None:
    """Wait until what begins so has the focus: some of it comes with the events that follow a key."""
    named = "(document.activeElement.getAttribute('aria-label') || document.activeElement.id)"
    until(page, f"{named}.startsWith({json.dumps(start)})")
