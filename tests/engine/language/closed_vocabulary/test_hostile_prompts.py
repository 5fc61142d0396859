"""Prompts of what is slow to read: the work of each reader grows as the prompt does."""

from collections.abc import Callable

import pytest

from diptych.engine.ar.grammar import pieces_of
from diptych.engine.language.open_vocabulary.agreement import contradictions, disagreements, is_translated
from diptych.engine.language.open_vocabulary.quoting import Quoted
from diptych.engine.language.open_vocabulary.statements import statements_of
from diptych.engine.values import Span

from ..work import assert_linear

LENGTH = 20_000
PARTS = [
    *("1", "1 ", "1.", "1:", "1x", "\n", "1\n", "x", "(", "[", '"', "'", "+", "#", ":", ". ", "a'", "🏠", "猫"),
    *("a ", "a cat, ", "no ", "no cat ", "cat ", "on a cat ", "the cat ", "cat and ", "cat riding ", "e\u0301"),
    *("left of ", "red cat on blue cat "),
]
LONG = {part: (part * LENGTH)[:LENGTH] for part in ("1", "\n", ":", "x", "(", "a cat, ")} | {
    "a weight": ":" + "1" * (LENGTH - 1),
    "all words different": " ".join(f"w{i}" for i in range(LENGTH))[:LENGTH],
    "all things different": ", ".join(f"a c{i} on a d{i}" for i in range(LENGTH))[:LENGTH],
    "blanks": "x" + " " * (LENGTH - 2) + "x",
}


def _quotes(prompt: str) -> None:
    quoted = Quoted(prompt)
    half = len(prompt) // 2
    used = [span for quote in (prompt[:1], prompt[:3]) if (span := quoted.place(quote))]
    for quote in (prompt, prompt[half:], prompt[:40], prompt[:1], "cat"):
        quoted.place(quote, used)
    quoted.true_to(Span.of(prompt, 0, len(prompt)), prompt)
    quoted.left_out_by([Span.of(prompt, i, i + half // 24) for i in range(0, half, half // 24)])


READERS: dict[str, Callable[[str], object]] = {
    "statements": statements_of,
    "quotes": _quotes,
    "pieces": pieces_of,
    "agreement": lambda prompt: disagreements(prompt, prompt, [prompt]),
    "translated": lambda prompt: is_translated(prompt, prompt),
    "against": lambda prompt: contradictions(prompt, "a dog on a cat, two red boats"),
    "for": lambda prompt: contradictions("a dog on a cat, two red boats", prompt),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("part", PARTS)
def test_the_work_of_reading_grows_as_the_prompt_does(part: str, reader: str) -> None:
    assert_linear(READERS[reader], part)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("part", LONG)
def test_the_longest_prompts_are_read_to_their_end(part: str, reader: str) -> None:
    """What regular expressions do is not counted: of these, quadratic ones took minutes."""
    READERS[reader](LONG[part])
