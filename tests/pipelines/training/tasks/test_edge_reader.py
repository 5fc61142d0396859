"""The trainer of what makes a drafter follow lines."""

from pathlib import Path

import pytest
import torch

from diptych.engine.errors import InputError
from diptych.engine.models.vision.readers.edge_reader import load_edge_reader
from diptych.pipelines.recipes.reader import POCKET_WEIGHTS
from diptych.pipelines.training.data.source import WorldData
from diptych.pipelines.training.run import run_training
from diptych.pipelines.training.tasks.edge_reader import EdgeReaderTask


@pytest.fixture(scope="module")
def task() -> EdgeReaderTask:
    return EdgeReaderTask(WorldData(), POCKET_WEIGHTS)


def test_a_batch_is_a_function_of_its_step_and_has_lines(task: EdgeReaderTask) -> None:
    one, again, other = task.batch(3, 2), task.batch(3, 2), task.batch(4, 2)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["lines"], other["lines"]) and bool((one["lines"] > 0).any())


def test_before_training_it_knows_no_more_than_how_frequent_tokens_are(task: EdgeReaderTask) -> None:
    weights = task.model.read(torch.randint(0, 256, (256, 256, 3), dtype=torch.uint8))
    torch.testing.assert_close(weights, torch.zeros_like(weights), atol=1e-4, rtol=0)


def test_the_shipped_reader_tells_tokens_by_their_own_lines(task: EdgeReaderTask) -> None:
    shipped = load_edge_reader(POCKET_WEIGHTS / "edge_reader", torch.float32, torch.device("cpu"))
    batch = task.batch(1_000_000, 4)
    tokens = task.codebook.encode(batch["pixels"]).flatten(1)

    def nats(lines: torch.Tensor) -> float:
        logits = shipped(lines).transpose(1, 2)
        return float(torch.nn.functional.cross_entropy(logits, tokens))

    own, other = nats(batch["lines"]), nats(batch["lines"].roll(1, 0))
    chance = float(-shipped.prior[tokens].mean())
    assert own + 0.3 < other and own + 1 < chance


def test_a_reader_is_saved_as_it_is_loaded(task: EdgeReaderTask, tmp_path: Path) -> None:
    task.save(tmp_path)
    loaded = load_edge_reader(tmp_path, torch.float32, torch.device("cpu"))
    for name, each in task.model.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], each, atol=5e-3, rtol=1e-3)


def test_what_it_cannot_be_trained_on_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no tokenizer"):
        EdgeReaderTask(WorldData(), tmp_path)
    with pytest.raises(InputError, match="shows lines to a drafter that there is: name its weights"):
        run_training("edge_reader", tmp_path / "out")
    with pytest.raises(InputError, match="lines are of the illustrated world alone"):
        run_training("edge_reader", tmp_path / "out", data="art", beginning="pocket")
