"""Planning without a planner."""

from diptych.engine.stage import RunContext
from diptych.engine.stages.planning.plan_passthrough import PlanPassthroughStage, facts_of
from diptych.engine.values import Request


def test_the_prompt_is_the_plan_and_its_statements_are_the_facts() -> None:
    stage = PlanPassthroughStage()
    requests = [Request(prompt="a red boat, at sunset; in watercolour. a red boat"), Request(prompt="cat")]
    plans = stage.run(requests, {}, RunContext())
    assert [plan.prompt for plan in plans] == [request.prompt for request in requests]
    assert [fact.text for fact in plans[0].facts] == ["a red boat", "at sunset", "in watercolour"]
    assert [fact.text for fact in plans[1].facts] == ["cat"]
    assert all(plan.left_out == () and plan.asked == plan.facts for plan in plans)
    assert stage.uses == () and stage.workspace(requests) == 0


def test_facts_stand_for_words_of_the_prompt_as_it_was_typed() -> None:
    prompt = "a [dog:cat:0.5] (big red boat:1.4) in BREAK a park, 0.5 miles off, masterpiece"
    facts = facts_of(prompt)
    assert [fact.text for fact in facts] == ["big red boat", "a park", "0.5 miles off"]
    for fact in facts:
        assert fact.asked and fact.span is not None
        assert prompt[fact.span.start : fact.span.end] == fact.span.text == fact.text


def test_a_prompt_that_says_nothing_of_itself_is_one_fact() -> None:
    for prompt in ("masterpiece, best quality", "!!!", " the "):
        (fact,) = facts_of(prompt)
        assert fact.text == prompt.strip() and fact.span is not None and fact.span.text == prompt


def test_every_statement_of_a_long_prompt_is_asked_about() -> None:
    said = [f"thing {i}" for i in range(99)]
    assert [fact.text for fact in facts_of(", ".join(said))] == said


def test_facts_are_short_enough_to_be_asked_about() -> None:
    assert all(len(fact.text) <= 240 for fact in facts_of("word " * 100))
