"""Weights of words pass a planner: it reads the words without them, and they stand at the same words again."""

from collections.abc import Sequence
from typing import Any

import pytest

from diptych.engine.ar.sampling import Sampling
from diptych.engine.stage import RunContext
from diptych.engine.stages.planning import chat_plan
from diptych.engine.values import Fact, Plan, Request, Span

PROMPT = "a (red boat:1.3) at sunset, (fog:0.5) <lora:ink:0.8>"


class Model:
    """Says what it is asked."""

    def __init__(self) -> None:
        self.wishes: list[str] = []

    def prompt_ids(self, instructions: str, wish: str, *, thinking: bool) -> list[int]:
        self.wishes.append(wish)
        return [0]


@pytest.mark.parametrize(
    ("written", "prompt"),
    [
        ("A red boat drifts at sunset.", "A (red boat:1.3) drifts at sunset."),
        ("Fog; a (red boat:1.3) at sunset", "(Fog:0.5); a (red boat:1.3) at sunset"),
        (PROMPT, PROMPT),
    ],
)
def test_weights_stand_at_the_same_words(monkeypatch: pytest.MonkeyPatch, written: str, prompt: str) -> None:
    request = Request(prompt=PROMPT)
    span = Span.of(PROMPT, PROMPT.index("red boat"), PROMPT.index(":1.3"))
    plan = Plan(request=request, prompt=written, facts=(Fact(kind="thing", text="red boat", span=span),))

    def answer(rows: Sequence[int], *_: Any, **__: Any) -> list[Plan]:
        return [plan for _ in rows]

    monkeypatch.setattr(chat_plan, "_written", answer)
    chat = chat_plan.Chat(
        model=Model(),  # pyright: ignore[reportArgumentType]
        sampling=Sampling(temperature=1.0),
        prompt_tokens=9,
        max_tokens=9,
        must_agree=False,
    )
    (made,) = chat_plan.plans_of([request], chat, RunContext())
    assert made.prompt == prompt


def test_the_model_reads_the_words_without_their_weights() -> None:
    model = Model()
    chat = chat_plan.Chat(
        model=model,  # pyright: ignore[reportArgumentType]
        sampling=Sampling(temperature=1.0),
        prompt_tokens=9,
        max_tokens=9,
    )
    for prompt in (PROMPT, "a sign (red) at 10:30"):
        chat_plan._prompt_ids(Request(prompt=prompt), chat)
    assert model.wishes == ["a red boat at sunset, fog", "a sign (red) at 10:30"]
