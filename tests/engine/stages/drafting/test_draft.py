"""Plan to Draft: the whole grid, legal tokens only, each row for itself."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from diptych.engine.errors import CheckpointError, InputError, RowError
from diptych.engine.models.language.decoding.native import NativeDecoding
from diptych.engine.models.vision.patch_codebook import PatchCodebook
from diptych.engine.stage import ModelKey, Models, RunContext
from diptych.engine.stages.drafting.draft import DraftStage
from diptych.engine.values import Codebook, Draft, Plan

PROMPTS = ["a red boat", "", "a big purple castle on the left, in the snow", "a cat", "x " * 200]
SAMPLING = {"temperature": 0.9, "top_k": 50, "top_p": 0.95}

Run = Callable[[Sequence[Plan]], list[Draft]]


def held_by(decoding: Any) -> int:
    """Bytes of the keys and values of a decoding."""
    if isinstance(decoding, NativeDecoding):
        return decoding._keys.nbytes + decoding._values.nbytes
    return decoding._cache.nbytes


@pytest.fixture(scope="module")
def models(load: Callable[..., Models], drafter: ModelKey, codebook: ModelKey) -> Models:
    return load(drafter, codebook)


@pytest.fixture(scope="module")
def stage(drafter: ModelKey, codebook: ModelKey) -> DraftStage:
    return DraftStage(model=drafter, codebook=codebook)


@pytest.fixture(scope="module")
def run(stage: DraftStage, models: Models) -> Run:
    return lambda plans: stage.run(plans, models, RunContext())


@pytest.fixture(scope="module")
def plans(make_plan: Callable[..., Plan]) -> list[Plan]:
    """Five of different wording; what they say is of no account where it is empty or too long."""
    return [make_plan(prompt or "nothing", seed=i, **SAMPLING) for i, prompt in enumerate(PROMPTS)]


@pytest.fixture(scope="module")
def drafts(run: Run, plans: list[Plan]) -> list[Draft]:
    return run(plans)


def same(one: Draft, other: Draft) -> bool:
    return torch.equal(one.tokens, other.tokens) and torch.equal(one.preview, other.preview)


def test_a_draft_is_a_whole_grid_and_its_preview(
    drafts: list[Draft], plans: list[Plan], models: Models, codebook: ModelKey
) -> None:
    book: PatchCodebook = models[codebook]
    for draft, plan in zip(drafts, plans, strict=True):
        assert draft.plan is plan
        assert draft.grid == book.grid and draft.tokens.dtype == torch.int64
        assert draft.codebook == book.codebook
        assert torch.equal(draft.preview, book.decode(draft.tokens[None])[0])
    assert len({draft.token_hash for draft in drafts}) == len(drafts)


def test_a_row_is_the_same_alone_in_a_batch_and_again(run: Run, plans: list[Plan], drafts: list[Draft]) -> None:
    assert all(same(again, draft) for again, draft in zip(run(plans), drafts, strict=True))
    assert same(run(plans[2:3])[0], drafts[2])
    assert same(run([plans[3], plans[3], plans[2]])[2], drafts[2])


def test_each_row_has_its_own_settings(run: Run, make_plan: Callable[..., Plan], drafts: list[Draft]) -> None:
    """A row without guidance is what it was beside one that has it, though now it has two branches."""
    greedy = make_plan("a cat", seed=8, temperature=0)
    strong = [make_plan("a cat", seed=seed, draft_guidance_scale=6.0, **SAMPLING) for seed in range(4)]
    plain = make_plan("a red boat", seed=0, **SAMPLING)
    together = run([greedy, plain, *strong])
    assert same(together[1], drafts[0])
    assert same(together[0], run([make_plan("a cat", seed=9, temperature=0.0)])[0])
    unguided = run([make_plan("a cat", seed=seed, **SAMPLING) for seed in range(4)])
    assert not any(same(draft, other) for draft, other in zip(together[2:], unguided, strict=True))


def test_a_strongly_guided_row_is_the_same_beside_any_neighbours(
    stage: DraftStage, models: Models, make_plan: Callable[..., Plan]
) -> None:
    """To the token, batch-invariant: strong guidance multiplies what rounding does to another shape."""
    strong = [make_plan("a cat", seed=seed, draft_guidance_scale=6.0, **SAMPLING) for seed in range(4)]
    others = [make_plan("a cat", seed=8, temperature=0), make_plan("a red boat", seed=0, **SAMPLING)]

    def fixed(plans: Sequence[Plan]) -> list[Draft]:
        return stage.run(plans, models, RunContext(batch_invariant=True))

    together = fixed([*others, *strong])[2:]
    for plan, draft in zip(strong, together, strict=True):
        assert same(fixed([plan] * 6)[0], draft)


def test_candidates_of_a_plan_differ(run: Run, make_plan: Callable[..., Plan]) -> None:
    first, second = run([make_plan(candidate=0), make_plan(candidate=1)])
    assert not torch.equal(first.tokens, second.tokens)


@pytest.mark.parametrize(("height", "width"), [(256, 128), (128, 256), (256, 255)])
def test_a_shape_that_the_grid_has_not_is_refused(
    run: Run, make_plan: Callable[..., Plan], height: int, width: int
) -> None:
    with pytest.raises(
        RowError, match=rf"{width}x{height} pixels: this drafter's pictures are square: ask for"
    ) as caught:
        run([make_plan(), make_plan(side=height, width=width)])
    assert caught.value.index == 1


def other_book(models: Models, codebook: ModelKey, **changes: Any) -> dict[ModelKey, Any]:
    """The same models, but a codebook that is not the drafter's."""
    book: PatchCodebook = models[codebook]
    fields: dict[str, Any] = {"patch": book.patch, "grid": book.grid, "name": book.codebook.name, **changes}
    centroids = fields.pop("centroids", book.centroids)
    return {key: models[key] for key in models} | {codebook: PatchCodebook(centroids, **fields)}


