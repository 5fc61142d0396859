"""From a recipe to a chain: which class carries out which stage.

Stages are named in recipes; this table says where each is at home. A module is imported
when a recipe asks for it.
"""

import contextlib
import importlib
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...engine import extensions
from ...engine.chain import Chain
from ...engine.errors import CheckpointError, DiptychError, InputError
from ...engine.extensions import extension
from ...engine.messages import did_you_mean, first_line, shown
from ...engine.remote.address import FAMILY as SERVER
from ...engine.stage import ModelKey, Stage
from ...engine.values import Plan, Settings
from ...prompts.planner import read_template
from ...prompts.row import PromptFileError
from .arguments import check_settings
from .reader import Recipe, StageRecipe, refuse_code

if TYPE_CHECKING:
    from ...engine.memory import Loader
    from ...engine.repair import Aim, Flaw

STAGES = {
    "plan": ("planning.plan", "PlanStage"),
    "draft": ("drafting.draft", "DraftStage"),
    "refine": ("painting.refine", "RefineStage"),
    "paint": ("painting.paint", "paint_stages"),
    "repaint": ("painting.paint", "repaint_stages"),
    "paint_tokens": ("painting.paint", "token_stages"),
    "upscale": ("painting.upscale", "UpscaleStage"),
    "judge": ("judging.judge", "JudgeStage"),
    "recall": ("recalling.recall", "RecallStage"),
}
"""Stage name: (module of `engine.stages`, class, or function that makes several stages)."""

PIPELINES = ("paint", "repaint", "paint_tokens")
"""Stages of recipes that a pipeline of diffusers carries out."""

REPAINTERS = ("refine", "repaint")
"""Stages of recipes that can paint from an init image."""

OF_FAMILY = {
    ("plan", "none"): ("planning.plan_passthrough", "PlanPassthroughStage"),
    ("plan", SERVER): ("planning.server_plan", "ServerPlanStage"),
    ("plan", "llama-cpp"): ("planning.llama_cpp_plan", "LlamaCppPlanStage"),
    ("judge", SERVER): ("judging.server_judge", "ServerJudgeStage"),
    ("judge", "thing-finder"): ("judging.finding_judge", "FindingJudgeStage"),
    ("draft", "multimodal-lm"): ("drafting.draft_multimodal", "MultimodalDraftStage"),
}
"""As `STAGES`, for stages that models of one family carry out in a way of their own."""


OVER_PICTURES = {"repaint": ("painting.repaint_picture", "repaint_picture_stages")}
"""As `STAGES`, for stages that stand behind another one that paints."""

PAINTERS = ("refine", "paint", "paint_tokens")
"""Stages of recipes that make a picture where there is none."""


def build_chain(recipe: Recipe, *, device: str = "cpu", trust_remote_code: bool = False) -> Chain:
    """The chain that a recipe describes; loads nothing.

    Args:
        device: for which a dtype that is `auto` is settled, where it is not yet.
        trust_remote_code: agree that code which comes with a checkpoint is run, where the recipe says so.

    Raises:
        InputError: a stage or one of its settings is not known, or two neighbours do not fit; or the recipe
            runs code, and this was not agreed to.
    """
    if not trust_remote_code:
        refuse_code(recipe)
    recipe = recipe.on(device)
    tables = {name: build_stages(recipe, stage) for name, stage in recipe.stages.items()}
    stages = [each for made in tables.values() for each in made]
    called = [f"[stages.{name}]" for name, made in tables.items() for _ in made]
    if stages[0].takes is Plan:  # without a planner the prompt is the plan
        from ...engine.stages.planning.plan_passthrough import PlanPassthroughStage

        stages.insert(0, PlanPassthroughStage())
        called.insert(0, "[stages.plan]")
    try:
        chain = Chain(stages, called=called)
    except InputError as error:
        raise InputError(f"recipe {recipe.name}: {error}") from None
    if not chain.judges:
        _refuse_choice(recipe)
    return chain


def _refuse_choice(recipe: Recipe) -> None:
    """Of a recipe without a judge: raise `InputError` where its defaults need one."""
    try:
        refuse_choice(recipe.defaults)
    except InputError as error:
        raise InputError(f"recipe {recipe.name}: [defaults]: {error}") from None


def refuse_choice(settings: Settings) -> None:
    """Raise `InputError` where settings ask for what only a judge can do: choose, or say what is good
    enough."""
    asked = {name: getattr(settings, name) for name in ("candidates", "keep", "rounds", "repairs", "accept")}
    for name, value in asked.items():
        if value is not None and value > (0 if name in ("repairs", "accept") else 1):
            raise InputError(
                f"{name} = {value}: nothing is scored without [stages.judge]: add one, or leave it out"
            )


@contextlib.contextmanager
def told_of_configs(stage: Stage[Any, Any]) -> Iterator[None]:
    """Whatever becomes of reading configs that are not as they should be, as one line. What a stage says of
    memory is computed from them, and from nothing else that a user writes."""
    try:
        yield
    except DiptychError:
        raise
    except Exception as error:  # of any kind: libraries have their own for configs that are not sound
        names = ", ".join(dict.fromkeys(key.checkpoint for key in stage.uses)) or "no model"
        reason = first_line(error, named=True)
        raise CheckpointError(
            f"{names}: config.json says what stage {stage.name} cannot read ({reason})"
        ) from error


