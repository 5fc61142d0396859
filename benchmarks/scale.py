"""How quickly a run goes on with a folder of very many finished rows, and in how much memory.

The folder is made up: pictures of a few pixels, each with the history that its row asks for, so that all of
them pass the whole check. What is measured is the command itself, each time in a process of its own:

    settled     nothing is to be done
    appended    one row more: until its picture is on disk
    alone       the same row in an empty folder, with which the one before is to be compared
    variants    the first picture of a prompt with a hundred million variants
    verified    every file is read whole (`--verify`)
    lost        nothing is to be done, and the index is gone: every line and picture is looked at

Each has its seconds by the clock (`_s`), those of all cores (`_cpu_s`), which other programs change least, and
the peak of its resident memory (`_mib`).
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import PIL.Image
import PIL.PngImagePlugin

from ..pipelines.files import RESULTS, picture_name, png_bytes, preview_name
from ..pipelines.rendering.output.record import Record
from ..pipelines.rendering.provenance.identity import identity
from ..pipelines.rendering.provenance.provenance import CHUNK
from ..pipelines.rendering.rows.prompt_source import read_rows
from ..pipelines.rendering.rows.request_makers import OfPipeline
from ..pipelines.rendering.rows.tasks import tasks_of
from ..pipelines.sheets.thumbnails import thumbnail, thumbnail_name
from ..pipelines.text_to_image import TextToImage
from .harness.options import Options
from .harness.report import Report, number, table

_SIDE = 8  # pixels
_OPTIONS = ("--steps", "1")
_VARIANTS = "{a|b|c|d|e|f|g|h|i|j}"
_PATIENCE_S = 1800.0
_LAUNCHER = """
import json, os, signal, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
signal.signal(signal.SIGTERM, lambda *_: process.kill())
_, status, usage = os.wait4(process.pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_maxrss, usage.ru_utime + usage.ru_stime]))
"""


def measure(options: Options) -> Report:
    """Heeds recipe, device and rows."""
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        base = Path(temporary)
        one, many = base / "one", base / "many"
        for folder, rows in ((one, 1), (many, options.rows)):
            options.say(f"scale: {rows} finished rows are made up")
            build(folder, rows, options)
            _run(folder, options)  # makes gallery and index
        figures: dict[str, float] = {"rows": options.rows}
        for name, folder, arguments in (
            ("start", one, ()),
            ("settled", many, ()),
            ("verified", many, ("--verify",)),
            ("lost", many, ()),
        ):
            if name == "lost":
                (many / "out" / ".diptych.index").unlink()
            figures |= _figures(name, *_run(folder, options, *arguments))
        for name, folder in (("alone", base / "empty"), ("appended", many)):
            folder.mkdir(exist_ok=True)
            with (folder / "p.txt").open("a") as file:
                file.write("a red boat\n")
            figures |= _figures(name, *_until_a_picture(folder, options, "p.txt"))
        text = [
            "-p",
            " ".join(["a red boat", *[_VARIANTS] * 8]),
            "--combinatorial",
            "--max-variants",
            "100000000",
        ]
        (base / "variants").mkdir()
        figures |= _figures("variants", *_until_a_picture(base / "variants", options, *text))
    shown = table("", "value")
    for name, value in figures.items():
        shown.add_row(name, number(value))
    return Report(name="scale", figures=figures, tables={"going on with a large folder": shown})


def build(folder: Path, rows: int, options: Options) -> None:
    """A prompt file, and the folder `out` that a run of it with as many rows would have left, but for what
    people look at."""
    out = folder / "out"
    for each in ("gallery/thumbnails", "previews"):
        (out / each).mkdir(parents=True)
    words = ("red boat", "blue bird", "green tree", "white cat")
    prompts = (f"a {words[i % 4]} number {i}\n" for i in range(rows))
    (folder / "p.txt").write_text("".join(prompts))
    pipe = TextToImage.from_recipe(options.recipe, device=options.device)
    environment = pipe.environment()
    image = PIL.Image.new("RGB", (_SIDE, _SIDE), "red")
    small = thumbnail(image)
    source = os.path.relpath(folder / "p.txt", folder)
    with (out / RESULTS).open("w") as results:
        tasks = tasks_of(
            OfPipeline(pipe), read_rows(str(folder / "p.txt"), None, seed=0), wishes={"num_inference_steps": 1}
        )
        for task in tasks:
            assert task.request is not None, task.fault
            name = identity(task.request, environment)
            record = _record(task.number, task.row.prompt, task.seed, name, source)
            results.write(f"{record.to_json()}\n")
            (out / picture_name(task.number, task.row.prompt)).write_bytes(_picture(image, record))
            (out / thumbnail_name(task.number)).write_bytes(small)
            (out / preview_name(task.number)).write_bytes(small)


def _record(row: int, prompt: str, seed: int, name: str, source: str) -> Record:
    fact = {"kind": "thing", "text": prompt, "probability": 0.99, "shown": True, "asked": True, "span": [0, 4]}
    candidate = {
        "index": 0,
        "chosen": True,
        "resolved_prompt": prompt,
        "tokens": "0" * 16,
        "preview_score": None,
    }
    candidate |= {"caption": prompt, "score": 0.99, "missed": [], "left_out": [], "repairs": None}
    values = {"row": row, "prompt": prompt, "resolved_prompt": prompt, "seed": seed, "status": "done"}
    values |= {"picture": picture_name(row, prompt), "caption": prompt, "score": 0.99, "accepted": True}
    values |= {"facts": [fact] * 4, "candidates": [{**candidate, "reason": "the only one: score 0.99"}]}
    values |= {"timings": {"plan": 0.1, "draft": 0.5, "refine": 0.5, "judge": 0.1}, "version": 4}
    values |= {"settings": {"height": 256, "width": 256, "num_inference_steps": 1}}
    return Record.from_json(json.dumps({**values, "source": source, "line": row, "number": row, "id": name}))


def _picture(image: PIL.Image.Image, record: Record) -> bytes:
    """A picture whose history names the row."""
    origin = {"recipe": "", "table": {}, "revisions": {}, "deterministic": False, "micro_batch": 1}
    history = {
        "format": 2,
        "id": record.id,
        "request": {"prompt": record.prompt, "seed": record.seed, "settings": {}},
        "candidate": 0,
        "plan": {"prompt": record.prompt, "facts": []},
        "draft": None,
        "verdict": {"caption": "", "score": 0.99, "accepted": True, "facts": []},
        "candidates": [],
        "origin": {**origin, "memory_bytes": None, "device": "cpu", "versions": {}},
    }
    chunks = PIL.PngImagePlugin.PngInfo()
    chunks.add_text(CHUNK, json.dumps(history))
    return png_bytes(image, chunks)


def _command(options: Options, *arguments: str) -> list[str]:
    recipe = ["--recipe", str(options.recipe), "--device", options.device]
    return [sys.executable, "-m", "diptych", "render", *arguments, "-o", "out", *_OPTIONS, *recipe]


class _Used(NamedTuple):
    """What a process used, as its launcher says.

    Args:
        peak: of resident memory, in the units of the platform.
        seconds: of all cores.
    """

    status: int
    peak: int
    seconds: float


def _figures(name: str, seconds: float, used: _Used) -> dict[str, float]:
    peak = used.peak / (2**20 if sys.platform == "darwin" else 2**10)
    return {f"{name}_s": seconds, f"{name}_cpu_s": used.seconds, f"{name}_mib": peak}


def _run(folder: Path, options: Options, *arguments: str) -> tuple[float, _Used]:
    """Seconds that a run takes which has nothing to render, and what it used."""
    started = time.perf_counter()
    with _running(_command(options, "p.txt", *arguments), folder) as process:
        used = _used(process)
    assert used.status == 0, f"{folder}: ended with {used.status}"
    return time.perf_counter() - started, used


def _until_a_picture(folder: Path, options: Options, *arguments: str) -> tuple[float, _Used]:
    """Seconds until a picture is there that was not, and what was used until then: the run is then stopped."""
    out, started, seen = folder / "out", time.perf_counter(), 0
    with _running(_command(options, *arguments), folder, quiet=True) as process:
        while time.perf_counter() < started + _PATIENCE_S:
            changed, seen = seen, out.stat().st_mtime_ns if out.exists() else 0
            if changed != seen and any(out.glob(f"*-a-red-boat{'' if arguments[0] == 'p.txt' else '-*'}.png")):
                seconds = time.perf_counter() - started
                process.terminate()
                return seconds, _used(process)
            assert process.poll() is None, f"{folder}: ended without a picture"
            time.sleep(0.05)
    raise AssertionError(f"{folder}: no picture within {_PATIENCE_S} s")


def _used(process: "subprocess.Popen[str]") -> _Used:
    """What the launched process used, once it is at its end."""
    said, _ = process.communicate()
    return _Used(*json.loads(said))


@contextlib.contextmanager
def _running(command: list[str], folder: Path, *, quiet: bool = False) -> Iterator["subprocess.Popen[str]"]:
    """A launcher that runs a command, and kills it when it is terminated itself. A peak of memory counts what
    was there before the program was loaded: of the launcher that is little, of this process it is torch."""
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command]
    errors = subprocess.DEVNULL if quiet else None
    with subprocess.Popen(launcher, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
