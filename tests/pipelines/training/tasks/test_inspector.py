"""The inspector's training: what its cells are to say, what spoils pictures, and its checkpoint."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from diptych import CheckpointError
from diptych.pipelines.pocket.world import COLOURS, KINDS, SETTINGS, STYLES, is_held_out
from diptych.pipelines.training.data.corruption import bent, corrupted, noised
from diptych.pipelines.training.data.source import WorldData, scene_of
from diptych.pipelines.training.tasks.detector import CELL, CELLS, SIDE, Detector, pixel_values
from diptych.pipelines.training.tasks.inspector import (
    NOTHING,
    UNSEEN,
    InspectorTask,
    _cells_nats,
    focal_loss,
    load_inspector,
    targets_of,
)

WIDTHS = (8, 8, 8)


@pytest.fixture
def task(data: WorldData) -> InspectorTask:
    return InspectorTask(data, widths=WIDTHS)


def test_cells_say_where_things_are_and_what() -> None:
    scenes = [scene for i in range(40) if (scene := scene_of("train", i)).arrangement == "side by side"][:2]
    masks = torch.zeros(2, SIDE, SIDE)
    masks[:, 40:72, 8:30], masks[:, 44:60, 60:88] = 1, 2  # rows, columns
    wanted = targets_of(scenes, masks)
    for i, scene in enumerate(scenes):
        cells = (wanted["centre"][i] == 1).nonzero().tolist()
        assert cells == [[6, 9], [7, 2]]  # the second thing's, the first's
        assert (wanted["offset"][i, 7, 2] * CELL).tolist() == pytest.approx([0, 3])
        left, right = scene.things
        named = {(KINDS[k], list(COLOURS)[c]) for k, c in _pairs(wanted, i)}
        assert named == {(left.kind, left.colour), (right.kind, right.colour)}
        assert int(wanted["kind"][i, 5, 2]) == KINDS.index(left.kind)
        assert int(wanted["kind"][i, 0, 0]) == int(wanted["colour"][i, 6, 6]) == NOTHING
    assert 0 < float(wanted["centre"][0, 7, 3]) < 0.5


def _pairs(wanted: dict[str, torch.Tensor], i: int) -> list[tuple[int, int]]:
    at = wanted["kind"][i] != NOTHING
    return list(zip(wanted["kind"][i][at].tolist(), wanted["colour"][i][at].tolist(), strict=True))


def test_a_thing_that_was_moved_out_of_the_frame_is_not_there() -> None:
    scene = scene_of("train", 0)
    wanted = targets_of([scene], torch.zeros(1, SIDE, SIDE))
    assert float(wanted["centre"].max()) == 0 and bool((wanted["kind"] == NOTHING).all())


def test_every_centre_of_a_batch_has_its_thing(task: InspectorTask) -> None:
    batch = task.batch(0, 12)
    centres = batch["centre"] == 1
    assert batch["pixels"].shape == (12, 3, SIDE, SIDE) and centres.shape == (12, CELLS, CELLS)
    assert bool((batch["kind"][centres] != NOTHING).all()) and 12 <= int(centres.sum()) <= 48
    assert bool(((batch["offset"] >= 0) & (batch["offset"] < 1)).all())
    assert int(batch["setting"].max()) < len(SETTINGS) and int(batch["style"].max()) < len(STYLES)


def test_it_sees_held_out_scenes_but_none_of_those_it_is_measured_on(
    task: InspectorTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = list[tuple[str, int]]()

    def noting(split: str, index: int):
        drawn.append((split, index))
        return scene_of(split, index)

    monkeypatch.setattr("diptych.pipelines.training.data.source.scene_of", noting)
    for step in range(4):
        task.batch(step, 16)
    held_out = [index for split, index in drawn if split == "held-out"]
    assert 0 < len(held_out) < 20 and min(held_out) >= UNSEEN
    scene = scene_of("held-out", held_out[0])
    assert all(is_held_out(thing.kind, thing.colour, scene.setting) for thing in scene.things)


def test_focal_loss_is_least_where_centres_are_found() -> None:
    wanted = torch.zeros(1, 4, 4)
    wanted[0, 1, 2], wanted[0, 1, 1] = 1, 0.5
    right = torch.where(wanted == 1, 8.0, -8.0)
    assert 0 <= float(focal_loss(right, wanted)) < 1e-4
    beside, elsewhere = right.clone(), right.clone()
    beside[0, 1, 1], elsewhere[0, 3, 3] = 2.0, 2.0
    assert 1e-4 < float(focal_loss(beside, wanted)) < 0.1 * float(focal_loss(elsewhere, wanted))
    p = torch.tensor(2.0).sigmoid()
    assert float(focal_loss(elsewhere, wanted)) == pytest.approx(float(-(p**2) * (1 - p).log()), abs=1e-3)


def test_cells_are_asked_about_what_they_show_and_centres_once_more() -> None:
    logits = torch.randn(2, 3, 3, 4, generator=torch.Generator().manual_seed(0))
    wanted = torch.full((2, 3, 3), NOTHING)
    wanted[0, 1, 1], wanted[1, 0, 2], wanted[1, 2, 2] = 3, 0, 1
    at = torch.zeros(2, 3, 3, dtype=torch.bool)
    at[0, 1, 1] = at[0, 0, 0] = True  # of the second it is not known what it shows
    nats = torch.nn.functional.cross_entropy(logits[wanted >= 0], wanted[wanted >= 0], reduction="none")
    torch.testing.assert_close(_cells_nats(logits, wanted, at), nats.mean() + nats[0])
    assert float(_cells_nats(logits, torch.full_like(wanted, NOTHING), at)) == 0


def test_corrupted_pictures_are_still_pictures_of_the_same_size() -> None:
    pixels = WorldData().take([3], 96).pixels[0].numpy()
    picture = Image.fromarray(pixels)
    ways = {corrupted(picture, random.Random(i)).tobytes() for i in range(12)}
    assert len(ways) > 6 and {len(way) for way in ways} == {96 * 96 * 3}
    errors = [
        np.abs(np.asarray(corrupted(picture, random.Random(i))).astype(float) - pixels).mean()
        for i in range(12)
    ]
    assert 0 < max(errors) < 30


def test_a_bend_moves_picture_and_mask_together_and_none_leaves_them() -> None:
    square = torch.zeros(2, 1, SIDE, SIDE)
    square[:, :, 30:60, 20:70] = 1
    how_much = torch.tensor([0.0, 1.0])
    g = torch.Generator().manual_seed(0)
    pixels, masks = bent(square, square[:, 0], how_much=how_much, generator=g)
    assert torch.allclose(pixels[0], square[0], atol=1e-4) and torch.equal(masks[0], square[0, 0])
    assert set(masks[1].unique().tolist()) == {0.0, 1.0} and not torch.equal(masks[1], square[1, 0])
    assert float(((pixels[1, 0] > 0.5).float() - masks[1]).abs().mean()) < 0.01


def test_noise_is_of_the_generator_alone() -> None:
    pixels = torch.zeros(4, 3, SIDE, SIDE)
    one, same = (noised(pixels, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(one, same) and 0 < float(one.std()) < 0.3


def test_a_saved_inspector_sees_what_it_saw(task: InspectorTask, tmp_path: Path) -> None:
    pixels = pixel_values(WorldData().take(range(3), 128).pixels)
    assert pixels.shape == (3, 3, SIDE, SIDE) and float(pixels.abs().max()) <= 1
    task.model.train()(pixels)  # so that the running means are not those of a new model
    task.save(tmp_path)
    expected, found = task.model.eval()(pixels), load_inspector(tmp_path)(pixels)
    for name in ("centre", "offset", "kind", "colour", "setting", "style", "features"):
        assert torch.allclose(getattr(found, name), getattr(expected, name), atol=0.02), name
    assert sum(p.numel() for p in Detector().parameters()) < 1_100_000


def test_an_inspector_of_another_world_or_a_damaged_one_is_refused(task: InspectorTask, tmp_path: Path) -> None:
    task.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["words"]["kind"] = config["words"]["kind"][1:]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="was not trained on this version's world: train it again"):
        load_inspector(tmp_path)
    task.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "widths": [8, 16, 8]}))
    with pytest.raises(CheckpointError, match="copy the checkpoint again") as caught:
        load_inspector(tmp_path)
    assert "\n" not in str(caught.value)


def test_too_few_widths_are_refused() -> None:
    with pytest.raises(ValueError, match="two or more"):
        Detector((8,))
