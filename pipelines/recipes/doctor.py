"""Whether all that a recipe needs is here, and what it does under a memory budget. Loads no weights."""

import dataclasses
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import rich.box
from rich.table import Table

from ...engine.chain import Chain
from ...engine.dummy_values import dummy_values
from ...engine.errors import DiptychError
from ...engine.forecast import Forecast, Step, forecast
from ...engine.loop import Policy
from ...engine.memory import DeviceMemory, format_bytes, parse_bytes
from ...engine.stage import ModelKey
from ...engine.values import Request
from ...engine.version import __version__
from ..device import choose_device
from ..terminal import error_console, out_console
from .build import build_chain, registry, told_of_configs
from .reader import Recipe, read_recipe
from .rehearsal import rehearse
from .servers import asked_servers
from .writer import checkpoint_name

_LIBRARIES = (
    "torch",
    "transformers",
    "diffusers",
    "accelerate",
    "safetensors",
    "sentencepiece",
    "llguidance",
    "pillow",
)


@dataclasses.dataclass(frozen=True)
class Model:
    """A model of a recipe: which stage uses it, and its bytes, or `None` where its checkpoint is not sound."""

    stage: str
    key: ModelKey
    bytes: int | None


@dataclasses.dataclass(frozen=True)
class Checkup:
    """What the doctor found.

    Args:
        versions: of libraries, and what the device is.
        budget_bytes: given, or free on the device; `None` for no limit.
        plan: what a batch will do; `None` where checkpoints are missing.
        troubles: one line each; none if all is well.
    """

    recipe: str
    versions: dict[str, str]
    models: tuple[Model, ...]
    budget_bytes: int | None
    plan: Forecast | None
    troubles: tuple[str, ...]


def run_doctor(
    recipe: str, *, device: str, memory: str | None, as_json: bool = False, online: bool = False
) -> bool:
    """What `diptych doctor` does: look, print, and say whether all is well.

    Args:
        online: also ask the servers that the recipe names.

    Raises:
        InputError: the recipe, the device or the amount of memory is not understood or not there.
    """
    name = choose_device(device)
    read = read_recipe(recipe).on(name)
    budget = None if memory is None else parse_bytes(memory)
    device_memory = DeviceMemory(registry(), device=name, budget_bytes=budget)
    chain = build_chain(read)
    checkup = check_up(read, chain, device_memory)
    if checkup.plan is not None:
        checkup = dataclasses.replace(checkup, troubles=(*checkup.troubles, *rehearse(read, chain)))
    servers, unanswered = asked_servers(chain, online=online)
    checkup = dataclasses.replace(checkup, troubles=(*checkup.troubles, *unanswered))
    if as_json:
        print(json.dumps(plain(checkup) | ({"servers": servers} if servers else {}), ensure_ascii=False))
    else:
        console = out_console()
        for part in (*tables(checkup), *servers, *([] if checkup.troubles else ["all is well"])):
            console.print(part, soft_wrap=isinstance(part, str))
    for trouble in checkup.troubles:
        error_console().print(f"diptych: {trouble}", soft_wrap=True)
    return not checkup.troubles


def check_up(
    recipe: Recipe,
    chain: Chain,
    memory: DeviceMemory,
    *,
    micro_batch: int = 16,
) -> Checkup:
    """Look at everything, and rehearse a batch, of which a stage works on so many rows at once, at most."""
    memory.count_again()
    budget = None if memory.budget_bytes == sys.maxsize else memory.budget_bytes
    troubles: list[str] = []
    versions = _versions(memory, troubles)
    models = _models(chain, memory, troubles)
    plan = None
    if all(model.bytes is not None for model in models):
        request = Request(
            prompt="a picture", height=recipe.height, width=recipe.width, settings=recipe.defaults
        )
        previews = Policy.of(recipe.defaults).prunes
        if unread := _unread(chain, request):
            return Checkup(recipe.name, versions, models, budget, None, (*troubles, *unread))
        plan = forecast(chain, memory, request, micro_batch=micro_batch, previews=previews)
        troubles += dict.fromkeys(step.refusal for step in plan.first if step.refusal)
        if not plan.fits:
            troubles.append(
                f"recipe {recipe.name} needs at least {format_bytes(plan.least_bytes, up=True)} of memory"
            )
    return Checkup(recipe.name, versions, models, budget, plan, tuple(troubles))


def _unread(chain: Chain, request: Request) -> list[str]:
    """What is said of stages whose configs are so that nothing can be computed from them."""
    values = dummy_values(request, chain.stages)
    found: list[str] = []
    for stage in chain.stages:
        if stage.takes in values:
            try:
                with told_of_configs(stage):
                    stage.workspace([values[stage.takes]])
            except DiptychError as error:
                found.append(str(error))
    return found


def renamed(checkup: Checkup, names: Mapping[str, str]) -> Checkup:
    """The same of checkpoints with other names."""

    def new(key: ModelKey) -> ModelKey:
        return dataclasses.replace(key, checkpoint=names.get(key.checkpoint, key.checkpoint))

    def step(old: Step) -> Step:
        lists = {name: tuple(map(new, getattr(old, name))) for name in ("uses", "loads", "sends", "evicts")}
        return dataclasses.replace(old, **lists, refusal=said(old.refusal))

    def said(text: str) -> str:
        for place, name in names.items():
            text = text.replace(place, name)
        return text

    plan = checkup.plan and dataclasses.replace(
        checkup.plan,
        first=tuple(map(step, checkup.plan.first)),
        again=tuple(map(step, checkup.plan.again)),
    )
    models = tuple(dataclasses.replace(model, key=new(model.key)) for model in checkup.models)
    return dataclasses.replace(checkup, models=models, plan=plan, troubles=tuple(map(said, checkup.troubles)))


