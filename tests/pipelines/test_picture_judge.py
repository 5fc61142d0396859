"""Captions and scores of pictures from outside, and the files they come in."""

from typing import Any

import PIL.Image
import pytest

from diptych import Fact, InputError, PictureJudge, TextToImage
from diptych.engine.errors import DiptychError
from diptych.engine.memory import DeviceMemory
from diptych.engine.values import Failure
from diptych.pipelines import picture_judge
from diptych.pipelines.picture_judge import Judged
from diptych.pipelines.pocket.world.drawing.picture import render
from diptych.pipelines.pocket.world.scene import Scene, Thing


@pytest.fixture
def judge(judge_stage: Any, fake_memory: DeviceMemory) -> PictureJudge:
    return PictureJudge(judge_stage, fake_memory)


def test_a_picture_is_captioned_and_scored(judge: PictureJudge) -> None:
    grey = PIL.Image.new("L", (20, 10), 51)
    assert judge.caption(grey) == "a picture of grey 51"
    verdict = judge.score(grey, "something grey", facts=(Fact(kind="thing", text="grey"),))
    assert verdict.score == pytest.approx(0.2)
    assert [answer.fact.text for answer in verdict.answers] == ["grey"]
    assert judge.memory.leased == frozenset()


def grey(level: int) -> PIL.Image.Image:
    return PIL.Image.new("L", (20, 10), level)


def test_what_the_planner_reads_in_the_prompt_is_asked_and_what_it_adds_is_not(reader: PictureJudge) -> None:
    (result,) = reader.judged([(grey(51), "boat flying")])
    assert isinstance(result, Judged)
    assert [(answer.fact.text, answer.fact.asked) for answer in result.verdict.answers] == [("boat", True)]
    assert [span.text for span in result.plan.left_out] == ["flying"]
    assert reader.score(grey(51), "boat flying") == result.verdict


def test_facts_that_are_given_are_asked_in_place_of_the_planners(
    reader: PictureJudge, reads: list[str]
) -> None:
    verdict = reader.score(grey(51), "boat", facts=(Fact(kind="thing", text="a cat"),))
    assert [answer.fact.text for answer in verdict.answers] == ["a cat"]
    assert reads == []


def test_many_pictures_are_judged_in_order_and_each_prompt_is_read_once(
    reader: PictureJudge, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_judge, "WAVE", 4)
    pairs = [(grey(level), ("boat", "cat")[level % 2]) for level in range(10)]
    verdicts = reader.scores(pairs)
    assert [verdict.caption for verdict in verdicts] == [f"a picture of grey {level}" for level in range(10)]
    assert reads == ["boat", "cat"]


def test_pictures_are_opened_a_wave_at_a_time(reader: PictureJudge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_judge, "WAVE_PIXELS", 600)  # three of them
    opened: list[int] = []

    def pairs() -> Any:
        for level in range(8):
            opened.append(level)
            yield grey(level), "boat"

    results = reader.judged(pairs())
    next(results)
    assert opened == [0, 1, 2]
    assert len(list(results)) == 7


def test_a_prompt_that_cannot_be_read_fails_alone(reader: PictureJudge) -> None:
    pairs = [(grey(1), "boat"), (grey(2), "gibberish"), (grey(3), "cat")]
    first, failure, last = reader.judged(pairs)
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.reason) == ("plan", "knows no word of it")
    assert isinstance(first, Judged) and isinstance(last, Judged)
    assert last.verdict.caption == "a picture of grey 3"
    with pytest.raises(DiptychError, match="plan: knows no word of it"):
        reader.scores(pairs)


def test_without_a_planner_the_phrases_of_the_prompt_are_asked(judge: PictureJudge) -> None:
    verdict = judge.score(grey(51), "a cat, a red house")
    assert [answer.fact.text for answer in verdict.answers] == ["a cat", "a red house"]


def test_captions_of_many_pictures_come_in_order(judge: PictureJudge) -> None:
    assert list(judge.captions(grey(level) for level in (7, 3))) == [
        "a picture of grey 7",
        "a picture of grey 3",
    ]


def test_an_empty_prompt_is_refused(judge: PictureJudge) -> None:
    with pytest.raises(InputError, match="empty"):
        judge.score(PIL.Image.new("RGB", (8, 8)), " ")


def red_boat() -> PIL.Image.Image:
    """As the world draws it, at sunset."""
    boat = Thing(kind="boat", colour="red", place="middle")
    return render(Scene(things=(boat,), setting="sunset", style="flat")).image


def test_pocket_scores_what_is_asked_and_says_what_it_cannot_judge(pocket_pipe: TextToImage) -> None:
    picture = red_boat()
    judge = PictureJudge.of_chain(pocket_pipe.runner.chain, pocket_pipe.runner.memory)
    prompts = ["a red boat at sunset", "a red boat", "boat", "a blue boat", "a red car", "a red boat on a lake"]
    results = judge.judged((picture, prompt) for prompt in prompts)
    judged = [result for result in results if isinstance(result, Judged)]
    assert [result.verdict.score >= 0.5 for result in judged] == [True, True, True, False, False, True]
    assert [bool(result.plan.left_out) for result in judged] == [False] * 5 + [True]
    assert all(answer.fact.asked for result in judged for answer in result.verdict.answers)


def test_a_judge_of_a_recipe_tells_the_likelihood_where_that_is_wished_for() -> None:
    likelier, unlikelier = PictureJudge.from_recipe("pocket", device="cpu", likelihood=True).scores(
        [(red_boat(), "a red boat"), (red_boat(), "a green cactus")]
    )
    assert likelier.likelihood is not None and unlikelier.likelihood is not None
    assert likelier.likelihood > 0 > unlikelier.likelihood
