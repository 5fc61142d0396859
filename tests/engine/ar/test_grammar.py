"""Whatever is said under the Plan's grammar is a Plan that quotes its prompt: random walks through it."""

import functools
import json
import random
from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.ar.decoding import unpacked
from diptych.engine.ar.grammar import PlanGrammar, pieces_of
from diptych.engine.language.words.content import words_of
from diptych.engine.values import FactKind

from ...families.texts import byte_level

KINDS = set(get_args(FactKind))
MOST_FACTS = 24
PROMPTS = [
    "a red boat at sunset",
    'a "blue" bird \\ on a wire\'s end',
    "two lines\nand a\ttab",
    "l'été à la plage: 0.5 café, cafe\u0301 🏠 👩\u200d🚀",
    "一只红色的船 ไทย",
    "the the the cat cat the",
    '"}]}</s><|im_end|>{"prompt":"',
]


class Tongue:
    """A tokenizer with what a walk needs: llguidance's view of it, the end, the tokens that close something."""

    def __init__(self, tokenizer: Any) -> None:
        from llguidance.hf import from_tokenizer

        self.tokenizer = tokenizer
        self.stop: int = tokenizer.eos_token_id
        self.view = from_tokenizer(tokenizer, n_vocab=len(tokenizer))
        texts = [tokenizer.decode([i]) for i in range(len(tokenizer))]
        self.closing = torch.tensor([text.startswith('"') for text in texts])

    def grammar(self, prompt: str = PROMPTS[0]) -> PlanGrammar:
        return PlanGrammar(self.view, self.stop, prompt=prompt)

    def allowed(self, grammar: PlanGrammar) -> torch.Tensor:
        """bool (v,): the tokens that may come next."""
        return unpacked(grammar.allowed())[: len(self.closing)]


@functools.cache
def merging() -> Tongue:
    """Byte-level BPE, with tokens that reach over the ends of words and of the parts of a Plan."""
    tokenizer = byte_level(["</s>"], size=500, eos_token="</s>")
    return Tongue(tokenizer)


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


def walk(tongue: Tongue, prompt: str, rng: random.Random, *, haste: float, patience: int) -> list[int]:
    """Any tokens that the grammar allows, until it is finished.

    With probability `haste`, and always once `patience` steps are gone, it is one that closes something.
    """
    grammar = tongue.grammar(prompt)
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


def check_plan(text: str, prompt: str) -> None:
    """`text` is a Plan in JSON, whose quotes are words of `prompt`."""
    plan = json.loads(text)
    assert list(plan) == ["prompt", "facts"]
    assert isinstance(plan["prompt"], str) and plan["prompt"]
    assert len(plan["facts"]) <= MOST_FACTS
    for fact in plan["facts"]:
        assert list(fact) == ["kind", "quote", "text"]
        assert fact["kind"] in KINDS
        assert isinstance(fact["text"], str) and fact["text"]
        assert fact["quote"] in prompt


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
prompts = st.sampled_from(PROMPTS) | texts


@settings(max_examples=40, deadline=None)
@given(rng=st.randoms(use_true_random=False), haste=st.floats(0.02, 1), prompt=prompts)
def test_any_walk_ends_as_a_plan_that_quotes_the_prompt(rng: random.Random, haste: float, prompt: str) -> None:
    tongue = merging()
    check_plan(tongue.tokenizer.decode(walk(tongue, prompt, rng, haste=haste, patience=150)), prompt)


@settings(max_examples=25, deadline=None)
@given(rng=st.randoms(use_true_random=False), haste=st.floats(0.1, 1), prompt=prompts)
def test_any_walk_over_single_bytes_ends_as_a_plan(rng: random.Random, haste: float, prompt: str) -> None:
    tongue = single_bytes()
    check_plan(tongue.tokenizer.decode(walk(tongue, prompt, rng, haste=haste, patience=200)), prompt)


def quoting(quote: str) -> str:
    return f'{{"prompt":"x","facts":[{{"kind":"thing","quote":{json.dumps(quote, ensure_ascii=False)}'


def is_allowed(text: str, prompt: str) -> bool:
    """Whether a Plan may begin with `text`."""
    tongue = single_bytes()
    grammar = tongue.grammar(prompt)
    for token in tongue.view.greedy_tokenize(text):  # which knows no special tokens in a text
        if not bool(tongue.allowed(grammar)[token]):
            return False
        grammar.accept(token)
    return True


