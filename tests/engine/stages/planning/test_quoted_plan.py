"""What a chat model wrote, as a Plan: what is asked, what is added, what is left out."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.engine.ar.grammar import pieces_of
from diptych.engine.stages.planning.quoted_plan import in_users_words, read_plan, reasons_against, users_own
from diptych.engine.values import Plan, Request

Written = tuple[str, str]  # quote and text of a fact


def read(prompt: str, planned: str, *facts: Written, must_agree: bool = True) -> Plan:
    written = [{"kind": "thing", "quote": quote, "text": text} for quote, text in facts]
    text = json.dumps({"prompt": planned, "facts": written})
    return read_plan(Request(prompt=prompt), text, must_agree=must_agree)


def asked(plan: Plan) -> list[tuple[str, str]]:
    """Texts of the asked facts, with the words that they stand for."""
    return [(fact.text, fact.span.text if fact.span else "") for fact in plan.asked]


def left_out(plan: Plan) -> list[str]:
    return [span.text for span in plan.left_out]


def test_facts_that_quote_are_asked_and_others_are_added() -> None:
    plan = read(
        "a red boat at sea", "a red boat on a calm sea", ("red boat", "a red boat"), ("", "a white gull")
    )
    assert plan.prompt == "a red boat on a calm sea"
    assert asked(plan) == [("a red boat", "red boat")]
    (added,) = [fact for fact in plan.facts if not fact.asked]
    assert added.text == "a white gull" and added.span is None
    assert left_out(plan) == ["sea"]


def test_what_all_words_are_quoted_of_leaves_nothing_out() -> None:
    plan = read(
        "a red boat, masterpiece, at sea", "x", ("red boat", "a red boat"), ("at sea", "the boat is at sea")
    )
    assert left_out(plan) == []


def test_marks_that_no_words_carry_out_are_left_out_though_they_are_quoted() -> None:
    plan = read("a cat [dog:cat:0.5]", "a cat", ("a cat [dog:cat:0.5]", "a cat"))
    assert left_out(plan) == ["[dog:cat:0.5]"]


def test_extra_weights_are_not_left_out_for_they_ask_for_nothing_to_be_seen() -> None:
    assert left_out(read("a cat <lora:ink:1>", "a cat", ("a cat", "a cat"))) == []


@pytest.mark.parametrize(
    ("prompt", "quote", "text", "says"),
    [
        ("a red boat", "red boat", "RED boats", "RED boats"),
        ("a red boat", "red", "a red boat", "a red boat"),  # words around the quote may be said, too
        ("a red boat", "red boat", "a blue boat", "red boat"),
        ("a red boat", "red boat", "a boat", "red boat"),
        ("a red boat", "boat", "a blue boat", "boat"),
        ("a red boat", "boat", "a big boat", "boat"),  # which nobody asked for
        ("a red cat and a dog", "red", "a red dog", "red"),
        ("two cats", "two cats", "three cats", "two cats"),
        ("a cat", "cat", "two cats", "cat"),
        ("a boat", "boat", "no boat", "boat"),
        ("a boat\nat  sea", "boat\nat  sea", "x", "boat at sea"),
        ("a 🏠", "🏠", "a dog", "🏠"),
        ("la plage", "plage", "a beach", "plage"),
        ("a cat on a table", "a cat on a table", "a table on a cat", "a cat on a table"),
        ("a cat on a table", "cat", "a table on a cat", "cat"),
        ("a cat left of a dog", "a cat left of a dog", "a dog left of a cat", "a cat left of a dog"),
        ("a cat left of a dog", "dog", "a dog left of a cat", "dog"),
        ("a cat wearing a hat", "a hat", "a hat wearing a cat", "a hat"),
        ("a cat biting a dog", "a cat biting a dog", "a dog, a cat, biting", "a cat biting a dog"),
        ("a cat under a table", "a cat under a table", "a cat above a table", "a cat under a table"),
        ("a cat on a table", "table", "a cat on a table", "a cat on a table"),
    ],
)
def test_an_asked_fact_says_what_its_quote_says(prompt: str, quote: str, text: str, says: str) -> None:
    plan = read(prompt, prompt, (quote, text))
    assert [fact.text for fact in plan.facts] == [says]
    assert plan.asked == plan.facts


def test_what_is_not_to_be_seen_is_asked_with_the_word_that_says_so() -> None:
    plan = read(
        "a beach without any people", "a beach", ("people", "people on the beach"), ("beach", "a beach")
    )
    assert asked(plan) == [("without any people", "without any people"), ("a beach", "beach")]
    assert left_out(plan) == []


def test_an_added_fact_that_contradicts_the_prompt_is_dropped() -> None:
    plan = read(
        "a red boat, no people", "x", ("red boat", "a red boat"), ("", "the boat is blue"), ("", "a blue boat")
    )
    assert plan.facts == plan.asked
    plan = read("a boat without people", "x", ("boat", "a boat"), ("", "people on deck"))
    assert [fact.text for fact in plan.facts] == ["a boat"]


@pytest.mark.parametrize("quote", ["a", "at", "masterpiece", ", ", "a masterpiece,"])
def test_words_that_ask_for_nothing_make_no_asked_fact(quote: str) -> None:
    plan = read("a masterpiece, a boat at sea", "x", (quote, "a dragon"), ("boat at sea", "a boat at sea"))
    assert asked(plan) == [("a boat at sea", "boat at sea")]


def test_a_quote_stands_for_the_next_place_where_it_is_said() -> None:
    prompt = "a cat, a category, and a cat"
    plan = read(prompt, prompt, ("cat", "a cat"), ("category", "a category"), ("cat", "cats"))
    starts = [fact.span.start for fact in plan.asked if fact.span]
    assert starts == [2, 9, 25] and left_out(plan) == []


def test_equal_claims_are_one_fact_and_both_their_quotes_count() -> None:
    plan = read("a cat and a cat", "a cat and a cat", ("", "a cat"), ("cat", "a cat"), ("cat", "a cat"))
    assert asked(plan) == [("a cat", "cat")] and len(plan.facts) == 1
    assert left_out(plan) == []


def test_what_is_named_again_is_not_left_out() -> None:
    plan = read("a red boat; the boat is big", "x", ("a red boat", "a red boat"), ("big", "big"))
    assert left_out(plan) == []
    assert left_out(read("a red boat, a blue boat", "x", ("a red boat", "a red boat"))) == ["blue boat"]


@pytest.mark.parametrize(
    ("prompt", "quotes", "missing"),
    [
        ("a cat on a table", ["a cat", "a table"], ["on"]),
        ("a cat sitting on the big table", ["a cat sitting", "the big table"], ["on"]),
        ("a cat in a box on a table", ["a cat in a box", "table"], ["on"]),
        ("a cat in a box on a table", ["cat", "box", "on a table"], ["in"]),
        ("a cat under a table", ["a cat", "a table"], ["under"]),
        ("a cat behind a dog", ["a cat", "a dog"], ["behind"]),
        ("un chat sur une table", ["chat", "table"], ["sur"]),
        ("two cats on chairs", ["two cats", "chairs"], ["on"]),
        ("a cat on a table", ["a cat", "on a table"], []),
        ("a cat on a table", ["a cat on a table"], []),
        ("a cat on a table", ["a cat"], ["table"]),
        ("a cat with a dog and a bird near a cow", ["a cat", "a dog", "a bird", "a cow"], []),
        ("a cat next to a dog beside a cow", ["a cat", "a dog", "a cow"], []),
        ("a cat in watercolour, on a table", ["a cat", "watercolour", "a table"], []),
        ("a cat in the rain on a sunny day", ["a cat", "the rain", "a sunny day"], []),
        ("a cat in the style of Monet", ["a cat", "Monet"], []),
        ("put a cat on the left", ["cat", "left"], []),
        ("1,000 cats and a 🏠", ["1,000 cats", "a 🏠"], []),
    ],
)
def test_what_says_where_a_thing_is_must_be_quoted_with_it(
    prompt: str, quotes: list[str], missing: list[str]
) -> None:
    plan = read(prompt, prompt, *((quote, quote) for quote in quotes))
    assert left_out(plan) == missing
    mended = in_users_words(plan)
    assert left_out(mended) == [] and (not missing or asked(mended)[-1][0] == prompt)


def test_of_words_without_blanks_the_rest_is_left_out() -> None:
    plan = read("一只红色的船在日落", "一只红色的船", ("红色的船", "红色的船"))
    assert left_out(plan) == ["日落"]
    plan = read("一只红色的船在日落", "x", ("红色的船", "红色的船"), ("日落", "日落"))
    assert left_out(plan) == []


@pytest.mark.parametrize("text", ["", '{"prompt":"a big', '{"prompt":" ","facts":[]}'])
def test_a_plan_that_was_cut_off_is_the_users_own_words(text: str) -> None:
    request = Request(prompt="a red boat,\nat sea")
    plan = read_plan(request, text)
    assert plan == users_own(request)
    (fact,) = plan.asked
    assert fact.text == "a red boat, at sea" and fact.span is not None and fact.span.text == request.prompt
    assert plan.prompt == request.prompt and plan.left_out == () and reasons_against(plan) == []


def test_a_prompt_that_has_nothing_to_quote_is_asked_for_as_it_is() -> None:
    assert read("!!!", "a cat", ("", "a cat")) == users_own(Request(prompt="!!!"))


def test_plans_that_are_none_of_their_prompts_are_told() -> None:
    assert reasons_against(read("a red boat", "a red boat at sea", ("red boat", "x"))) == []
    assert reasons_against(read("a red boat", "a boat", ("red boat", "x"))) == ["the plan does not say 'red'"]
    assert reasons_against(read("a red boat", "a red boat")) == ["the plan quotes nothing of the prompt"]


def test_a_plan_in_the_users_words_asks_for_all_of_them_and_adds_nothing() -> None:
    plan = in_users_words(read("a red boat, at sea", "a blue boat", ("red boat", "x"), ("", "a gull")))
    assert plan.prompt == "a red boat, at sea"
    assert asked(plan) == [("red boat", "red boat"), ("at sea", "at sea")] and plan.facts == plan.asked
    assert plan.left_out == () and reasons_against(plan) == []
    assert in_users_words(read("a boat", "a cat")) == users_own(Request(prompt="a boat"))


def test_an_instruction_is_written_down_as_it_is() -> None:
    plan = read(
        "a red boat. make it blue", "a blue boat", ("boat", "a blue boat"), ("", "no sun"), must_agree=False
    )
    assert [(fact.text, fact.asked) for fact in plan.facts] == [("a blue boat", True), ("no sun", False)]


SAMPLES = [
    "a red boat, the boat at sea",
    "no 🏠 (x:1.2) un été",
    "一只猫 and a cat, cat",
    '"a"\n\n\\ b',
    "<lora:x:1> 0.5",
]
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)


@given(
    prompt=st.sampled_from(SAMPLES) | texts.filter(lambda text: bool(text.strip())), seed=st.integers(0, 10**6)
)
def test_whatever_is_quoted_spans_are_words_of_the_prompt_and_the_rest_is_left_out(
    prompt: str, seed: int
) -> None:
    rng, pieces = random.Random(seed), pieces_of(prompt)
    facts: list[Written] = []
    for _ in range(rng.randrange(6)):
        start = rng.randrange(len(pieces) + 1)
        quote = "".join(pieces[start : rng.randrange(start, len(pieces) + 1)])
        facts.append((quote, rng.choice(["a dog", "x", quote or "y", prompt])))
    for plan in (read(prompt, "a dog", *facts), in_users_words(read(prompt, "a dog", *facts))):
        spans = [*(fact.span for fact in plan.facts if fact.span), *plan.left_out]
        assert all(prompt[span.start : span.end] == span.text and span.text for span in spans)
        assert all((fact.span is not None) == fact.asked and fact.text for fact in plan.facts)
        assert len({(fact.kind, fact.text.lower()) for fact in plan.facts}) == len(plan.facts)
        assert plan.facts or plan.left_out
