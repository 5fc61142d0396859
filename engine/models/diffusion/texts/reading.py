"""What a pipeline's text encoders are given of a call's prompts, and what is done with what they make of
them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ....language.words.prompt_weights import plain_text, without_said_weights
from .embeddings import spelt
from .weighting import needs, weighted, with_words

Reading = tuple[Mapping[str, Any], Callable[[Any], Any]]
"""The arguments of the library's call, and what is to be done with what its `encode_prompt` gives."""


def reading(
    pipeline: Any, arguments: Mapping[str, Any], *, words: Sequence[str], weights: bool, weighs: bool
) -> Reading:
    """How the prompts of one row are read.

    Args:
        words: the embeddings that they may use.
        weights: whether marks in them say how strongly words count.
        weighs: whether these text encoders can be told so; else the marks are taken out.

    Raises:
        InputError: they use an embedding that is not known, or are far too long.
    """
    written = with_words(arguments, lambda text: spelt(text, words))
    if not weights:
        return written, lambda encoding: encoding
    if not weighs:
        return with_words(written, without_said_weights), lambda encoding: encoding
    plain = with_words(written, plain_text)
    if not needs(pipeline, written):
        return plain, lambda encoding: encoding
    return plain, lambda encoding: weighted(pipeline, encoding, written)
