"""Reads recipes: TOML files that name, for each stage, a family, a checkpoint, a dtype and settings.

    [stages.draft]
    family = "image-token-lm"          # which adapter loads it
    checkpoint = "pocket/drafter"      # pocket/..., a folder (./, ../, / or ~), or a Hub id
    dtype = "float32"
    settings = { }                     # what the stage's constructor takes
    models.codebook = { family = "image-tokenizer", checkpoint = "pocket/tokenizer" }    # more models

This file knows the form of a recipe and where checkpoints lie. Which stages and families there are, and what
their settings mean, is for `pipelines.build` and the engine to say.
"""

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...engine.errors import InputError
from ...engine.stage import ModelKey
from ...engine.values import Settings
from ..toml_file import read_toml

RECIPES = Path(__file__).parent
POCKET_WEIGHTS = RECIPES.parent / "pocket" / "weights"
DTYPES = ("float32", "bfloat16", "float16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageRecipe:
    """One stage of a recipe.

    Args:
        name: of the stage, e.g. `draft`.
        model: the model that the stage is named for.
        models: further models that it uses, by the role they play in it.
        settings: further arguments of the stage.
    """

    name: str
    model: ModelKey
    models: Mapping[str, ModelKey] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Which models carry out a request, stage by stage, and with which defaults.

    Args:
        stages: in the order of the chain, by name.
        defaults: the settings of a request that says nothing of its own.
        height, width: of the pictures that the models were made for, in pixels.
    """

    name: str
    summary: str
    stages: Mapping[str, StageRecipe]
    defaults: Settings
    height: int = 256
    width: int = 256


def known_recipes() -> list[str]:
    """The names of the recipes that ship inside the package."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def read_recipe(name: str | Path) -> Recipe:
    """The recipe of this name in the package, or in this `.toml` file.

    Raises:
        InputError: there is none, or it says something that is not understood.
    """
    path = Path(name)
    if path.suffix != ".toml":
        path = RECIPES / f"{name}.toml"
        if str(name) not in known_recipes():
            known = ", ".join(known_recipes())
            raise InputError(
                f"recipe {str(name)!r}: not known{_nearest(str(name), known_recipes())}: "
                f"choose one of {known}, or name a .toml file"
            )
    return parse_recipe(read_toml(path, "recipe"), path)


def parse_recipe(table: Mapping[str, Any], path: Path) -> Recipe:
    """The recipe that `table` says; `path` is where it stands, for messages and relative checkpoints.

    Raises:
        InputError: a key is unknown or missing, or a value of the wrong kind.
    """
    where = f"recipe {path}"
    _only(table, ("summary", "picture", "defaults", "stages"), where)
    stages = _table(table, "stages", where)
    if not stages:
        raise InputError(f"{where}: has no [stages]: name a family and a checkpoint for each stage")
    picture = _table(table, "picture", where)
    _only(picture, ("height", "width"), f"{where}: [picture]")
    return Recipe(
        name=path.stem,
        summary=_value(table, "summary", str, where, ""),
        stages={name: _stage(name, _table(stages, name, where), path) for name in stages},
        defaults=_settings(_table(table, "defaults", where), f"{where}: [defaults]"),
        height=_value(picture, "height", int, f"{where}: [picture]", 256),
        width=_value(picture, "width", int, f"{where}: [picture]", 256),
    )


def resolve_checkpoint(checkpoint: str, folder: Path) -> str:
    """Where a checkpoint lies: `pocket/...` in the package, paths from `folder`, Hub ids as they are."""
    if checkpoint.startswith("pocket/"):
        return str(POCKET_WEIGHTS / checkpoint.removeprefix("pocket/"))
    if checkpoint.startswith(("./", "../", "/", "~")):
        return str((folder / Path(checkpoint).expanduser()).resolve())
    return checkpoint


def _stage(name: str, table: Mapping[str, Any], path: Path) -> StageRecipe:
    where = f"recipe {path}: [stages.{name}]"
    _only(table, ("family", "checkpoint", "dtype", "settings", "models"), where)
    models = _table(table, "models", where)
    return StageRecipe(
        name=name,
        model=_model({k: v for k, v in table.items() if k not in ("settings", "models")}, path, where),
        models={role: _model(_table(models, role, where), path, f"{where}: {role}") for role in models},
        settings=_table(table, "settings", where),
    )


def _model(table: Mapping[str, Any], path: Path, where: str) -> ModelKey:
    _only(table, ("family", "checkpoint", "dtype"), where)
    dtype = _value(table, "dtype", str, where, "float32")
    if dtype not in DTYPES:
        raise InputError(f"{where}: dtype = {dtype!r}: must be one of {', '.join(DTYPES)}")
    return ModelKey(
        family=_value(table, "family", str, where),
        checkpoint=resolve_checkpoint(_value(table, "checkpoint", str, where), path.parent),
        dtype=dtype,
    )


def _settings(table: Mapping[str, Any], where: str) -> Settings:
    kinds = {field.name: (int if "int" in str(field.type) else float) for field in dataclasses.fields(Settings)}
    _only(table, kinds, where)
    values = {name: _value(table, name, kinds[name], where) for name in table}
    try:
        return Settings(**values)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _value(table: Mapping[str, Any], key: str, kind: type, where: str, default: Any = None) -> Any:
    if key not in table:
        if default is None:
            raise InputError(f"{where}: {key} is missing")
        return default
    value = table[key]
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:  # a bool is not taken for a number
        raise InputError(f"{where}: {key} = {value!r}: must be of kind {kind.__name__}")
    return value


def _table(table: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: {key} must be a table, not {value!r}")
    return value


def _only(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    names = list(known)
    for key in table:
        if key not in names:
            known_names = ", ".join(names)
            raise InputError(f"{where}: {key!r} is not known{_nearest(key, names)}; known are {known_names}")


def _nearest(word: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""
