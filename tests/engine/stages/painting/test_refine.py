"""Draft to Picture: painted at its size from its own noise; nothing foreign, nothing resized in silence."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from diptych.engine.errors import InputError, RowError
from diptych.engine.models.vision.patch_codebook import PatchCodebook
from diptych.engine.stage import ModelKey, Models, NoProgress, RunContext
from diptych.engine.stages.painting.refine import RefineStage
from diptych.engine.values import Codebook, Draft, Picture, Plan

Run = Callable[[Sequence[Draft]], list[Picture]]
MakeDraft = Callable[..., Draft]


@pytest.fixture(scope="module")
def models(load: Callable[..., Models], refiner: ModelKey) -> Models:
    return load(refiner)


@pytest.fixture(scope="module")
def stage(refiner: ModelKey) -> RefineStage:
    return RefineStage(model=refiner)


@pytest.fixture(scope="module")
def run(stage: RefineStage, models: Models) -> Run:
    return lambda drafts: stage.run(drafts, models, RunContext())


@pytest.fixture(scope="module")
def make_draft(load: Callable[..., Models], codebook: ModelKey, make_plan: Callable[..., Plan]) -> MakeDraft:
    """Makes a Draft of any tokens."""
    book: PatchCodebook = load(codebook)[codebook]

    def make(
        *, tokens_seed: int = 0, grid: tuple[int, int] = book.grid, name: str = "", **wishes: float
    ) -> Draft:
        generator = torch.Generator().manual_seed(tokens_seed)
        tokens = torch.randint(0, book.codebook.size, grid, generator=generator)
        return Draft(
            plan=make_plan(**{"num_inference_steps": 2, **wishes}),
            tokens=tokens,
            codebook=Codebook(name=name or book.codebook.name, size=book.codebook.size),
            preview=book.decode(tokens[None])[0],
        )

    return make


@pytest.fixture(scope="module")
def drafts(make_draft: MakeDraft) -> list[Draft]:
    return [make_draft(tokens_seed=i, seed=i, prompt=f"{i} boats, at sunset") for i in range(3)]


@pytest.fixture(scope="module")
def pictures(run: Run, drafts: list[Draft]) -> list[Picture]:
    return run(drafts)


def difference(one: Picture, other: Picture) -> int:
    """The largest, in 1/255."""
    return int((one.pixels.int() - other.pixels.int()).abs().max())


def test_a_picture_has_the_size_asked_for_and_its_descent(drafts: list[Draft], pictures: list[Picture]) -> None:
    for draft, picture in zip(drafts, pictures, strict=True):
        assert picture.draft is draft and picture.plan is draft.plan
        assert picture.pixels.shape == (256, 256, 3)
        assert picture.pixels.is_contiguous() and picture.image.size == (256, 256)
    assert difference(pictures[0], pictures[1]) > 1


def test_a_row_is_the_same_alone_in_a_batch_and_again(
    run: Run, drafts: list[Draft], pictures: list[Picture]
) -> None:
    again = run(drafts)
    assert all(torch.equal(one.pixels, other.pixels) for one, other in zip(again, pictures, strict=True))
    assert difference(run(drafts[1:2])[0], pictures[1]) <= 1
    assert difference(run([*drafts[1:], *drafts[1:]])[2], pictures[1]) <= 1


def test_the_seed_the_candidate_and_the_tokens_make_the_picture(run: Run, make_draft: MakeDraft) -> None:
    plain, seed, candidate, tokens = run(
        [make_draft(), make_draft(seed=1), make_draft(candidate=1), make_draft(tokens_seed=1)]
    )
    for other in (seed, candidate, tokens):
        assert difference(plain, other) > 0


def test_each_row_has_its_own_guidance_scale(run: Run, make_draft: MakeDraft) -> None:
    plain, strong = make_draft(), make_draft(guidance_scale=4.0)
    together = run([plain, strong])
    assert difference(together[0], run([plain])[0]) <= 1
    assert difference(together[1], run([strong])[0]) <= 1
    assert difference(together[0], together[1]) > 0


def test_without_guidance_a_negative_prompt_is_of_no_account(run: Run, make_draft: MakeDraft) -> None:
    unguided = run([make_draft(), make_draft(negative_prompt="a red boat at sea")])
    assert difference(*unguided) == 0
    guided = run(
        [make_draft(guidance_scale=9.0), make_draft(guidance_scale=9.0, negative_prompt="a red boat at sea")]
    )
    assert difference(*guided) > 0


def test_each_step_is_reported(stage: RefineStage, models: Models, make_draft: MakeDraft) -> None:
    steps: list[tuple[int, int]] = []

    class Noting(NoProgress):
        def step(self, i: int, n: int, /) -> None:
            steps.append((i, n))

    stage.run([make_draft(num_inference_steps=3)], models, RunContext(Noting()))
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_a_foreign_codebook_is_refused(run: Run, make_draft: MakeDraft) -> None:
    with pytest.raises(InputError, match=r"the draft's are of foreign: name a matching pair"):
        run([make_draft(name="foreign")])


def test_a_draft_of_another_shape_than_the_picture_is_refused(run: Run, make_draft: MakeDraft) -> None:
    with pytest.raises(RowError, match=r"8x12 tokens") as caught:
        run([make_draft(), make_draft(grid=(12, 8))])
    assert caught.value.index == 1


def test_a_batch_has_one_number_of_steps(run: Run, make_draft: MakeDraft) -> None:
    with pytest.raises(AssertionError, match=r"a batch of 2 steps has rows of \{3\}"):
        run([make_draft(), make_draft(num_inference_steps=3)])


@pytest.mark.parametrize("side", [128, 264, 512])
def test_a_size_that_the_model_does_not_paint_is_refused(run: Run, make_draft: MakeDraft, side: int) -> None:
    with pytest.raises(RowError, match=rf"{side}x{side} pixels: this refiner paints 256x256") as caught:
        run([make_draft(), make_draft(side=side)])
    assert caught.value.index == 1


def test_the_workspace_grows_with_pixels_and_branches(stage: RefineStage, make_draft: MakeDraft) -> None:
    one = stage.workspace([make_draft()])
    assert one >= 256 * 256 * 100
    assert stage.workspace([make_draft()] * 3) == 3 * one
    assert stage.workspace([make_draft(), make_draft(guidance_scale=3.0)]) == 4 * one


class Noting(NoProgress):
    """Keeps what a stage notes."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, text: str, /) -> None:
        self.notes.append(text)


