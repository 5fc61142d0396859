"""The captioner's score: what is fitted to made-up likelihoods, and what is written beside a captioner."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from diptych.engine.models.calibration import read_calibration
from diptych.engine.models.from_transformers_vision import load_captioner
from diptych.engine.models.patch_codebook import PatchCodebook
from diptych.engine.values import Fact
from diptych.pipelines.training.calibration import calibrate, fit, likelihoods
from diptych.pipelines.training.captioner import CaptionerTask
from diptych.pipelines.training.data import WorldData
from diptych.pipelines.training.folder_data import open_folder


@pytest.fixture
def folder(data: WorldData, book: PatchCodebook, words: Any, tmp_path: Path) -> Path:
    """A captioner that knows nothing, but looks hard."""
    task = CaptionerTask(data, book, words, channels=(8, 8, 48), depths=(1, 1, 1), text_layers=1)
    for name, value in task.model.named_parameters():
        if "crossattention" in name or (name.startswith("captioner.encoder") and value.ndim > 1):
            torch.nn.init.normal_(value, std=0.3)
    task.save(tmp_path / "captioner")
    return tmp_path / "captioner"


def test_the_fit_finds_the_rule_that_pairs_were_matched_by() -> None:
    g = torch.Generator().manual_seed(0)
    nats = torch.rand(4000, 3, generator=g) * 4
    logits = 3.0 * (0.5 * nats[:, 1] - nats[:, 0]) + 0.8 * nats[:, 2] + 1.0
    matched = (torch.rand(4000, generator=g) < logits.sigmoid()).float()
    found = fit(nats, matched)
    assert found.alpha == pytest.approx(0.5, abs=0.06)
    assert found.weight == pytest.approx(3.0, rel=0.1) and found.bias == pytest.approx(1.0, abs=0.3)
    assert found.worst == pytest.approx(0.8, abs=0.1)
    assert found.odds(*nats.T) == pytest.approx(logits, abs=0.6)


def test_likelihoods_are_of_each_picture_and_of_none(folder: Path) -> None:
    captioner = load_captioner(folder, torch.float32, torch.device("cpu"))
    data = WorldData("held-out")
    texts = ["a red boat", "a blue cup in the city", "a red boat"]
    fact = Fact(kind="thing", text="a boat")
    told = [(texts[0], [fact]), (texts[1], [fact]), (texts[2], [])]
    nats = likelihoods(captioner, data, range(3), told)
    assert nats.shape == (3, 3) and bool((nats[:, :2] > 0).all())
    assert float(nats[0, 2]) != 0 and float(nats[2, 2]) == 0  # nothing was told that could be missed
    assert float(nats[0, 1]) == pytest.approx(float(nats[2, 1]), abs=1e-4)  # the same words, and no picture
    assert float(nats[0, 0]) != pytest.approx(float(nats[2, 0]), abs=1e-6)


def test_what_was_fitted_is_written_and_read(folder: Path) -> None:
    said: list[str] = []
    found = calibrate(folder, scenes=12, say=said.append)
    assert read_calibration(folder) == found
    written = json.loads((folder / "calibration.json").read_text())
    assert set(written) == {"alpha", "weight", "bias", "worst", "facts"}
    assert {"thing", "colour", "setting", "count"} <= set(written["facts"])
    assert "matched and mismatched" in said[0]


def test_a_users_pictures_calibrate_too(folder: Path, picture_folder: Path, tmp_path: Path) -> None:
    mine = open_folder(picture_folder, tmp_path / "cache", say=lambda _: None)
    found = calibrate(folder, data=mine, scenes=8, say=lambda _: None)
    assert read_calibration(folder) == found
