"""Request to Plan: whatever is asked, what comes out is a Plan, or a reason in one line."""

from collections.abc import Callable, Sequence
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.errors import CheckpointError, RowError
from diptych.engine.models.language.decoding.native import NativeDecoding
from diptych.engine.stage import ModelKey, Models, RunContext
from diptych.engine.stages.planning.plan import PlanStage
from diptych.engine.values import FactKind, Plan, Request

PROMPTS = [
    "a red boat at sunset",
    "cat",
    "two things: a small blue car on the left, and a tall green tree!",
    "A BIG PURPLE CASTLE IN THE SNOW",
    "une house rouge, s'il vous plaît 🏠",
]

Run = Callable[..., list[Plan]]


def held_by(decoding: Any) -> int:
    """Bytes of the keys and values of a decoding."""
    if isinstance(decoding, NativeDecoding):
        return decoding._keys.nbytes + decoding._values.nbytes
    return decoding._cache.nbytes


@pytest.fixture(scope="module")
def models(load: Callable[..., Models], planner: ModelKey) -> Models:
    return load(planner)


@pytest.fixture(scope="module")
def run(models: Models, planner: ModelKey) -> Run:
    def run(requests: Sequence[Request], **options: Any) -> list[Plan]:
        return PlanStage(model=planner, **options).run(requests, models, RunContext())

    return run


def requests_of(prompts: Sequence[str], *, seed: int = 0, candidate: int = 0) -> list[Request]:
    return [Request(prompt=prompt, seed=seed + i, candidate=candidate) for i, prompt in enumerate(prompts)]


def check(plan: Plan, request: Request) -> None:
    assert plan.request is request
    assert plan.prompt and plan.facts
    assert len(set(plan.facts)) == len(plan.facts) <= 24
    for fact in plan.facts:
        assert fact.kind in get_args(FactKind) and fact.text


def test_a_plan_says_what_to_draw_and_what_to_check(run: Run) -> None:
    requests = requests_of(PROMPTS)
    plans = run(requests)
    for plan, request in zip(plans, requests, strict=True):
        check(plan, request)
    assert not any(plan.prompt == plan.request.prompt for plan in plans)


@settings(max_examples=8, deadline=None)
@given(
    extra=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12),
    seed=st.integers(0, 2**63 - 1),
)
def test_a_plan_always_parses(run: Run, extra: str, seed: int) -> None:
    request = Request(prompt=f"boat {extra}", seed=seed)
    check(run([request])[0], request)


@pytest.mark.parametrize(
    "prompt", ['boat "}]}', "boat </s> <plan>", '{"prompt":" boat', "boat\n\n\\ ", "boat <image>"]
)
def test_markup_in_a_prompt_does_no_harm(run: Run, prompt: str) -> None:
    request = Request(prompt=prompt)
    check(run([request])[0], request)


def test_a_row_is_the_same_alone_in_a_batch_and_again(run: Run) -> None:
    requests = requests_of(PROMPTS)
    together = run(requests)
    assert run(requests) == together
    assert [run([request])[0] for request in requests] == together
    assert run(requests[::-1])[::-1] == together
    wordy = Request(prompt="a boat " * 30, seed=9)  # of another length than the others
    assert run([wordy, requests[1]])[1] == together[1]


def test_what_the_prompt_leaves_open_depends_on_the_seed_and_the_candidate(run: Run) -> None:
    plain = run([Request(prompt="a cat", seed=seed) for seed in range(6)])
    other = run([Request(prompt="a cat", seed=seed, candidate=1) for seed in range(6)])
    assert len({(plan.prompt, plan.facts) for plan in plain}) > 1
    assert [plan.prompt for plan in plain] != [plan.prompt for plan in other]


def test_without_temperature_the_seed_is_of_no_account(run: Run) -> None:
    plans = run([Request(prompt="a cat", seed=seed) for seed in range(3)], temperature=0)
    assert len({(plan.prompt, plan.facts) for plan in plans}) == 1


@pytest.mark.parametrize("prompt", ["xyzzy qwrtp", "!!!", "boats-and-cats"])
def test_a_prompt_of_unknown_words_is_refused(run: Run, prompt: str) -> None:
    with pytest.raises(RowError, match=r"names nothing that this planner knows\. Things: cat, ") as caught:
        run(requests_of(["a boat", prompt, "a cat"]))
    assert caught.value.index == 1
    assert repr(prompt) in str(caught.value) and "\n" not in str(caught.value)


def test_a_refusal_names_the_nearest_thing_and_where_all_words_are_listed(run: Run) -> None:
    with pytest.raises(RowError) as caught:
        run(requests_of(["a lamb"]))
    for part in (
        "('lamb': did you mean 'lamp'?)",
        "colours: red, ",
        "settings: ",
        "styles: ",
        "prompts --words",
    ):
        assert part in str(caught.value)


def test_a_refusal_says_which_languages_are_read_and_takes_no_word_of_grammar_for_a_slip(run: Run) -> None:
    with pytest.raises(RowError, match=r"knows \('天気': it reads en\)\. Things: cat, "):
        run(requests_of(["天気"]))
    with pytest.raises(RowError, match=r"knows\. Things: cat, "):
        run(requests_of(["love and peace"]))  # no 'glove', no 'wand'


def test_known_words_are_known_in_any_case_and_beside_any_mark(run: Run) -> None:
    for prompt in ("BOAT!", "'boat'", "(boat),"):
        run(requests_of([prompt]), max_tokens=1)


def test_the_workspace_grows_with_the_rows_and_holds_the_cache(models: Models, planner: ModelKey) -> None:
    stage = PlanStage(model=planner)
    rows = requests_of(PROMPTS)
    one, two, five = (stage.workspace(rows[:count]) for count in (1, 2, 5))
    decoding = models[planner].begin([[1, 5]], prompt_tokens=80, new_tokens=112)
    assert five - one == 4 * (two - one) and two - one > held_by(decoding)


def test_a_folder_that_is_no_language_model_is_refused_before_it_is_loaded() -> None:
    stage = PlanStage(model=ModelKey("causal-lm", "pocket/tokenizer"))
    with pytest.raises(CheckpointError, match="says nothing of num_attention_heads"):
        stage.workspace(requests_of(["a boat"]))
