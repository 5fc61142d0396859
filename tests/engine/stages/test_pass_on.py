"""Planning without a planner."""

from diptych.engine.stage import Silent
from diptych.engine.stages.pass_on import FACTS, PassOnStage, facts_of
from diptych.engine.values import Request


def test_the_prompt_is_the_plan_and_its_phrases_are_the_facts() -> None:
    stage = PassOnStage()
    requests = [Request(prompt="a red boat, at sunset; in watercolour. a red boat"), Request(prompt="cat")]
    plans = stage.run(requests, {}, Silent())
    assert [plan.prompt for plan in plans] == [request.prompt for request in requests]
    assert [fact.text for fact in plans[0].facts] == ["a red boat", "at sunset", "in watercolour"]
    assert [fact.text for fact in plans[1].facts] == ["cat"]
    assert stage.uses == () and stage.workspace(requests) == 0


def test_facts_are_few_and_short_enough_to_be_asked_about() -> None:
    assert len(facts_of(", ".join(f"thing {i}" for i in range(99)))) == FACTS
    assert facts_of("word " * 100) == ()
    assert [fact.text for fact in facts_of("!!! a well-known cat - black -")] == ["a well-known cat", "black -"]