@pytest.fixture
def predicted(models: Models, refiner: ModelKey, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows the model was shown, each time that it was asked."""
    rows: list[int] = []
    kind: Any = type(models[refiner])
    predict = kind.predict

    def counting(model: Any, noisy: torch.Tensor, *more: torch.Tensor) -> torch.Tensor:
        rows.append(len(noisy))
        return predict(model, noisy, *more)

    monkeypatch.setattr(kind, "predict", counting)
    return rows


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({}, [2, 2]),
        ({"guidance_stop": 0.5}, [2, 1]),
        ({"guidance_start": 0.5}, [1, 2]),
        ({"guidance_stop": 0.0}, [1, 1]),
    ],
)
def test_outside_its_interval_guidance_costs_no_second_branch(
    refiner: ModelKey,
    models: Models,
    run: Run,
    make_draft: MakeDraft,
    predicted: list[int],
    options: dict[str, float],
    rows: list[int],
) -> None:
    (picture,) = RefineStage(model=refiner, **options).run(
        [make_draft(guidance_scale=4.0)], models, RunContext()
    )
    assert predicted == rows
    (full,), (none,) = run([make_draft(guidance_scale=4.0)]), run([make_draft()])
    assert (difference(picture, full) <= 1) == (rows == [2, 2])
    assert (difference(picture, none) <= 1) == (rows == [1, 1])


def test_predictions_that_would_hardly_differ_are_left_out_and_counted(
    refiner: ModelKey, models: Models, make_draft: MakeDraft, predicted: list[int]
) -> None:
    drafts, notes = [make_draft(num_inference_steps=4), make_draft(num_inference_steps=4, seed=1)], Noting()
    RefineStage(model=refiner, step_cache=100.0).run(drafts, models, RunContext(notes))
    assert predicted == [2, 2]
    assert notes.notes == ["4 of 8 predictions were left out"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"guidance_start": -0.1}, "guidance_start = -0.1: must lie between 0 and 1, as a share of the steps"),
        ({"guidance_stop": 1.5}, "guidance_stop = 1.5: must lie between 0 and 1"),
        ({"guidance_stop": float("nan")}, "guidance_stop = nan: must lie"),
        ({"step_cache": -1.0}, r"step_cache = -1.0: must be 0 \(none\) or more"),
        ({"step_cache": float("nan")}, "step_cache = nan"),
    ],
)
def test_options_out_of_range_are_refused_by_name(
    refiner: ModelKey, options: dict[str, float], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        RefineStage(model=refiner, **options)
