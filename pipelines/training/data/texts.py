"""The words that the pocket models share: one tokenizer, and the text forms that each learns.

Its pieces are learnt from what the data says, or they are the phrases that full wordings are made of: then a
kind of thing is one token, of however many words, and several of a kind are that token and one more.

plan     <s> a red boat <plan> {"prompt":"…","facts":[{"kind":"thing","text":"a boat"},…]} </s>
caption  <s> <caption> a red boat on the left, at sunset </s>
ask      <s> <ask> a red boat <answer> yes </s>
"""

import json
import random
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ....engine.errors import InputError
from ....engine.models.language.causal_lm import text_ids
from ...pocket.world import Fact
from .source import TrainingData

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

CONTROL = ("<plan>", "<caption>", "<ask>", "<answer>", "<image>")
FACT_KINDS = ("thing", "colour", "size", "place", "setting", "count", "style", "relation", "other")
JSON_PARTS = (
    '{"prompt":"',
    '","facts":[',
    *(f'{{"kind":"{kind}","text":"' for kind in FACT_KINDS),
    '"},',
    '"}]}',
)
ENGLISH = "abcdefghijklmnopqrstuvwxyz0123456789.,:;!?'-"
NEEDED = 32  # pieces beside characters and parts of forms: control tokens, and a few that join characters
JOINED = "▁"  # in place of a space
PLURAL = ("s", "es")
PHRASE, ENDING, LETTER = -1.0, -1.5, -10.0  # of the ways to cut a text the one of the highest sum is taken
CHAT_TEMPLATE = "{{ bos_token }}{{ messages[-1]['content'] }}<plan>"


def plan_json(prompt: str, facts: Iterable[Fact]) -> str:
    """The one form in which every planner writes a Plan: JSON without spaces between its parts."""
    body = {"prompt": prompt, "facts": [{"kind": kind, "text": text} for kind, text in facts]}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


def _corpus(data: TrainingData, count: int) -> Iterator[str]:
    for i in range(count):
        rng = random.Random(f"corpus/{i}")
        (scene,) = data.scenes([i % data.count])
        yield data.caption_of(scene, rng)
        yield data.caption_of(scene, rng)
        yield plan_json(data.prompt_of(scene), data.facts_of(scene))
        yield from (text for _, text in data.false_facts_of(scene, rng))
        if i % 10 == 0:
            yield "yes"
            yield "no"


def _letters(data: TrainingData, size: int) -> str:
    """The characters that are to be tokens."""
    letters = ENGLISH + "".join(sorted(data.letters() - set(ENGLISH)))
    least = len(letters) + len(CONTROL) + len(JSON_PARTS) + NEEDED
    if size < least:
        raise InputError(
            f"config: [text]: size = {size}: must be at least {least}, for each character to be a token"
        )
    return letters


def train_text_tokenizer(
    data: TrainingData, folder: Path, *, sentences: int = 8000, size: int = 768, pieces: str = "learnt"
) -> "PreTrainedTokenizerFast":
    """Fit the tokenizer to the data's wording, in transformers' format.

    Args:
        sentences, size: where pieces are learnt: of how many sentences, and how many there are at most.
        pieces: "learnt" by sentencepiece BPE (Sennrich et al. 2016), whose own model is kept beside it as
            `spiece.model`; or the "phrases" of the data.

    Raises:
        InputError: `size` is too small for the characters that there are, or the data has no phrases.
    """
    from tokenizers import AddedToken
    from transformers import PreTrainedTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _of_phrases(data.phrases()) if pieces == "phrases" else _learnt(data, folder, sentences, size)
    tokenizer.add_special_tokens([AddedToken(c, normalized=False, special=True) for c in CONTROL])
    tokenizer.add_tokens([AddedToken(c, normalized=False, special=False) for c in JSON_PARTS])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(folder)
    return fast


def _learnt(data: TrainingData, folder: Path, sentences: int, size: int) -> "Tokenizer":
    import sentencepiece
    from tokenizers import Tokenizer, models, pre_tokenizers

    letters = _letters(data, size)
    with tempfile.TemporaryDirectory() as scratch:
        prefix = Path(scratch) / "spiece"
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_corpus(data, sentences),
            model_prefix=str(prefix),
            model_type="bpe",
            vocab_size=size,
            hard_vocab_limit=False,
            split_by_unicode_script=True,
            normalization_rule_name="nmt_nfkc_cf",
            required_chars=letters,
            user_defined_symbols=[*CONTROL, *JSON_PARTS],
            bos_id=1,
            eos_id=2,
            unk_id=0,
            pad_id=3,
            minloglevel=2,
        )
        model_file = prefix.with_suffix(".model")
        (folder / "spiece.model").write_bytes(model_file.read_bytes())
        pieces = sentencepiece.SentencePieceProcessor(model_file=str(model_file))
        vocabulary = {pieces.id_to_piece(i): i for i in range(pieces.get_piece_size())}
    tokenizer = Tokenizer(models.BPE(vocabulary, _merges(vocabulary), unk_token="<unk>", fuse_unk=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    return _as_llamas(tokenizer)


def _of_phrases(phrases: Sequence[str]) -> "Tokenizer":
    """Of all ways to cut a text the one of fewest pieces: phrases, endings of the plural, and else letters."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    if not phrases:
        raise InputError("config: [text]: pieces = phrases goes with --data world and art alone: say learnt")
    known = dict.fromkeys(phrases)
    plurals = {f"{phrase}{ending}" for phrase in known for ending in PLURAL}
    whole = [phrase.replace(" ", JOINED) for phrase in known if phrase not in plurals]
    scores = dict.fromkeys(("<unk>", "<s>", "</s>", "<pad>", *CONTROL, *JSON_PARTS), 0.0)
    scores |= dict.fromkeys((JOINED, *ENGLISH), LETTER) | dict.fromkeys(PLURAL, ENDING)
    scores |= dict.fromkeys((f"{JOINED}{phrase}" for phrase in whole), PHRASE)
    tokenizer = Tokenizer(models.Unigram(list(scores.items()), unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    return _as_llamas(tokenizer)


def _as_llamas(tokenizer: "Tokenizer") -> "Tokenizer":
    """With the normalisation of all our tokenizers, and the decoder that constrained decoding understands."""
    from tokenizers import Regex, decoders, normalizers

    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace(Regex(r"\s+"), " ")]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(JOINED, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return tokenizer


def _merges(vocabulary: dict[str, int]) -> list[tuple[str, str]]:
    """The merges that build each piece from two others, in the order in which sentencepiece learnt them."""
    skip = {*CONTROL, *JSON_PARTS}
    pieces = sorted(
        (piece for piece in vocabulary if len(piece) > 1 and piece not in skip), key=vocabulary.__getitem__
    )
    cuts = [(piece[:i], piece[i:]) for piece in pieces for i in range(1, len(piece))]
    return [(left, right) for left, right in cuts if left in vocabulary and right in vocabulary]


def id_of(tokenizer: "PreTrainedTokenizerFast", token: str) -> int:
    """The id of a token that the tokenizer has."""
    found = tokenizer.convert_tokens_to_ids(token)
    assert isinstance(found, int), f"{token!r} is {found}"
    return found


def padded(tokenizer: "PreTrainedTokenizerFast", texts: list[str], length: int) -> list[list[int]]:
    """Token ids of `<s> text </s>`, cut or padded to `length` each."""
    return [text_ids(tokenizer, text, length) for text in texts]
