"""The trainer of what finds things: what cells are told, what is learnt, and what is held out."""

from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw

from diptych.engine.errors import InputError
from diptych.engine.models.vision.thing_finder import CELL, SIDE, load_thing_finder
from diptych.pipelines.pocket.art import prepare
from diptych.pipelines.recipes.reader import POCKET_WEIGHTS
from diptych.pipelines.training.data.art_data import ArtData
from diptych.pipelines.training.data.mosaics import Shown
from diptych.pipelines.training.data.source import WorldData
from diptych.pipelines.training.run import run_training
from diptych.pipelines.training.tasks.sketch_reader import is_new
from diptych.pipelines.training.tasks.thing_finder import ThingFinderTask, targets_of

NAMES = [f"sprite {letter}{number}" for letter in "abcdefgh" for number in range(10)]
OLD, NEW = ([name for name in NAMES if is_new(name) == new][:5] for new in (False, True))
SIZES = {"widths": (4, 4, 8, 8, 8), "neck": 8, "looks": 8}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ArtData:
    folder = tmp_path_factory.mktemp("own") / "blocks"
    folder.mkdir()
    for i, name in enumerate((*OLD, *NEW)):
        picture = Image.new("RGBA", (128, 128))
        colour = ((50 * i) % 256, (90 * i + 60) % 256, (130 * i + 120) % 256, 255)
        ImageDraw.Draw(picture).rectangle((8, 8, 40 + 8 * i, 120), fill=colour)
        picture.save(folder / f"{name.replace(' ', '-')}.png")
    return ArtData(prepare(tmp_path_factory.mktemp("cache"), folders=(folder,), packaged=False))


@pytest.fixture(scope="module")
def task(data: ArtData) -> ThingFinderTask:
    return ThingFinderTask(data, POCKET_WEIGHTS, **SIZES)


def test_a_batch_is_a_function_of_its_step(task: ThingFinderTask) -> None:
    one, again, other = task.batch(3, 4), task.batch(3, 4), task.batch(4, 4)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["pixels"], other["pixels"])


def test_kinds_that_are_held_out_are_never_shown(task: ThingFinderTask) -> None:
    assert {kind for kind, _ in task._classes} == set(OLD)
    assert {kind.name for own in task._kinds.values() for kind in own} == set(OLD)


def test_cells_are_told_of_the_things_whose_middles_they_hold() -> None:
    things = [Shown(kind="a", style="s", colour="red", box=(2.0, 3.0, 5.0, 4.0))]
    told = targets_of([things, []], {("a", "s"): 7})
    assert told["middle"].shape == (2, SIDE // CELL, SIDE // CELL) and told["middle"][1].max() == 0
    at = told["middle"][0] == 1
    assert at.nonzero().tolist() == [[4, 4], [5, 4]]  # the middle (4.5, 5.0) lies on an edge
    assert told["box"][0][4, 4].tolist() == pytest.approx([0.0, 0.5, 1.6094, 1.3863], abs=1e-4)
    assert told["kind"][0][at].tolist() == [7, 7] and told["colour"][0][4, 4] > 0
    assert 0 < told["middle"][0, 3, 4] < 1 and told["middle"][0, 12, 12] < 1e-6


def test_its_loss_falls(task: ThingFinderTask) -> None:
    batch = task.batch(0, 8)
    optimizer = torch.optim.Adam(task.model.parameters(), lr=0.01)
    losses = []
    for _ in range(6):
        loss = task.loss(batch)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]


def test_it_is_saved_as_it_ships(task: ThingFinderTask, tmp_path: Path) -> None:
    task.save(tmp_path)
    loaded = load_thing_finder(tmp_path, torch.float32, torch.device("cpu"))
    assert loaded.known == () and loaded.widths == SIZES["widths"]
    assert loaded.settings == tuple(task.settings)


def test_what_it_cannot_learn_from_is_refused(data: ArtData, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="things are those of the art alone"):
        ThingFinderTask(WorldData(), POCKET_WEIGHTS)
    with pytest.raises(InputError, match="holds no tokenizer"):
        ThingFinderTask(data, tmp_path)
    with pytest.raises(InputError, match="train thing_finder: judges what a drafter that there is draws"):
        run_training("thing_finder", tmp_path / "out", data="art")
    with pytest.raises(InputError, match="train thing_finder: things are of the art alone"):
        run_training("thing_finder", tmp_path / "out", beginning="pocket")
