"""Where a picture shows what its wording names: found where it is, and not where it is not."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from diptych.engine.stage import ModelKey, Models, RunContext
from diptych.engine.stages.drafting.locate import Found, LocateStage, Sought
from diptych.pipelines.editing.phrases import phrase_of, with_others
from diptych.pipelines.pocket.world import Scene, Thing, prompt_of, render
from diptych.pipelines.vocabulary import EVERYDAY

Look = Callable[[str, str], Found]
SCENE = Scene(
    things=(Thing(kind="cat", colour="red", place="left"), Thing(kind="tree", colour="blue", place="right")),
    setting="meadow",
    arrangement="side by side",
    variation=3,
)


@pytest.fixture(scope="module")
def stage(drafter: ModelKey, codebook: ModelKey) -> LocateStage:
    return LocateStage(model=drafter, codebook=codebook)


@pytest.fixture(scope="module")
def sought() -> Callable[[str, str], Sought]:
    """Something of a name, in the picture of the scene, by a wording of it."""
    picture = torch.tensor(np.array(render(SCENE).image))

    def make(name: str, wording: str) -> Sought:
        phrase = phrase_of(name, wording, EVERYDAY)
        assert phrase is not None
        return Sought(picture=picture, wording=wording, others=with_others(wording, phrase, EVERYDAY))

    return make


@pytest.fixture(scope="module")
def found(
    stage: LocateStage, load: Callable[..., Models], sought: Callable[[str, str], Sought]
) -> dict[str, Found]:
    full = prompt_of(SCENE)
    rows = {
        "cat": ("cat", full),
        "tree": ("tree", full),
        "absent": ("fish", full.replace("red cat", "white fish")),
    }
    results = stage.run([sought(*row) for row in rows.values()], load(*stage.uses), RunContext())
    return dict(zip(rows, results, strict=True))


def test_a_thing_is_found_where_it_is(found: dict[str, Found]) -> None:
    mask = torch.tensor(np.array(render(SCENE).mask))
    for number, name in enumerate(("cat", "tree"), start=1):
        assert found[name].seen
        height, width = found[name].cells.shape
        truth = torch.nn.functional.adaptive_avg_pool2d((mask == number)[None].float(), (height, width))[0]
        inside = float((truth * found[name].box).sum() / truth.sum())
        assert inside > 0.9, f"{name}: {inside:.2f} of it lie in the box"
    assert not (found["cat"].cells & found["tree"].cells).any()


def test_a_thing_that_is_not_there_is_not_seen(found: dict[str, Found]) -> None:
    assert not found["absent"].seen


def test_cells_hang_together_and_the_box_is_around_them() -> None:
    heat = torch.zeros(5, 6)
    heat[1, 1], heat[2, 2], heat[2, 3], heat[4, 5] = 3.0, 1.0, 0.3, 2.0  # the last is apart
    found = Found(heat=heat, margin=9.0)
    assert found.cells.nonzero().tolist() == [[1, 1], [2, 2], [2, 3]]
    box = torch.zeros(5, 6, dtype=torch.bool)
    box[1:3, 1:4] = True
    assert torch.equal(found.box, box)


def test_the_workspace_is_that_of_all_wordings(
    stage: LocateStage, sought: Callable[[str, str], Sought]
) -> None:
    one = sought("cat", "a red cat")
    first, second, third = (stage.workspace([one] * count) for count in (1, 2, 3))
    assert third - second == second - first > 0
