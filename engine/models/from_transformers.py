"""Causal language models of transformers, as planners and as drafters of image tokens.

Knows the library's classes, its tokenizers and its static cache. Knows nothing of plans, drafts or the chain.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..errors import CheckpointError, RowError
from ..values import Codebook
from .checkpoint import read_json, whole

if TYPE_CHECKING:
    from llguidance import LLTokenizer
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


class CachedDecoding:
    """One batch under way in a transformers causal LM, with a static cache: an `ar.decoding.Decoding`.

    Args:
        ids: int64 (b, t), padded on the left where `mask` is 0.
        mask: int64 (b, t), or `None` where nothing is padding.
        new_tokens: how many tokens may follow.
    """

    def __init__(self, model: Any, ids: torch.Tensor, *, mask: torch.Tensor | None, new_tokens: int) -> None:
        from transformers import StaticCache

        self._model = model
        self._length = ids.shape[1]
        self._cache = StaticCache(config=model.config, max_cache_len=self._length + new_tokens)
        self._mask: torch.Tensor | None = None
        positions = torch.arange(self._length, device=ids.device)[None].expand(ids.shape[0], -1)
        if mask is not None:
            room = torch.ones(mask.shape[0], new_tokens, dtype=mask.dtype, device=mask.device)
            self._mask = torch.cat([mask, room], 1)
            positions = (mask.cumsum(1) - 1).clamp_min(0)
        self._next_position = positions[:, -1:] + 1
        self.logits = self._forward(ids, positions)

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Append one token, int64 (b,), to each row; returns the new logits (b, v)."""
        self._length += 1
        self.logits = self._forward(tokens[:, None], self._next_position)
        self._next_position = self._next_position + 1
        return self.logits

    @torch.inference_mode()
    def _forward(self, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        mask = None if self._mask is None else self._mask[:, : self._length]
        output = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1]


CACHE_NEEDS = ("num_attention_heads", "num_hidden_layers", "hidden_size")
"""What `cache_bytes` reads of a `config.json`, at least."""


def cache_bytes(config: dict[str, Any], *, rows: int, length: int, bytes_each: int = 4) -> int:
    """Bytes of keys and values of `rows` sequences of `length` tokens, from a checkpoint's `config.json`."""
    heads = config.get("num_key_value_heads") or config["num_attention_heads"]
    head_size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    return 2 * config["num_hidden_layers"] * rows * heads * head_size * length * bytes_each


@dataclasses.dataclass(frozen=True, kw_only=True)
class LanguageModel:
    """A text model and its tokenizer.

    Args:
        words: the only words that the model knows, for one trained on a small world; `None` for one that reads
            anything.
        fillers: the other words of its training texts (articles, prepositions, "a picture of").
    """

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerFast"
    grammar_tokenizer: "LLTokenizer"
    words: frozenset[str] | None
    fillers: frozenset[str] = frozenset()

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def stop(self) -> int:
        """The id that ends a text."""
        return single_id(self.tokenizer.eos_token_id)

    def prompt_ids(self, system: str, text: str) -> list[int]:
        """The ids of a conversation that asks for `text`, by the checkpoint's own chat template."""
        messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
        written = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return self.tokenizer.encode(str(written), add_special_tokens=False)

    def begin(self, rows: Sequence[list[int]], *, width: int, new_tokens: int) -> CachedDecoding:
        """Read prefixes of different lengths, padded on the left to `width`.

        Raises:
            RowError: a row is longer, or does not fit the model's positions with `new_tokens` after it.
        """
        limit = min(width, int(self.model.config.max_position_embeddings) - new_tokens)
        for i, row in enumerate(rows):
            if len(row) > limit:
                reason = f"the prompt is {len(row)} tokens long: the planner reads at most {limit}; shorten it"
                raise RowError(i, reason)
        pad = self.stop if self.tokenizer.pad_token_id is None else single_id(self.tokenizer.pad_token_id)
        ids = torch.full((len(rows), width), pad)
        mask = torch.zeros_like(ids)
        for i, row in enumerate(rows):
            ids[i, width - len(row) :] = torch.tensor(row)
            mask[i, width - len(row) :] = 1
        return CachedDecoding(self.model, ids.to(self.device), mask=mask.to(self.device), new_tokens=new_tokens)

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
    def legal(self) -> slice:
        """The ids of image tokens."""
        return slice(self.offset, self.offset + self.codebook.size)

    def begin(self, prompts: Sequence[str], *, guided: bool) -> CachedDecoding:
        """Read the prompts; with `guided` the same number of rows without a prompt follows."""
        texts = [*prompts, *([""] * len(prompts) if guided else [])]
        ids = torch.tensor([[*text_ids(self.tokenizer, text, self.text_length), self.start] for text in texts])
        count = self.grid[0] * self.grid[1]
        return CachedDecoding(self.model, ids.to(self.device), mask=None, new_tokens=count - 1)


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
    ids = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id]
    return ids + [tokenizer.pad_token_id] * (length - len(ids))


def load_language_model(folder: Path, dtype: torch.dtype, device: torch.device) -> LanguageModel:
    """A planner from a transformers folder with a fast tokenizer."""
    from llguidance.hf import from_tokenizer

    model, tokenizer = _load(folder, dtype, device)
    words, fillers = None, frozenset()
    if (folder / "words.json").exists():
        known = read_json(folder / "words.json")
        words, fillers = frozenset(known["words"]), frozenset(known["fillers"])
    return LanguageModel(
        model=model,
        tokenizer=tokenizer,
        grammar_tokenizer=from_tokenizer(tokenizer, n_vocab=max(len(tokenizer), model.config.vocab_size)),
        words=words,
        fillers=fillers,
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


def _load(folder: Path, dtype: torch.dtype, device: torch.device) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    loaded = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=dtype,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    return whole(loaded, folder).to(device).eval().requires_grad_(False), tokenizer
