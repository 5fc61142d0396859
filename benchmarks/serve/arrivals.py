"""Requests that come at random, as a server's do: how long they wait, and how many are done in a time.

Three ways to carry them out meet the same arrivals, which are drawn by Poisson's law at 50, 80 and 95 % of what
one at a time can do: one request after the other; waves, each of all that wait; and the desk of `diptych
serve`, where each joins the next micro-batch of the stage it is at. Then all come at once, and the desk is held
against a batch. Last, how long it takes until there is something to see: of a request alone, and under load.
"""

import dataclasses
import itertools
import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from ...engine.desk.desk import Desk
from ...engine.desk.visitor import Visitor
from ...engine.values import Draft, Request
from ...pipelines.device import choose_device
from ...pipelines.text_to_image import TextToImage
from ..harness.options import Options
from ..harness.prompts import benchmark_prompts
from ..harness.report import Report, number, table

LOADS = (0.5, 0.8, 0.95)
_MOST = 1000

Arrivals = Sequence[tuple[float, Request]]


@dataclasses.dataclass
class Seen:
    """When requests were done, and when there was something to see of them; seconds after they came."""

    waits: list[float] = dataclasses.field(default_factory=list)
    first: list[float] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    def at(self, share: float) -> float:
        """So many of the requests waited no longer."""
        ordered = sorted(self.waits)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def a_minute(self) -> float:
        return 60 * len(self.waits) / self.seconds


Way = Callable[[TextToImage, Arrivals], Seen]


def measure(options: Options) -> Report:
    """Heeds recipe, device, prompts (requests at each load, at most 1000) and first (the arrivals' seed)."""
    pipe = TextToImage.from_recipe(options.recipe, device=choose_device(options.device))
    count = min(options.prompts, _MOST)
    requests = [pipe.request(text, seed=i, row=i + 1) for i, text in enumerate(benchmark_prompts(count))]
    return report(pipe, requests, first=options.first, say=options.say)


