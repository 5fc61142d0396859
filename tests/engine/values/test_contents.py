"""All of `engine.values` can be compared, hashed, pickled, copied and shown, over random contents."""

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine import values
from diptych.engine.values import (
    Candidate,
    Codebook,
    Control,
    Draft,
    Fact,
    FactAnswer,
    Failure,
    Outcome,
    Picture,
    Plan,
    Reference,
    Request,
    Setting,
    Settings,
    Sketch,
    Span,
    Start,
    Verdict,
)
from diptych.engine.values.start import Wording

LONG = "a boat " * 900
SIDE = 8

Draw = Callable[[st.SearchStrategy[Any]], Any]


def maybe(draw: Draw, make: Callable[[Draw], Any]) -> Any:
    return make(draw) if draw(st.booleans()) else None


def numbers(draw: Draw, *shape: int, most: int = 255) -> torch.Tensor:
    generator = torch.Generator().manual_seed(draw(st.integers(0, 3)))
    return torch.randint(most + 1, shape, generator=generator)


def pixels(draw: Draw) -> torch.Tensor:
    """One of a batch, as stages make them."""
    return numbers(draw, 3, SIDE, SIDE, 3).to(torch.uint8)[1]


def text(draw: Draw) -> str:
    return draw(st.sampled_from(["a red boat", "two cats\nin the snow", LONG]))


def span(draw: Draw) -> Span:
    return Span.elsewhere(text(draw))


def fact(draw: Draw) -> Fact:
    return Fact(kind="thing", text=text(draw), asked=draw(st.booleans()))


def facts(draw: Draw) -> tuple[Fact, ...]:
    return tuple(fact(draw) for _ in range(draw(st.integers(0, 3))))


def wording(draw: Draw) -> Wording:
    return Wording(prompt=text(draw), facts=facts(draw), left_out=(span(draw),))


def start(draw: Draw) -> Start:
    picture = maybe(draw, pixels)
    mask = None if picture is None or draw(st.booleans()) else numbers(draw, SIDE, SIDE, most=1).bool()
    tokens = numbers(draw, 2, 4, 4, most=7)[1]
    redraw = draw(st.sampled_from([0.5, 1.0])) if draw(st.booleans()) else numbers(draw, 4, 4, most=1).bool()
    share = draw(st.sampled_from([0.0, 0.5, 1.0]))
    return Start(
        picture=picture, mask=mask, tokens=tokens, redraw=redraw, strength=share, wording=maybe(draw, wording)
    )


def some_settings(draw: Draw) -> Settings:
    return Settings(
        num_inference_steps=maybe(draw, lambda _: draw(st.integers(1, 9))),
        guidance_scale=maybe(draw, lambda _: draw(st.floats(0, 9))),
        ignore_left_out=maybe(draw, lambda _: draw(st.booleans())),
    )


def request(draw: Draw) -> Request:
    return Request(
        prompt=text(draw),
        seed=draw(st.integers(0, 2**63 - 1)),
        height=SIDE,
        width=SIDE,
        negative_prompt=draw(st.sampled_from(["", LONG])),
        settings=some_settings(draw),
        candidate=draw(st.integers(0, 3)),
        missed=facts(draw),
        start=maybe(draw, start),
    )


def plan(draw: Draw) -> Plan:
    return Plan(request=request(draw), prompt=text(draw), facts=facts(draw), left_out=(span(draw),))


def draft(draw: Draw) -> Draft:
    tokens = numbers(draw, 2, 4, 4, most=7)[0]
    return Draft(plan=plan(draw), tokens=tokens, codebook=Codebook(name="b", size=8), preview=pixels(draw))


def picture(draw: Draw) -> Picture:
    return Picture(pixels=pixels(draw), plan=maybe(draw, plan), draft=maybe(draw, draft))


def answer(draw: Draw) -> FactAnswer:
    return FactAnswer(fact=fact(draw), probability=draw(st.floats(0, 1)))


def verdict(draw: Draw) -> Verdict:
    return Verdict(caption=text(draw), score=draw(st.floats(0, 1)), answers=(answer(draw),))


def candidate(draw: Draw) -> Candidate:
    return Candidate(
        plan=plan(draw),
        draft=maybe(draw, draft),
        picture=maybe(draw, picture),
        verdict=maybe(draw, verdict),
        reason=text(draw),
    )


def outcome(draw: Draw) -> Outcome:
    best = candidate(draw)
    timings = {"plan": draw(st.floats(0, 9))}
    return Outcome(request=request(draw), best=best, accepted=True, trail=(best,), timings=timings)


def failure(draw: Draw) -> Failure:
    return Failure(request=request(draw), stage="plan", reason=text(draw))


