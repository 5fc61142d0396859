"""Which words were left out, and which should have been: what counts, and what counts neither way."""

from diptych.engine.values import Fact, Span
from diptych.pipelines.evaluation.typed_prompts.left_out import WordsSaid, words_said
from diptych.pipelines.evaluation.typed_prompts.prompts import TypedPrompt

CAT = (("thing", "a cat"),)


def spans(prompt: str, *texts: str) -> list[Span]:
    return [Span.of(prompt, prompt.index(text), prompt.index(text) + len(text)) for text in texts]


def said(
    prompt: str,
    *left_out: str,
    cannot: tuple[str, ...] = (),
    either: tuple[str, ...] = (),
    language: str = "en",
) -> WordsSaid:
    typed = TypedPrompt(prompt=prompt, facts=CAT, left_out=cannot, either=either, language=language)
    return words_said(typed, spans(prompt, *left_out))


def test_words_found_wrongly_named_and_missed() -> None:
    words = said("a Cat wearing a funny hat", "wearing", "Cat", cannot=("wearing", "funny", "hat"))
    assert words.found == {"wearing"} and words.wrongly == {"cat"}
    assert words.to_find - words.said == {"funny", "hat"}


def test_function_words_and_praise_count_neither_way_negations_do() -> None:
    prompt = "masterpiece, a cat on the roof without a hat"
    words = said(prompt, "masterpiece", "on the roof", "without", cannot=("on", "roof", "without", "hat"))
    assert words.found == {"roof", "without"} and not words.wrongly
    assert words.to_find == {"roof", "without", "hat"}
    assert "on" in words.cannot  # what was asked is not there, although nobody need name that word


def test_words_that_may_be_either_count_neither_way() -> None:
    words = said("two cats and a hat", "two", "hat", cannot=("hat",), either=("two",))
    assert words.found == {"hat"} == words.to_find and not words.wrongly and words.said == {"two", "hat"}
    assert not said("two cats and a hat", "hat", cannot=("hat",), either=("two",)).wrongly


def test_of_other_tools_marks_those_words_count_that_are_to_be_left_out() -> None:
    prompt = "a cat <lora:ink:0.8> --no trees"
    words = said(prompt, "<lora:ink:0.8>", "--no trees", cannot=("no", "trees"), either=("lora",))
    assert words.found == {"no", "trees"} == words.to_find and not words.wrongly
    assert not said(prompt, cannot=("no", "trees")).found


def test_french_words_are_compared_without_what_they_lean_on() -> None:
    words = said("un chat avec l\u2019ours", "l\u2019ours", cannot=("ours",), language="fr")
    assert words.found == {"ours"} == words.to_find and not words.wrongly


def test_parts_of_a_hyphenated_word_are_words() -> None:
    words = said("a well-known cat", "well-known", cannot=("well-known",))
    assert words.found == words.to_find == {"well", "known"}


def test_a_fact_rests_on_words_of_either_by_its_span() -> None:
    prompt = "two cats"
    words = said(prompt, either=("two",))
    assert words.rests_on_either(Fact(kind="count", text="two cats", span=Span.of(prompt, 0, 8)))
    assert not words.rests_on_either(Fact(kind="thing", text="a cat", span=Span.of(prompt, 4, 8)))
    assert not words.rests_on_either(Fact(kind="count", text="two cats"))