def report(pipe: TextToImage, requests: Sequence[Request], *, first: int, say: Callable[[str], None]) -> Report:
    """All of it, for these requests."""
    list(pipe.run(requests[:2]))  # loads the models
    figures: dict[str, Any] = {}
    shown = table("load, way", "p50 s", "p95 s", "a minute")
    ways: dict[str, Way] = {"one": one_at_a_time, "waves": in_waves, "desk": at_the_desk}
    for load in LOADS:
        service = seconds_a_request(pipe, requests[: max(4, len(requests) // 4)])
        figures[f"seconds_a_request_before_{round(100 * load)}"] = service
        arrivals = drawn(requests, service / load, seed=first)
        for name, way in ways.items():
            seen = way(pipe, arrivals)
            key = f"{name}_at_{round(100 * load)}"
            figures |= {f"{key}_p50_s": seen.at(0.5), f"{key}_p95_s": seen.at(0.95)}
            figures[f"{key}_a_minute"] = seen.a_minute
            if name == "desk" and load == 0.8:
                figures["first_view_under_load_s"] = statistics.median(seen.first)
            shown.add_row(
                f"{load:.0%}, {name}", number(seen.at(0.5)), number(seen.at(0.95)), number(seen.a_minute, 1)
            )
            say(f"{load:.0%}, {name}: p95 {seen.at(0.95):.2f} s")
    at_once = [(0.0, request) for request in requests]
    batch, desk = in_waves(pipe, at_once), at_the_desk(pipe, at_once)
    alone = at_the_desk(pipe, at_once[:1])
    figures |= {
        "p95_of_one_at_a_time_at_80": figures["desk_at_80_p95_s"] / figures["one_at_80_p95_s"],
        "throughput_of_batch": desk.a_minute / batch.a_minute,
        "first_view_alone_s": statistics.median(alone.first),
        "whole_alone_s": alone.at(0.5),
    }
    shown.add_row("all at once, batch", "", "", number(batch.a_minute, 1))
    shown.add_row("all at once, desk", "", "", number(desk.a_minute, 1))
    seen_first = table("until there is something to see", "s")
    seen_first.add_row("alone", number(figures["first_view_alone_s"]))
    seen_first.add_row("alone, the whole", number(figures["whole_alone_s"]))
    seen_first.add_row("at 80 %", number(figures["first_view_under_load_s"]))
    tables = {f"{len(requests)} requests, by Poisson's law": shown, "previews": seen_first}
    return Report(name="serve", figures=figures, details={"requests": len(requests)}, tables=tables)


def seconds_a_request(pipe: TextToImage, requests: Sequence[Request]) -> float:
    """Of one after the other, in the middle: of this machine, as quick as it is just now."""
    waits = sorted([0.0, *one_at_a_time(pipe, [(0.0, request) for request in requests]).waits])
    return statistics.median(after - before for before, after in itertools.pairwise(waits))


def drawn(requests: Sequence[Request], apart_s: float, *, seed: int) -> Arrivals:
    """When the requests come: so far apart in the mean, by Poisson's law."""
    chance, now = random.Random(seed), 0.0
    arrivals: list[tuple[float, Request]] = []
    for request in requests:
        now += chance.expovariate(1 / apart_s)
        arrivals.append((now, request))
    return arrivals


def one_at_a_time(pipe: TextToImage, arrivals: Arrivals) -> Seen:
    """Each request by itself, in the order of coming."""
    return _in_batches(pipe, arrivals, most=1)


def in_waves(pipe: TextToImage, arrivals: Arrivals) -> Seen:
    """All that wait as one batch; who comes meanwhile waits for its end."""
    return _in_batches(pipe, arrivals, most=len(arrivals))


def at_the_desk(pipe: TextToImage, arrivals: Arrivals) -> Seen:
    """As `diptych serve` does it."""
    desk = _desk_at_work(pipe, arrivals[0][1])
    seen, coming, started = Seen(), list(arrivals), time.perf_counter()
    while coming or len(desk):
        now = time.perf_counter() - started
        while coming and coming[0][0] <= now:
            came, request = coming.pop(0)
            desk.enter(_Guest(pipe, request, seen, started + came))
        if not len(desk):
            time.sleep(max(0.0, coming[0][0] - now))
            continue
        for guest, _ in desk.turn():
            assert isinstance(guest, _Guest), "nobody else enters"
            seen.waits.append(time.perf_counter() - guest.came)
    seen.seconds = time.perf_counter() - started
    return seen


def _desk_at_work(pipe: TextToImage, request: Request) -> Desk:
    """One that knows how long stages take, and no plan of the requests to come."""
    desk = Desk()
    other = dataclasses.replace(request, prompt=f"{request.prompt}, once more")
    desk.enter(_Guest(pipe, other, Seen(), 0.0))
    while len(desk):
        desk.turn()
    return desk


class _Guest(Visitor):
    def __init__(self, pipe: TextToImage, request: Request, seen: Seen, came: float) -> None:
        super().__init__(request, pipe.runner, client=str(request.row))
        self.seen, self.came = seen, came

    def on_value(self, stage: str, value: Any) -> None:
        if isinstance(value, Draft):
            self.seen.first.append(time.perf_counter() - self.came)


def _in_batches(pipe: TextToImage, arrivals: Arrivals, *, most: int) -> Seen:
    seen, coming, started = Seen(), list(arrivals), time.perf_counter()
    while coming:
        now = time.perf_counter() - started
        if coming[0][0] > now:
            time.sleep(coming[0][0] - now)
            continue
        batch = [each for each in coming[:most] if each[0] <= now]
        del coming[: len(batch)]
        came = {request.row: at for at, request in batch}
        for result in pipe.run([request for _, request in batch], in_order=False):
            seen.waits.append(time.perf_counter() - started - came[result.request.row])
    seen.seconds = time.perf_counter() - started
    return seen