MAKERS: dict[type, Callable[[Draw], Any]] = {
    Candidate: candidate,
    Codebook: lambda draw: Codebook(name="b", size=draw(st.integers(1, 9))),
    Draft: draft,
    Fact: fact,
    FactAnswer: answer,
    Failure: failure,
    Outcome: outcome,
    Picture: picture,
    Plan: plan,
    Control: lambda draw: Control(
        kind=draw(st.sampled_from(["edges", "depth"])),
        picture=torch.full((2, 3, 3), draw(st.integers(0, 255)), dtype=torch.uint8),
        weight=draw(st.floats(0, 2)),
        start=draw(st.floats(0, 0.5)),
        stop=draw(st.floats(0.75, 1)),
        ready=draw(st.sampled_from([None, True, False])),
    ),
    Reference: lambda draw: Reference(
        picture=torch.full((2, 3, draw(st.sampled_from([3, 4]))), draw(st.integers(0, 255)), dtype=torch.uint8),
        weight=draw(st.floats(0, 2)),
        name=draw(st.text(max_size=9)),
    ),
    Request: request,
    Setting: lambda draw: Setting("Of the finished picture.", low=draw(st.integers(0, 9)), kind=int),
    Settings: some_settings,
    Sketch: lambda draw: Sketch(
        pixels=torch.full((2, 2, 4), draw(st.integers(0, 255)), dtype=torch.uint8),
        wording=draw(st.text(max_size=9)),
    ),
    Span: span,
    Start: start,
    Verdict: verdict,
}


@st.composite
def one_of(draw: Draw, kind: type) -> Any:
    return MAKERS[kind](draw)


def test_every_public_value_is_here() -> None:
    public = [getattr(values, name) for name in values.__all__]
    assert {each for each in public if inspect.isclass(each) and dataclasses.is_dataclass(each)} == set(MAKERS)


@pytest.mark.parametrize("kind", MAKERS, ids=lambda kind: kind.__name__)
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_value_is_equal_to_its_copies_and_they_hash_alike(kind: type, data: st.DataObject) -> None:
    value = data.draw(one_of(kind))
    copies = [copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))]
    copies.append(dataclasses.replace(value))
    for other in copies:
        assert other == value and value == other
        assert hash(other) == hash(value) and len({other, value}) == 1
    assert value != "something else" and value is not None and value != object()


@pytest.mark.parametrize("kind", MAKERS, ids=lambda kind: kind.__name__)
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_two_values_are_equal_if_and_only_if_all_that_counts_is(kind: type, data: st.DataObject) -> None:
    one, other = data.draw(one_of(kind)), data.draw(one_of(kind))
    counts = [field.name for field in dataclasses.fields(one) if field.compare]
    alike = all(_plain(getattr(one, name)) == _plain(getattr(other, name)) for name in counts)
    assert (one == other) is alike
    assert one != other or hash(one) == hash(other)


def _plain(value: Any) -> Any:
    """Without any value's own equality."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype), value.tolist()
    if dataclasses.is_dataclass(value):
        return [_plain(getattr(value, each.name)) for each in dataclasses.fields(value) if each.compare]
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


@pytest.mark.parametrize("kind", MAKERS, ids=lambda kind: kind.__name__)
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_value_is_shown_on_one_short_line(kind: type, data: st.DataObject) -> None:
    shown = repr(data.draw(one_of(kind)))
    assert shown.startswith(f"{kind.__name__}(") and "\n" not in shown and "tensor" not in shown
    if kind not in (Fact, Span):  # the smallest are shown whole: starts are named by what they are
        assert len(shown) < 600


def test_what_is_shown_is_what_people_want_to_know() -> None:
    wish = Request(prompt="a red boat", seed=7, settings=Settings(num_inference_steps=8))
    assert repr(wish) == "Request('a red boat', seed=7, 256x256, Settings(num_inference_steps=8))"
    boat = Fact(kind="thing", text="a boat")
    made = Plan(request=wish, prompt="a red boat at sea", facts=(boat,))
    assert repr(made) == "Plan('a red boat at sea', 1 of 1 facts asked)"
    shown = Picture(pixels=torch.zeros(4, 6, 3, dtype=torch.uint8), plan=made)
    assert repr(shown) == "Picture(6x4, 'a red boat')"
    judged = Verdict(caption="a boat", score=0.93, answers=(FactAnswer(fact=boat, probability=0.9),))
    assert repr(judged) == "Verdict(0.930, 1 of 1 facts shown, 'a boat')"
    best = Candidate(plan=made, picture=shown, verdict=judged, reason="the only one")
    assert repr(best) == "Candidate(0, score 0.930, 'the only one')"
    whole = Outcome(request=wish, best=best, accepted=True, trail=(best,), timings={})
    assert repr(whole) == "Outcome('a red boat', score 0.930, accepted, candidate 0 of 1)"
    lost = Failure(request=wish, stage="plan", reason="no words\nthat I know")
    assert repr(lost) == "Failure('a red boat', at plan: no words that I know)"


def test_outcomes_are_equal_however_long_they_took() -> None:
    wish = Request(prompt="a boat")
    best = Candidate(plan=Plan(request=wish, prompt="", facts=()))
    quick, slow = (
        Outcome(request=wish, best=best, accepted=True, trail=(best,), timings={"plan": seconds})
        for seconds in (1.0, 2.0)
    )
    assert quick == slow and hash(quick) == hash(slow)


def test_a_picture_out_of_a_batch_is_pickled_without_the_batch() -> None:
    batch = torch.zeros(64, 64, 64, 3, dtype=torch.uint8)
    one = Picture(pixels=batch[5])
    assert len(pickle.dumps(one)) < 2 * one.pixels.nbytes < batch.nbytes
    assert copy.deepcopy(one).pixels.untyped_storage().nbytes() == one.pixels.nbytes
