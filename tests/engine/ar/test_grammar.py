"""Whatever is said under the Plan's grammar is a Plan: random walks through what it allows, two tokenizers."""

import functools
import json
import random
from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.ar.decoding import unpacked
from diptych.engine.ar.grammar import PLAN_SCHEMA, PlanGrammar
from diptych.engine.models.checkpoint import folder_of
from diptych.engine.values import FactKind

KINDS = set(get_args(FactKind))
MOST_FACTS = 24


class Tongue:
    """A tokenizer with what a walk needs: llguidance's view of it, the end, the tokens that close something."""

    def __init__(self, tokenizer: Any) -> None:
        from llguidance.hf import from_tokenizer

        self.tokenizer = tokenizer
        self.stop: int = tokenizer.eos_token_id
        self.view = from_tokenizer(tokenizer, n_vocab=len(tokenizer))
        texts = [tokenizer.decode([i]) for i in range(len(tokenizer))]
        self.closing = torch.tensor([text.startswith('"') for text in texts])

    def grammar(self) -> PlanGrammar:
        return PlanGrammar(self.view, self.stop)

    def allowed(self, grammar: PlanGrammar) -> torch.Tensor:
        """bool (v,): the tokens that may come next."""
        return unpacked(grammar.allowed())[: len(self.closing)]


@functools.cache
def pocket() -> Tongue:
    from transformers import AutoTokenizer

    return Tongue(AutoTokenizer.from_pretrained(folder_of("pocket/planner"), local_files_only=True))


@functools.cache
def single_bytes() -> Tongue:
    """The least that a byte-level tokenizer can have: every byte, and the end."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({"</s>": 0} | {c: i + 1 for i, c in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return Tongue(PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>"))


def walk(tongue: Tongue, rng: random.Random, *, haste: float, patience: int) -> list[int]:
    """Any tokens that the grammar allows, until it is finished.

    With probability `haste`, and always once `patience` steps are gone, it is one that closes something.
    """
    grammar = tongue.grammar()
    ids: list[int] = []
    while not grammar.finished:
        allowed = tongue.allowed(grammar)
        assert bool(allowed.any())
        closing = allowed & tongue.closing
        hasty = bool(closing.any()) and (rng.random() < haste or len(ids) > patience)
        choices = (closing if hasty else allowed).nonzero()[:, 0].tolist()
        token = choices[-1] if len(ids) > patience else rng.choice(choices)
        grammar.accept(token)
        ids.append(token)
        assert len(ids) < 20 * patience, f"no end in sight: {tongue.tokenizer.decode(ids)[-200:]}"
    assert tongue.allowed(grammar).nonzero()[:, 0].tolist() == [tongue.stop]
    return [token for token in ids if token != tongue.stop]


def check_plan(text: str) -> None:
    """`text` is JSON of `PLAN_SCHEMA`."""
    plan = json.loads(text)
    assert list(plan) == ["prompt", "facts"]
    assert isinstance(plan["prompt"], str) and plan["prompt"]
    assert len(plan["facts"]) <= MOST_FACTS
    for fact in plan["facts"]:
        assert list(fact) == ["kind", "text"]
        assert fact["kind"] in KINDS
        assert isinstance(fact["text"], str) and fact["text"]


@settings(max_examples=40, deadline=None)
@given(rng=st.randoms(use_true_random=False), haste=st.floats(0.02, 1))
def test_any_walk_with_the_pocket_tokenizer_ends_as_a_plan(rng: random.Random, haste: float) -> None:
    tongue = pocket()
    check_plan(tongue.tokenizer.decode(walk(tongue, rng, haste=haste, patience=150)))


@settings(max_examples=25, deadline=None)
@given(rng=st.randoms(use_true_random=False), haste=st.floats(0.1, 1))
def test_any_walk_over_single_bytes_ends_as_a_plan(rng: random.Random, haste: float) -> None:
    tongue = single_bytes()
    check_plan(tongue.tokenizer.decode(walk(tongue, rng, haste=haste, patience=200)))


@pytest.mark.parametrize(
    "text",
    [
        '{"prompt":"a red boat","facts":[{"kind":"thing","text":"a boat"}]}',
        '{"prompt":"x","facts":[' + ",".join(['{"kind":"other","text":"y"}'] * MOST_FACTS) + "]}",
    ],
)
def test_a_plan_as_the_planner_learnt_it_is_allowed(text: str) -> None:
    tongue = pocket()
    grammar = tongue.grammar()
    for token in tongue.tokenizer.encode(text, add_special_tokens=False):
        assert bool(tongue.allowed(grammar)[token])
        grammar.accept(token)
    assert grammar.finished


def test_what_is_no_plan_is_not_allowed() -> None:
    tongue = single_bytes()
    wrong = [
        '{"f',
        '{"prompt":""',
        '{"prompt": ',
        '{"prompt":"a","facts":[{"kind":"sm',
        '{"prompt":"a","facts":[{"kind":"thing","text":""',
        '{"prompt":"a","facts":[' + '{"kind":"thing","text":"a"},' * MOST_FACTS,
        '{"prompt":"a","facts":[],',
    ]
    for text in wrong:
        grammar = tongue.grammar()
        *begin, last = tongue.tokenizer.encode(text, add_special_tokens=False)
        for token in begin:
            grammar.accept(token)
        assert not bool(tongue.allowed(grammar)[last]), text


def test_a_token_that_is_not_allowed_is_not_accepted() -> None:
    tongue = pocket()
    with pytest.raises(AssertionError, match="is not allowed here"):
        tongue.grammar().accept(tongue.stop)


def test_one_row_says_nothing_about_another() -> None:
    tongue = pocket()
    one, other = tongue.grammar().copies(2)
    before = other.allowed()
    one.accept(int(tongue.allowed(one).nonzero()[0, 0]))
    assert torch.equal(other.allowed(), before) and torch.equal(tongue.grammar().allowed(), before)
    assert not torch.equal(one.allowed(), before)


@pytest.mark.parametrize("stop", [2, 31, 63])
def test_only_the_end_may_follow_the_end(stop: int) -> None:
    tongue = pocket()
    grammar = PlanGrammar(tongue.view, stop)
    begun = grammar.allowed()
    text = '{"prompt":"a red boat","facts":[{"kind":"thing","text":"a boat"}]}'
    for token in tongue.tokenizer.encode(text, add_special_tokens=False):
        grammar.accept(token)
    assert grammar.finished
    assert unpacked(grammar.allowed()).nonzero()[:, 0].tolist() == [stop]
    assert grammar.allowed().shape == begun.shape  # finished rows and others stand in one batch


def test_the_schema_knows_every_kind_of_fact() -> None:
    assert set(PLAN_SCHEMA["properties"]["facts"]["items"]["properties"]["kind"]["enum"]) == KINDS
