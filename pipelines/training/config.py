"""Sizes and steps of the pocket models, from TOML: a file may say what `pocket.toml` says, and of that kind.

Knows the form of the file. What a size means is for the trainer that takes it to say.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...engine.diffusion.objective import PREDICTIONS
from ...engine.errors import InputError
from ...engine.messages import did_you_mean, shown
from ..recipes.tables.toml_file import read_toml
from .loop.step_schedule import TrainSettings
from .loop.trainer import PRECISIONS

POCKET = Path(__file__).with_name("pocket.toml")
ERRORS = ("absolute", "squared")  # that the refiner is trained to make small
SPREADS = ("first", "noisy", "even", "middle")  # of the refiner's noise levels in training
MAX_TRAIN_SEED = 2**32 - 1  # numpy's generators take no larger one

_SHARES = (
    "between",
    "blank",
    "cooldown",
    "drop",
    "ema",
    "label_smoothing",
    "mosaics",
    "painted",
    "plain",
    "previews",
    "corrupted",
    "corrupted_rows",
    "corrupted_tokens",
    "tokens",
    "world_share",
)
_CHOICES: dict[str, tuple[str, ...]] = {
    "path": tuple(PREDICTIONS),
    "prediction": tuple(dict.fromkeys(name for names in PREDICTIONS.values() for name in names)),
    "sigmas": SPREADS,
    "error": ERRORS,
    "precision": PRECISIONS,
    "pieces": ("learnt", "phrases"),
}
_FROM_ZERO = ("checkpoint_minutes", "divergence", "lr", "matrix_lr", "minutes", "temperature", "thing_weight")

_RENAMED = {"spoilt": "corrupted", "spoilt_rows": "corrupted_rows", "spoilt_tokens": "corrupted_tokens"}
"""Names of earlier versions."""

Table = dict[str, Any]


def read_config(path: Path | None = None) -> Table:
    """The shipped sizes and steps, with what the file at `path` says in their place.

    Raises:
        InputError: the file cannot be read, names an unknown key, or gives a value of the wrong kind or range.
    """
    shipped = read_toml(POCKET, "config")
    if path is None:
        return shipped
    return _over(read_toml(path, "config"), shipped, f"config {path}")


def training_of(
    config: Table, name: str, *, steps: int | None = None, minutes: float | None = None
) -> TrainSettings:
    """How long and how fast model `name` is trained; `steps`, or `minutes`, not as the config says."""
    table = dict(config[name]["training"])
    if steps is not None:
        table |= {"steps": steps, "minutes": 0.0}
    if minutes is not None:
        table["minutes"] = minutes
    return TrainSettings(seed=config["seed"], precision=config["precision"], **table)


def sizes_of(config: Table, name: str) -> Table:
    """What the trainer of model `name` takes beside its data."""
    return {key: value for key, value in config[name].items() if key != "training"}


def _over(table: Mapping[str, Any], shipped: Table, where: str) -> Table:
    merged = dict(shipped)
    for name, value in table.items():
        key = _RENAMED.get(name, name)
        if key not in shipped:
            raise InputError(
                f"{where}: {key!r} is not known{did_you_mean(key, shipped)}; known are {', '.join(shipped)}"
            )
        if isinstance(shipped[key], dict):
            if not isinstance(value, dict):
                raise InputError(f"{where}: {key} = {shown(value)}: must be a table: [{key}]")
            merged[key] = _over(value, shipped[key], f"{where}: [{key}]")
        else:
            merged[key] = _checked(key, value, shipped[key], where)
    return merged


def _checked(key: str, value: Any, shipped: Any, where: str) -> Any:
    if isinstance(shipped, list):
        if not isinstance(value, list) or not value:
            raise InputError(f"{where}: {key} = {shown(value)}: must be a list of whole numbers")
        return [_checked(key, item, shipped[0], where) for item in value]
    if isinstance(shipped, float) and type(value) is int:
        value = float(value)
    if type(value) is not type(shipped):  # a bool is not taken for a number
        raise InputError(f"{where}: {key} = {shown(value)}: must be of kind {type(shipped).__name__}")
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if value not in _CHOICES[key]:
            raise InputError(f"{where}: {key} = {shown(value)}: must be one of {', '.join(_CHOICES[key])}")
        return value
    low, high = _range(key, whole=isinstance(shipped, int))
    if not low <= value <= high:  # also false for NaN
        raise InputError(f"{where}: {key} = {value}: must lie between {low} and {high}")
    return value


def _range(key: str, *, whole: bool) -> tuple[float, float]:
    if key == "seed":
        return 0, MAX_TRAIN_SEED
    if whole:
        return 0 if key == "iterations" else 1, 10**9
    if key in _SHARES:
        return 0.0, 1.0
    assert key in _FROM_ZERO, f"{key} has no range: give it one here"
    return 0.0, 1e6
