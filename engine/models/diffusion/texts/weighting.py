"""Weights of words, and prompts of any length, for text encoders of the CLIP kind, by compel (Stewart): words
that count for more are moved away from what an empty prompt says, those for less towards the prompt without
them; what is longer than the encoder reads at once is read piece by piece, cut between phrases.

A prompt without weights that is short enough is not touched: it is as the library's own call encodes it.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from ....errors import InputError
from ....language.words.prompt_weights import Part, has_weights, parts_of, plain_text, without_other_tags

Encoding = tuple[Any, ...]
"""What a pipeline's `encode_prompt` gives."""

_MOST_TOKENS = 4096


def with_words(arguments: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """The arguments of a call with its prompts changed; those of other tools' tags are no words of them."""
    found = dict(arguments)
    for name in ("prompt", "negative_prompt"):
        if isinstance(found.get(name), list):
            found[name] = [change(without_other_tags(each)) for each in found[name]]
    return found


def needs(pipeline: Any, arguments: Mapping[str, Any]) -> bool:
    """Whether a call's prompts hold weights, or are longer than the library reads."""
    if arguments.get("prompt_2") or arguments.get("negative_prompt_2"):
        return False  # a recipe's own second text: the library knows what to do with it
    texts = [text for name in ("prompt", "negative_prompt") for text in arguments.get(name) or ()]
    return any(has_weights(text) or _is_long(pipeline.tokenizer, plain_text(text)) for text in texts)


def weighted(pipeline: Any, encoding: Encoding, arguments: Mapping[str, Any]) -> Encoding:
    """What `encode_prompt` gave for the plain text of one row, with its weights, and all of it.

    Args:
        encoding: embeddings (1, t, d) of the prompt and of the negative one, or `None`; then whatever else.
        arguments: of the call, with the prompts as they were written.
    """
    positive, negative, *rest = encoding
    encoders = _encoders(pipeline, arguments.get("clip_skip"))
    (prompt,) = arguments["prompt"]
    (against,) = arguments.get("negative_prompt") or (None,)
    found = _read(encoders, pipeline, prompt).to(positive)
    if negative is None:
        return (found, None, *rest)
    other = _read(encoders, pipeline, against).to(negative) if against else negative
    length = max(found.shape[1], other.shape[1])
    empty = negative if not against else _read(encoders, pipeline, "").to(negative)
    return (
        _padded(found, length, _read(encoders, pipeline, "").to(found)),
        _padded(other, length, empty),
        *rest,
    )


def _padded(embeddings: torch.Tensor, length: int, empty: torch.Tensor) -> torch.Tensor:
    """With the embeddings of empty prompts behind, as long as this."""
    missing = (length - embeddings.shape[1]) // empty.shape[1]
    return torch.cat([embeddings, *[empty] * missing], 1)


def _read(encoders: Sequence[Any], pipeline: Any, prompt: str) -> torch.Tensor:
    """(1, t, d), of all encoders side by side."""
    found = [
        torch.cat([_of(encoder, pipeline, parts) for parts in parts_of(prompt)], 1) for encoder in encoders
    ]
    length = max(each.shape[1] for each in found)
    padded = [_padded(each, length, encoder.empty_z) for each, encoder in zip(found, encoders, strict=True)]
    return torch.cat(padded, -1)


def _of(encoder: Any, pipeline: Any, parts: Sequence[Part]) -> torch.Tensor:
    said = [part for part in parts if part.text.strip()] or [Part("", 1.0)]
    convert: Callable[..., str] = pipeline.maybe_convert_prompt
    texts = [convert(part.text, encoder.tokenizer) for part in said]
    try:
        return encoder.get_embeddings_for_weighted_prompt_fragments([texts], [[part.weight for part in said]])
    except (RuntimeError, TypeError) as error:  # where the words of a part cannot be found among the tokens
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise InputError(
            f"the weights of the prompt cannot be applied ({error}): write it without them"
        ) from error


def _is_long(tokenizer: Any, text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        count = len(tokenizer(text, truncation=False, verbose=False).input_ids)
    if count > _MOST_TOKENS:
        raise InputError(f"the prompt has {count} tokens: at most {_MOST_TOKENS} are read")
    return count > tokenizer.model_max_length


def _encoders(pipeline: Any, clip_skip: int | None) -> list[Any]:
    """What reads weighted prompts as each of the pipeline's encoders does."""
    from compel.embeddings_provider import EmbeddingsProvider, SplitLongTextMode

    of_two = getattr(pipeline, "text_encoder_2", None) is not None

    class Encoder(EmbeddingsProvider):
        """As the library's call reads what the encoder gives, whatever version of it."""

        def _encode_token_ids_to_embeddings(
            self, token_ids: torch.Tensor, attention_mask: torch.Tensor | None = None
        ) -> torch.Tensor:
            mask = None if attention_mask is None or bool(attention_mask.all()) else attention_mask
            found = self.text_encoder(token_ids, mask, output_hidden_states=of_two or clip_skip is not None)
            if of_two:
                return found.hidden_states[-(2 if clip_skip is None else clip_skip + 2)]
            if clip_skip is None:
                return found[0]
            inner: Any = getattr(self.text_encoder, "text_model", self.text_encoder)
            return inner.final_layer_norm(found.hidden_states[-(clip_skip + 1)])

    pairs = [(pipeline.tokenizer, pipeline.text_encoder)]
    pairs += [(pipeline.tokenizer_2, pipeline.text_encoder_2)] if of_two else []
    return [
        Encoder(
            tokenizer,
            encoder,
            truncate=False,
            dtype_for_device_getter=lambda device, encoder=encoder: encoder.dtype,
            split_long_text_mode=SplitLongTextMode.PHRASES,
            device=encoder.device,
        )
        for tokenizer, encoder in pairs
    ]
