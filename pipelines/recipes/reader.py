"""Reads recipes: TOML files that name, for each stage, a family, a checkpoint, a dtype and settings.

    [stages.draft]
    family = "image-token-lm"          # which adapter loads it
    checkpoint = "pocket/drafter"      # pocket/..., a folder (./, ../, / or ~), or a Hub id (also ID@REVISION)
    revision = "main"                  # of a Hub id: a branch, a tag or a commit
    part = ""                          # of a checkpoint that holds several models: the folder of this one
    dtype = "float32"                  # or auto: bfloat16 where the device is quicker at it, float32 elsewhere
    loras = [{ checkpoint = "./ink.safetensors", weight = 0.8 }]    # and more of its kind, see `lora_table`
    config = "./configs"               # of a single file that is an unusual one: the folder of its configs
    parts.vae = "./vae.safetensors"    # components of a pipeline that lie elsewhere: files, folders, Hub ids,
                                       # or { stage = "plan" }: the model of that stage
    trust_remote_code = false          # run code that comes with it; whoever renders must agree, too
    attention = "flash"                # and more of how it is computed, see `tuning`
    settings = { }                     # what the stage's constructor takes
    controls.edges = { checkpoint = "./canny" }    # what pictures are steered by, see `tables.controls`
    references = { checkpoint = "./ip-adapter.safetensors", image_encoder = "./clip" }    # see `references`
    models.codebook = { family = "image-tokenizer", checkpoint = "pocket/tokenizer" }    # more models

A stage that does without a model has `family = "none"`, and no checkpoint; nor has one that asks a server.

This file knows the form of a recipe and where checkpoints lie. Which stages and families there are, and what
their settings mean, is for `pipelines.recipes.build` and the engine to say.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ...engine.errors import InputError
from ...engine.messages import did_you_mean, shown
from ...engine.models.checkpoint.bounded import is_deeper
from ...engine.models.checkpoint.roots import ROOTS, root_of
from ...engine.models.diffusion.control.key import ControlKey
from ...engine.models.diffusion.single_files.places import is_single_file
from ...engine.models.dtypes import quick_dtype
from ...engine.remote.address import FAMILY as SERVER
from ...engine.stage import ModelKey
from ...engine.values import Request, Settings
from ...engine.values.setting import declared, meant, number
from .lora_table import KEYS, offered
from .tables.controls import controls_in
from .tables.elsewhere import elsewhere, is_file_beside
from .tables.references import KEY as REFERENCES
from .tables.references import reference_models
from .tables.serving_stages import with_models_of_stages
from .tables.toml_file import MOST_DEPTH, path_of, read_toml
from .tables.tuning import CHOICES, tuning_of

RECIPES = Path(__file__).parent
POCKET_WEIGHTS = ROOTS["pocket"].folder
DTYPES = ("float32", "bfloat16", "float16")
AUTO = "auto"
"""The dtype that is as the device likes it, see `Recipe.on`."""
NO_MODEL = ModelKey("none", "")
WITHOUT_CHECKPOINT = {NO_MODEL.family: "is no model", SERVER: "has url and model among its settings"}
"""Families that load nothing, and why they have no checkpoint."""
IN_PYTHON = "table.toml"
"""What stands for the file of a recipe that is none: its name is `table`."""
_PATH_SHOWN = 300  # characters of a path in a message

_LONGEST_CHECKPOINT = 1024  # characters of its name
_OF_A_MODEL = (
    "family",
    "checkpoint",
    "revision",
    "part",
    "dtype",
    "parts",
    "config",
    "trust_remote_code",
    *KEYS,
    *CHOICES,
)
_OF_A_STAGE = ("settings", "models", REFERENCES, "controls")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageRecipe:
    """One stage of a recipe.

    Args:
        name: of the stage, e.g. `draft`.
        model: the model that the stage is named for; without a checkpoint where it loads none.
        models: further models that it uses, by the role they play in it.
        settings: further arguments of the stage.
        controls: what its pictures can be steered by.
    """

    name: str
    model: ModelKey
    models: Mapping[str, ModelKey] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    controls: tuple[ControlKey, ...] = ()

    @property
    def keys(self) -> tuple[ModelKey, ...]:
        """All models of the stage."""
        steering = (key for control in self.controls for key in control.keys)
        return (*((self.model,) if self.model.checkpoint else ()), *self.models.values(), *steering)

    def with_keys(self, change: Callable[[ModelKey], ModelKey]) -> "StageRecipe":
        """The same with other keys for its models."""
        models = {role: change(key) for role, key in self.models.items()}
        model = change(self.model) if self.model.checkpoint else self.model
        controls = tuple(control.with_keys(change) for control in self.controls)
        return dataclasses.replace(self, model=model, models=models, controls=controls)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Which models carry out a request, stage by stage, and with which defaults.

    Args:
        summary: what it is, in a line.
        stages: in the order of the chain, by name.
        defaults: the settings of a request that says nothing of its own.
        height, width: of the pictures that the models were made for, in pixels.
        use: what it is good for.
        licence: of the weights, those of each checkpoint that has terms of its own.
    """

    name: str
    summary: str
    stages: Mapping[str, StageRecipe]
    defaults: Settings
    height: int = 256
    width: int = 256
    use: str = ""
    licence: str = ""

    def with_keys(self, change: Callable[[ModelKey], ModelKey]) -> "Recipe":
        """The same with other keys for its models."""
        return dataclasses.replace(
            self, stages={name: stage.with_keys(change) for name, stage in self.stages.items()}
        )

    def in_dtype(self, dtype: str, *, instead_of: str | None = None) -> "Recipe":
        """The same with models in this dtype: all of them, or those that were to be in another."""
        return self.with_keys(
            lambda key: dataclasses.replace(key, dtype=dtype) if instead_of in (None, key.dtype) else key
        )

    def on(self, device: str) -> "Recipe":
        """The same with each dtype that is `auto` settled for this device."""
        if not any(key.dtype == AUTO for stage in self.stages.values() for key in stage.keys):
            return self
        return self.in_dtype(quick_dtype(device), instead_of=AUTO)