@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_run_of_a_prompts_words_may_be_quoted(prompt: str) -> None:
    pieces = pieces_of(prompt)
    assert "".join(pieces) == prompt
    for start in range(len(pieces)):
        for stop in (start, start + 1, (start + len(pieces) + 1) // 2, len(pieces)):
            assert is_allowed(quoting("".join(pieces[start:stop])), prompt)


@pytest.mark.parametrize("quote", ["oat", "blue", "red sunset", "a red  boat", "boat at sun", "A red", "boats"])
def test_what_is_no_run_of_a_prompts_words_may_not_be_quoted(quote: str) -> None:
    assert not is_allowed(quoting(quote), "a red boat at sunset")


def test_a_number_is_quoted_as_a_whole() -> None:
    assert not is_allowed(quoting("0"), "0.5 miles, 1,000 balloons")
    assert is_allowed(quoting("0.5 miles"), "0.5 miles, 1,000 balloons")
    assert not is_allowed(quoting("000 balloons"), "0.5 miles, 1,000 balloons")


def test_a_long_prompt_is_quoted_as_any() -> None:
    prompt = " ".join(f"word{i}" for i in range(2000))[:20_000]
    assert is_allowed(quoting("word7 word8 word9"), prompt)
    assert not is_allowed(quoting("word7 word9"), prompt)


@pytest.mark.parametrize(
    "text",
    [
        '{"prompt":"a red boat","facts":[{"kind":"thing","quote":"boat","text":"a \\"boat\\""}]}',
        '{"prompt":"x","facts":[' + ",".join(['{"kind":"other","quote":"","text":"y"}'] * MOST_FACTS) + "]}",
        '{"prompt":"x","facts":[]}',
    ],
)
def test_plans_are_allowed_and_end(text: str) -> None:
    for tongue in (merging(), single_bytes()):
        grammar = tongue.grammar()
        for token in tongue.tokenizer.encode(text, add_special_tokens=False):
            assert bool(tongue.allowed(grammar)[token])
            grammar.accept(token)
        assert grammar.finished


@pytest.mark.parametrize(
    "text",
    [
        '{"f',
        '{"prompt":""',
        '{"prompt": ',
        '{"prompt":"a\\n',
        '{"prompt":"a\\u',
        '{"prompt":"a","facts":[{"kind":"sm',
        '{"prompt":"a","facts":[{"kind":"thing","t',
        '{"prompt":"a","facts":[{"kind":"thing","quote":"","text":""',
        '{"prompt":"a","facts":[' + '{"kind":"thing","quote":"","text":"a"},' * MOST_FACTS,
        '{"prompt":"a","facts":[],',
    ],
)
def test_what_is_no_plan_is_not_allowed(text: str) -> None:
    assert is_allowed(text[:-1], PROMPTS[0]) and not is_allowed(text, PROMPTS[0])


def test_a_text_ends_where_the_tokenizer_has_no_word_for_what_must_follow() -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = [c for c in sorted(pre_tokenizers.ByteLevel.alphabet()) if c != "\u00c3"]  # the first byte of é
    tokenizer = Tokenizer(models.BPE({"</s>": 0} | {c: i + 1 for i, c in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tongue = Tongue(PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>"))
    grammar = tongue.grammar("café")
    for token in tokenizer.encode(quoting("caf")[:-1]).ids:
        grammar.accept(token)
    assert tongue.allowed(grammar).nonzero()[:, 0].tolist() == [tongue.stop] and grammar.finished


def test_a_token_that_is_not_allowed_is_not_accepted() -> None:
    tongue = merging()
    with pytest.raises(AssertionError, match="is not allowed here"):
        tongue.grammar().accept(tongue.stop)


def test_one_row_says_nothing_about_another() -> None:
    tongue = merging()
    one, other, third = PlanGrammar.for_each(["a cat", "a cat", "a dog"], tongue.view, tongue.stop)
    before = other.allowed()
    one.accept(int(tongue.allowed(one).nonzero()[0, 0]))
    assert torch.equal(other.allowed(), before) and torch.equal(third.allowed(), before)
    assert not torch.equal(one.allowed(), before)
    text = quoting("dog")
    for token in tongue.tokenizer.encode(text[:-4], add_special_tokens=False):
        other.accept(token)
        third.accept(token)
    assert not torch.equal(other.allowed(), third.allowed())  # each quotes its own prompt


@pytest.mark.parametrize("stop", [2, 31, 63])
def test_only_the_end_may_follow_the_end(stop: int) -> None:
    tongue = merging()
    grammar = PlanGrammar(tongue.view, stop, prompt="a boat")
    begun = grammar.allowed()
    text = '{"prompt":"a red boat","facts":[{"kind":"thing","quote":"","text":"a boat"}]}'
    for token in tongue.tokenizer.encode(text, add_special_tokens=False):
        grammar.accept(token)
    assert grammar.finished
    assert unpacked(grammar.allowed()).nonzero()[:, 0].tolist() == [stop]
    assert grammar.allowed().shape == begun.shape  # finished rows and others stand in one batch


def test_every_kind_of_fact_may_be_written() -> None:
    for kind in KINDS:
        assert is_allowed(f'{{"prompt":"x","facts":[{{"kind":"{kind}","quote":"', "x")


@pytest.mark.parametrize(
    "prompt", ["l'homme qu'il voit", "jusqu'à lorsqu\u2019un d'or", "puisqu'il quoiqu'une", "don't"]
)
def test_french_words_are_cut_where_readers_of_prompts_cut_them(prompt: str) -> None:
    words = [piece for piece in pieces_of(prompt) if not piece.isspace()]
    assert words == [word.text for word in words_of(prompt)]
