"""Causal language models of transformers, as planners and as drafters of image tokens.

Knows the library's classes and its tokenizers. Knows nothing of plans, drafts or the chain.
"""

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ...ar.decoding import Decoding
from ...errors import CheckpointError, InputError, RowError
from ...language.closed_vocabulary.known_words import read_words
from ...language.closed_vocabulary.vocabulary import Vocabulary, read_vocabulary
from ...messages import first_line, shown
from ...values import Codebook
from ..checkpoint.folder import folder_of, read_config, whole
from ..checkpoint.tokenizer import load_tokenizer
from ..quantised.pretrained import from_pretrained
from . import chat_template as conversation
from .decoding.native import MAX_BYTES, NativeDecoding, is_native
from .decoding.ways import begin
from .text_models import auto_class, refuse_readers, with_text_template

if TYPE_CHECKING:
    from llguidance import LLTokenizer
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


DECODING_NEEDS = ("num_attention_heads", "num_hidden_layers", "hidden_size", "vocab_size")
"""What `decoding_bytes` reads of a `config.json`, at least."""

_HEADS = "num_attention_heads"
_STATE = "state_size"
_DECODING_MAY_SAY = ("num_key_value_heads", "head_dim", "intermediate_size", "max_position_embeddings", _STATE)


def decoder_config(checkpoint: str) -> dict[str, Any]:
    """What `decoding_bytes` reads, of any causal LM: from its `config.json`, or where that is brief, or has
    names of its own for things, from what the library makes of it.

    Raises:
        CheckpointError: there is no such checkpoint, it is no language model, or says of itself what no model
            can have.
    """
    config = read_config(checkpoint)
    config |= config.get("text_config") or {}  # a table: it was looked at
    if all(name in config for name in DECODING_NEEDS):
        return _with_something_of_each(config, checkpoint)
    from transformers import AutoConfig

    try:
        found = AutoConfig.from_pretrained(folder_of(checkpoint), local_files_only=True).get_text_config()
        needed = {name: getattr(found, name) for name in DECODING_NEEDS if name != _HEADS}
    except (ValueError, KeyError, AttributeError):
        return read_config(checkpoint, *DECODING_NEEDS)  # says what is missing
    except Exception as error:  # of a config that the library finds at odds with itself
        path = folder_of(checkpoint) / "config.json"
        raise CheckpointError(f"{path}: {first_line(error)}: copy the checkpoint again") from None
    needed[_HEADS] = getattr(found, _HEADS, None) or 1  # what has none keeps a state, which is smaller
    said = {name: getattr(found, name, None) for name in _DECODING_MAY_SAY}
    return _with_something_of_each(needed | said, checkpoint)


def _with_something_of_each(config: dict[str, Any], checkpoint: str) -> dict[str, Any]:
    """The same config. Raises `CheckpointError` where it says that the model has no layers, say."""
    for name in (*DECODING_NEEDS, "num_key_value_heads", "head_dim"):
        value = config.get(name)
        values = value if isinstance(value, list | tuple) else [value]
        if any(isinstance(each, int) and each < 1 for each in values):
            path = folder_of(checkpoint) / "config.json"
            raise CheckpointError(
                f"{path}: {name} = {shown(value)}: must be at least 1: copy the checkpoint again"
            )
    return config


def decoding_bytes(
    config: dict[str, Any],
    *,
    rows: int,
    prefix: int,
    new_tokens: int,
    at_once: int = 1,
    bytes_each: int = 4,
) -> int:
    """Bytes that `rows` sequences need, at most, from a checkpoint's `config.json`: keys and values of all
    their tokens, one layer's activations of the prefixes, and the logits of a step, which are drawn from in
    double precision. What a CPU takes beside, `packed_bytes` says.

    Args:
        at_once: new tokens that are read together, at most, and whose logits are looked at.
    """
    config = _sizes(config)
    heads = config.get("num_key_value_heads") or config["num_attention_heads"]
    head_size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    cache = 2 * config["num_hidden_layers"] * heads * head_size * (prefix + new_tokens) * bytes_each
    size, inner = config["hidden_size"], config.get("intermediate_size") or 4 * config["hidden_size"]
    reading = max(prefix, at_once) * (4 * size + 4 * inner) * bytes_each
    reading += max(prefix, at_once) * 3 * inner * config.get(_STATE, 0) * 4  # of a state after each token
    logits = max(6 * 8, at_once * 3 * 4) * config["vocab_size"]
    return rows * (cache + reading + logits)


def _sizes(config: Mapping[str, Any]) -> dict[str, int]:
    """The numbers of a config that bytes are counted from; of one that layers differ in, the largest. (What is
    no number must not be multiplied: a list would grow.)

    Raises:
        TypeError: what should be a number is none.
    """
    found: dict[str, int] = {}
    for name in (*DECODING_NEEDS, "num_key_value_heads", "head_dim", "intermediate_size", _STATE):
        value = config.get(name)
        if isinstance(value, list | tuple) and value:
            value = max(value)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise TypeError(f"{name} is no whole number")
        if value is not None:
            found[name] = value
    return found


