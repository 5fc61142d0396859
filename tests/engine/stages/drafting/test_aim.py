"""Where a picture that misses something is drawn anew."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch

from diptych.engine.errors import RowError
from diptych.engine.repair import Flaw
from diptych.engine.stage import ModelKey, Models, RunContext
from diptych.engine.stages.drafting.aim import AimStage
from diptych.engine.stages.drafting.locate import LocateStage
from diptych.engine.values import (
    Candidate,
    Codebook,
    Draft,
    Fact,
    FactAnswer,
    Picture,
    Plan,
    Request,
    Verdict,
)
from diptych.engine.values.start import Start
from diptych.pipelines.pocket.world import Scene, Thing, render

WORDING = "a red cat on the left and a blue tree on the right, in a meadow"
CAT, RED_CAT = Fact(kind="thing", text="a cat"), Fact(kind="colour", text="a red cat")
MEADOW, TREE = Fact(kind="setting", text="in a meadow"), Fact(kind="thing", text="a tree")
SCENE = Scene(
    things=(Thing(kind="cat", colour="red", place="left"), Thing(kind="tree", colour="blue", place="right")),
    setting="meadow",
    arrangement="side by side",
    variation=3,
)


def flaw(*missed: Fact, wording: str = WORDING, shown: tuple[Fact, ...] = (), side: int = 32) -> Flaw:
    plan = Plan(
        request=Request(prompt="a cat", height=side, width=side), prompt=wording, facts=(*missed, *shown)
    )
    pixels = torch.zeros(side, side, 3, dtype=torch.uint8)
    tokens = torch.zeros(16, 16, dtype=torch.long)
    draft = Draft(plan=plan, tokens=tokens, codebook=Codebook(name="b", size=4), preview=pixels)
    picture = Picture(pixels=pixels, plan=plan, draft=draft)
    answers = [FactAnswer(fact=fact, probability=float(fact in shown)) for fact in plan.facts]
    verdict = Verdict(caption="", score=0.1, answers=tuple(answers))
    return Flaw(candidate=Candidate(plan=plan, draft=draft, picture=picture, verdict=verdict), facts=missed)


def columns(cells: torch.Tensor) -> list[int]:
    assert (cells.all(0) == cells.any(0)).all()
    return cells.any(0).nonzero()[:, 0].tolist()


@pytest.fixture(scope="module")
def stage(drafter: ModelKey, codebook: ModelKey) -> AimStage:
    return AimStage(locate=LocateStage(model=drafter, codebook=codebook))


@pytest.mark.parametrize(
    ("missed", "expected"),
    [
        ([CAT], range(9)),  # the left half, and a cell around it
        ([TREE], range(7, 16)),
        ([CAT, TREE], range(16)),
        ([MEADOW], range(16)),
        ([CAT, MEADOW], range(16)),
    ],
)
def test_what_is_missed_is_aimed_at_where_the_words_want_it(
    stage: AimStage, missed: list[Fact], expected: range
) -> None:
    (aim,) = stage.run([flaw(*missed)], {}, RunContext())
    assert aim.cells.shape == (16, 16) and columns(aim.cells) == [*expected]
    assert aim.keeps_tokens and aim.strength == 1.0


def test_without_a_drafter_that_keeps_tokens_the_picture_is_painted_over_there() -> None:
    stage = AimStage()
    (aim,) = stage.run([flaw(CAT)], {}, RunContext())
    start = aim.started(aim.plan).request.start
    assert stage.uses == () and start is not None and start.mask is not None
    assert start.tokens is None and start.strength == 0.8 and columns(start.mask) == [*range(18)]


def test_what_the_words_do_not_place_and_is_not_there_is_the_whole_pictures_matter(stage: AimStage) -> None:
    (aim,) = stage.run([flaw(CAT, wording="a red cat and a blue tree", shown=(TREE,))], {}, RunContext())
    assert aim.cells.all()


@pytest.mark.parametrize("batch_invariant", [False, True])
def test_a_thing_that_is_there_is_found_by_the_drafter(
    stage: AimStage,
    drafter: ModelKey,
    codebook: ModelKey,
    load: Callable[..., Models],
    batch_invariant: bool,
) -> None:
    models = load(drafter, codebook)
    book, drawn = models[codebook], render(SCENE)
    picture = torch.tensor(np.array(drawn.image))
    side = book.side
    small = torch.nn.functional.interpolate(picture.permute(2, 0, 1)[None].float(), side, mode="area")
    tokens = book.encode(small[0].permute(1, 2, 0).round().byte()[None])[0]
    given = flaw(RED_CAT, wording="a red cat and a blue tree, in a meadow", shown=(CAT, TREE))
    candidate = given.candidate
    assert candidate.draft is not None
    draft = dataclasses.replace(candidate.draft, tokens=tokens, codebook=book.codebook)
    asked = Flaw(candidate=dataclasses.replace(candidate, draft=draft), facts=given.facts)
    (aim,) = stage.run([asked], models, RunContext(batch_invariant=batch_invariant))
    cat = torch.tensor(np.array(drawn.mask)) == 1
    truth = torch.nn.functional.adaptive_avg_pool2d(cat[None].float(), (16, 16))[0]
    assert float((truth * aim.cells).sum() / truth.sum()) > 0.9
    assert float(aim.cells.float().mean()) < 0.6
    both = stage.run([asked, flaw(TREE)], models, RunContext(batch_invariant=batch_invariant))
    assert torch.equal(both[0].cells, aim.cells)


def test_where_the_request_itself_may_not_change_nothing_is_mended(stage: AimStage) -> None:
    right = torch.zeros(32, 32, dtype=torch.bool)
    right[:, 24:] = True
    picture = torch.zeros(32, 32, 3, dtype=torch.uint8)
    limited = dataclasses.replace(flaw(CAT), start=Start(picture=picture, mask=right))
    with pytest.raises(RowError, match="nothing may change where something is missing"):
        stage.run([flaw(CAT), limited], {}, RunContext())


def test_a_picture_that_was_scaled_up_is_not_painted_over(stage: AimStage) -> None:
    given = flaw(CAT)
    picture = Picture(pixels=torch.zeros(64, 64, 3, dtype=torch.uint8), plan=given.plan)
    large = dataclasses.replace(given, candidate=dataclasses.replace(given.candidate, picture=picture))
    with pytest.raises(RowError, match="scaled to 64x64"):
        stage.run([large], {}, RunContext())


def test_the_workspace_is_that_of_the_row_with_the_most_to_ask(stage: AimStage) -> None:
    one, two = flaw(RED_CAT), flaw(RED_CAT, CAT)
    assert stage.workspace([one]) < stage.workspace([two]) < stage.workspace([one, two])
    assert AimStage().workspace([one]) == 32 * 32 * 3
