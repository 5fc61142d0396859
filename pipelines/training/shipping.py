"""Gathers trained models in the layout in which they ship: a folder each, whole or not at all."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from ...engine.errors import DiptychError, InputError
from ...engine.language.closed_vocabulary import known_words, vocabulary
from ...engine.messages import reason_of
from ...engine.models.checkpoint.folder import parameter_count
from ..files import replacing_folder, write_atomically
from ..recipes.reader import POCKET_WEIGHTS, RECIPES
from .data.source import TrainingData, WorldData
from .tasks.calibration import calibrate
from .trainers import MODELS

SHIPPED = ("tokenizer", *MODELS)


def ship(
    out: Path,
    into: Path = POCKET_WEIGHTS,
    *,
    data: TrainingData | None = None,
    calibration_scenes: int = 600,
    say: Callable[[str], None] = print,
) -> list[str]:
    """Copy the models that training in `out` has brought forth so far into `into`; the names of those copied.

    A model that was not trained yet stays what it was there. A captioner that was not calibrated since it was
    trained is calibrated now.

    Args:
        data: what they were trained on; the world, if not given.
        calibration_scenes: held-out pictures that the captioner is calibrated on.

    Raises:
        InputError: there is nothing to ship, or `into` cannot be written.
        CheckpointError: a model's weights are damaged; it stays what it was there.
    """
    found = {name: folder for name in SHIPPED if (folder := _folder(out, name)).is_dir()}
    if not found:
        raise InputError(f"{out}: holds no trained model: train one first: diptych train all --out {out}")
    try:
        into.mkdir(parents=True, exist_ok=True)
        for name, folder in found.items():
            with replacing_folder(into / name) as part:
                _copy(folder, part)
                count = parameter_count(part)
                if name == "planner":
                    _write_words(out, part, data or WorldData())
                if name == "captioner" and not (part / "calibration.json").exists():
                    calibrate(part, data=data, scenes=calibration_scenes, say=say)
            say(f"{name}: {count:,} weights{_steps(out, name)}")
    except OSError as error:
        reason = reason_of(error)
        raise InputError(f"{into}: cannot be written ({reason}): name another with --into") from None
    for name in SHIPPED:
        if name not in found:
            say(f"{name}: is not trained in {out}; left as it was")
    return list(found)


def with_another(name: str, folder: Path, weights: Path, into: Path) -> Path:
    """Copy the shipped models of folder `weights` into `into`, but model `name` from `folder`, with a recipe
    that renders with them; returns the recipe's path."""
    into.mkdir(parents=True, exist_ok=True)
    for each in SHIPPED:
        source = folder if each == name else weights / each
        if source.is_dir():
            with replacing_folder(into / each) as part:
                _copy(source, part)
    return write_recipe(into)


def write_recipe(weights: Path) -> Path:
    """Write a recipe that renders with the models of this folder, and is otherwise the pocket recipe."""
    text = (RECIPES / "pocket.toml").read_text(encoding="utf-8").replace('"pocket/', '"./')
    path = weights / "recipe.toml"
    write_atomically(path, text.encode())
    return path


def _copy(folder: Path, into: Path) -> None:
    shutil.copytree(folder, into, dirs_exist_ok=True, copy_function=shutil.copyfile)


def _folder(out: Path, name: str) -> Path:
    return out / name if name == "tokenizer" else out / name / "model"


def _write_words(out: Path, folder: Path, data: TrainingData) -> None:
    """Write what the planner's words mean or, if that is not known, the list of them, so that the planner can
    name the words of a prompt that it does not know; and the sentencepiece model that its tokenizer came
    from."""
    meanings = data.meanings()
    if meanings is not None:
        name, text = vocabulary.FILE, json.dumps(meanings, ensure_ascii=False, indent=1)
    else:
        text = json.dumps({"words": sorted(data.words())}, ensure_ascii=False, indent=0)
        name = known_words.FILE
    (folder / name).write_text(text + "\n", encoding="utf-8")
    if (pieces := out / "text" / "spiece.model").exists():
        shutil.copyfile(pieces, folder / "spiece.model")


def _steps(out: Path, name: str) -> str:
    path = out / name / "progress.json"
    try:
        return f", after {json.loads(path.read_text(encoding='utf-8'))['step']} steps"
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DiptychError(f"{path}: cannot be read ({error}): remove it") from None
