"""How much longer pictures take where other processes want the same cores.

Beside the engine run as many processes as are said that do nothing but compute; they are started for each run
and ended after it. Runs with and without them take turns, so that all meet the same of whatever else the
machine does. Seconds are those of a clock on the wall.

one_neighbour, two_neighbours                     how many times as long many pictures take as without
one_picture_one_neighbour, one_picture_two_…      the same of one picture
fair_one_neighbour, fair_two_neighbours           what they would take if every thread got an equal share of the
                                                  cores, and the work were spread over all of them
"""

import contextlib
import functools
import subprocess
import sys
import time
from collections.abc import Generator, Sequence

from .harness.engine import Engine
from .harness.machine import usable_cores
from .harness.options import Options
from .harness.prompts import benchmark_prompts
from .harness.report import Report, number, table
from .harness.timing import Paired, run_in_pairs

MOST = 24
"""Pictures of a run: those of the demo."""

WORDS = ("quiet", "one_neighbour", "two_neighbours")
"""By the number of neighbours."""

_COMPUTE = "print(flush=True)\nwhile True: pass"


def measure(options: Options) -> Report:
    """Heeds recipe, device, prompts (at most 24 count) and repeats."""
    engine = Engine(options.read_recipe(), device=options.device, clock=time.perf_counter)
    prompts = benchmark_prompts(min(MOST, options.prompts))
    engine.run(prompts[:2])  # loads what there is to load
    runs: dict[int, Paired] = {}
    for count in dict.fromkeys((1, len(prompts))):
        options.say(f"pictures at a time: {count}; without neighbours, with one and with two")
        runs[count] = _paired(engine, prompts[:count], options.repeats)
    figures: dict[str, float] = {}
    shown = table("pictures", *(f"{word.replace('_', ' ')}, s" for word in WORDS), "times as long")
    for count, paired in runs.items():
        ratios = [paired.ratio(word, "quiet") for word in WORDS[1:]]
        for word, ratio in zip(WORDS[1:], ratios, strict=True):
            figures[f"one_picture_{word}" if count == 1 else word] = ratio.median
        times = " and ".join(number(ratio.median) for ratio in ratios)
        shown.add_row(str(count), *(number(paired.median(word)) for word in WORDS), times)
    cores = usable_cores()
    figures |= {f"fair_{word}": fair(cores, i) for i, word in enumerate(WORDS) if i}
    seconds = {count: dict(paired.seconds) for count, paired in runs.items()}
    details = {"repeats": options.repeats, "pictures": len(prompts), "seconds": seconds, "cores": cores}
    notes = [f"{cores} cores: a fair share is {fair(cores, 1):.2f} and {fair(cores, 2):.2f} times as long"]
    return Report(
        name="busy", figures=figures, details=details, tables={"beside neighbours": shown}, notes=notes
    )


def fair(cores: int, neighbours: int) -> float:
    """How many times as long work takes that is spread over all cores, a thread each, where so many processes
    of one thread want them too, and every thread gets as much as any other."""
    return (cores + neighbours) / cores if neighbours else 1.0


def _paired(engine: Engine, prompts: Sequence[str], repeats: int) -> Paired:
    rivals = {word: functools.partial(_run, engine, prompts, i) for i, word in enumerate(WORDS)}
    return run_in_pairs(rivals, repeats=repeats, clock=time.perf_counter)


def _run(engine: Engine, prompts: Sequence[str], count: int) -> None:
    with neighbours(count):
        engine.run(prompts)


@contextlib.contextmanager
def neighbours(count: int) -> Generator[list[int]]:
    """So many processes that compute while the block lasts; gives their ids, once all are at work."""
    started = [
        subprocess.Popen([sys.executable, "-S", "-c", _COMPUTE], stdout=subprocess.PIPE) for _ in range(count)
    ]
    try:
        for each in started:
            assert each.stdout is not None, "it was asked for"
            each.stdout.readline()
        yield [each.pid for each in started]
    finally:
        for each in started:
            each.kill()
        for each in started:
            each.communicate()