def known_recipes() -> list[str]:
    """The names of the recipes that ship inside the package."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def read_recipe(name: str | Path | Mapping[str, Any]) -> Recipe:
    """The recipe of this name in the package, or in this `.toml` file; or that a table says, as TOML would
    have it, with paths from the folder that this process is in.

    Raises:
        InputError: there is none, or it says something that is not understood.
    """
    if isinstance(name, Mapping):
        if is_deeper(name, MOST_DEPTH):
            raise InputError(f"recipe: is nested deeper than {MOST_DEPTH}")
        return parse_recipe(name, Path.cwd() / IN_PYTHON)
    if not isinstance(name, str | Path):
        raise InputError(
            f"recipe {shown(name)}: must be a recipe's name, a .toml file, or a table; a model in memory is"
            " named by the folder that its save_pretrained writes"
        )
    path = Path(name)
    if is_single_file(str(name)):
        raise InputError(
            f"recipe {shown(str(name))}: is a model's file: let a recipe be written for it:"
            f" diptych recipes new {path} --out mine.toml"
        )
    if path.suffix != ".toml":
        path = RECIPES / f"{name}.toml"
        if str(name) not in known_recipes():
            known = ", ".join(known_recipes())
            raise InputError(
                f"recipe {shown(str(name))}: not known{did_you_mean(str(name), known_recipes())}: "
                f"choose one of {known}, or name a .toml file"
            )
    return parse_recipe(read_toml(path, "recipe"), path)


def parse_recipe(table: Mapping[str, Any], path: Path) -> Recipe:
    """The recipe that `table` says; `path` is where it stands, for messages and relative checkpoints.

    Raises:
        InputError: a key is unknown or missing, or a value of the wrong kind.
    """
    where = f"recipe {path}"
    _only(table, ("summary", "use", "licence", "picture", "defaults", "stages"), where)
    stages = _table(table, "stages", where)
    if not stages:
        raise InputError(f"{where}: has no [stages]: name a family and a checkpoint for each stage")
    stages = with_models_of_stages(stages, where)
    picture = _table(table, "picture", where)
    _only(picture, ("height", "width"), f"{where}: [picture]")
    read = {name: _stage(name, _table(stages, name, where), path) for name in stages}
    height, width = _size(picture, read, f"{where}: [picture]")
    return Recipe(
        name=path.stem,
        summary=_value(table, "summary", str, where, ""),
        stages=read,
        defaults=_settings(_table(table, "defaults", where), f"{where}: [defaults]"),
        height=height,
        width=width,
        use=_value(table, "use", str, where, ""),
        licence=_value(table, "licence", str, where, ""),
    )


def _size(picture: Mapping[str, Any], stages: Mapping[str, StageRecipe], where: str) -> tuple[int, int]:
    """Height and width; where the recipe does not say one, that for which the painter was made."""
    usual = (256, 256)
    if not {"height", "width"} <= picture.keys():
        from .sizes import size_of

        usual = size_of(stages) or usual
    said = [
        _value(picture, name, int, where, other) for name, other in zip(("height", "width"), usual, strict=True)
    ]
    try:
        height, width = (
            declared(Request)[name].check(side) for name, side in zip(("height", "width"), said, strict=True)
        )
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return height, width


def refuse_code(recipe: Recipe) -> None:
    """Refuse recipes that run code which comes with a checkpoint.

    Raises:
        InputError: the recipe says that it is to be run.
    """
    for stage in recipe.stages.values():
        for key in stage.keys:
            if key.remote_code:
                raise InputError(
                    f"recipe {recipe.name}: [stages.{stage.name}] runs code that comes with {key.checkpoint}:"
                    " read it, and agree with --trust-remote-code (trust_remote_code=True in Python)"
                )


def resolve_checkpoint(checkpoint: str, folder: Path, where: str) -> str:
    """Where a checkpoint lies: `pocket/...` in the package, paths from `folder`, Hub ids as they are.

    Raises:
        InputError: it can be the name of none.
    """
    if not checkpoint.strip() or len(checkpoint) > _LONGEST_CHECKPOINT:
        raise InputError(f"{where}: checkpoint = {shown(checkpoint)}: name a folder, a Hub id, or pocket/NAME")
    if rooted := root_of(checkpoint):
        root, name = rooted
        return str(root.folder / name)
    if checkpoint.startswith(("./", "../", "/", "~")) or is_file_beside(checkpoint, folder):
        return str(path_of(checkpoint, folder, f"{where}: checkpoint"))
    return checkpoint


def _stage(name: str, table: Mapping[str, Any], path: Path) -> StageRecipe:
    if not name.isprintable() or len(name) > 100:
        raise InputError(f"recipe {path}: [stages]: {shown(name)} is no name of a stage")
    where = f"recipe {path}: [stages.{name}]"
    _only(table, (*_OF_A_MODEL, *_OF_A_STAGE), where)
    models = _table(table, "models", where)
    for role in models:
        if not role.isidentifier() or len(role) > 100:
            raise InputError(f"{where}: models: {shown(role)} is no name of a role")
    model = _model({k: v for k, v in table.items() if k not in _OF_A_STAGE}, path, where)
    references = reference_models(
        table, name, where, lambda said, at: _model(said, path, at), dtype=model.dtype
    )
    return StageRecipe(
        name=name,
        model=model,
        models={role: _model(_table(models, role, where), path, f"{where}: {role}") for role in models}
        | references,
        settings=_stage_settings(_table(table, "settings", where), path.parent, where),
        controls=controls_in(
            name,
            table.get("controls"),
            model,
            where,
            lambda checkpoint, at: resolve_checkpoint(checkpoint, path.parent, at),
        ),
    )


def _stage_settings(table: Mapping[str, Any], folder: Path, where: str) -> Mapping[str, Any]:
    """With a planner's template, where it is a file, by its whole path."""
    template = table.get("template")
    if isinstance(template, str) and template.endswith(".txt"):
        return {**table, "template": str(path_of(template, folder, f"{where}: template"))}
    return table


