"""Tokenizers of the very classes that diffusion pipelines come with, trained on the spot."""

import json
from pathlib import Path
from typing import Any

from transformers import ByT5Tokenizer, CLIPTokenizer, GemmaTokenizer, PreTrainedTokenizerFast, Qwen2Tokenizer
from transformers import T5Tokenizer as T5Tokenizer

from .texts import TEXTS, byte_level, sentence_pieces

CHATML = """{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}<|im_start|>assistant
"""
MISTRAL = """{% for m in messages %}[{{ m.role }}]\
{% for part in m.content %}{{ part.text }}{% endfor %}{% endfor %}"""


def clip() -> CLIPTokenizer:
    """Lower-case BPE, word ends marked; at most 77 tokens."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    trained = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    trained.normalizer = normalizers.Lowercase()
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        special_tokens=[*sorted(letters), *(f"{letter}</w>" for letter in sorted(letters))],
        initial_alphabet=letters,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    trained.train_from_iterator(TEXTS, trainer)
    vocab, merges = _bpe(trained)
    for name in ("<|startoftext|>", "<|endoftext|>"):  # the last ids of all
        vocab[name] = len(vocab)
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=77)


def t5() -> T5Tokenizer:
    """Unigram pieces, as sentencepiece makes them."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    trained = Tokenizer(models.Unigram())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=200, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    trained.train_from_iterator(TEXTS * 3, trainer)
    pieces = json.loads(trained.to_str())["model"]["vocab"]
    return T5Tokenizer(vocab=[(piece, score) for piece, score in pieces], extra_ids=0, model_max_length=512)


def t5_of_sentencepiece(folder: Path) -> T5Tokenizer:
    """As `t5`, written to `folder` in the form of older checkpoints: `spiece.model`, no `tokenizer.json`."""
    import sentencepiece

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 3),
        model_prefix=str(folder / "spiece"),
        vocab_size=100,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    (folder / "spiece.vocab").unlink()
    settings = {"tokenizer_class": "T5Tokenizer", "extra_ids": 0, "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return T5Tokenizer.from_pretrained(folder)


def qwen() -> Qwen2Tokenizer:
    """Byte-level BPE with ChatML."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    vocab, merges = _bpe(byte_level(special).backend_tokenizer)
    tokenizer = Qwen2Tokenizer(vocab=vocab, merges=merges, chat_template=CHATML)
    tokenizer.add_special_tokens({"additional_special_tokens": special[1:]})
    return tokenizer


def gemma() -> GemmaTokenizer:
    """Sentence pieces with bytes for what is unknown."""
    vocab, merges = _bpe(sentence_pieces(["<pad>", "<bos>", "<eos>", "<mask>"]).backend_tokenizer)
    return GemmaTokenizer(vocab=vocab, merges=merges)


def mistral() -> PreTrainedTokenizerFast:
    """Byte-level BPE whose chat template takes messages of several parts."""
    return byte_level(["<pad>", "<s>", "</s>"], pad_token="<pad>", eos_token="</s>", chat_template=MISTRAL)


def byt5() -> ByT5Tokenizer:
    """Bytes."""
    return ByT5Tokenizer()


def _bpe(trained: Any) -> tuple[dict[str, int], Any]:
    model = json.loads(trained.to_str())["model"]
    return dict(model["vocab"]), [tuple(merge) for merge in model["merges"]]
