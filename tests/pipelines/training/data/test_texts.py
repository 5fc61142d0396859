"""The words that the models share."""

import json
import random
from pathlib import Path
from typing import Any

import sentencepiece

from diptych.pipelines.pocket.world import caption_of, facts_of, prompt_of
from diptych.pipelines.training.data.source import scene_of
from diptych.pipelines.training.data.texts import CONTROL, id_of, padded, plan_json


def captions(count: int) -> list[str]:
    return [caption_of(scene_of("held-out", i), random.Random(i)) for i in range(count)]


def test_the_fast_tokenizer_cuts_words_as_sentencepiece_does(words: Any, text_folder: Path) -> None:
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(text_folder / "spiece.model"))
    for text in captions(200):
        assert words.encode(text, add_special_tokens=False) == pieces.encode(text), text


def test_captions_survive_the_tokenizer(words: Any) -> None:
    for text in captions(50):
        ids = words.encode(text, add_special_tokens=False)
        assert words.decode(ids) == text
        assert words.unk_token_id not in ids


def test_plans_survive_the_tokenizer(words: Any) -> None:
    for i in range(20):
        scene = scene_of("held-out", i)
        plan = plan_json(prompt_of(scene), facts_of(scene))
        written = words.decode(words.encode(plan, add_special_tokens=False))
        assert [fact["text"].strip() for fact in json.loads(written)["facts"]] == [
            t for _, t in facts_of(scene)
        ]


def test_control_words_are_one_token_each(words: Any) -> None:
    for word in (*CONTROL, "<s>", "</s>", "<pad>"):
        assert words.encode(word, add_special_tokens=False) == [id_of(words, word)]


def test_padded_texts_have_one_length_and_keep_their_ends(words: Any) -> None:
    short, long = padded(words, ["a red boat", "a red boat " * 30], 12)
    start, end, pad = (id_of(words, word) for word in ("<s>", "</s>", "<pad>"))
    assert len(short) == len(long) == 12
    assert short[0] == long[0] == start and long[-1] == end
    assert short[short.index(end) + 1 :] == [pad] * (11 - short.index(end))
