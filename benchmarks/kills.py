"""That runs killed at random moments lose nothing: `kill -9`, again and again, each time gone on with.

An undisturbed run in the deterministic mode comes first: two pictures of each prompt, candidates, pruning,
previews, gallery. Then runs of the same prompt file into other folders are killed after a random time and
gone on with, until each is whole. After each kill every whole line must be of a row whose picture is there
and is the undisturbed run's; in the end all files of a run must be the undisturbed run's byte for byte,
`results.jsonl` but for times. Each life is a process of its own, forked from one that has the models loaded,
so that the moments lie in the work and not in the loading.
"""

import contextlib
import itertools
import json
import os
import random
import signal
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from ..pipelines.cli.render import run_render
from ..pipelines.files import GALLERY, RESULTS
from ..pipelines.rendering.output.index import INDEX
from ..pipelines.text_to_image import TextToImage
from .harness.options import Options
from .harness.report import Report, table

_MOST_ROWS = 24
_MICRO_BATCH = 4
_IMAGES = 2  # of each prompt
_SETTINGS = {"num_inference_steps": 1, "candidates": 2, "keep": 1}

Life = Callable[[Path], int]
"""Starts to render into a folder; returns the process."""


def measure(options: Options) -> Report:
    """Heeds recipe, kills, prompts (rows of a run, at most 24) and first (the seed of the moments)."""
    rows, chance = _IMAGES * max(1, min(options.prompts, _MOST_ROWS) // _IMAGES), random.Random(options.first)
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        base = Path(temporary)
        (base / "prompts.txt").write_text(
            "".join(f"{text}\n" for text in itertools.islice(prompts(), rows // _IMAGES))
        )
        killings = Killings(_forked(base / "prompts.txt", options), rows, options.say)
        whole = killings.undisturbed(base / "whole")
        longest = 2.5 * whole * min(1.0, _MICRO_BATCH / rows)
        runs = 0
        while killings.kills < options.kills:
            runs += 1
            killings.run(base / f"run-{runs}", most=options.kills, moment=lambda: chance.uniform(0, longest))
    figures = {"kills": killings.kills, "runs": runs, "rows": rows, "rows_lost": 0, "files_different": 0}
    figures |= {"lives_without_a_row": killings.useless, "undisturbed_s": round(whole, 1)}
    shown = table("", "value")
    for name, value in figures.items():
        shown.add_row(name, str(value))
    return Report(name="kills", figures=figures, tables={"killed, gone on with, compared": shown})


def prompts() -> "itertools.chain[str]":
    """Prompts of the pocket world, without end."""
    things, colours = ("boat", "bird", "cat", "tree", "house"), ("red", "blue", "green")
    texts = [f"a {colour} {thing} in a meadow" for thing in things for colour in colours]
    return itertools.chain.from_iterable(itertools.repeat(texts))


class Killings:
    """Kills runs, goes on with them, and compares what comes out with the undisturbed run.

    Args:
        live: starts a run.
        rows: of each.
        say: gets a line after each kill.
    """

    def __init__(self, live: Life, rows: int, say: Callable[[str], None]) -> None:
        self.kills = 0
        self.useless = 0  # lives without a row
        self._live = live
        self._rows = rows
        self._say = say
        self._expected: dict[str, bytes] = {}

    def undisturbed(self, out: Path) -> float:
        """The run that all others must be like; returns how long it took, in seconds."""
        started = time.monotonic()
        assert _ended(self._live(out)) == 0, "the undisturbed run failed"
        self._expected = files_in(out)
        assert len(json.loads(self._expected[RESULTS])) == self._rows, "the undisturbed run lacks rows"
        return time.monotonic() - started

    def run(self, out: Path, *, most: int, moment: Callable[[], float]) -> None:
        """One run, gone on with until it is whole; no more kills when there were `most`."""
        done = 0
        while status := _ended(self._live(out), after=moment() if self.kills < most else None):
            assert status == -signal.SIGKILL, f"ended with {status}"
            self.kills += 1
            before, done = done, self._whole_lines(out)
            assert done >= before, f"kill {self.kills}: {before - done} rows lost"
            self.useless += done == before
            self._say(f"kill {self.kills}: {done} of {self._rows} rows done")
        found = files_in(out)
        different = {name for name in {*self._expected, *found} if self._expected.get(name) != found.get(name)}
        assert not different, f"after {self.kills} kills: {sorted(different)} are not as without"

    def _whole_lines(self, out: Path) -> int:
        """How many rows are done after a kill; each once, and each with the picture that it should have."""
        path = out / RESULTS
        data = path.read_bytes() if path.exists() else b""
        lines = [json.loads(line) for line in data.splitlines(keepends=True) if line.endswith(b"\n")]
        rows = [line["row"] for line in lines]
        assert len(set(rows)) == len(rows), f"rows twice: {rows}"
        for line in lines:
            assert line["status"] == "done", f"row {line['row']}: {line['error']}"
            picture = line["picture"]
            assert (out / picture).read_bytes() == self._expected[picture], f"{picture} differs"
        return len(lines)


def files_in(out: Path) -> dict[str, bytes]:
    """Every file in a folder and below, by name, as it must be the same again: without times, and without those
    that say when something was written."""
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    dated = {GALLERY, INDEX, *(name for name in files if name.startswith("gallery/") and name.endswith(".js"))}
    kept = {name: path.read_bytes() for name, path in files.items() if name not in dated}
    lines = [json.loads(line) for line in kept.pop(RESULTS, b"").splitlines()]
    return {**kept, RESULTS: json.dumps([{**line, "timings": None} for line in lines]).encode()}


def _forked(source: Path, options: Options) -> Life:
    """Lives that are forked from this process, with its models."""
    import torch

    torch.set_num_threads(1)  # threads do not outlive a fork
    pipe = TextToImage.from_recipe(
        options.recipe, device="cpu", deterministic=True, micro_batch=_MICRO_BATCH, wave=_MICRO_BATCH
    )
    pipe("a red boat", num_inference_steps=1, candidates=2, keep=1)  # loads the models

    def live(out: Path) -> int:
        child = os.fork()
        if child:
            return child
        status = 1
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            with contextlib.redirect_stderr(open(os.devnull, "w")):
                status = run_render(
                    lambda: pipe, source=str(source), text=None, out=out, wishes=_SETTINGS, num_images=_IMAGES
                )
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(status)

    return live


def _ended(child: int, *, after: float | None = None) -> int:
    """The exit status of a process, which is killed `after` so many seconds; minus the signal if it was."""
    end = None if after is None else time.monotonic() + after
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if end is not None and time.monotonic() >= end:
            os.kill(child, signal.SIGKILL)
            end = None
        time.sleep(0.002)
