"""Kills a run of the pocket models with `kill -9` at random moments, and goes on each time.

    python tests/pipelines/rendering/kill_and_go_on.py --rows 60 --kills 100 --seed 1

An undisturbed run in the deterministic mode comes first. Then a run into another folder is killed after a
random time and gone on with, until all of its rows are done; then another is begun, until there were as many
kills as were asked for. After each kill every whole line must be of a row whose picture is there and is the
undisturbed run's; in the end of each run all of its files must be the undisturbed run's byte for byte,
`results.jsonl` but for times. (At each deed done to the disk, of fake pictures, kills `crash_points.py`.)

Each life is a process of its own, forked from one that has the models loaded, so that the moments lie in the
work and not in the loading. `--commands` starts `diptych render` itself instead, from nothing, as a user would.
"""

import argparse
import functools
import importlib.util
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from diptych import TextToImage
from diptych.pipelines.cli.render import run_render

COLOURS = ("red", "blue", "green", "yellow", "white")
THINGS = ("boat", "bird", "cat", "tree", "house", "fish", "car", "flower")
PLACES = ("in a meadow", "at night", "in the snow", "at sea")

Life = Callable[[Path], int]  # starts to render into a folder; returns the process


def prompts(rows: int) -> str:
    """As many different prompts."""
    words = itertools.product(PLACES, THINGS, COLOURS)
    texts = [f"a {colour} {thing} {place}" for place, thing, colour in words]
    return "".join(f"{text}\n" for text in itertools.islice(itertools.cycle(texts[::7] + texts), rows))


def forked(source: Path, options: argparse.Namespace) -> Life:
    """Lives that are forked from this process, with its models."""
    torch.set_num_threads(1)  # threads do not outlive a fork
    batch = options.micro_batch
    pipe = TextToImage.from_recipe("pocket", device="cpu", deterministic=True, micro_batch=batch, wave=batch)
    wishes = {"num_inference_steps": options.steps}
    pipe("a red boat", **wishes)  # loads the models

    def live(out: Path) -> int:
        child = os.fork()
        if child:
            return child
        status = 1
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            if not options.verbose:
                os.dup2(quiet, 2)
            status = run_render(lambda: pipe, source=str(source), text=None, out=out, wishes=wishes)
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(status)

    return live


def commands(source: Path, options: argparse.Namespace) -> Life:
    """Lives that are commands, started from nothing."""
    steps = ["--steps", str(options.steps), "--deterministic", "--device", "cpu"]
    command = [sys.executable, "-m", "diptych", "render", str(source), *steps]

    def live(out: Path) -> int:
        output = None if options.verbose else subprocess.DEVNULL
        return subprocess.Popen([*command, "-o", str(out)], stdout=output, stderr=output).pid

    return live


def ended(child: int, *, after: float | None = None) -> int:
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


def check_whole_lines(out: Path, expected: dict[str, bytes]) -> int:
    """How many rows are done after a kill; each once, and each with the picture that it should have."""
    path = out / "results.jsonl"
    data = path.read_bytes() if path.exists() else b""
    lines = [json.loads(line) for line in data.splitlines(keepends=True) if line.endswith(b"\n")]
    rows = [line["row"] for line in lines]
    assert len(set(rows)) == len(rows), f"rows twice: {rows}"
    for line in lines:
        assert line["status"] == "done", f"row {line['row']}: {line['error']}"
        assert (out / line["picture"]).read_bytes() == expected[line["picture"]], f"{line['picture']} differs"
    return len(lines)


class Killings:
    """Kills runs, goes on with them, and compares what comes out with the undisturbed run."""

    def __init__(self, live: Life, rows: int, files_in: Callable[[Path], dict[str, bytes]]) -> None:
        self.live = live
        self.rows = rows
        self.files_in = files_in
        self.kills = 0
        self.useless = 0  # lives without a row
        self.expected: dict[str, bytes] = {}

    def undisturbed(self, out: Path) -> float:
        """The run that all others must be like; returns how long it took, in seconds."""
        started = time.monotonic()
        assert ended(self.live(out)) == 0, "the undisturbed run failed: see it with --verbose"
        self.expected = self.files_in(out)
        assert len(json.loads(self.expected["results.jsonl"])) == self.rows
        return time.monotonic() - started

    def run(self, out: Path, *, most: int, moment: Callable[[], float]) -> None:
        """One run, gone on with until it is whole; no more kills when there were `most`."""
        done = 0
        while status := ended(self.live(out), after=moment() if self.kills < most else None):
            assert status == -signal.SIGKILL, f"ended with {status}: see it with --verbose"
            self.kills += 1
            before, done = done, check_whole_lines(out, self.expected)
            assert done >= before, f"kill {self.kills}: {before - done} rows lost"
            self.useless += done == before
            print(f"kill {self.kills}: {done} of {self.rows} rows done", flush=True)
        found = self.files_in(out)
        names = {*self.expected, *found}
        different = sorted(name for name in names if self.expected.get(name) != found.get(name))
        assert not different, f"after {self.kills} kills: {different} are not as without"


def main(options: argparse.Namespace) -> None:
    chance, runs = random.Random(options.seed), 0
    files_in = module_of(Path(__file__).with_name("conftest.py")).files_in
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        base = Path(temporary)
        source = base / "prompts.txt"
        source.write_text(prompts(options.rows))
        killings = Killings((commands if options.commands else forked)(source, options), options.rows, files_in)
        whole = killings.undisturbed(base / "whole")
        longest = options.longest or 2.5 * whole * min(1.0, options.micro_batch / options.rows)
        print(f"undisturbed: {options.rows} rows in {whole:.1f} s; lives of up to {longest:.1f} s", flush=True)
        while killings.kills < options.kills:
            moment = functools.partial(chance.uniform, 0, longest)
            killings.run(base / f"run-{runs}", most=options.kills, moment=moment)
            runs += 1
    print(
        f"{killings.kills} kills in {runs} runs of {options.rows} rows, {killings.useless} lives without a row:"
    )
    print("every file is the undisturbed run's, byte for byte, and results.jsonl but for times;")
    print("no row is lost, none is there twice")


def module_of(path: Path) -> ModuleType:
    """A test module, which is in no package."""
    spec = importlib.util.spec_from_file_location("batches", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    whole: dict[str, Any] = {"type": int, "metavar": "N"}
    parser.add_argument("--rows", default=60, **whole)
    parser.add_argument("--kills", default=100, **whole)
    parser.add_argument("--micro-batch", default=4, help="rows at once; 16 with --commands", **whole)
    parser.add_argument("--steps", default=2, help="of denoising", **whole)
    parser.add_argument("--seed", default=0, help="of the moments", **whole)
    parser.add_argument("--longest", type=float, metavar="S", help="a life in seconds; 2.5 micro-batches")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where to work; a temporary folder")
    parser.add_argument("--commands", action="store_true", help="start the command itself for each life")
    parser.add_argument("--verbose", action="store_true", help="show what the runs say")
    options = parser.parse_args(arguments)
    if options.commands:
        options.micro_batch = 16
    return options


if __name__ == "__main__":
    main(parsed(sys.argv[1:]))
