"""A chain is checked when it is built, and knows its parts."""

from collections.abc import Sequence
from typing import Any

import pytest

from diptych.engine.chain import Chain
from diptych.engine.errors import InputError
from diptych.engine.stage import ModelKey
from diptych.engine.values import Draft, Picture, Plan, Request, Verdict

from ..fakes import FakeStage


def stage(name: str, takes: type, gives: type, *uses: ModelKey) -> FakeStage:
    """A stage that is only ever looked at."""
    return FakeStage(name, takes, gives, uses=uses)


class Latents:
    """A value that only two stages know."""


PLAN = stage("plan", Request, Plan, ModelKey("lm", "planner"))
DRAFT = stage("draft", Plan, Draft, ModelKey("lm", "drafter"))
REFINE = stage("refine", Draft, Picture, ModelKey("unet", "refiner"), ModelKey("vae", "vae"))
JUDGE = stage("judge", Picture, Verdict)
PAINT = stage("paint", Plan, Picture)
WORD = stage("word", Request, Request)
UPSCALE = stage("upscale", Picture, Picture)
DENOISE = stage("denoise", Draft, Latents)
DECODE = stage("decode", Latents, Picture)


def names(stages: Sequence[Any]) -> list[str]:
    return [stage.name for stage in stages]


def test_the_parts_of_the_whole_chain() -> None:
    chain = Chain([PLAN, DRAFT, REFINE, JUDGE])
    assert names(chain.between(Request, Plan)) == ["plan"]
    assert names(chain.between(Plan, Draft)) == ["draft"]
    assert names(chain.between(Draft, Picture)) == ["refine"]
    assert names(chain.between(Picture, Verdict)) == ["judge"]
    assert names(chain.until(Draft)) == ["plan", "draft"]
    assert names(chain.until(Verdict)) == names(chain.stages)


def test_a_chain_without_a_drafter() -> None:
    chain = Chain([PLAN, PAINT, JUDGE])
    assert chain.between(Plan, Draft) == ()
    assert names(chain.between(Draft, Picture)) == ["paint"]


def test_inserted_stages_belong_to_what_makes_their_kind() -> None:
    chain = Chain([WORD, PLAN, DRAFT, REFINE, UPSCALE, JUDGE])
    assert names(chain.between(Request, Plan)) == ["word", "plan"]
    assert names(chain.between(Draft, Picture)) == ["refine", "upscale"]
    assert names(chain.between(Picture, Verdict)) == ["judge"]


def test_values_that_only_neighbours_know_lie_on_the_way_to_the_next_milestone() -> None:
    chain = Chain([PLAN, DRAFT, DENOISE, DECODE, JUDGE])
    assert names(chain.between(Plan, Draft)) == ["draft"]
    assert names(chain.between(Draft, Picture)) == ["denoise", "decode"]


def test_the_models_of_each_stage_in_order() -> None:
    assert Chain([PLAN, DRAFT, REFINE, JUDGE]).uses_in_order() == (PLAN.uses, DRAFT.uses, REFINE.uses, ())


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([], "no stages"),
        ([DRAFT, REFINE, JUDGE], r"begins with stage 'draft' \(Plan to Draft\)"),
        ([PLAN, DRAFT], r"ends with stage 'draft' .*put a stage that paints"),
        (
            [PLAN, REFINE, JUDGE],
            "'plan' .* cannot be followed by stage 'refine' .*put .stages.draft. between them",
        ),
        ([PLAN, DRAFT, REFINE, JUDGE, JUDGE], "two stages of the chain do the same, 'judge'"),
        ([stage("all", Request, Verdict)], "no stage of the chain gives a Plan"),
        ([PLAN, stage("guess", Plan, Verdict)], "no stage of the chain gives a Picture"),
        (
            [PLAN, DRAFT, stage("again", Draft, Plan), PAINT, JUDGE],
            r"'again' \(Draft to Plan\) goes back behind stage 'draft'",
        ),
    ],
)
def test_a_chain_that_does_not_fit_is_refused_with_the_names(stages: list[FakeStage], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Chain(stages)
