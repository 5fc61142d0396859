"""A prompt, one statement at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.engine.language.open_vocabulary.statements import LONGEST, statements_of

CASES = {
    "a red boat, at sunset; in watercolour. a dog": ["a red boat", "at sunset", "in watercolour", "a dog"],
    "a [dog:cat:0.5] (big:1.4) in BREAK a park": ["big", "a park"],
    "0.5 miles, 1,000 balloons": ["0.5 miles", "1,000 balloons"],
    "(a red boat, at sunset:1.3), sky": ["a red boat, at sunset", "sky"],
    'a sign that says "hello, world", neon': ["a sign that says hello, world", "neon"],
    "masterpiece, best quality, 8k, 1girl, red hair": ["1girl", "red hair"],
    "a cat <lora:ink:0.8> --ar 3:2 --no trees": ["a cat"],
    "Mr. Smith in St. Ives. A dog!": ["Mr. Smith in St. Ives", "A dog"],
    "一只猫、在公园里。一只狗": ["一只猫", "在公园里", "一只狗"],
    "2. a cat\n3. a dog": ["a cat", "a dog"],
    "red_hair, blue_eyes": ["red hair", "blue eyes"],
    "and a cat - black -": ["a cat", "black"],
    "((a cat, a dog": ["a cat", "a dog"],
    "no people, a beach": ["no people", "a beach"],
    "🏠, !!!, the": ["🏠"],
    "a cat, with a 🎩": ["a cat", "with a 🎩"],
    "masterpiece": [],
    "portrait of a man": ["portrait of a man"],
    "a hat on a man, a cat to draw": ["a hat on a man", "a cat to draw"],
    "a cat in the, a dog with and, a table of": ["a cat", "a dog", "a table"],
    "12 / 3 cats, 1.5.2 dogs, 11x22 dots": ["12 / 3 cats", "1.5.2 dogs", "11x22 dots"],
}


@pytest.mark.parametrize("prompt", CASES)
def test_statements_are_what_stands_between_marks(prompt: str) -> None:
    assert [said.text for said in statements_of(prompt)] == CASES[prompt]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_statements_stand_in_the_prompt_one_after_the_other(prompt: str) -> None:
    end = 0
    for said in statements_of(prompt):
        assert end <= said.span.start < said.span.end
        assert said.text and "\n" not in said.text
        assert prompt[said.span.start : said.span.end] == said.span.text
        end = said.span.end


def test_a_long_statement_is_cut_at_its_conjunctions() -> None:
    clause = "a castle stands on the green hill above the wide river"
    texts = [said.text for said in statements_of(f"{clause} while {clause} and {clause} with {clause}")]
    assert len(texts) > 1 and all(len(text) <= LONGEST for text in texts)
    assert sum(text.count("castle") for text in texts) == 4


@pytest.mark.parametrize("prompt", ["word " * 100, "x" * 700, "a " + "cat and " * 2000])
def test_nothing_of_a_long_prompt_is_lost(prompt: str) -> None:
    said = statements_of(prompt)
    assert all(len(each.text) <= 2 * LONGEST for each in said)
    assert sum(each.text.count("word") + each.text.count("x") + each.text.count("cat") for each in said) == (
        prompt.count("word") + prompt.count("x") + prompt.count("cat")
    )
