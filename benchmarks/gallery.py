"""How quick the gallery of a long batch is in a browser.

Writes the gallery of a batch of `ROWS` rows as a run does (the pictures are noise, every 20th row failed),
opens it from disk in a Chromium without a window, and tells, as medians: seconds until the first cards are
painted and until all rows can be searched; milliseconds from a key in the search field to the frame that
shows what was found, and of a jump to another place; the cards that are in the page then, and what writing
the gallery cost a row. Figures that end in `_cpu` are processor time of the page's main thread, which other
work on the machine changes little.
"""

import importlib.util
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import PIL.Image

from ..pipelines.files import picture_name, png_bytes
from ..pipelines.rendering.gallery.gallery import Gallery
from ..pipelines.rendering.output.folder import OutputFolder
from ..pipelines.rendering.output.lines import CandidateLine, FactLine
from ..pipelines.rendering.output.record import Record, refused
from ..pipelines.sheets.thumbnails import thumbnail, thumbnail_name
from .harness.options import Options
from .harness.report import Report, number, table

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROWS = 5000
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
THINGS = ["boat", "fish", "castle", "cat", "bird", "car", "rocket", "mushroom", "flower", "house"]
COLOURS = ["red", "yellow", "purple", "orange", "blue", "green", "white", "black"]

# The time from an event to the end of the frame that shows what came of it. The page evaluates no text as code.
TIMED = """async () => {
  await new Promise(requestAnimationFrame);
  const began = performance.now();
  %s;
  await new Promise(requestAnimationFrame);
  await new Promise((done) => setTimeout(done, 0));
  return performance.now() - began;
}"""
SEARCH = "const q = document.getElementById('query'); q.value = %r; q.dispatchEvent(new Event('input'))"


def record(row: int) -> Record:
    prompt = f"a {COLOURS[row % 8]} {THINGS[row // 8 % 10]} in the middle, number {row}, at sunset"
    if row % 20 == 0:
        return refused(row, prompt, row, "refine: the device is out of memory even for one row")
    score = (row * 7919 % 1000) / 1000
    fact = FactLine(
        kind="thing", text=prompt[:20], probability=score, shown=score > 0.5, asked=True, span=[0, 20]
    )
    candidate = CandidateLine(
        index=0,
        chosen=True,
        resolved_prompt=prompt,
        tokens="ab",
        preview_score=None,
        caption=prompt,
        score=score,
        missed=[],
        left_out=[],
        repairs=None,
        reason="the only one",
    )
    return Record(
        row=row,
        prompt=prompt,
        resolved_prompt=f"{prompt}, large, softly lit",
        seed=row,
        status="done",
        picture=picture_name(row, prompt),
        caption=f"seen: {prompt}",
        score=score,
        accepted=score > 0.5,
        facts=(fact,) * 6,
        candidates=(candidate,),
        timings={"plan": 0.1, "draft": 0.5, "refine": 1.2, "judge": 0.1},
    )


def write(out: Path, rows: int) -> float:
    """Fill the folder; returns the seconds that the gallery's own files took."""
    image = PIL.Image.effect_noise((256, 256), 40).convert("RGB")
    seconds = 0.0
    with OutputFolder(out) as folder:
        page = Gallery(folder, title=f"{rows} rows", total=rows)
        folder.write("picture", png_bytes(image))
        folder.write("thumbnail", thumbnail(image))
        (out / thumbnail_name(1)).parent.mkdir(parents=True)
        for each in map(record, range(1, rows + 1)):
            if each.picture is not None:
                (out / each.picture).hardlink_to(out / "picture")
                (out / thumbnail_name(each.row)).hardlink_to(out / "thumbnail")
            began = time.perf_counter()
            page.add(each)
            seconds += time.perf_counter() - began
        page.close()
    return seconds


class Clock:
    """Processor time of a page's main thread."""

    def __init__(self, page: "Page") -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def seconds(self) -> float:
        metrics = self._session.send("Performance.getMetrics")["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")


def open_page(page: "Page", clock: Clock, out: Path, rows: int) -> dict[str, float]:
    began = time.perf_counter()
    page.goto((out / "index.html").as_uri(), wait_until="commit")
    page.wait_for_selector(".card .there")
    first = time.perf_counter() - began
    page.wait_for_function(f"document.querySelector('#states b').textContent.replace(/,/g, '') === '{rows}'")
    return {
        "first_cards_s": first,
        "all_rows_s": time.perf_counter() - began,
        "all_rows_s_cpu": clock.seconds(),
    }


def act(page: "Page", clock: Clock) -> dict[str, float]:
    queries = ["b", "bo", "boat", "boat red", "red -boat", "number 49", "", "sunset", "zzz", ""]
    jumps = [100, 40_000, 250_000, 3_000, 0]
    figures: dict[str, float] = {}
    for name, acts in (
        ("filter", [SEARCH % query for query in queries]),
        ("jump", [f"scrollTo(0, {y})" for y in jumps]),
    ):
        before = clock.seconds()
        figures[f"{name}_ms"] = statistics.median(page.evaluate(TIMED % act) for act in acts)
        figures[f"{name}_ms_cpu"] = 1000 * (clock.seconds() - before) / len(acts)
    return {**figures, "cards_in_page": page.locator(".card").count()}


def measure(options: Options) -> Report:
    """Heeds repeats."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None or importlib.util.find_spec("playwright") is None:
        reason = "needs Chromium and playwright (pip install 'diptych[test]'), so nothing was measured"
        return Report(name="gallery", figures={}, skipped=reason)
    figures = _figures(chromium, options.repeats)
    shown = table("", "value")
    for name, value in figures.items():
        shown.add_row(name, number(value))
    return Report(name="gallery", figures=figures, tables={f"a gallery of {ROWS} rows": shown})


def _figures(chromium: str, repeats: int) -> dict[str, float]:
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        out = Path(folder) / "out"
        seconds = write(out, ROWS)
        runs: list[dict[str, float]] = []
        for _ in range(repeats):
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            clock = Clock(page)
            runs.append(open_page(page, clock, out, ROWS) | act(page, clock))
            browser.close()
    medians = {name: round(statistics.median(run[name] for run in runs), 2) for name in runs[0]}
    return medians | {"writing_ms_a_row": round(1000 * seconds / ROWS, 2)}
