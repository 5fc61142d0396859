"""One batch of image tokens under way in a language model that is one part of a larger model.

What goes in are embeddings, since text and image tokens may have tables of their own; what comes out goes
through a head of its own. By the library's forward and static cache, rows padded on the left, as in
`by_library`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

Embed = Callable[[torch.Tensor], torch.Tensor]
"""From image tokens int64 (b, t) to (b, t, d)."""

Head = Callable[[torch.Tensor], torch.Tensor]
"""From hidden states (b, d) to logits over the image tokens (b, v)."""


class EmbeddedDecoding:
    """An `ar.decoding.Decoding`.

    Args:
        model: a decoder of transformers without its head.
        prefixes: the embeddings of each row, (t, d).
        new_tokens: how many may follow.
        embed: of image tokens.
        head: to image tokens.
        prefix_tokens: of a prefix, at most.
        batch_invariant: pad all prefixes to `prefix_tokens`; else to the longest of them.
        places: int64 (3, new_tokens) where the new tokens stand, in time, height and width, counted from the
            prefix's end, for a model with positions in three dimensions (M-RoPE); `None` for one with one.
    """

    @torch.inference_mode()
    def __init__(
        self,
        model: Any,
        prefixes: Sequence[torch.Tensor],
        *,
        new_tokens: int,
        embed: Embed,
        head: Head,
        prefix_tokens: int = 0,
        batch_invariant: bool = False,
        places: torch.Tensor | None = None,
    ) -> None:
        from transformers import StaticCache

        self._model, self._embed, self._head = model, embed, head
        device = prefixes[0].device
        self._at = max(prefix_tokens if batch_invariant else 0, *(len(row) for row in prefixes))
        self._count = 0  # tokens so far
        self._cache = StaticCache(config=model.config, max_cache_len=self._at + new_tokens)
        padding = torch.tensor([self._at - len(row) for row in prefixes], device=device)
        self._seen = torch.arange(self._at + new_tokens, device=device) >= padding[:, None]  # (b, room)
        self._lengths = self._at - padding
        self._places = None if places is None else places.to(device)
        rows = [torch.nn.functional.pad(row, (0, 0, self._at - len(row), 0)) for row in prefixes]
        at = (torch.arange(self._at, device=device) - padding[:, None]).clamp_min(0)
        self.logits = self._forward(torch.stack(rows), at)

    @torch.inference_mode()
    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Append one token, int64 (b,), to each row; returns the new logits (b, v)."""
        self._at += 1
        if self._places is None:
            at = (self._lengths + self._count)[:, None]  # (b, 1)
        else:
            at = self._lengths[None, :, None] + self._places[:, self._count, None, None]  # (3, b, 1)
        self._count += 1
        self.logits = self._forward(self._embed(tokens[:, None]), at)
        return self.logits

    @torch.inference_mode()
    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order."""
        index: Any = torch.tensor(rows, device=self.logits.device)
        self._cache.reorder_cache(index)
        self._lengths, self._seen, self.logits = self._lengths[index], self._seen[index], self.logits[index]

    def _forward(self, embeds: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
        output = self._model(
            inputs_embeds=embeds,
            attention_mask=self._seen[:, : self._at].long(),
            position_ids=at,
            past_key_values=self._cache,
            use_cache=True,
        )
        return self._head(output.last_hidden_state[:, -1])
