"""Picture to Verdict: what is seen, how well it fits, and an answer for each fact, for pictures of any size."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from diptych.engine.errors import RowError
from diptych.engine.models.vision.calibration import Calibration
from diptych.engine.models.vision.caption_decoder import ImageFeatures
from diptych.engine.models.vision.captioner import Captioner
from diptych.engine.stage import ModelKey, Models, RunContext
from diptych.engine.stages.judging import judge as judge_module
from diptych.engine.stages.judging.judge import JudgeStage
from diptych.engine.values import Codebook, Draft, Fact, Picture, Plan, Verdict

Run = Callable[..., list[Verdict]]
SIDES = [(48, 48), (256, 256), (64, 64), (100, 31), (48, 48)]


@pytest.fixture(scope="module")
def models(load: Callable[..., Models], captioner: ModelKey) -> Models:
    return load(captioner)


@pytest.fixture(scope="module")
def stage(captioner: ModelKey) -> JudgeStage:
    return JudgeStage(model=captioner)


@pytest.fixture(scope="module")
def run(stage: JudgeStage, models: Models) -> Run:
    return lambda pictures, models=models: stage.run(pictures, models, RunContext())


@pytest.fixture(scope="module")
def pictures(make_plan: Callable[..., Plan]) -> list[Picture]:
    """Five of several sizes, with any number of facts; the last one is asked nothing."""
    generator = torch.Generator().manual_seed(0)
    plans: list[Plan | None] = [
        dataclasses.replace(
            make_plan(prompt),
            facts=tuple(Fact(kind="thing", text=f"a thing {'of words ' * i}{j}") for j in range(i * i)),
        )
        for i, prompt in enumerate(["a cat", "a boat on the left and a tree on the right", "blue", "x " * 99])
    ]
    return [
        Picture(pixels=torch.randint(0, 256, (*side, 3), generator=generator, dtype=torch.uint8), plan=plan)
        for side, plan in zip(SIDES, [*plans, None], strict=True)
    ]


@pytest.fixture(scope="module")
def verdicts(run: Run, pictures: list[Picture]) -> list[Verdict]:
    return run(pictures)


def changed(models: Models, captioner: ModelKey, **changes: Any) -> Models:
    return {captioner: dataclasses.replace(models[captioner], **changes)}


def test_a_verdict_answers_each_fact_in_order(verdicts: list[Verdict], pictures: list[Picture]) -> None:
    for verdict, picture in zip(verdicts, pictures, strict=True):
        assert isinstance(verdict.caption, str)
        assert 0 <= verdict.score <= 1
        assert tuple(answer.fact for answer in verdict.answers) == (picture.plan.facts if picture.plan else ())
        assert all(0 <= answer.probability <= 1 for answer in verdict.answers)


def test_a_row_is_the_same_alone_in_a_batch_and_again(
    run: Run, pictures: list[Picture], verdicts: list[Verdict]
) -> None:
    assert run(pictures) == verdicts
    for picture, verdict in zip(pictures, verdicts, strict=True):
        (alone,) = run([picture])
        assert alone.caption == verdict.caption
        assert alone.score == pytest.approx(verdict.score, abs=1e-5)
        probabilities = [answer.probability for answer in verdict.answers]
        assert [answer.probability for answer in alone.answers] == pytest.approx(probabilities, abs=1e-5)


def test_previews_are_judged_like_pictures_but_nothing_is_written_about_them(
    run: Run, make_plan: Callable[..., Plan]
) -> None:
    book = Codebook(name="some", size=4)
    plan = dataclasses.replace(make_plan("a cat"), facts=(Fact(kind="thing", text="a cat"),))
    grey = torch.full((48, 48, 3), 99, dtype=torch.uint8)
    draft = Draft(plan=plan, tokens=torch.zeros(12, 12, dtype=torch.long), codebook=book, preview=grey)
    preview = Picture(pixels=draft.preview, plan=plan, draft=draft, is_preview=True)
    picture = dataclasses.replace(preview, is_preview=False)
    (unread,), (read,) = run([preview]), run([picture])
    assert unread.caption == "" and read.caption
    assert dataclasses.replace(read, caption="") == unread
    assert [verdict.caption for verdict in run([preview, picture])] == ["", read.caption]


def test_where_shapes_are_batch_invariant_a_row_has_the_same_bits(
    stage: JudgeStage, models: Models, pictures: list[Picture]
) -> None:
    """In batches of one size, whatever its neighbours and their facts."""
    row = pictures[2]
    batches = ([row, *pictures[:2]], [row, *pictures[3:]], [row] * 3)
    first, *others = [stage.run(batch, models, RunContext(batch_invariant=True))[0] for batch in batches]
    assert all(other == first for other in others)


def test_the_score_is_of_the_asked_facts_alone(
    run: Run, models: Models, captioner: ModelKey, pictures: list[Picture]
) -> None:
    fit = Calibration(worst=0.7, together=0.4, bias=-0.2)
    plan = pictures[1].plan
    assert plan is not None
    added = [
        Fact(kind="setting", text=text, asked=False) for text in ("under water", "in the city", "at night")
    ]
    more = dataclasses.replace(pictures[1], plan=dataclasses.replace(plan, facts=(*added, *plan.facts)))
    (plain,), (with_added,) = (
        run([each], changed(models, captioner, calibration=fit)) for each in (pictures[1], more)
    )
    asked = [answer.probability for answer in plain.answers]
    odds = [max(-8.0, min(8.0, _odds(p))) for p in (min(asked), math.prod(asked))]
    assert _odds(plain.score) == pytest.approx(0.7 * odds[0] + 0.4 * odds[1] - 0.2, abs=1e-3)
    assert with_added.score == pytest.approx(plain.score, abs=1e-5)
    assert [answer.fact for answer in with_added.answers] == [*added, *plan.facts]


def test_the_likelihood_is_a_second_figure_where_it_is_wished_for(
    models: Models, captioner: ModelKey, pictures: list[Picture]
) -> None:
    model: Captioner = models[captioner]
    stage = JudgeStage(model=captioner, likelihood=True)
    (verdict,) = stage.run(pictures[1:2], models, RunContext())
    (without,) = JudgeStage(model=captioner).run(pictures[1:2], models, RunContext())
    assert pictures[1].plan is not None
    prompt = pictures[1].plan.request.prompt
    seen = float(model.negative_log_likelihood(model.look([pictures[1].pixels]), [prompt]))
    blank = float(model.negative_log_likelihood(model.blank, [prompt]))
    assert verdict.likelihood == pytest.approx(blank - seen, abs=1e-5)
    assert without == dataclasses.replace(verdict, likelihood=None)
    worst = min(max(min(answer.probability for answer in verdict.answers), 1e-9), 1 - 1e-9)
    odds = max(-8.0, min(8.0, _odds(worst)))
    assert verdict.fit == pytest.approx(model.calibration.wording * (blank - seen) + odds, abs=1e-3)


def test_a_fact_that_was_never_learnt_is_true_where_none_of_the_others_is(
    run: Run, models: Models, captioner: ModelKey, pictures: list[Picture], make_plan: Callable[..., Plan]
) -> None:
    others = ("in ink", "as pixel art")
    fit = Calibration(none_of={"as a flat drawing": others})
    facts = tuple(Fact(kind="style", text=text) for text in ("as a flat drawing", *others))
    asked = dataclasses.replace(pictures[0], plan=dataclasses.replace(make_plan(), facts=facts))
    (verdict,) = run([asked], changed(models, captioner, calibration=fit))
    plain, *rest = (answer.probability for answer in verdict.answers)
    assert plain == pytest.approx(1 - max(rest), abs=1e-5)


def _odds(p: float) -> float:
    return math.log(p / (1 - p))


def test_where_nothing_was_asked_the_caption_is_scored(
    run: Run, pictures: list[Picture], verdicts: list[Verdict], make_plan: Callable[..., Plan]
) -> None:
    if not verdicts[4].caption:
        return  # a request cannot ask for nothing
    plan = dataclasses.replace(make_plan(verdicts[4].caption), facts=())
    asked = dataclasses.replace(pictures[4], plan=plan)
    assert run([asked])[0].score == pytest.approx(verdicts[4].score, abs=1e-5)


def test_what_is_not_a_number_is_no_verdict(
    run: Run, models: Models, captioner: ModelKey, pictures: list[Picture]
) -> None:
    class Lost(Captioner):
        def negative_log_likelihood(
            self, features: ImageFeatures, texts: Sequence[str], *, batch_invariant: bool = False
        ) -> torch.Tensor:
            return torch.full((len(texts),), torch.nan)

        def shows(self, features: ImageFeatures, facts: Sequence[Sequence[Fact]]) -> list[list[float]]:
            return [[math.nan] * len(each) for each in facts]

    fields = {field.name: getattr(models[captioner], field.name) for field in dataclasses.fields(Captioner)}
    with pytest.raises(RowError, match="gave answers that are no numbers"):
        run(pictures, {captioner: Lost(**fields)})


def test_many_facts_are_asked_in_parts(
    run: Run, pictures: list[Picture], verdicts: list[Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge_module, "ASKS_AT_ONCE", 2)
    again = run(pictures)
    for one, other in zip(again, verdicts, strict=True):
        expected = [answer.probability for answer in other.answers]
        assert [answer.probability for answer in one.answers] == pytest.approx(expected, abs=1e-5)


def test_a_fact_of_any_length_is_answered(
    run: Run, pictures: list[Picture], make_plan: Callable[..., Plan]
) -> None:
    """A Plan that was cut off has the whole prompt as its one fact."""
    prompt = "a red boat " * 300
    plan = dataclasses.replace(make_plan(prompt), facts=(Fact(kind="other", text=prompt),))
    (verdict,) = run([dataclasses.replace(pictures[0], plan=plan)])
    assert 0 <= verdict.answers[0].probability <= 1


def test_the_workspace_grows_with_pictures_and_facts(stage: JudgeStage, pictures: list[Picture]) -> None:
    without, with_nine = pictures[0], pictures[3]
    sizes = [stage.workspace([without] * count) for count in (1, 2, 3)]
    one = sizes[1] - sizes[0]
    assert sizes[2] - sizes[1] == one > 0 and sizes[0] > one  # no picture is looked at, too
    assert stage.workspace([with_nine]) > 3 * one
    assert stage.workspace([with_nine, without]) > stage.workspace([with_nine])
    most = [stage.workspace([with_nine] * count) for count in (8, 9, 10)]
    assert most[2] - most[1] == most[1] - most[0] < one  # no more facts are asked at once
