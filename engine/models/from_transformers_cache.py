"""One batch under way in any causal LM of transformers, by the library's own forward and static cache.

For the architectures that `lean_layers` does not know.
"""

from collections.abc import Sequence
from typing import Any

import torch


class CachedDecoding:
    """An `ar.decoding.Decoding`; its arguments are those of `LeanDecoding`, and rows are padded on the left.

    Args:
        apart: makes no difference: equal prefixes are read as often as there are rows.
    """

    def __init__(
        self,
        model: Any,
        prefixes: Sequence[Sequence[int]],
        *,
        new_tokens: int,
        legal: slice | None = None,
        width: int = 0,
        apart: bool = False,
    ) -> None:
        from transformers import StaticCache

        self._model = model
        self._legal = slice(0, int(model.config.get_text_config().vocab_size)) if legal is None else legal
        self._length = max(width, *map(len, prefixes))
        self._cache = StaticCache(config=model.config, max_cache_len=self._length + new_tokens)
        ids = torch.zeros(len(prefixes), self._length, dtype=torch.long)
        mask = torch.ones(len(prefixes), self._length + new_tokens, dtype=torch.long)
        for row, prefix in enumerate(prefixes):
            ids[row, self._length - len(prefix) :] = torch.tensor(prefix)
            mask[row, : self._length - len(prefix)] = 0
        positions = (mask.cumsum(1) - 1).clamp_min(0)[:, : self._length].to(model.device)
        self._mask = mask.to(model.device) if bool((mask == 0).any()) else None
        self._next_position = positions[:, -1:] + 1
        self.logits = self._forward(ids.to(model.device), positions)

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Append one token, int64 (b,), counted from the first legal id, to each row; returns the new
        logits."""
        self._length += 1
        self.logits = self._forward(tokens[:, None] + self._legal.start, self._next_position)
        self._next_position = self._next_position + 1
        return self.logits

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order."""
        index: Any = torch.tensor(rows, device=self.logits.device)
        self._cache.reorder_cache(index)
        self._next_position, self.logits = self._next_position[index], self.logits[index]
        self._mask = None if self._mask is None else self._mask[index]

    @torch.inference_mode()
    def _forward(self, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        output = self._model(
            input_ids=ids,
            attention_mask=None if self._mask is None else self._mask[:, : self._length],
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1, self._legal]
