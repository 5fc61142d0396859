"""Tokenizers trained on the spot, in the formats that real checkpoints have."""

from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedTokenizerFast

TEXTS = [
    "a red boat at sunset, with a big tree on the left",
    "two blue birds above a small house in the snow; the moon is yellow.",
    "Does this picture show a castle? Please answer yes or no. Yes No yes no",
    "Describe the picture in one sentence. three fish under water, in flat style",
    '{"prompt":"a green turtle on a beach","facts":[{"kind":"thing","text":"a turtle"}]}',
    "You plan pictures. Answer with one JSON object and nothing else. User: Assistant:",
    "the wish says what is to be seen: colour, size, place, setting, count, style, relation, other",
]


def byte_level(special: Sequence[str], *, size: int = 400, **options: Any) -> PreTrainedTokenizerFast:
    """Byte-level BPE, as of GPT-2, Llama 3 and Qwen: reads any text.

    Args:
        special: tokens that are one id each; the first ones get the lowest ids.
        options: of the tokenizer, such as which of the special tokens is `eos_token`, or a `chat_template`.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **options)


def sentence_pieces(special: Sequence[str], *, size: int = 420, **options: Any) -> PreTrainedTokenizerFast:
    """BPE over words that begin with U+2581, unknown characters as bytes: as of Llama 2, Mistral and Gemma."""
    from tokenizers import Tokenizer, decoders, models, normalizers, trainers

    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("\u2581", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    alphabet = [chr(code) for code in range(33, 127)]
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=["<unk>", *special, *(f"<0x{byte:02X}>" for byte in range(256))],
        initial_alphabet=["\u2581", *alphabet],
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", **options)


def word_pieces(special: Sequence[str] = (), *, size: int = 300) -> PreTrainedTokenizerFast:
    """Lower-case word pieces, as of BERT: what BLIP reads."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    first = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *special]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=first, show_progress=False)
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )
