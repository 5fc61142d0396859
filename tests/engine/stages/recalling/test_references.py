"""References of a request in the sketch of its plan: which thing each shows, and how it is cut out."""

from typing import Any

import numpy as np
import pytest
import torch

from diptych.engine.errors import InputError, RowError
from diptych.engine.models.vision.picture_memory import PictureMemory
from diptych.engine.stage import ModelKey, RunContext
from diptych.engine.stages.recalling import shown_things
from diptych.engine.stages.recalling.grounds import thing_in
from diptych.engine.stages.recalling.recall import RecallStage, sketch_of
from diptych.engine.values import Plan, Reference, Request, Sketch

from .test_recall import write

RED, BLUE, GREEN = (220, 30, 30), (20, 40, 230), (20, 200, 60)


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> PictureMemory:
    return PictureMemory.from_pretrained(write(tmp_path_factory.mktemp("memory")))


def picture(colour: tuple[int, int, int], ground: tuple[int, int, int] = (240, 240, 236)) -> torch.Tensor:
    """A square of one colour on a plain ground, with a hole of the ground's colour in it."""
    pixels = torch.tensor(ground, dtype=torch.uint8).repeat(120, 160, 1)
    pixels[30:90, 40:120] = torch.tensor(colour, dtype=torch.uint8)
    pixels[50:70, 70:90] = torch.tensor(ground, dtype=torch.uint8)
    return pixels


def sketched(memory: PictureMemory, words: str, *references: Reference) -> Sketch:
    request = Request(prompt=words, seed=1, references=references)
    sketch = sketch_of(0, Plan(request=request, prompt=words, facts=()), memory)
    assert sketch is not None
    return sketch


def test_the_candidates_of_a_request_have_their_references_cut_out_once(
    memory: PictureMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[int] = []
    monkeypatch.setattr(shown_things, "thing_in", lambda pixels: cut.append(1) or thing_in(pixels))
    key: ModelKey[PictureMemory] = ModelKey("picture-memory", "anything")
    models: Any = {key: memory}
    reference = Reference(picture=picture(RED))
    words = "a giraffe, in a meadow"
    requests = [Request(prompt=words, candidate=i, references=(reference,)) for i in range(4)]
    plans = [Plan(request=each, prompt=words, facts=()) for each in requests]
    made = RecallStage(model=key).run(plans, models, RunContext())
    assert len(cut) == 1
    assert all(each.sketch is not None and middle_of(each.sketch, RED) > 0 for each in made)


def middle_of(sketch: Sketch, colour: tuple[int, int, int]) -> float:
    """Where what has this colour stands from left to right, 0 to 1; NaN where nothing has it."""
    pixels = sketch.pixels.numpy()
    seen = (pixels[..., 3] > 200) & (np.abs(pixels[..., :3].astype(int) - colour).max(2) < 25)
    return float(np.flatnonzero(seen.any(0)).mean() / 256) if seen.any() else float("nan")


def test_references_show_the_things_of_a_plan_in_order(memory: PictureMemory) -> None:
    sketch = sketched(
        memory,
        "a giraffe on the left and a cactus on the right",
        Reference(picture=picture(RED)),
        Reference(picture=picture(BLUE)),
    )
    assert middle_of(sketch, RED) < 0.5 < middle_of(sketch, BLUE)
    assert sketch.shows == (("giraffe", ""), ("cactus", ""))


def test_a_name_says_which_thing_a_reference_shows_and_the_memory_has_the_others(memory: PictureMemory) -> None:
    sketch = sketched(
        memory,
        "a giraffe on the left and a cactus on the right",
        Reference(picture=picture(BLUE), name="cactus"),
    )
    assert middle_of(sketch, (250, 200, 40)) < 0.5 < middle_of(sketch, BLUE)


def test_a_thing_that_nobody_knows_is_known_by_its_reference(memory: PictureMemory) -> None:
    sketch = sketched(memory, "a vorple in the middle", Reference(picture=picture(GREEN), name="vorple"))
    assert abs(middle_of(sketch, GREEN) - 0.5) < 0.1


def test_what_is_known_by_heart_is_shown_where_a_reference_does(memory: PictureMemory) -> None:
    assert abs(middle_of(sketched(memory, "a cat, flat", Reference(picture=picture(RED))), RED) - 0.5) < 0.2


def test_a_reference_without_weight_counts_nothing(memory: PictureMemory) -> None:
    sketch = sketched(memory, "a giraffe", Reference(picture=picture(RED), weight=0.0))
    assert np.isnan(middle_of(sketch, RED))


def test_what_references_cannot_show_is_said(memory: PictureMemory) -> None:
    with pytest.raises(RowError, match="reference picture of 'bus': the plan has no such thing, but giraffe"):
        sketched(memory, "a giraffe", Reference(picture=picture(RED), name="bus"))
    with pytest.raises(RowError, match="2 reference pictures for giraffe: leave some out"):
        sketched(memory, "a giraffe", *(Reference(picture=picture(RED)) for _ in range(2)))
    noise = torch.randint(0, 256, (90, 90, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with pytest.raises(RowError, match="its ground is of too many colours: cut the thing out of it first"):
        sketched(memory, "a giraffe", Reference(picture=noise))


def test_a_thing_is_cut_from_a_plain_ground_and_keeps_what_is_inside() -> None:
    cut = np.asarray(thing_in(picture(RED).numpy()))
    assert abs(cut.shape[0] - 60) <= 4 and abs(cut.shape[1] - 80) <= 4
    assert cut[cut.shape[0] // 2, cut.shape[1] // 2, 3] == 255  # the hole is inside
    assert cut[10, 10, 3] == 255


def test_a_thing_is_cut_from_a_scene_and_clouds_are_not() -> None:
    pixels = np.empty((120, 160, 3), np.uint8)
    pixels[:80], pixels[80:] = (180, 217, 230), (145, 205, 121)  # a sky above a meadow
    pixels[10:20, 20:50] = 255
    pixels[50:100, 60:100] = RED
    cut = np.asarray(thing_in(pixels))
    assert abs(cut.shape[0] - 50) <= 4 and abs(cut.shape[1] - 40) <= 4
    assert tuple(cut[25, 20]) == (*RED, 255)


def test_a_thing_with_opacity_is_taken_as_it_is() -> None:
    pixels = np.zeros((50, 70, 4), np.uint8)
    pixels[10:40, 20:50] = (*RED, 255)
    assert thing_in(pixels).size == (30, 30)


@pytest.mark.parametrize("pixels", [np.full((40, 40, 3), 200, np.uint8), np.zeros((40, 40, 4), np.uint8)])
def test_a_picture_of_nothing_is_refused(pixels: np.ndarray) -> None:
    with pytest.raises(InputError, match="nothing"):
        thing_in(pixels)
