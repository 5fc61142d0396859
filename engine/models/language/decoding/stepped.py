"""One batch under way in a causal LM of transformers whose state is no key-value cache of one length: each row
by itself, as the library's `generate` steps.

For state-space and recurrent models (Mamba, RWKV, hybrids), and for those whose attention knows no padding.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch

_OF_ITS_OWN = (
    "BloomForCausalLM",
    "CpmAntForCausalLM",
    "DeepseekV4ForCausalLM",
    "MiniMaxForCausalLM",
    "OpenAIGPTLMHeadModel",
    "XLMWithLMHeadModel",
)
"""Whose attention counts places, or keeps a cache, in a way of its own, or not at all."""
_ON_ITSELF = ("RecurrentGemmaForCausalLM",)
"""Which keep their state on themselves, so that one text can be under way: it is read anew at each step."""


def is_stepped(model: Any) -> bool:
    """Whether a transformers model is carried out so: it keeps a state and has no attention, or is known to be
    in need of it."""
    heads = getattr(model.config.get_text_config(), "num_attention_heads", None)
    keeps_a_state = getattr(type(model), "_is_stateful", False) and not heads
    return bool(keeps_a_state) or type(model).__name__ in (*_OF_ITS_OWN, *_ON_ITSELF)


class SteppedDecoding:
    """An `ar.decoding.Decoding`; its arguments are those of `LeanDecoding`. A row's bits depend on no other."""

    def __init__(
        self,
        model: Any,
        prefixes: Sequence[Sequence[int]],
        *,
        new_tokens: int,
        legal: slice | None = None,
        prefix_tokens: int = 0,
        batch_invariant: bool = False,
    ) -> None:
        self._model = model
        self._legal = slice(0, int(model.config.get_text_config().vocab_size)) if legal is None else legal
        self._rows = [_Row(model, torch.tensor([list(prefix)], device=model.device)) for prefix in prefixes]
        self.logits = self._latest()

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Append one token, int64 (b,), counted from the first legal id, to each row; returns the new
        logits."""
        for row, token in zip(self._rows, (tokens + self._legal.start).tolist(), strict=True):
            row.append(token)
        self.logits = self._latest()
        return self.logits

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order; one that is wanted twice is copied."""
        found: list[_Row] = []
        for i in rows:
            row = self._rows[i]
            found.append(copy.deepcopy(row, {id(self._model): self._model}) if row in found else row)
        self._rows = found
        self.logits = self.logits[list(rows)]

    def _latest(self) -> torch.Tensor:
        return torch.cat([row.logits[..., self._legal] for row in self._rows])  # (b, v)


class _Row:
    """One text, and the state after it.

    Args:
        ids: int64 (1, t), at least one.
    """

    def __init__(self, model: Any, ids: torch.Tensor) -> None:
        self._model = model
        self._ids = ids
        self._anew = type(model).__name__ in _ON_ITSELF
        self._state: dict[str, Any] = {"use_cache": not self._anew, "attention_mask": torch.ones_like(ids)}
        self._read(first=True)

    def append(self, token: int) -> None:
        """Read one more token."""
        self._ids = torch.cat([self._ids, self._ids.new_tensor([[token]])], 1)
        self._read(first=False)

    @torch.inference_mode()
    def _read(self, *, first: bool) -> None:
        if self._anew:
            self.logits = self._model(input_ids=self._ids, use_cache=False).logits[:, -1]
            return
        given = self._model.prepare_inputs_for_generation(
            self._ids,
            next_sequence_length=None if first else 1,
            is_first_iteration=first,
            **self._state,
        )
        output = self._model(**given, return_dict=True)
        self._state = self._model._update_model_kwargs_for_generation(output, self._state)
        self.logits = output.logits[:, -1]  # (1, v)