def packed_bytes(config: dict[str, Any], dtype: str) -> int:
    """Bytes of the weights of a small model of the Llama family, packed for a CPU, while it is decoded with
    machine code of our own; from a checkpoint's `config.json`."""
    if dtype != "float32":
        return 0
    config = _sizes(config)
    heads = config.get("num_key_value_heads") or config["num_attention_heads"]
    head_size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    size, inner = config["hidden_size"], config.get("intermediate_size") or 4 * config["hidden_size"]
    packed = 4 * config["num_hidden_layers"] * size * (2 * size + 2 * heads * head_size + 3 * inner)
    packed += 4 * config["vocab_size"] * size
    return packed if packed <= MAX_BYTES else 0  # only small models are packed


@dataclasses.dataclass(frozen=True, kw_only=True)
class LanguageModel:
    """A text model and its tokenizer.

    Args:
        vocabulary: what its words mean, where it comes with a `vocabulary.json`: prompts are then read by rule.
        words: the only words that the model knows, where it comes with a `words.json`, and nobody knows what
            they mean. A model with neither reads anything.
    """

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerFast"
    grammar_tokenizer: "LLTokenizer"
    vocabulary: Vocabulary | None = None
    words: frozenset[str] | None = None

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def rows_apart(self) -> bool:
        """Whether a row's bits never depend on how many it is decoded with."""
        return is_native(self.model)

    @property
    def stop(self) -> int:
        """The id that ends a text."""
        return single_id(self.tokenizer.eos_token_id)

    @property
    def thinks_until(self) -> int | None:
        """The id that ends the reasoning of a model that thinks aloud."""
        marks = conversation.thinking_marks(self.tokenizer)
        return None if marks is None else single_id(self.tokenizer.convert_tokens_to_ids(marks.close))

    def prompt_ids(self, system: str, text: str, *, thinking: bool = False) -> list[int]:
        """The ids of a conversation that asks for `text`; see `conversation.prompt_ids`."""
        return conversation.prompt_ids(self.tokenizer, system, text, thinking=thinking)

    def begin(
        self, rows: Sequence[list[int]], *, prompt_tokens: int, new_tokens: int, batch_invariant: bool = False
    ) -> Decoding:
        """Read prefixes of different lengths, at most `prompt_tokens`; the stop is part of the alphabet.

        Args:
            batch_invariant: what runs depends on the number of rows and on `prompt_tokens` alone.

        Raises:
            RowError: a row is longer, or does not fit the model's positions with `new_tokens` after it.
        """
        left = position_count(self.model.config) - new_tokens
        if left < 1:
            reason = f"the planner has no position left for a prompt beside {new_tokens} tokens of its own"
            raise InputError(f"{reason}: make max_tokens or thinking_tokens smaller")
        limit = min(prompt_tokens, left)
        for i, row in enumerate(rows):
            if len(row) > limit:
                room = "raise prompt_tokens" if limit == prompt_tokens else "make max_tokens smaller"
                reason = f"prompt and instructions are {len(row)} tokens long, and there is room for {limit}"
                raise RowError(i, f"{reason}: shorten the prompt, or {room} in the recipe")
        return begin(
            self.model,
            rows,
            new_tokens=new_tokens,
            prefix_tokens=prompt_tokens,
            batch_invariant=batch_invariant,
        )

    def decode(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageTokenModel:
    """A causal LM whose vocabulary ends with image tokens: text ids first, then one id for each codebook entry.

    Args:
        grid: rows and columns of the tokens of a picture.
        text_length: tokens that the prompt is cut or padded to.
        offset: the id of the first image token.
        start: the id that stands between the text and the first image token.
    """

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerFast"
    grid: tuple[int, int]
    text_length: int
    offset: int
    start: int
    codebook: Codebook

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def rows_apart(self) -> bool:
        """As that of a `LanguageModel`."""
        return is_native(self.model)

    @property
    def legal(self) -> slice:
        """The ids of image tokens."""
        return slice(self.offset, self.offset + self.codebook.size)

    @property
    def embeddings(self) -> torch.Tensor:
        """Of the codebook's tokens, (v, d)."""
        table: Any = self.model.get_input_embeddings()
        return table.weight[self.legal]

    def begin(
        self,
        prompts: Sequence[str],
        *,
        guided: bool,
        batch_invariant: bool = False,
        shown: torch.Tensor | None = None,
    ) -> Decoding:
        """Read the prompts; with `guided` the same number of rows without a prompt follows.

        Tokens and logits are those of the image alone, counted from its first.

        Args:
            shown: what a `SketchReader` says of each place of the grid to each of the prompts, (b, s, d).
        """
        texts = [*prompts, *([""] * len(prompts) if guided else [])]
        rows = [[*self.text_of(text), self.start] for text in texts]
        count = self.grid[0] * self.grid[1]
        how: dict[str, Any] = {"legal": self.legal, "batch_invariant": batch_invariant}
        if shown is None:
            return begin(self.model, rows, new_tokens=count - 1, **how)
        shown = torch.cat([shown, shown]) if guided else shown
        texts_alone = [row[:-1] for row in rows]  # the start, too, is shown something: the first place
        decoding = begin(self.model, texts_alone, new_tokens=count, beside=shown, **how)
        decoding.step(torch.full((len(rows),), self.start - self.offset, device=self.device))
        return decoding

    def text_of(self, prompt: str) -> list[int]:
        """The ids of a prompt, before the start of the picture."""
        return text_ids(self.tokenizer, prompt, self.text_length)

    def begin_continuous(self, prefixes: Sequence[Sequence[int]]) -> NativeDecoding:
        """Read texts of prompts, for a decoding that others may join; the start is to be its first token.

        Only where `rows_apart` holds.
        """
        count = self.grid[0] * self.grid[1]
        return NativeDecoding(self.model, prefixes, new_tokens=count, legal=self.legal)


def position_count(config: Any) -> int:
    """How many tokens a model of this config reads at most; as many as one likes, where it does not say."""
    return int(getattr(config.get_text_config(), "max_position_embeddings", None) or sys.maxsize)


def single_id(found: object) -> int:
    """The id of a special token, of which the library's types say too little.

    Raises:
        CheckpointError: the tokenizer has no such token.
    """
    if not isinstance(found, int):
        raise CheckpointError(f"the tokenizer has {found!r} where the model needs the id of a special token")
    return found


def text_ids(tokenizer: "PreTrainedTokenizerFast", text: str, length: int) -> list[int]:
    """`<s> text </s>`, cut or padded to `length` ids."""
    ids = tokenizer.encode(text, add_special_tokens=False)[: length - 2]
    ids = [single_id(tokenizer.bos_token_id), *ids, single_id(tokenizer.eos_token_id)]
    missing = length - len(ids)
    return ids + [single_id(tokenizer.pad_token_id)] * missing if missing else ids


def load_language_model(
    folder: Path, dtype: torch.dtype, device: torch.device, *, trust_remote_code: bool = False
) -> LanguageModel:
    """A planner from a transformers folder with a fast tokenizer.

    Args:
        trust_remote_code: run the code in the folder that its config names, if it does.
    """
    from llguidance.hf import from_tokenizer

    model, tokenizer = _load(folder, dtype, device, trust_remote_code=trust_remote_code)
    vocabulary = int(model.config.get_text_config().vocab_size)
    return LanguageModel(
        model=model,
        tokenizer=tokenizer,
        grammar_tokenizer=from_tokenizer(tokenizer, n_vocab=max(len(tokenizer), vocabulary)),
        vocabulary=read_vocabulary(folder),
        words=read_words(folder),
    )


def load_image_token_model(folder: Path, dtype: torch.dtype, device: torch.device) -> ImageTokenModel:
    """A drafter from a transformers folder whose `config.json` says where the image tokens lie."""
    model, tokenizer = _load(folder, dtype, device)
    config = model.config
    try:
        offset, (rows, columns) = config.image_token_offset, config.image_token_grid
        book = Codebook(name=config.image_codebook, size=config.vocab_size - offset)
        text_length = config.image_text_length
    except AttributeError as error:
        raise CheckpointError(f"{folder}/config.json: says nothing of image tokens ({error})") from None
    return ImageTokenModel(
        model=model,
        tokenizer=tokenizer,
        grid=(rows, columns),
        text_length=text_length,
        offset=offset,
        start=single_id(tokenizer.convert_tokens_to_ids("<image>")),
        codebook=book,
    )


def _load(
    folder: Path, dtype: torch.dtype, device: torch.device, *, trust_remote_code: bool = False
) -> tuple[Any, Any]:
    import transformers

    how: dict[str, Any] = {"local_files_only": True, "trust_remote_code": trust_remote_code}
    tokenizer = with_text_template(load_tokenizer(folder, trust_remote_code=trust_remote_code), folder)
    config = transformers.AutoConfig.from_pretrained(folder, **how)
    refuse_readers(config, folder)
    kind = getattr(transformers, auto_class(config))
    how |= {"config": config, "dtype": dtype, "use_safetensors": True}
    loaded = from_pretrained(kind, folder, device, **how)
    return whole(loaded, folder).to(device).eval().requires_grad_(False), tokenizer
