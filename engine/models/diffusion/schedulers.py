"""Schedulers of diffusers by their names, and what each can be told."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import CheckpointError, InputError
from ...messages import did_you_mean, nearest, shown
from ..checkpoint.folder import read_json


def scheduler_of(name: str, own: Any) -> Any:
    """The class of this name, if the checkpoint's own scheduler can give way to it.

    Args:
        name: with or without `Scheduler` at its end.
        own: the checkpoint's.

    Raises:
        InputError: it cannot, or there is none.
    """
    import diffusers

    names = {each.lower(): each for each in dir(diffusers) if each.endswith("Scheduler")}
    found = names.get(name.lower()) or names.get(f"{name.lower()}scheduler")
    if found is None:
        near = nearest(name, names.values())
        hint = f": did you mean {near}?" if near else ""
        raise InputError(f"scheduler {shown(name)} is not one of diffusers{hint}")
    fitting = sorted({each.__name__ for each in own.compatibles} | {type(own).__name__})
    if len(fitting) > 1 and found not in fitting:
        raise InputError(f"scheduler {found} does not fit this checkpoint: choose one of {', '.join(fitting)}")
    return getattr(diffusers, found)


def refuse_scheduler(folder: Path, name: str, settings: Mapping[str, object]) -> None:
    """Raise where a pipeline's folder and a recipe name no scheduler between them that works; loads no weights.

    Raises:
        InputError: the recipe's is none of the library's, does not fit, or takes no such setting.
        CheckpointError: the checkpoint's own is none of the library's.
    """
    path = folder / "scheduler" / "scheduler_config.json"
    if not path.is_file():
        return
    import diffusers

    config = read_json(path)
    said = str(config.get("_class_name"))
    own: Any = getattr(diffusers, said, None) if said.endswith("Scheduler") else None
    if own is None:
        known = [each for each in dir(diffusers) if each.endswith("Scheduler")]
        raise CheckpointError(f"{path}: {shown(said)} is no scheduler of diffusers{did_you_mean(said, known)}")
    scheduler_settings(scheduler_of(name, own.from_config(config)) if name else own, settings)


def scheduler_settings(kind: Any, settings: Mapping[str, object] | None) -> None:
    """Raise `InputError` where a class of schedulers takes no setting of this name, or not of this kind."""
    known = inspect.signature(kind.__init__).parameters
    for name, value in (settings or {}).items():
        if name == "self" or name not in known:
            hint = did_you_mean(name, [each for each in known if each != "self"])
            raise InputError(f"scheduler_config: {kind.__name__} has no {shown(name)}{hint}")
        default = known[name].default
        if isinstance(default, bool | str | int | float) and not _like(value, default):
            raise InputError(
                f"scheduler_config: {name} = {shown(value)}: must be like its default, {shown(default)}"
            )


def _like(value: object, default: object) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, int | float):
        return isinstance(value, int | float)
    return isinstance(value, str)
