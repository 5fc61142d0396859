"""Between to Picture: at its ends what refine paints, in between a bit of both, for each row alone."""

import dataclasses
from collections.abc import Callable

import pytest
import torch

from diptych.engine.models.vision.patch_codebook import PatchCodebook
from diptych.engine.stage import ModelKey, Models, RunContext
from diptych.engine.stages.painting.morph import Between, MorphStage, slerp
from diptych.engine.stages.painting.refine import RefineStage
from diptych.engine.values import Draft, Plan


@pytest.fixture(scope="module")
def models(load: Callable[..., Models], refiner: ModelKey) -> Models:
    return load(refiner)


@pytest.fixture(scope="module")
def ends(
    load: Callable[..., Models], codebook: ModelKey, make_plan: Callable[..., Plan]
) -> tuple[Draft, Draft]:
    book: PatchCodebook = load(codebook)[codebook]
    drafts = []
    for i, prompt in enumerate(("a red boat, at sunset", "a blue cat, at night")):
        tokens = torch.randint(0, book.codebook.size, book.grid, generator=torch.Generator().manual_seed(i))
        plan = make_plan(prompt, seed=i, num_inference_steps=2)
        drafts.append(
            Draft(plan=plan, tokens=tokens, codebook=book.codebook, preview=book.decode(tokens[None])[0])
        )
    return drafts[0], drafts[1]


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one.float() - other.float()).abs().max())


def test_at_its_ends_it_paints_what_refine_paints(
    refiner: ModelKey, models: Models, ends: tuple[Draft, Draft]
) -> None:
    way = [Between(first=ends[0], second=ends[1], share=share) for share in (0.0, 1.0)]
    morphed = MorphStage(model=refiner).run(way, models, RunContext())
    painted = RefineStage(model=refiner).run(list(ends), models, RunContext())
    for one, other, end in zip(morphed, painted, ends, strict=True):
        assert difference(one.pixels, other.pixels) <= 1
        assert one.draft is not None and torch.equal(one.draft.tokens, end.tokens)


def test_in_between_it_is_nearer_to_the_nearer_end(
    refiner: ModelKey, models: Models, ends: tuple[Draft, Draft]
) -> None:
    way = [Between(first=ends[0], second=ends[1], share=share) for share in (0.0, 0.2, 0.8, 1.0)]
    first, early, late, last = (
        p.pixels.float() for p in MorphStage(model=refiner).run(way, models, RunContext())
    )
    assert (early - first).abs().mean() < (early - last).abs().mean()
    assert (late - last).abs().mean() < (late - first).abs().mean()


def test_guidance_counts(refiner: ModelKey, models: Models, ends: tuple[Draft, Draft]) -> None:
    def with_guidance(draft: Draft) -> Draft:
        settings = dataclasses.replace(draft.plan.request.settings, guidance_scale=4.0)
        request = dataclasses.replace(draft.plan.request, settings=settings)
        return dataclasses.replace(draft, plan=dataclasses.replace(draft.plan, request=request))

    stage = MorphStage(model=refiner)
    plain = stage.run([Between(first=ends[0], second=ends[1], share=0.5)], models, RunContext())
    guided = stage.run(
        [Between(first=with_guidance(ends[0]), second=with_guidance(ends[1]), share=0.5)], models, RunContext()
    )
    assert difference(plain[0].pixels, guided[0].pixels) > 1


def test_no_part_is_ahead_of_its_neighbours(
    refiner: ModelKey, models: Models, ends: tuple[Draft, Draft]
) -> None:
    """Where parts turned one after the other, the picture fell into blocks of the first and the second."""
    way = [Between(first=ends[0], second=ends[1], share=share) for share in (0.3, 0.5)]
    early, half = (
        picture.draft.preview.float()
        for picture in MorphStage(model=refiner).run(way, models, RunContext())
        if picture.draft is not None
    )
    first, second = (end.preview.float() for end in ends)
    assert (half - (first + second) / 2).abs().max() <= 1
    apart = (second - first).abs() > 64
    shares = ((early - first) / (second - first))[apart]
    assert float(shares.max() - shares.min()) < 0.05 and 0 < float(shares.mean()) < 0.3


def test_noise_stays_noise_on_the_way() -> None:
    noise = torch.randn(2, 4, 16, 32, 32, generator=torch.Generator().manual_seed(0))
    mixed = slerp(noise[0], noise[1], torch.tensor([0.0, 0.3, 0.5, 1.0]))
    assert torch.equal(mixed[0], noise[0, 0]) and torch.equal(mixed[3], noise[1, 3])
    assert mixed.std(dim=(1, 2, 3)) == pytest.approx(torch.ones(4), abs=0.03)
    same = slerp(noise[0], noise[0], torch.full((4,), 0.5))
    torch.testing.assert_close(same, noise[0])


def test_drafts_of_two_codebooks_have_no_way_between_them(ends: tuple[Draft, Draft]) -> None:
    foreign = dataclasses.replace(ends[1].codebook, name="foreign")
    with pytest.raises(AssertionError, match="two codebooks"):
        Between(first=ends[0], second=dataclasses.replace(ends[1], codebook=foreign), share=0.5)
