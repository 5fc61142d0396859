"""Weights of words in prompts, as web UIs write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.engine.language.words.prompt_weights import (
    has_weights,
    parts_of,
    plain_text,
    says_weights,
    weighted_again,
    without_other_tags,
    without_said_weights,
)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [  # as the function of AUTOMATIC1111's web UI reads them
        ("normal text", [("normal text", 1.0)]),
        ("an (important) word", [("an ", 1.0), ("important", 1.1), (" word", 1.0)]),
        ("(unbalanced", [("unbalanced", 1.1)]),
        (r"\(literal\]", [("(literal]", 1.0)]),
        ("(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
        ("[less]", [("less", round(1 / 1.1, 6))]),
        ("(x:1.3)", [("x", 1.3)]),
        ("((x))", [("x", 1.21)]),
        ("([x])", [("x", 1.0)]),
        ("(a (b:0.5) c:2)", [("a ", 2.0), ("b", 1.0), (" c", 2.0)]),
        ("time 10:30 (x: 1.2 )", [("time 10:30 ", 1.0), ("x", 1.2)]),
        ("", []),
    ],
)
def test_parts_are_those_of_web_uis(prompt: str, expected: list[tuple[str, float]]) -> None:
    (parts,) = parts_of(prompt)
    assert [(part.text, part.weight) for part in parts] == expected


def test_break_parts_a_prompt() -> None:
    assert [plain_text(" ".join(part.text for part in each)) for each in parts_of("a (cat) BREAK snow")] == [
        "a cat",
        "snow",
    ]
    assert has_weights("a BREAK b") and not has_weights("breakfast: b")


@pytest.mark.parametrize(
    ("prompt", "plain", "said"),
    [
        ("a (red boat:1.3) at [sunset]", "a red boat at sunset", "a red boat at [sunset]"),
        ("a sign (red) BREAK b", "a sign red b", "a sign (red) b"),
        ("((a:1.2) b:1.1)", "a b", "a b"),
        ("as it is", "as it is", "as it is"),
    ],
)
def test_marks_are_taken_out(prompt: str, plain: str, said: str) -> None:
    assert (plain_text(prompt), without_said_weights(prompt)) == (plain, said)


def test_tags_of_other_tools_are_no_words() -> None:
    assert without_other_tags("a cat <lora:ink:0.8>, in snow") == "a cat , in snow"
    assert without_other_tags("a <embedding:x> <cat>") == "a <embedding:x> <cat>"


def test_weights_stand_at_the_same_words_of_another_text_again() -> None:
    said = "a (Red Boat:1.3) in [fog], (gone:2)"
    text, lost = weighted_again("A red boat drifts in fog at dawn.", said)
    assert text == "A (red boat:1.3) drifts in (fog:0.9091) at dawn." and lost == ["gone"]
    assert says_weights(said) and not says_weights("a (red) boat at 10:30")


@given(st.text(alphabet="ab :.()[]\\1", max_size=60))
def test_any_text_is_read(prompt: str) -> None:
    for part in (part for each in parts_of(prompt) for part in each):
        assert part.text and abs(part.weight) < 1e6
    assert isinstance(plain_text(prompt), str) and isinstance(without_said_weights(prompt), str)
