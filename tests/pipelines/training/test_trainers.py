"""The table of trainers: every row leads to a class, and a row is all that a new trainer takes."""

import importlib
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from diptych.pipelines.training.config import read_config
from diptych.pipelines.training.parts import Parts
from diptych.pipelines.training.run import WHAT, WITHOUT_KEPT_PICTURES
from diptych.pipelines.training.trainers import MODELS, TRAINERS, WITH_MASKS, Trainer


@pytest.mark.parametrize("name", TRAINERS)
def test_every_row_leads_to_a_class_and_to_a_table_of_sizes(name: str) -> None:
    trainer = TRAINERS[name]
    module = importlib.import_module(f"diptych.pipelines.training.tasks.{trainer.module}")
    assert isinstance(getattr(module, trainer.task), type)
    assert not trainer.sizes or callable(getattr(module, trainer.sizes))
    assert name in read_config() and name in WHAT


def test_the_table_says_what_goes_with_what() -> None:
    assert MODELS == ("planner", "drafter", "refiner", "captioner", "inspector")
    assert WITH_MASKS == ("inspector",)
    assert (
        "tokenizer",
        *MODELS,
        "all",
        "preference",
        "sketch_reader",
        "thing_finder",
        "lora",
        "ship",
        "art",
        "memory",
    ) == WHAT
    assert set(WITHOUT_KEPT_PICTURES) == {
        "planner",
        "inspector",
        "preference",
        "sketch_reader",
        "thing_finder",
        "ship",
        "art",
        "memory",
    }


def test_a_row_is_all_that_a_new_trainer_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Painter:
        def __init__(self, data: Any, *, width: int, seed: int) -> None:
            self.data, self.made_with = data, (width, seed)

    module = types.ModuleType("painter")
    module.__dict__.update(Painter=Painter, doubled=lambda sizes: {**sizes, "width": 2 * sizes["width"]})
    monkeypatch.setitem(sys.modules, "diptych.pipelines.training.tasks.painter", module)
    row = Trainer(module="painter", task="Painter", needs=("data",), sizes="doubled")
    monkeypatch.setitem(TRAINERS, "painter", row)
    config = read_config() | {"painter": {"width": 4, "training": {"batch_size": 1}}}
    parts = Parts(tmp_path, config, say=lambda _: None)
    task: Any = parts.task("painter")
    assert task.data is parts.data and task.made_with == (8, config["seed"])
