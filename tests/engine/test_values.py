"""What travels is checked when it is built."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from diptych.engine.errors import InputError
from diptych.engine.values import (
    MAX_PROMPT_CHARACTERS,
    MAX_SEED,
    Candidate,
    Codebook,
    Draft,
    Fact,
    FactAnswer,
    Outcome,
    Picture,
    Plan,
    Request,
    Settings,
    Span,
    Verdict,
)

REQUEST = Request(prompt="a red boat", candidate=3)
PLAN = Plan(request=REQUEST, prompt="a large red boat at sea", facts=())
BOOK = Codebook(name="book", size=8)
PIXELS = torch.zeros(4, 6, 3, dtype=torch.uint8)


def test_the_words_of_a_plan_stand_in_the_prompt_of_its_request_or_have_no_place() -> None:
    boat, hat = Span.of(REQUEST.prompt, 6, 10), Span(start=6, end=9, text="hat")
    fact = Fact(kind="thing", text="a boat", span=boat)
    plan = Plan(request=REQUEST, prompt="", facts=(fact,), left_out=(boat, Span.elsewhere("hat")))
    assert [span.has_place for span in plan.left_out] == [True, False]
    for wrong in ({"left_out": (hat,)}, {"facts": (Fact(kind="thing", text="a hat", span=hat),)}):
        with pytest.raises(AssertionError, match="does not stand in 'a red boat'"):
            Plan(**{"request": REQUEST, "prompt": "", "facts": (), **wrong})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_inference_steps": 0}, "num_inference_steps = 0: must lie between 1 and 1000"),
        ({"guidance_scale": -1.0}, "guidance_scale"),
        ({"guidance_scale": math.nan}, "guidance_scale = nan"),
        ({"temperature": 9.0}, "temperature"),
        ({"top_k": -1}, "top_k"),
        ({"top_p": 1.5}, "top_p"),
        ({"candidates": 0}, "candidates"),
        ({"keep": 0}, "keep"),
        ({"rounds": 101}, "rounds"),
        ({"accept": 2.0}, "accept"),
        ({"seconds": -1.0}, "seconds"),
        ({"candidates": 1.5}, "candidates = 1.5: must be a whole number"),
        ({"num_inference_steps": True}, "num_inference_steps = True: must be a whole number"),
        ({"guidance_scale": "high"}, "guidance_scale = 'high': must be a number"),
        ({"top_p": [0.5]}, "top_p = .0.5.: must be a number"),
        ({"guidance_scale": 10**400}, "guidance_scale = 10+...: must be a number"),
        ({"ignore_left_out": 1}, "ignore_left_out = 1: must be true or false"),
        ({"ignore_left_out": 1.0}, "ignore_left_out = 1.0: must be true or false"),
        ({"ignore_left_out": "yes"}, "ignore_left_out = 'yes': must be true or false"),
        ({"ignore_left_out": np.array([True])}, "ignore_left_out"),
    ],
)
def test_settings_outside_their_range_are_refused_by_name(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Settings(**settings)


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
def test_a_bool_is_one_whoever_made_it(value: Any) -> None:
    assert Settings(ignore_left_out=value).ignore_left_out is bool(value)


def test_settings_lie_over_defaults_where_they_say_something() -> None:
    defaults = Settings(top_k=50, temperature=1.0)
    assert Settings(temperature=0.0).over(defaults) == Settings(top_k=50, temperature=0.0)
    assert Settings().over(defaults) == defaults


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prompt": " \n"}, "the prompt is empty"),
        ({"prompt": "x" * (MAX_PROMPT_CHARACTERS + 1)}, "20001 characters"),
        ({"seed": -1}, "seed = -1"),
        ({"seed": MAX_SEED + 1}, "seed"),
        ({"seed": 10**5000}, "seed = a huge int: must lie between 0 and"),
        ({"height": 4}, "height = 4"),
        ({"width": 5000}, "width = 5000"),
        ({"width": 100_000}, "width = 100000: must lie between 8 and 4096 pixels"),
        ({"height": math.nan}, "height = nan: must be a whole number"),
        ({"seed": 1.5}, "seed = 1.5: must be a whole number"),
        ({"seed": "7"}, "seed = '7': must be a whole number"),
        ({"prompt": 7}, "the prompt is 7: must be text"),
        ({"prompt": "a\x1b[2Jboat"}, r"control character \(U\+001B\) at place 2"),
        ({"prompt": "a boat \ud83d"}, r"control character \(U\+D83D\) at place 8"),
        ({"negative_prompt": "\x00"}, r"the negative prompt has a control character \(U\+0000\)"),
        ({"negative_prompt": None}, "the negative prompt is None: must be text"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Request(**{"prompt": "a boat", **fields})


def test_numbers_of_other_libraries_become_plain_ones() -> None:
    seed: Any = np.int64(5)
    scale: Any = np.float32(2)
    request = Request(prompt="a boat\tat\nsea", seed=seed, settings=Settings(guidance_scale=scale))
    assert (type(request.seed), request.seed) == (int, 5)
    assert (type(request.settings.guidance_scale), request.settings.guidance_scale) == (float, 2.0)
    assert Settings(guidance_scale=3) == Settings(guidance_scale=3.0)


def test_a_draft_keeps_its_tokens_within_its_codebook() -> None:
    draft = Draft(plan=PLAN, tokens=torch.tensor([[0, 7]]), codebook=BOOK, preview=PIXELS)
    assert draft.grid == (1, 2)
    assert draft.image.size == (6, 4)
    for tokens in (torch.tensor([[8]]), torch.tensor([[-1]]), torch.tensor([1])):
        with pytest.raises(AssertionError):
            Draft(plan=PLAN, tokens=tokens, codebook=BOOK, preview=PIXELS)


def test_a_token_hash_names_the_tokens() -> None:
    hashes = {
        Draft(plan=PLAN, tokens=torch.tensor(tokens), codebook=BOOK, preview=PIXELS).token_hash
        for tokens in ([[1, 2]], [[2, 1]], [[1, 2]])
    }
    assert len(hashes) == 2
    assert all(len(name) == 16 for name in hashes)


@pytest.mark.parametrize("pixels", [torch.zeros(4, 4, 3), torch.zeros(3, 4, 4, dtype=torch.uint8), PIXELS[0]])
def test_a_picture_is_made_of_bytes(pixels: torch.Tensor) -> None:
    with pytest.raises(AssertionError, match="pixels are"):
        Picture(pixels=pixels)


def test_a_picture_can_be_looked_at() -> None:
    image = Picture(pixels=torch.tensor([[[255, 0, 9]]], dtype=torch.uint8)).image
    assert image.getpixel((0, 0)) == (255, 0, 9)


def test_a_verdict_knows_what_was_missed() -> None:
    boat, sea = Fact(kind="thing", text="a boat"), Fact(kind="setting", text="at sea")
    answers = (FactAnswer(fact=boat, probability=0.5), FactAnswer(fact=sea, probability=0.49))
    assert Verdict(caption="", score=1.0, answers=answers).missed == (sea,)


@pytest.mark.parametrize("score", [-0.1, 1.1, math.nan])
def test_a_score_is_a_probability(score: float) -> None:
    with pytest.raises(AssertionError, match="outside"):
        Verdict(caption="", score=score)


def test_an_outcome_is_its_best_candidate() -> None:
    best = Candidate(plan=PLAN, picture=Picture(pixels=PIXELS), verdict=Verdict(caption="a boat", score=0.9))
    outcome = Outcome(request=REQUEST, best=best, accepted=True, trail=(best,), timings={})
    assert best.index == 3
    assert outcome.plan is PLAN and outcome.draft is None
    assert outcome.verdict.caption == "a boat"
    assert outcome.image.size == (6, 4)


def test_an_outcome_without_a_picture_says_so() -> None:
    bare = Candidate(plan=PLAN)
    outcome = Outcome(request=REQUEST, best=bare, accepted=False, trail=(bare,), timings={})
    with pytest.raises(AssertionError, match="has a picture"):
        _ = outcome.picture
    with pytest.raises(InputError, match="was not judged, so it has no verdict"):
        _ = outcome.verdict
