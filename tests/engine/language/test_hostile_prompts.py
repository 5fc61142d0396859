"""Prompts as long as any may be, of what is slow to read: each reader is done in a moment."""

import time
from collections.abc import Callable

import pytest

from diptych.engine.ar.grammar import pieces_of
from diptych.engine.language.agreement import contradictions, disagreements, is_translated
from diptych.engine.language.quoting import Quoted
from diptych.engine.language.statements import statements_of
from diptych.engine.values import Span

LENGTH = 20_000
PARTS = [
    *("1", "1 ", "1.", "1:", "1x", "\n", "1\n", "x", "(", "[", '"', "'", "+", "#", ":", ". ", "a'", "🏠", "猫"),
    *("a ", "a cat, ", "no ", "no cat ", "cat ", "on a cat ", "the cat ", "cat and ", "cat riding ", "e\u0301"),
    *("left of ", "red cat on blue cat "),
]
PROMPTS = {part: (part * LENGTH)[:LENGTH] for part in PARTS} | {
    "a weight": ":" + "1" * (LENGTH - 1),
    "all words different": " ".join(f"w{i}" for i in range(LENGTH))[:LENGTH],
    "all things different": ", ".join(f"a c{i} on a d{i}" for i in range(LENGTH))[:LENGTH],
    "blanks": "x" + " " * (LENGTH - 2) + "x",
}


def _quotes(prompt: str) -> None:
    quoted = Quoted(prompt)
    half = LENGTH // 2
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
@pytest.mark.parametrize("part", PROMPTS)
def test_reading_takes_no_time_whatever_is_typed(part: str, reader: str) -> None:
    start = time.perf_counter()
    READERS[reader](PROMPTS[part])
    assert time.perf_counter() - start < 5
