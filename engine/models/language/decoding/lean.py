"""One batch under way in a decoder of the Llama family: what its layers remember, and how far it is.

Equal prefixes are read once, however many rows share them (the candidates of a request, the unconditional
branch). Prefixes of the same length are read together, so nothing is padded. In the static key-value cache all
rows are aligned on the right. Masks and rotary angles are computed once.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.functional import linear

from .key_values import Beside, KeyValues
from .lean_layers import Layer, Rotation, layers_of, norm_of


class LeanDecoding:
    """An `ar.decoding.Decoding` of a model for which `lean_layers.is_lean` holds.

    Args:
        prefixes: the ids of each row, at least one.
        new_tokens: how many may follow.
        legal: the ids that logits are about and tokens are counted in; all, if `None`.
        prefix_tokens: of a prefix, at most; 0 where all have one length.
        batch_invariant: make room for prefixes of `prefix_tokens`, and read each by itself, so that the shapes
            that run do not depend on the neighbours.
        beside: what is added to the embeddings of new tokens, (b, new_tokens, d); see `Beside`.
    """

    @torch.inference_mode()
    def __init__(
        self,
        model: Any,
        prefixes: Sequence[Sequence[int]],
        *,
        new_tokens: int,
        legal: slice | None = None,
        prefix_tokens: int = 0,
        batch_invariant: bool = False,
        beside: torch.Tensor | None = None,
    ) -> None:
        self._layers = layers_of(model)
        self._norm = norm_of(model.model.norm)
        self._embed, self._beside = model.model.embed_tokens, Beside(beside)
        legal = slice(0, model.lm_head.out_features) if legal is None else legal
        self._head, self._first = model.lm_head.weight[legal], legal.start
        self._at = max(
            prefix_tokens if batch_invariant else 0, *map(len, prefixes)
        )  # where the next token goes
        room = self._at + new_tokens
        like = self._head
        k_weight = self._layers[0].k[0]
        size = self._layers[0].size
        self._cache = KeyValues(
            layers=len(self._layers),
            rows=len(prefixes),
            heads=k_weight.shape[0] // size,
            room=room,
            size=size,
            like=like,
        )
        self._rotations = {
            kind: Rotation.of(model, kind, room) for kind in {each.kind for each in self._layers}
        }
        padding = torch.tensor([self._at - len(row) for row in prefixes], device=like.device)
        self._padding = padding if max(self._at - len(row) for row in prefixes) > 0 else None
        places = torch.arange(room, device=like.device)
        self._seen = (
            None if self._padding is None else (places >= padding[:, None])[:, None, None]
        )  # (b, 1, 1, room)
        self.logits = like.new_empty(len(prefixes), like.shape[0])
        for rows in _groups(prefixes, batch_invariant):
            self._read(rows, prefixes)

    @torch.inference_mode()
    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Append one token, int64 (b,), counted from the first legal id, to each row; returns the new
        logits."""
        x = self._through_layers(tokens[:, None], self._look_back)  # (b, 1, d)
        self.logits = linear(self._norm(x[:, 0]), self._head)
        return self.logits

    @torch.inference_mode()
    def extend(self, tokens: torch.Tensor) -> torch.Tensor:
        """Append a run of tokens, int64 (b, t), to each row, in one go; returns the logits (b, t, v) after
        each."""
        x = self._through_layers(tokens, self._look_back_at_run)  # (b, t, d)
        logits = linear(self._norm(x), self._head)
        self.logits = logits[:, -1]
        return logits

    @torch.inference_mode()
    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order; row i of them must not lie before place i."""
        self._cache.keep(rows)
        index = torch.tensor(rows, device=self.logits.device)
        self.logits = self.logits[index]
        if self._padding is not None and self._seen is not None:
            self._padding, self._seen = self._padding[index], self._seen[index]
        self._beside.keep(rows)

    def _through_layers(
        self,
        tokens: torch.Tensor,
        look: Callable[[int, Layer, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor],
    ) -> torch.Tensor:
        """New tokens (b, t), remembered on the way, to what the last layer makes of them, (b, t, d)."""
        stop = self._at + tokens.shape[1]
        places = slice(self._at, stop)
        if self._padding is not None:
            places = torch.arange(self._at, stop, device=tokens.device)[None] - self._padding[:, None]
        rotations = {kind: rotation.at(places) for kind, rotation in self._rotations.items()}
        x = self._beside.over(self._embed(tokens + self._first))
        for i, layer in enumerate(self._layers):
            x = layer(x, rotations[layer.kind], lambda q, k, v, i=i, layer=layer: look(i, layer, q, k, v))
        self._at = stop
        return x

    def _look_back_at_run(
        self, index: int, layer: Layer, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor
    ) -> torch.Tensor:
        """Attention of a run of new tokens: q (b, t, heads, size) to (b, t, heads · size)."""
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        self._cache.extend(index, self._at, k, v)
        stop = self._at + q.shape[2]
        keys, values = self._cache.read(index, 0, stop)
        seen = torch.ones(q.shape[2], stop, dtype=torch.bool, device=q.device).tril(self._at)
        if layer.window:
            seen = seen.triu(self._at + 1 - layer.window)
        if self._seen is not None:
            seen = seen & self._seen[..., :stop]
        shared = q.shape[1] // keys.shape[1]
        keys, values = keys.repeat_interleave(shared, 1), values.repeat_interleave(shared, 1)
        y = F.scaled_dot_product_attention(q, keys, values, attn_mask=seen, scale=layer.scale)
        return y.transpose(1, 2).flatten(2)

    def _look_back(
        self, index: int, layer: Layer, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor
    ) -> torch.Tensor:
        """Attention of one new token: q (b, 1, heads, size) to (b, 1, heads · size).

        The queries that share a key's head stand where a sequence's would: none of them comes before another.
        """
        stop = self._at + 1
        start = max(0, stop - layer.window) if layer.window else 0
        self._cache.append(index, self._at, k[:, 0], v[:, 0])
        keys, values = self._cache.read(index, start, stop)
        seen = None if self._seen is None else self._seen[..., start:stop]
        q = q.view(q.shape[0], keys.shape[1], -1, q.shape[3])
        return F.scaled_dot_product_attention(q, keys, values, attn_mask=seen, scale=layer.scale).flatten(1)[
            :, None
        ]

    def _read(self, rows: Sequence[int], prefixes: Sequence[Sequence[int]]) -> None:
        """Read the prefixes of some rows, all of one length."""
        distinct = {tuple(prefixes[row]): 0 for row in rows}
        distinct = {prefix: i for i, prefix in enumerate(distinct)}
        device = self.logits.device
        to = torch.tensor(rows, device=device)
        source = torch.tensor([distinct[tuple(prefixes[row])] for row in rows], device=device)
        ids = torch.tensor([list(prefix) for prefix in distinct], device=device)
        length = ids.shape[1]
        x = self._embed(ids)  # (distinct, t, d)

        def attend(index: int, layer: Layer, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
            q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
            self._cache.fill(index, to, self._at - length, k[source], v[source])
            return _look_at_all(layer, q, k, v)

        for i, layer in enumerate(self._layers):
            rotation = self._rotations[layer.kind].at(slice(length))
            x = layer(x, rotation, lambda q, k, v, i=i, layer=layer: attend(i, layer, q, k, v))
        self.logits[to] = linear(self._norm(x[:, -1]), self._head)[source]


def _groups(prefixes: Sequence[Sequence[int]], batch_invariant: bool) -> list[list[int]]:
    """Rows whose prefixes are read together."""
    groups: defaultdict[object, list[int]] = defaultdict(list)
    for row, prefix in enumerate(prefixes):
        groups[tuple(prefix) if batch_invariant else len(prefix)].append(row)
    return list(groups.values())


def _look_at_all(layer: Layer, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Causal attention of a prefix: q (b, heads, t, size), k and v (b, key heads, t, size), to (b, t, d)."""
    shared, length = q.shape[1] // k.shape[1], q.shape[2]
    k, v = k.repeat_interleave(shared, 1), v.repeat_interleave(shared, 1)
    near = None
    if layer.window and layer.window < length:
        whole = torch.ones(length, length, dtype=torch.bool, device=q.device).tril()
        near = whole.triu(1 - layer.window)
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=near, is_causal=near is None, scale=layer.scale)
    return y.transpose(1, 2).flatten(2)