def _model(table: Mapping[str, Any], path: Path, where: str) -> ModelKey:
    _only(table, _OF_A_MODEL, where)
    family = table.get("family")
    if isinstance(family, str) and family in WITHOUT_CHECKPOINT:
        if len(table) > 1:
            others = ", ".join(name for name in table if name != "family")
            raise InputError(f"{where}: family {family!r} {WITHOUT_CHECKPOINT[family]}: leave out {others}")
        return ModelKey(family, "")
    if "checkpoint" not in table and isinstance(family, str):
        hint = did_you_mean(family, WITHOUT_CHECKPOINT, cutoff=0.8)
        raise InputError(f"{where}: checkpoint is missing{hint and f': family {shown(family)}{hint}'}")
    if isinstance(table.get("checkpoint"), Path):  # in a table made in Python
        table = {**table, "checkpoint": str(table["checkpoint"].absolute())}
    checkpoint = resolve_checkpoint(_value(table, "checkpoint", str, where), path.parent, where)
    if isinstance(table.get("config"), Path):
        table = {**table, "config": str(table["config"].absolute())}
    if "revision" in table:
        revision = _value(table, "revision", str, where)
        if Path(checkpoint).is_absolute() or not revision:
            folder = shown(checkpoint, quoted=False, most=_PATH_SHOWN)
            raise InputError(f"{where}: revision = {shown(revision)}: is for a Hub id, not for {folder}")
        checkpoint = f"{checkpoint}@{revision}"
    dtype = _value(table, "dtype", str, where, "float32")
    if dtype not in (*DTYPES, AUTO):
        raise InputError(f"{where}: dtype = {shown(dtype)}: must be one of {', '.join((*DTYPES, AUTO))}")
    return ModelKey(
        family=_value(table, "family", str, where),
        checkpoint=checkpoint,
        dtype=dtype,
        part=_value(table, "part", str, where, ""),
        remote_code=_value(table, "trust_remote_code", bool, where, False),
        tuning=tuning_of(table, where),
        **elsewhere(table, where, lambda name, at: resolve_checkpoint(name, path.parent, at)),
        **offered(table, where, lambda name, at: resolve_checkpoint(name, path.parent, at)),
    )


def _settings(table: Mapping[str, Any], where: str) -> Settings:
    rows = declared(Settings)
    for name in table:
        if name not in rows:
            hint = f" (did you mean {near!r}?)" if (near := meant(name, rows)) else ""
            raise InputError(f"{where}: {shown(name)} is not known{hint}; known are {', '.join(rows)}")
    values = {name: _value(table, name, rows[name].kind, where) for name in table}
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
        value = number(key, value)
    if type(value) is not kind:  # a bool is not taken for a number
        raise InputError(f"{where}: {key} = {shown(value)}: must be of kind {kind.__name__}")
    return value


def _table(table: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: {key} must be a table, not {shown(value)}")
    return value


def _only(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    names = list(known)
    for key in table:
        if key not in names:
            known_names = ", ".join(names)
            raise InputError(
                f"{where}: {shown(key)} is not known{did_you_mean(key, names)}; known are {known_names}"
            )
