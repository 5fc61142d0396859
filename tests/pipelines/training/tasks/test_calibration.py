"""The captioner's score: what is fitted to made-up likelihoods, and what is written beside a captioner."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from diptych.engine.language.closed_vocabulary.vocabulary import vocabulary_of
from diptych.engine.models.vision.calibration import read_calibration
from diptych.engine.models.vision.captioner import load_captioner
from diptych.engine.models.vision.patch_codebook import PatchCodebook
from diptych.engine.values import Fact
from diptych.pipelines.training.data.folder_data import open_folder
from diptych.pipelines.training.data.source import WorldData
from diptych.pipelines.training.tasks.calibration import asked_of, calibrate, evidence_of, fit
from diptych.pipelines.training.tasks.captioner import CaptionerTask


@pytest.fixture
def folder(data: WorldData, book: PatchCodebook, words: Any, tmp_path: Path) -> Path:
    """A captioner that knows nothing, but looks hard."""
    task = CaptionerTask(data, book, words, channels=(8, 8, 48), depths=(1, 1, 1), text_layers=1)
    for name, value in task.model.named_parameters():
        if "crossattention" in name or (name.startswith("captioner.encoder") and value.ndim > 1):
            torch.nn.init.normal_(value, std=0.3)
    task.save(tmp_path / "captioner")
    return tmp_path / "captioner"


def test_the_fit_finds_the_rule_by_which_all_was_shown() -> None:
    g = torch.Generator().manual_seed(0)
    measured = torch.randn(4000, 2, generator=g) * 2
    logits = 0.9 * measured[:, 0] + 0.4 * measured[:, 1] + 1.0
    truth = (torch.rand(4000, generator=g) < logits.sigmoid()).float()
    found = fit(measured, truth)
    # of 30 such draws, at most 0.081, 0.073 and 0.069 off
    assert found.worst == pytest.approx(0.9, abs=0.1) and found.together == pytest.approx(0.4, abs=0.095)
    assert found.bias == pytest.approx(1.0, abs=0.09)


def test_the_evidence_is_of_the_worst_fact_and_of_all_together(folder: Path) -> None:
    captioner = load_captioner(folder, torch.float32, torch.device("cpu"))
    data = WorldData("held-out")
    boat, cup = Fact(kind="thing", text="a boat"), Fact(kind="thing", text="a cup")
    one, other, both = evidence_of(captioner, data, range(3), [[boat], [cup], [boat, cup]]).tolist()
    assert one[0] == one[1] and other[0] == other[1]  # of one fact, both are its own log-odds
    assert both[1] <= both[0]


def test_half_of_what_is_asked_is_of_another_scene_and_marked_as_such() -> None:
    data = WorldData("held-out")
    vocabulary = vocabulary_of(data.meanings() or {})
    asked = [asked_of(scene, data, i, vocabulary) for i, scene in enumerate(data.scenes(range(60)))]
    assert all(facts and all(fact.asked for fact in facts) for facts, _ in asked)
    assert all(true for i, (_, true) in enumerate(asked) if i % 2)
    assert sum(not true for _, true in asked) > 15


def test_what_was_fitted_is_written_and_read(folder: Path) -> None:
    said: list[str] = []
    found = calibrate(folder, scenes=12, say=said.append)
    assert read_calibration(folder) == found
    written = json.loads((folder / "calibration.json").read_text())
    assert set(written) == {"worst", "together", "bias", "wording", "facts", "none_of", "any_of"}
    assert {"thing", "colour", "setting", "count"} <= set(written["facts"])
    assert "as a flat drawing" in written["none_of"] and written["any_of"]["several"] == [
        "two",
        "three",
        "four",
    ]
    assert "told apart" in said[0]


def test_a_users_pictures_calibrate_too(folder: Path, picture_folder: Path, tmp_path: Path) -> None:
    mine = open_folder(picture_folder, tmp_path / "cache", say=lambda _: None)
    found = calibrate(folder, data=mine, scenes=8, say=lambda _: None)
    assert read_calibration(folder) == found