def _versions(memory: DeviceMemory, troubles: list[str]) -> dict[str, str]:
    found = {"diptych": __version__}
    found["python"] = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    for library in _LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            found[library] = "missing"
            troubles.append(f"{library} is not installed: install diptych again")
    found["device"] = f"{_device(memory.device)}; {memory.limit}"
    return found


def _device(device: str) -> str:
    import torch

    if not device.startswith("cuda"):
        return f"{device}, {os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads"
    properties = torch.cuda.get_device_properties(device)
    return f"{device}, {properties.name}, {format_bytes(properties.total_memory)}"


def _models(chain: Chain, memory: DeviceMemory, troubles: list[str]) -> tuple[Model, ...]:
    found: list[Model] = []
    for stage in chain.stages:
        for key in stage.uses:
            try:
                found.append(Model(stage.name, key, memory.weight_bytes([key])))
            except DiptychError as error:
                found.append(Model(stage.name, key, None))
                if str(error) not in troubles:
                    troubles.append(str(error))
    return tuple(found)


# As tables


def tables(checkup: Checkup) -> list[Table | str]:
    """What to print: versions, models, and the plan."""
    versions = _table("", "")
    for name, version in checkup.versions.items():
        versions.add_row(name, version)
    models = _table("stage", "family", "checkpoint", "weights >")
    for model in checkup.models:
        size = "not there" if model.bytes is None else format_bytes(model.bytes)
        models.add_row(model.stage, model.key.family, _checkpoint(model.key), size)
    if checkup.plan is None:
        return [versions, models]
    models.add_section()
    models.add_row("all together", "", f"recipe {checkup.recipe}", format_bytes(checkup.plan.weights_bytes))
    return [versions, models, *_plan(checkup.plan)]


def _plan(plan: Forecast) -> list[Table | str]:
    steps = _table(
        "the plan", "rows at once >", "weights >", "work >", "at its peak >", "loads", "ahead", "evicts"
    )
    _add_steps(steps, plan.first)
    if plan.again != plan.first:
        steps.add_section()
        steps.add_row("each later wave")
        _add_steps(steps, plan.again)
    needs = (
        f"the least that would do: {format_bytes(plan.least_bytes, up=True)};"
        f" all models and full micro-batches at once: {format_bytes(plan.ample_bytes, up=True)}"
    )
    if not all(step.rows for step in plan.first):
        return [steps, needs]
    return [
        steps,
        f"mode: {plan.mode.name}: {plan.mode.reason}",
        f"peak: {format_bytes(plan.peak_bytes)}; {needs}",
    ]


def _add_steps(table: Table, steps: Sequence[Step]) -> None:
    for step in steps:
        table.add_row(
            step.name,
            str(step.rows or "none fits"),
            f"{format_bytes(step.weights_bytes)}{', streamed' if step.streamed else ''}",
            format_bytes(step.workspace_bytes),
            format_bytes(step.peak_bytes) if step.rows else "",
            *(_names(keys) for keys in (step.loads, step.sends, step.evicts)),
        )


def _names(keys: Sequence[ModelKey]) -> str:
    """The last part of each checkpoint's name, which tells the models of a recipe apart well enough."""
    return ", ".join(key.part or os.path.basename(key.checkpoint.rstrip("/")) for key in keys)


def _checkpoint(key: ModelKey) -> str:
    name = checkpoint_name(key.checkpoint)
    return f"{name} ({key.part})" if key.part else name


def _table(*columns: str) -> Table:
    """A table with these columns; one that ends with ` >` is set to the right."""
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, show_header=any(columns))
    for column in columns:
        right = column.endswith(" >")
        table.add_column(column.removesuffix(" >"), overflow="fold", justify="right" if right else "left")
    return table


# As JSON


def plain(checkup: Checkup) -> dict[str, Any]:
    """What was found, in JSON's kinds of values: bytes are numbers, models are their checkpoints' names."""
    plan = checkup.plan
    return {
        "recipe": checkup.recipe,
        "versions": checkup.versions,
        "models": [
            {"stage": m.stage, "family": m.key.family, "checkpoint": _checkpoint(m.key), "bytes": m.bytes}
            for m in checkup.models
        ],
        "budget_bytes": checkup.budget_bytes,
        "plan": plan
        and {
            "fits": plan.fits,
            "mode": dataclasses.asdict(plan.mode),
            "weights_bytes": plan.weights_bytes,
            "peak_bytes": plan.peak_bytes,
            "least_bytes": plan.least_bytes,
            "ample_bytes": plan.ample_bytes,
            "first_wave": [_plain_step(step) for step in plan.first],
            "later_waves": [_plain_step(step) for step in plan.again],
        },
        "troubles": list(checkup.troubles),
    }


def _plain_step(step: Step) -> dict[str, Any]:
    values = {field.name: getattr(step, field.name) for field in dataclasses.fields(step)}
    return {
        name: [_checkpoint(key) for key in value] if isinstance(value, tuple) else value
        for name, value in values.items()
    }