def test_a_codebook_of_another_grid_name_or_size_is_refused(
    stage: DraftStage, models: Models, codebook: ModelKey, make_plan: Callable[..., Plan]
) -> None:
    book: PatchCodebook = models[codebook]
    changes: list[dict[str, Any]] = [
        {"grid": (book.grid[0] * 2, book.grid[1] * 2)},
        {"grid": (book.grid[0], book.grid[1] + 1)},
        {"name": "another"},
        {"centroids": book.centroids[:-1]},
    ]
    for change in changes:
        with pytest.raises(InputError, match="name a matching pair in the recipe") as caught:
            stage.run([make_plan()], other_book(models, codebook, **change), RunContext())
        assert stage.uses[0].checkpoint in str(caught.value) and stage.uses[1].checkpoint in str(caught.value)


def test_a_drafter_of_another_codebook_is_refused(
    stage: DraftStage, models: Models, drafter: ModelKey, make_plan: Callable[..., Plan]
) -> None:
    changed: dict[ModelKey, Any] = {key: models[key] for key in models}
    changed[drafter] = dataclasses.replace(models[drafter], codebook=Codebook(name="foreign", size=16))
    with pytest.raises(InputError, match="foreign"):
        stage.run([make_plan()], changed, RunContext())


def test_the_workspace_grows_with_rows_and_branches_and_holds_the_cache(
    stage: DraftStage, models: Models, drafter: ModelKey, make_plan: Callable[..., Plan]
) -> None:
    plain, guided = make_plan(), make_plan(draft_guidance_scale=3.0)
    one, two = stage.workspace([plain]), stage.workspace([plain] * 2)
    assert stage.workspace([plain] * 5) - one == 4 * (two - one)
    assert stage.workspace([plain, guided]) - one == 3 * (two - one)
    decoding = models[drafter].begin(["a boat"], guided=False)
    assert two - one > held_by(decoding)


def test_a_folder_that_is_no_drafter_is_refused_before_it_is_loaded(
    codebook: ModelKey, make_plan: Callable[..., Plan]
) -> None:
    stage = DraftStage(model=ModelKey("image-token-lm", "pocket/planner"), codebook=codebook)
    with pytest.raises(CheckpointError, match="says nothing of image_token_grid"):
        stage.workspace([make_plan()])
