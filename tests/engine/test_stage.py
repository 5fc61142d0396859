"""Keys that know the type of their handle, and the context of a run."""

import dataclasses
import pickle
from typing import Any, assert_type, cast

import pytest

from diptych.engine.stage import ModelKey, Models, NoProgress, RunContext


def test_a_handle_has_the_type_that_its_key_names() -> None:
    number, text = ModelKey[int]("number", "one"), ModelKey[str]("text", "two")
    held: dict[ModelKey[Any], Any] = {number: 1, text: "two"}
    models = cast(Models, held)
    assert assert_type(models[number], int) == 1  # the types are checked by pyright
    assert assert_type(models[text], str) == "two"


def test_the_type_does_not_tell_two_keys_apart() -> None:
    typed, plain = ModelKey[int]("lm", "planner", part="head"), ModelKey("lm", "planner", part="head")
    assert typed == plain and hash(typed) == hash(plain) and len({typed, plain}) == 1
    assert pickle.loads(pickle.dumps(typed)) == dataclasses.replace(typed) == plain
    assert sorted([ModelKey[int]("lm", "b"), ModelKey("lm", "a")])[0].checkpoint == "a"


def test_keys_cannot_be_changed() -> None:
    key: Any = ModelKey[int]("lm", "planner")
    with pytest.raises(dataclasses.FrozenInstanceError):
        key.checkpoint = "another"


def test_a_context_hands_on_what_a_stage_says() -> None:
    class Noting(NoProgress):
        def __init__(self) -> None:
            self.said: list[object] = []

        def step(self, i: int, n: int, /) -> None:
            self.said.append((i, n))

        def note(self, text: str, /) -> None:
            self.said.append(text)

        def view(self, what: str, i: int, make: Any, /) -> None:
            self.said.append((what, i, list(make())))

    noting = Noting()
    context = RunContext(noting, batch_invariant=True)
    context.step(1, 2)
    context.note("half")
    context.view("estimate", 1, lambda: [0.5])
    assert noting.said == [(1, 2), "half", ("estimate", 1, [0.5])]
    assert context.batch_invariant and not RunContext().batch_invariant