def build_aim(recipe: Recipe) -> "Stage[Flaw, Aim] | None":
    """The stage that says which part of a picture to repair; `None` if the painter takes no init image."""
    if not any(name in recipe.stages for name in REPAINTERS):
        return None
    from ...engine.stages.drafting.aim import AimStage
    from ...engine.stages.drafting.locate import LocateStage

    draft = recipe.stages.get("draft")
    if draft is None or draft.model.family != "image-token-lm":
        return AimStage()
    read = {role: key for role, key in draft.models.items() if role != "reader"}  # what is said, not shown
    return AimStage(locate=LocateStage(model=draft.model, **read))


def build_stages(recipe: Recipe, stage: StageRecipe) -> tuple[Stage[Any, Any], ...]:
    """What carries out one table of a recipe: its class, given the models by the roles they play in it, and the
    settings; or several, where painting has phases."""
    where = f"recipe {recipe.name}: [stages.{stage.name}]"
    for key in stage.keys:
        if key.family != SERVER and (stage.name, key.family) not in OF_FAMILY:
            _refuse_family(key, where)
    if stage.name in PIPELINES and stage.model.part:
        part = shown(stage.model.part)
        raise InputError(f"{where}: part = {part}: a pipeline's parts are found by their names: leave it out")
    stage_class = _class_of(recipe, stage, where)
    if stage.name in STAGES:
        check_settings(stage_class, stage.settings, where)
    models = {"model": stage.model} if stage.model.checkpoint else {}
    try:
        made = stage_class(**models, **stage.models, **_settings(stage))
    except TypeError as error:  # an argument that it does not take, or lacks
        message = str(error).split("() ", 1)[-1]
        raise InputError(f"{where}: {message}") from None
    except (InputError, PromptFileError) as error:  # of a setting, of a template
        raise InputError(f"{where}: {error}") from None
    stages = made if isinstance(made, tuple) else (made,)
    for each in stages:
        refuse_recipe(each, where)
    return stages


def _refuse_family(key: ModelKey[Any], where: str) -> None:
    from ...engine.models.registry import FAMILIES, known_family

    able = [f"[stages.{name}]" for name, family in OF_FAMILY if family == key.family]
    if able and key.family not in FAMILIES:
        raise InputError(f"{where}: family {key.family!r} is for {' and '.join(able)} alone")
    try:
        known_family(key.family, more=[family for _, family in OF_FAMILY])
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def refuse_recipe(stage: Stage[Any, Any], where: str) -> None:
    """Raise what a stage finds wrong with its part of a recipe from the checkpoints' small files, where it
    has a `refuse` that says so."""
    refuse = getattr(stage, "refuse", None)
    if refuse is None:
        return
    try:
        with told_of_configs(stage):
            refuse()
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def build_stage(recipe: Recipe, stage: StageRecipe) -> Stage[Any, Any]:
    """As `build_stages`, for a table that one stage carries out."""
    (made,) = build_stages(recipe, stage)
    return made


def _follows_a_painter(recipe: Recipe, stage: StageRecipe) -> bool:
    """Whether a stage that can paint over pictures stands behind one that paints."""
    before = itertools.takewhile(lambda name: name != stage.name, recipe.stages)
    return (
        stage.name in recipe.stages and stage.name in OVER_PICTURES and any(name in PAINTERS for name in before)
    )


def _class_of(recipe: Recipe, stage: StageRecipe, where: str) -> Any:
    """This package's class, or that of another one."""
    if stage.name in STAGES:
        module, name = OVER_PICTURES[stage.name] if _follows_a_painter(recipe, stage) else _home(stage, where)
        return getattr(importlib.import_module(f"...engine.stages.{module}", __package__), name)
    if (added := extension(extensions.STAGES, stage.name)) is not None:
        return added
    known = [*STAGES, *extensions.names(extensions.STAGES)]
    hint = did_you_mean(stage.name, known)
    raise InputError(f"{where}: no such stage{hint}; known are {', '.join(known)}")


def _home(stage: StageRecipe, where: str) -> tuple[str, str]:
    family = stage.model.family
    if not stage.model.checkpoint and (stage.name, family) not in OF_FAMILY:
        able = " and ".join(name for name, other in OF_FAMILY if other == family)
        does = "can do without a model" if family == "none" else "can be asked of a server"
        raise InputError(f"{where}: family {family!r}: only {able} {does}: name a checkpoint")
    return OF_FAMILY.get((stage.name, family), STAGES[stage.name])


def _settings(stage: StageRecipe) -> dict[str, Any]:
    """The stage's arguments: a planner's `template` is the text of that name, or in that file."""
    settings = dict(stage.settings)
    if isinstance(template := settings.get("template"), str):
        settings["instructions"] = read_template(template)
        del settings["template"]
    return settings


def registry() -> "Loader":
    """What loads the models of every family."""
    from ...engine.models.registry import Registry

    return Registry()
