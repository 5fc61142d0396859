"""The smallest things that can be trained: tiny models of the world, and a task of one matrix."""

import json
from pathlib import Path

import pytest
import torch

from diptych.engine.models.vision.patch_codebook import PatchCodebook
from diptych.pipelines.pocket.world import prompt_of, render
from diptych.pipelines.training.data.source import WorldData, scene_of
from diptych.pipelines.training.data.texts import train_text_tokenizer
from diptych.pipelines.training.tasks.tokenizer import train_tokenizer

TINY = """
pictures = 500
[tokenizer]
size = 48
pictures = 40
iterations = 2
[text]
sentences = 120
size = 320
[latents]
channels = 8
pictures = 4
[planner]
hidden_size = 32
layers = 1
heads = 2
[planner.training]
batch_size = 2
[drafter]
hidden_size = 48
layers = 1
heads = 2
[drafter.training]
batch_size = 2
[refiner]
channels = [32, 32]
text_size = 32
text_layers = 1
[refiner.training]
batch_size = 2
[captioner]
channels = [8, 8, 48]
depths = [1, 1, 1]
text_layers = 1
[captioner.training]
batch_size = 2
[lora]
rank = 2
[lora.training]
log_every = 1
[calibration]
scenes = 8
[inspector]
widths = [8, 8]
[inspector.training]
batch_size = 2
"""


@pytest.fixture
def tiny_config(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY, encoding="utf-8")
    return path


@pytest.fixture
def picture_folder(tmp_path: Path) -> Path:
    """Twenty pictures of odd sizes with captions, as the datasets library lays them out."""
    folder = tmp_path / "mine"
    folder.mkdir()
    lines = []
    for i in range(20):
        scene = scene_of("train", i)
        image = render(scene, 64).image.resize((64 + 4 * (i % 3), 64 + 3 * (i % 2)))
        image.save(folder / f"{i:02d}.png")
        lines.append(json.dumps({"file_name": f"{i:02d}.png", "text": prompt_of(scene)}))
    (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def data() -> WorldData:
    return WorldData(count=500)


@pytest.fixture(scope="session")
def book(data: WorldData, tmp_path_factory: pytest.TempPathFactory) -> PatchCodebook:
    folder = tmp_path_factory.mktemp("parts") / "tokenizer"
    return train_tokenizer(data, folder, size=64, pictures=60, iterations=3, say=lambda _: None)


@pytest.fixture(scope="session")
def text_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("words") / "text"
    train_text_tokenizer(WorldData(count=500), folder, sentences=300)
    return folder


@pytest.fixture(scope="session")
def words(text_folder: Path):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(text_folder, local_files_only=True)


class LineTask:
    """Fits a matrix to a fixed one; `corrupted_at` is a step whose loss is not a number."""

    name = "line"

    def __init__(self, *, seed: int = 0, corrupted_at: int | None = None) -> None:
        torch.manual_seed(seed)
        self.seed, self.corrupted_at = seed, corrupted_at
        self.model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.LayerNorm(6), torch.nn.Linear(6, 2))

    def batch(self, step: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.randn(size, 4, generator=torch.Generator().manual_seed(self.seed * 1000 + step))
        y = torch.stack([x.sum(1), x[:, 0] - x[:, 1]], 1)
        return x, y * float("nan") if step == self.corrupted_at else y

    def loss(self, batch: tuple[torch.Tensor, torch.Tensor]) -> dict[str, torch.Tensor]:
        x, y = batch
        return {"loss": (self.model(x) - y).square().mean()}

    def save(self, folder: Path) -> None:
        from safetensors.torch import save_file

        save_file(self.model.state_dict(), folder / "model.safetensors")


@pytest.fixture
def line_task() -> type[LineTask]:
    return LineTask
