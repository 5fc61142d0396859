"""Plans of a planner that was trained on a user's pictures: it knows words, and nobody knows what they mean."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from diptych.engine.errors import RowError
from diptych.engine.language.closed_vocabulary.known_words import known_in
from diptych.engine.models.checkpoint.folder import folder_of
from diptych.engine.stage import ModelKey, Models, RunContext
from diptych.engine.stages.planning.plan import PlanStage
from diptych.engine.stages.planning.words_plan import read_plan
from diptych.engine.values import Plan, Request

WORDS = frozenset(["a", "at", "boat", "cat", "house", "in", "on", "red", "sunset", "the", "night"])


def read(prompt: str, wording: str, *facts: str) -> Plan:
    written = {"prompt": wording, "facts": [{"kind": "other", "text": fact} for fact in facts]}
    return read_plan(Request(prompt=prompt), known_in(prompt, WORDS), json.dumps(written))


def told(plan: Plan) -> list[tuple[str, bool, str]]:
    return [(fact.text, fact.asked, str(fact.span or "")) for fact in plan.facts]


def test_facts_are_asked_where_the_prompt_has_all_their_words() -> None:
    plan = read(
        "at sunset a red boat", "a red boat, at sunset, on the sea", "a red boat", "at sunset", "the sea"
    )
    assert told(plan) == [
        ("a red boat", True, "red"),
        ("at sunset", True, "sunset"),
        ("the sea", False, ""),
    ]
    assert plan.prompt == "a red boat, at sunset, on the sea" and not plan.left_out


def test_what_the_plan_lost_is_asked_for_clause_by_clause() -> None:
    plan = read("a boat, at night, wearing a hat", "a red house, at night", "a red house", "at night")
    assert told(plan) == [("a boat", True, "a boat"), ("a red house", False, ""), ("at night", True, "night")]
    assert [span.text for span in plan.left_out] == ["wearing", "hat"]


def test_of_a_plan_that_was_cut_off_what_was_asked_stays() -> None:
    prompt = "a boat on mars"
    plan = read_plan(Request(prompt=prompt), known_in(prompt, WORDS), '{"prompt":"a bo')
    assert (plan.prompt, told(plan)) == ("a boat", [("a boat", True, "a boat")])
    assert [span.text for span in plan.left_out] == ["mars"]


@pytest.fixture
def words_planner(tmp_path: Path, planner: ModelKey) -> ModelKey:
    """The pocket planner, of whose words nobody knows what they mean."""

    folder = tmp_path / "planner"
    shutil.copytree(folder_of(planner.checkpoint), folder)
    (folder / "vocabulary.json").unlink()
    (folder / "words.json").write_text(json.dumps({"words": sorted(WORDS)}))
    return dataclasses.replace(planner, checkpoint=str(folder))


def test_a_planner_of_words_alone_writes_plans_and_quotes_nothing(
    load: Callable[..., Models], words_planner: ModelKey
) -> None:
    models, stage = load(words_planner), PlanStage(model=words_planner)
    prompts = ["a red boat at sunset", "a cat wearing a hat"]
    requests = [Request(prompt=prompt, seed=i) for i, prompt in enumerate(prompts)]
    boat, cat = stage.run(requests, models, RunContext())
    additions = [fact for fact in (*boat.facts, *cat.facts) if not fact.asked]
    assert additions  # else the Plans were not read
    assert "a red boat" in [fact.text for fact in boat.asked] and not boat.left_out
    assert [span.text for span in cat.left_out] == ["wearing", "hat"]
    (alone,) = stage.run(requests[1:], models, RunContext())
    assert alone == cat
    with pytest.raises(RowError, match="'xyzzy' has no word that the planner knows: it knows words such as"):
        stage.run([Request(prompt="xyzzy")], models, RunContext())
