"""The trainer of what shows a drafter its sketches: it learns to have things copied, and the drafter stays."""

from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw

from diptych.engine.errors import InputError
from diptych.engine.models.vision.readers.sketch_reader import (
    CLEAR,
    NEAR,
    SketchReader,
    load_sketch_reader,
    tokens_of,
)
from diptych.pipelines.pocket.art import prepare
from diptych.pipelines.recipes.reader import POCKET_WEIGHTS
from diptych.pipelines.training.data.art_data import ArtData, ArtSource
from diptych.pipelines.training.data.source import WorldData
from diptych.pipelines.training.run import run_training
from diptych.pipelines.training.tasks.sketch_reader import SketchReaderTask, is_new, scene_of

NAMES = [f"sprite {letter}{number}" for letter in "abcdefgh" for number in range(10)]
OLD, NEW = ([name for name in NAMES if is_new(name) == new][:5] for new in (False, True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own") / "blocks"
    folder.mkdir()
    for i, name in enumerate((*OLD, *NEW)):
        picture = Image.new("RGBA", (128, 128))
        colour = ((50 * i) % 256, (90 * i + 60) % 256, (130 * i + 120) % 256, 255)
        ImageDraw.Draw(picture).rectangle((8, 8, 40 + 8 * i, 120), fill=colour)
        picture.save(folder / f"{name.replace(' ', '-')}.png")
    return folder


@pytest.fixture(scope="module")
def data(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> ArtData:
    return ArtData(prepare(tmp_path_factory.mktemp("cache"), folders=(folder,), packaged=False))


@pytest.fixture(scope="module")
def task(data: ArtData) -> SketchReaderTask:
    return SketchReaderTask(data, POCKET_WEIGHTS)


def test_a_batch_is_a_function_of_its_step_and_shows_its_sketches(task: SketchReaderTask) -> None:
    one, again, other = task.batch(3, 2), task.batch(3, 2), task.batch(4, 2)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["sketches"], other["sketches"])
    assert bool((one["sketches"][..., 3] > 0).flatten(1).any(1).all())


def test_kinds_that_are_held_out_are_in_no_scene_to_train_on(data: ArtData) -> None:
    old = {thing.kind for i in range(40) for thing in scene_of(data.art, f"a/{i}").things}
    new = {thing.kind for i in range(40) for thing in scene_of(data.art, f"a/{i}", new=True).things}
    assert old == set(OLD) and new == set(NEW)


def test_only_the_reader_learns_and_its_loss_falls(task: SketchReaderTask) -> None:
    batch = task.batch(0, 2)
    before = task.loss(batch)
    before["loss"].backward()
    assert all(each.grad is None for each in task._drafter.model.parameters())
    optimizer = torch.optim.SGD(task.model.parameters(), lr=0.05)
    optimizer.step()
    assert float(task.loss(batch)["loss"]) < float(before["loss"])
    task.model.begin()


def test_the_shipped_reader_has_what_it_never_saw_copied(data: ArtData, task: SketchReaderTask) -> None:
    shipped = SketchReaderTask(data, POCKET_WEIGHTS)
    shipped.model = load_sketch_reader(POCKET_WEIGHTS / "sketch_reader", torch.float32, torch.device("cpu"))
    rows = shipped.rows([scene_of(data.art, f"b/{i}", new=True) for i in range(4)])
    tokens = shipped.codebook.encode(rows["pixels"]).flatten(1)
    shown = tokens_of(rows["sketches"], shipped.codebook)
    things = shown[2] > 0.98
    with torch.inference_mode():
        own = shipped.nats(rows["text"], tokens, shown)[things].mean()
        light, dark, opacity = (each.roll(1, 0) for each in shown)
        other = shipped.nats(rows["text"], tokens, (light, dark, opacity))[things].mean()
        none = shipped.nats(rows["text"], tokens, None)[things].mean()
    assert own < 1.5 and own + 4 < other and own + 4 < none


def test_far_from_all_that_is_shown_the_drafter_is_left_to_the_words() -> None:
    torch.manual_seed(0)
    reader = SketchReader(size=8, inner=4, grid=(16, 16), codebook="any")
    opacity = torch.zeros(1, 16, 16)
    opacity[0, 8, 8] = 1
    shown = reader(torch.randn(1, 256, 8), torch.randn(1, 256, 8), opacity.flatten(1))
    moved = (shown.abs().sum(2) > 0).reshape(16, 16)
    assert opacity.max() > CLEAR and int(moved.sum()) == (2 * NEAR + 1) ** 2
    assert bool(moved[8 - NEAR : 9 + NEAR, 8 - NEAR : 9 + NEAR].all())


def test_a_reader_is_saved_as_it_is_loaded(task: SketchReaderTask, tmp_path: Path) -> None:
    task.save(tmp_path)
    loaded = load_sketch_reader(tmp_path, torch.float32, torch.device("cpu"))
    for name, each in task.model.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], each, atol=2e-3, rtol=1e-3)


def test_what_it_cannot_be_trained_on_is_said(tmp_path: Path, data: ArtData) -> None:
    with pytest.raises(InputError, match="sketches are of the art alone: say --data art"):
        SketchReaderTask(WorldData(), POCKET_WEIGHTS)
    with pytest.raises(InputError, match="holds no drafter"):
        SketchReaderTask(data, tmp_path)
    with pytest.raises(InputError, match="say --data art"):
        run_training("sketch_reader", tmp_path / "out", beginning="pocket")
    with pytest.raises(InputError, match="shows sketches to a drafter that there is: name its weights"):
        run_training("sketch_reader", tmp_path / "out", data="art", art=ArtSource(cache=tmp_path))
