"""Plans of the pocket planner: what was asked is in them, what is added is usual, the rest is named."""

from collections.abc import Callable, Sequence

import pytest

from diptych.engine.errors import RowError
from diptych.engine.stage import ModelKey, Models, RunContext
from diptych.engine.stages.planning.plan import PlanStage
from diptych.engine.values import Plan, Request
from diptych.engine.values.start import Start, Wording

Plans = Callable[..., list[Plan]]


@pytest.fixture(scope="module")
def plans(load: Callable[..., Models], planner: ModelKey) -> Plans:
    models, stage = load(planner), PlanStage(model=planner, temperature=1.0)

    def make(
        prompts: Sequence[str], *, seed: int = 0, shows: str = "", batch_invariant: bool = False
    ) -> list[Plan]:
        start = Start(wording=Wording(prompt="?"), shows=shows) if shows else None
        requests = [Request(prompt=each, seed=seed + i, start=start) for i, each in enumerate(prompts)]
        return stage.run(requests, models, RunContext(batch_invariant=batch_invariant))

    return make


PROMPTS = [
    "a cat next to a red house",
    "apples",
    "a boat at sea",
    "a bird, a fish and a snail at night",
    "two cats",
]


def test_a_plan_says_what_was_asked_whatever_is_drawn_by_lot(plans: Plans) -> None:
    for seed in range(5):
        for plan in plans(PROMPTS, seed=100 * seed):
            assert all(
                fact.span and plan.request.prompt[fact.span.start : fact.span.end] for fact in plan.asked
            )
            assert plan.asked and not plan.left_out
            things = [fact.text.split(" ", 1)[1] for fact in plan.asked if fact.kind == "thing"]
            assert all(thing in plan.prompt for thing in things)
    (plan,) = plans(["a cat next to a red house"])
    assert [fact.text for fact in plan.asked] == ["a cat", "a house", "a red house"]
    assert "red house" in plan.prompt and "red cat" not in plan.prompt


def test_a_row_is_planned_the_same_alone_and_in_a_batch(plans: Plans) -> None:
    together = plans(PROMPTS, seed=5)
    alone = [plans([prompt], seed=5 + i)[0] for i, prompt in enumerate(PROMPTS)]
    assert [plan.prompt for plan in together] == [plan.prompt for plan in alone]
    fixed = plans(PROMPTS, seed=5, batch_invariant=True)
    assert [plan.prompt for plan in fixed] == [plan.prompt for plan in together]


def test_a_full_prompt_is_its_own_plan(plans: Plans) -> None:
    full = "a small red boat on the left, at sunset, in ink"
    (plan,) = plans([full])
    assert plan.prompt == full
    assert [fact.text for fact in plan.facts if not fact.asked] == ["one thing"]


@pytest.mark.parametrize("prompt", ["a dog in a park", "portrait of a woman", "一只狗", "un chien"])
def test_a_prompt_that_names_nothing_known_is_refused_with_what_is_known(plans: Plans, prompt: str) -> None:
    with pytest.raises(
        RowError, match=r"Things: cat, .*colours: red, .*settings: in a meadow, .*styles: "
    ) as caught:
        plans(["a cat", prompt])
    assert caught.value.index == 1 and "\n" not in str(caught.value)


def test_a_place_without_a_thing_gets_one_that_is_usual_there(plans: Plans) -> None:
    underwater, sunset = plans(["deep in the ocean", "sunset"])
    assert "fish" in underwater.prompt and "under water" in underwater.prompt
    assert "tree" in sunset.prompt and [fact.text for fact in sunset.asked] == ["at sunset"]


def test_a_place_never_gets_a_thing_that_was_denied(plans: Plans) -> None:
    for prompt, never in (
        ("a meadow without cats", "cat"),
        ("a beach without turtles", "turtle"),
        ("no trees, snow", "tree"),
    ):
        (plan,) = plans([prompt])
        assert never not in plan.prompt


def test_what_the_prompt_leaves_open_is_as_in_the_picture_that_is_started_from(plans: Plans) -> None:
    shows = "a red boat on the left, in the city, in ink"
    (plan,) = plans(["a green boat"], shows=shows)
    assert plan.prompt == "a green boat on the left, in the city, in ink"
    assert [fact.text for fact in plan.asked] == ["a boat", "a green boat"]
    (other,) = plans(["a turtle at night"], shows=shows)
    assert other.prompt.endswith("at night, in ink") and "city" not in other.prompt


def test_a_prompt_of_two_hundred_words_is_read_to_its_end(plans: Plans) -> None:
    (plan,) = plans([f"a red boat, {'very ' * 200} at sunset"])
    assert plan.prompt == "a red boat in the middle, at sunset"


def test_a_wording_that_is_cut_off_is_its_row_s_error(plans: Plans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diptych.engine.stages.planning.vocabulary_plan.WORDING_TOKENS", 5)
    with pytest.raises(RowError, match="longer than its 5 tokens") as caught:
        plans(["a red boat in the middle, at sunset", "a cat"])
    assert caught.value.index == 1
