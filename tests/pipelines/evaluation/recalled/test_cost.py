from diptych.pipelines.evaluation.recalled import cost
from diptych.pipelines.evaluation.recalled.languages import plans_of
from diptych.pipelines.text_to_image import TextToImage


def test_both_recipes_know_the_prompts_that_they_are_compared_on() -> None:
    asked = cost.prompts(12)
    assert len(asked) == 12
    for name in cost.RECIPES:
        plans = plans_of(TextToImage.from_recipe(name), asked)
        assert all(plan is not None and not plan.left_out for plan in plans), name


def test_both_recipes_are_timed_by_turns() -> None:
    took = cost.timed(cost.prompts(2))
    assert {*took} == {"pocket", "atlas"} and all(len(each) == 2 and min(each) > 0 for each in took.values())
