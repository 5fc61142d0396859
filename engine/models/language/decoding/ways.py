"""Which way of decoding is the one for a causal LM: by its architecture, its size and its device."""

from collections.abc import Sequence
from typing import Any

import torch

from ....ar.decoding import Decoding
from ....errors import InputError
from .by_library import CachedDecoding
from .captured import CapturedDecoding, can_record
from .lean import LeanDecoding
from .lean_layers import is_lean
from .native import NativeDecoding, is_native
from .stepped import SteppedDecoding, is_stepped


def begin(
    model: Any,
    prefixes: Sequence[Sequence[int]],
    *,
    new_tokens: int,
    legal: slice | None = None,
    prefix_tokens: int = 0,
    batch_invariant: bool = False,
    beside: torch.Tensor | None = None,
) -> Decoding:
    """Read prefixes with a causal LM: by machine code where it is small and on a CPU, lean where its
    architecture is known, with recorded steps on a GPU, by the library otherwise, row by row where its state
    is no key-value cache.

    Args:
        model: of transformers.
        legal: the ids that logits are about and tokens are counted in; all, if `None`.
        prefix_tokens: of a prefix, at most; 0 where all have one length.
        batch_invariant: the shapes that run depend on the number of prefixes and on `prefix_tokens` alone.
        beside: what is added to the embeddings of new tokens, (b, new_tokens, d).

    Raises:
        InputError: something is added, and the architecture is not known.
    """
    kind: type[NativeDecoding | LeanDecoding | SteppedDecoding | CachedDecoding] = CachedDecoding
    if is_native(model):
        kind = NativeDecoding
    elif is_lean(model):
        kind = CapturedDecoding if beside is None and can_record(model) else LeanDecoding
    elif is_stepped(model):
        kind = SteppedDecoding
    more: dict[str, Any] = {} if beside is None else {"beside": beside}
    if more and not issubclass(kind, NativeDecoding | LeanDecoding):
        name = type(model).__name__
        raise InputError(f"a {name} cannot be shown a sketch: name a drafter of the Llama family")
    return kind(
        model,
        prefixes,
        new_tokens=new_tokens,
        legal=legal,
        prefix_tokens=prefix_tokens,
        batch_invariant=batch_invariant,
        **more,
    )
