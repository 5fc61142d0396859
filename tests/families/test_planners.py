"""Planners of several architectures, from their folders: against the library's `generate`, and as a stage."""

import contextlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from diptych.engine.ar.decoding import decode_greedy
from diptych.engine.errors import CheckpointError, InputError
from diptych.engine.models.language.causal_lm import LanguageModel, decoder_config
from diptych.engine.models.language.decoding.lean_layers import is_lean
from diptych.engine.models.registry import Registry
from diptych.engine.stage import ModelKey, NoProgress, RunContext
from diptych.engine.stages.planning import chat_plan, quoted_plan
from diptych.engine.stages.planning.plan import PlanStage
from diptych.engine.stages.planning.quoted_plan import reasons_against, users_own
from diptych.engine.values import FactKind, Plan, Request

from .planner_twins import PLANNERS, gpt2, mistral, qwen3, thinker

PROMPTS = ["a red boat at sunset", "cat", "two blue birds above a house, in the snow", "une maison 🏠", "a {b}"]
AWKWARD = [
    'a sign that says "go \\ home"',
    "two lines\n\nand a\ttab",
    "l'été à la plage, cafe\u0301, 0.5 miles",
    "👩\u200d🚀 on 🌙 with a 🏠",
    "一只红色的船、日落",
    "the cat the cat the cat and cats",
    '</s><|im_end|>"}]} [INST] a boat',
    "masterpiece, best quality",
]
SYSTEM = "You plan pictures. Answer with one JSON object."
TOKENS = 24

Twin = Callable[[Callable[[Path], None]], Path]


def key_of(folder: Path) -> ModelKey:
    return ModelKey("causal-lm", str(folder))


@pytest.fixture(scope="module")
def load(twin: Twin) -> Callable[[str], LanguageModel]:
    registry = Registry()
    return lambda name: registry.load(key_of(twin(PLANNERS[name])), "cpu")


@pytest.mark.parametrize("name", PLANNERS)
def test_greedy_decoding_is_what_generate_gives(load: Callable[[str], LanguageModel], name: str) -> None:
    planner = load(name)
    rows = [planner.prompt_ids(SYSTEM, prompt) for prompt in PROMPTS]
    decoding = planner.begin(rows, prompt_tokens=400, new_tokens=TOKENS)
    ours = decode_greedy(decoding, count=TOKENS, stop=planner.stop)
    for row, written in zip(rows, ours, strict=True):
        ids = torch.tensor([row])
        model: Any = planner.model
        theirs = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=TOKENS,
            do_sample=False,
            eos_token_id=planner.stop,
            pad_token_id=planner.stop,
        )[0, len(row) :].tolist()
        assert written == [token for token in theirs if token != planner.stop]
    assert len({tuple(written) for written in ours}) > 1


def test_known_architectures_run_lean_and_others_by_the_library(load: Callable[[str], LanguageModel]) -> None:
    lean = {name for name in PLANNERS if is_lean(load(name).model)}
    assert lean == {"qwen3", "thinker", "llama3", "smollm", "mistral", "gemma3"}


def plan_with(twin: Twin, name: str, prompts: Sequence[str], **settings: Any) -> list[Plan]:
    key = key_of(twin(PLANNERS[name]))
    stage = PlanStage(model=key, prompt_tokens=640, **settings)
    requests = [Request(prompt=prompt, seed=7 + i) for i, prompt in enumerate(prompts)]
    return stage.run(requests, {key: Registry().load(key, "cpu")}, RunContext())


def check(plan: Plan) -> None:
    """Whatever the model would like to write: what is asked stands in the prompt, and what is left out does."""
    prompt = plan.request.prompt
    assert plan.prompt and (plan.asked or plan.left_out)
    for fact in plan.facts:
        assert fact.kind in get_args(FactKind) and fact.text
        assert (fact.span is not None) == fact.asked
    for span in (*(fact.span for fact in plan.asked if fact.span), *plan.left_out):
        assert prompt[span.start : span.end] == span.text and span.text


@pytest.mark.parametrize("name", PLANNERS)
def test_what_a_planner_writes_is_a_plan_and_does_not_depend_on_its_neighbours(twin: Twin, name: str) -> None:
    plans = plan_with(twin, name, PROMPTS, max_tokens=160, temperature=0.5)
    for plan in plans:
        check(plan)
    alone = plan_with(twin, name, PROMPTS[:1], max_tokens=160, temperature=0.5)
    assert (alone[0].prompt, alone[0].facts) == (plans[0].prompt, plans[0].facts)


@pytest.mark.parametrize("name", ["qwen3", "mistral", "gpt2"])
def test_quotes_are_words_of_the_prompt_whatever_stands_there(
    twin: Twin, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[str, str]] = []
    read_plan = quoted_plan.read_plan

    def listening(request: Request, text: str, *, must_agree: bool) -> Plan:
        written.append((request.prompt, text))
        return read_plan(request, text, must_agree=must_agree)

    monkeypatch.setattr(chat_plan, "read_plan", listening)
    for temperature in (0.7, 1.5):
        settings: dict[str, Any] = {"max_tokens": 200, "temperature": temperature, "must_agree": False}
        for plan in plan_with(twin, name, [*PROMPTS, *AWKWARD], **settings):
            check(plan)
    quotes: list[str] = []
    for prompt, text in written:
        with contextlib.suppress(json.JSONDecodeError):  # some are cut off
            quotes += [fact["quote"] for fact in json.loads(text)["facts"]]
            assert all(fact["quote"] in prompt for fact in json.loads(text)["facts"])
    assert any(quotes), "a random planner quotes something"


