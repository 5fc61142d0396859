"""One batch under way in any causal LM of transformers, by the library's own forward and static cache.

For the architectures that `lean_layers` does not know.
"""

from collections.abc import Sequence
from typing import Any

import torch


class CachedDecoding:
    """An `ar.decoding.Decoding`; its arguments are those of `LeanDecoding`, and rows are padded on the left.

    Args:
        batch_invariant: make room for prefixes of `prefix_tokens`; equal prefixes are read as often as
            there are rows in any case.
    """

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
        from transformers import StaticCache

        self._model = model
        self._legal = slice(0, int(model.config.get_text_config().vocab_size)) if legal is None else legal
        self._length = max(prefix_tokens if batch_invariant else 0, *map(len, prefixes))
        self._cache = StaticCache(config=model.config, max_cache_len=self._length + new_tokens)
        ids = torch.zeros(len(prefixes), self._length, dtype=torch.long)
        mask = torch.ones(len(prefixes), self._length + new_tokens, dtype=torch.long)
        for row, prefix in enumerate(prefixes):
            ids[row, self._length - len(prefix) :] = torch.tensor(prefix)
            mask[row, : self._length - len(prefix)] = 0
        positions = (mask.cumsum(1) - 1).clamp_min(0)[:, : self._length].to(model.device)
        self._mask = mask.to(model.device) if bool((mask == 0).any()) else None
        self._next_position = positions[:, -1:] + 1
        self.logits = self._forward(ids.to(model.device), positions)[:, -1]

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Append one token, int64 (b,), counted from the first legal id, to each row; returns the new
        logits."""
        self.logits = self.extend(tokens[:, None])[:, 0]
        return self.logits

    def extend(self, tokens: torch.Tensor) -> torch.Tensor:
        """Append a run of tokens, int64 (b, t), to each row, in one go; returns the logits (b, t, v) after
        each."""
        count = tokens.shape[1]
        self._length += count
        positions = self._next_position + torch.arange(count, device=tokens.device)
        logits = self._forward(tokens + self._legal.start, positions, logits=count)
        self._next_position = self._next_position + count
        self.logits = logits[:, -1]
        return logits

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order."""
        index: Any = torch.tensor(rows, device=self.logits.device)
        self._cache.reorder_cache(index)
        self._next_position, self.logits = self._next_position[index], self.logits[index]
        self._mask = None if self._mask is None else self._mask[index]

    @torch.inference_mode()
    def _forward(self, ids: torch.Tensor, positions: torch.Tensor, *, logits: int = 1) -> torch.Tensor:
        """The last so many logits, (b, t, v)."""
        output = self._model(
            input_ids=ids,
            attention_mask=None if self._mask is None else self._mask[:, : self._length],
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=logits,
        )
        return output.logits[..., self._legal]
