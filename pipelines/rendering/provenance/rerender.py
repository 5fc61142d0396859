"""Makes pictures again from the histories in their files, and says whether they came out the same.

A picture of the deterministic mode comes out the same, byte for byte, where weights, versions and hardware are
the same; any other to 1/255, save where rounding tipped a token's draw. What is not the same is named.
"""

import dataclasses
import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import PIL.Image

from ....engine.errors import InputError
from ....engine.values import Failure, Outcome, Request
from ....engine.values.start import Start
from ....engine.watch import Watcher
from ...pictures.pixels import rgb_of
from ...recipes.environment import Environment
from ...recipes.lora_table import lora_revisions
from ...recipes.reader import parse_recipe
from ...text_to_image import TextToImage
from .history import History, OriginText, format_of
from .provenance import made_of, picture_bytes, read_history
from .start_text import parse_wording

PipeMaker = Callable[[History], TextToImage]
TOLERANCE = 1  # of 255, outside the deterministic mode


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rerendered:
    """A picture made again.

    Args:
        path: of the old picture.
        data: the new PNG file; `None` where it could not be made.
        changes: what it was made with that is not as it was, e.g. "torch 2.13.0 then, 2.14.0 now".
        difference: in which way it came out differently, or why it did not; empty where it is the same.
        as_promised: the same, as far as its mode promises that.
    """

    path: Path
    data: bytes | None
    changes: tuple[str, ...]
    difference: str
    as_promised: bool


def rerender(
    paths: Sequence[Path], *, make_pipe: PipeMaker | None = None, watch: Watcher | None = None
) -> Iterator[Rerendered]:
    """Make the pictures at `paths` again; those of one origin together.

    Args:
        make_pipe: the pipeline for a history; `pipe_of`, if not given.

    Raises:
        InputError: a file carries no history, or one that makes no sense.
        CheckpointError: the weights are not here.
    """
    groups: dict[str, list[tuple[Path, History]]] = {}
    for path in paths:
        history = read_history(path)
        height = history["request"]["settings"].get("height")
        key = json.dumps([history["format"], history["origin"], height], sort_keys=True)
        groups.setdefault(key, []).append((path, history))
    for group in groups.values():
        yield from _rerender_group(group, make_pipe or pipe_of, watch)


def pipe_of(history: History, *, device: str | None = None) -> TextToImage:
    """The pipeline that a history speaks of, on the kind of device it was made on if there is one here.

    Raises:
        InputError: the recipe in it is not understood.
        CheckpointError: the weights are not here.
    """
    environment = history["origin"]
    recipe = parse_recipe(environment["table"], Path(f"{environment['recipe']}.toml"))
    return TextToImage.from_recipe(
        recipe,
        device=device or _device(environment["device"]),
        memory=environment["memory_bytes"],
        deterministic=environment["deterministic"],
        micro_batch=environment["micro_batch"],
        wave=environment["micro_batch"],
    )


def _rerender_group(
    group: Sequence[tuple[Path, History]], make_pipe: PipeMaker, watch: Watcher | None
) -> Iterator[Rerendered]:
    pipe = make_pipe(group[0][1])
    now = pipe.environment()
    first = group[0][1]
    requests = [request_of(pipe, path, history, row) for row, (path, history) in enumerate(group, start=1)]
    latest = _change("format of the file", first["format"], format_of(requests[0].start))
    changes = (*latest, *changes_since(first["origin"], now))
    runs = [repeatable(request, history) for request, (_, history) in zip(requests, group, strict=True)]
    for result in pipe.run(runs, watch=watch):
        row = result.request.row - 1
        path, history = group[row]
        if isinstance(result, Failure):
            reason = f"{result.stage}: {result.reason}"
            yield Rerendered(path=path, data=None, changes=changes, difference=reason, as_promised=False)
            continue
        outcome = _planned_by(dataclasses.replace(result, request=requests[row]), history)
        others = (*changes, *_lora_changes(history, now))
        yield _compared(path, history, outcome, now, others)


def _compared(
    path: Path, history: History, outcome: Outcome, now: Environment, changes: tuple[str, ...]
) -> Rerendered:
    template = history["request"].get("template")
    data = picture_bytes(outcome, now, template=template, pixels="pixels" in history)
    difference, most = "", 0
    if data != path.read_bytes():
        difference, most = _difference(path, outcome.image)
    exact = now.deterministic and not changes
    as_promised = not difference if exact else most <= TOLERANCE
    return Rerendered(path=path, data=data, changes=changes, difference=difference, as_promised=as_promised)