def test_plans_that_were_made_again_say_what_their_prompts_say(twin: Twin) -> None:
    """A planner that writes at random agrees with nobody: in the end the user's words are the plan."""
    plans = plan_with(twin, "qwen3", [*PROMPTS, *AWKWARD], max_tokens=120, temperature=0.7)
    for plan in plans:
        check(plan)
        assert reasons_against(plan) == [] and plan.left_out == ()


def test_a_template_without_a_system_message_gets_it_with_the_users(
    load: Callable[[str], LanguageModel],
) -> None:
    for name in ("mistral", "gemma2", "gpt2"):
        planner = load(name)
        read = planner.decode(planner.prompt_ids(SYSTEM, "a red boat"))
        assert f"{SYSTEM}\n\na red boat" in read
    assert load("mistral").prompt_ids(SYSTEM, "x").count(1) == 1  # <s> once


def test_a_template_that_writes_the_date_writes_the_same_every_day(
    load: Callable[[str], LanguageModel],
) -> None:
    planner = load("llama3")
    assert "Today Date: 26 Jul 2024" in planner.decode(planner.prompt_ids(SYSTEM, "a boat"))


def test_a_model_that_thinks_is_told_not_to(load: Callable[[str], LanguageModel]) -> None:
    for name in ("qwen3", "thinker"):
        planner = load(name)
        silent, aloud = (
            planner.decode(planner.prompt_ids(SYSTEM, "a boat", thinking=each)) for each in (False, True)
        )
        assert silent.endswith("</think>\n\n") and silent.count("<think>") == 1
        assert aloud.endswith("<think>\n")


class Counting(NoProgress):
    """Counts steps."""

    steps = 0

    def step(self, i: int, n: int, /) -> None:
        self.steps = i

    def view(self, what: str, i: int, make: Callable[[], Iterable[Any]], /) -> None:
        return None


@pytest.mark.parametrize("name", ["qwen3", "thinker"])
def test_reasoning_is_dropped_and_ends_at_its_cap(twin: Twin, name: str) -> None:
    key = key_of(twin(PLANNERS[name]))
    planner: LanguageModel = Registry().load(key, "cpu")
    requests = [Request(prompt=prompt, seed=i) for i, prompt in enumerate(PROMPTS)]
    for cap in (1, 20):
        counting = Counting()
        stage = PlanStage(
            model=key,
            prompt_tokens=512,
            max_tokens=200,
            thinking_tokens=cap,
            temperature=0.5,
            must_agree=False,
        )
        models: dict[ModelKey, Any] = {key: planner}
        plans = stage.run(requests, models, RunContext(counting))
        assert counting.steps <= cap + 3 + 200
        written = [plan for plan in plans if plan != users_own(plan.request)]
        assert written, "a random planner ends some of its plans"
        assert not any("</think>" in plan.prompt for plan in written)


def test_thinking_is_refused_where_the_model_has_no_marks_for_it(twin: Twin) -> None:
    with pytest.raises(InputError, match="does not think aloud: take thinking_tokens out of the recipe"):
        plan_with(twin, "mistral", ["a boat"], thinking_tokens=8)
    with pytest.raises(InputError, match="thinking_tokens = -1"):
        PlanStage(model=key_of(twin(mistral)), thinking_tokens=-1)


def test_the_workspace_is_read_from_any_config(twin: Twin) -> None:
    assert decoder_config(str(twin(gpt2)))["hidden_size"] == 32  # which calls it n_embd
    request = Request(prompt="a boat")
    for make in (gpt2, qwen3, thinker):
        plain, thinking = (
            PlanStage(model=key_of(twin(make)), prompt_tokens=80, thinking_tokens=n).workspace([request])
            for n in (0, 64)
        )
        assert 0 < plain < thinking


def test_half_precision_takes_half_the_cache(twin: Twin) -> None:
    request, checkpoint = Request(prompt="a boat"), str(twin(qwen3))
    stages = [
        PlanStage(model=ModelKey("causal-lm", checkpoint, dtype), max_tokens=4000)
        for dtype in ("float32", "bfloat16")
    ]
    full, half = (each.workspace([request] * 2) - each.workspace([request]) for each in stages)  # of a row
    assert 1.8 < full / half <= 2


def test_a_chat_template_that_fails_is_named(load: Callable[[str], LanguageModel]) -> None:
    planner = load("smollm")
    kept = planner.tokenizer.chat_template
    planner.tokenizer.chat_template = "{{ raise_exception('no roles at all') }}"
    try:
        with pytest.raises(CheckpointError, match="chat template cannot be carried out: no roles at all"):
            planner.prompt_ids(SYSTEM, "a boat")
    finally:
        planner.tokenizer.chat_template = kept