def _difference(path: Path, image: PIL.Image.Image) -> tuple[str, int]:
    """How the pixels differ, and the most that one does, of 255."""
    import numpy as np

    old = rgb_of(path)
    if old.size != image.size:
        return f"{image.width} x {image.height} pixels, not {old.width} x {old.height}", 255
    before = np.asarray(old, dtype=np.int16)
    apart = np.abs(np.asarray(image, dtype=np.int16) - before).max(axis=2)
    if not apart.any():
        return "the same pixels in another file", 0
    share = 100 * np.count_nonzero(apart) / apart.size
    return f"{share:.2g} % of the pixels differ, by at most {apart.max()} of 255", int(apart.max())


def request_of(pipe: TextToImage, path: Path, history: History, row: int) -> Request:
    """The request that a picture was made by, as a row of a batch.

    Raises:
        InputError: its history is no valid request.
    """
    said = history["request"]
    try:
        start, references, controls = made_of(path)
        found = {"references": references, "controls": controls}
        more: dict[str, Any] = {name: each for name, each in found.items() if each}
        return pipe.request(said["prompt"], seed=said["seed"], row=row, start=start, **more, **said["settings"])
    except (InputError, TypeError) as error:
        raise InputError(f"{path}: its history is no valid request: {error}") from None


def repeatable(request: Request, history: History) -> Request:
    """The request, but with as many rounds and repairs as there were, where a limit of time decided that; and
    with the plan that there was, where a server wrote it: it might not write the same again."""
    settings = request.settings
    if has_plan_of_a_server(request, history):
        wording = parse_wording(history["plan"])
        request = dataclasses.replace(request, start=Start(wording=wording))
    if settings.seconds is None or math.isinf(settings.seconds):
        return request
    repairs = sum(each.get("repairs") is not None for each in history["candidates"])
    rounds = max(1, math.ceil((len(history["candidates"]) - repairs) / (settings.candidates or 1)))
    settings = dataclasses.replace(settings, rounds=rounds, seconds=math.inf)
    if rounds == 1:  # later rounds are numbered by how many repairs there may be
        settings = dataclasses.replace(settings, repairs=repairs)
    return dataclasses.replace(request, settings=settings)


def has_plan_of_a_server(request: Request, history: History) -> bool:
    """Whether a picture's plan came from a server, and is the one that the request would begin with: not so of
    a later round."""
    first = history["candidate"] < (request.settings.candidates or 1)
    return bool(history["plan"].get("by")) and first and request.start is None


def _planned_by(outcome: Outcome, history: History) -> Outcome:
    """The outcome, whose plan says who wrote it first, where that was a server."""
    by = history["plan"].get("by", "")
    if outcome.plan.by or not by:
        return outcome
    plan = dataclasses.replace(outcome.plan, by=by)
    return dataclasses.replace(outcome, best=dataclasses.replace(outcome.best, plan=plan))


def changes_since(then: OriginText, now: Environment) -> Iterator[str]:
    """What is not as it was when a picture was made, e.g. "torch 2.13.0 then, 2.14.0 now"."""
    for library in {**then["versions"], **now.versions}:
        yield from _change(library, then["versions"].get(library), now.versions.get(library))
    for checkpoint in {**then["revisions"], **now.revisions}:
        old, new = then["revisions"].get(checkpoint), now.revisions.get(checkpoint)
        yield from _change(f"weights of {checkpoint}", old, new)
    yield from _change("device", then["device"], now.device)


def _lora_changes(then: History, now: Environment) -> Iterator[str]:
    """Likewise, of the LoRA weights that a row asked for."""
    said = then["request"]
    found = lora_revisions(now.table, said["settings"].get("loras"))
    for name, revision in said.get("lora_weights", {}).items():
        yield from _change(f"LoRA weights {name}", revision, found.get(name))


def _change(what: str, then: object, now: object) -> Iterator[str]:
    if then != now:
        yield f"{what} {then} then, {now} now"


def _device(hardware: str) -> str:
    """The device of the kind that a picture was made on, or the best there is."""
    from ...device import choose_device

    try:
        return choose_device(hardware.partition(",")[0])
    except InputError:
        return "auto"
