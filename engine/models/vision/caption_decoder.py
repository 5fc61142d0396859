"""The decoder of a captioner, a BERT (Devlin et al. 2019) with cross-attention, without the library's overhead.

What it reads of a picture, the keys and values of each layer, is computed once for the caption, the score and
all questions. Knows the shape of the library's modules, not the library; parity tests hold it to the library's
forward. Weights are looked up when a decoder is made, by reference, and nothing is kept on the model.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.functional import linear

from ..language.decoding.key_values import KeyValues

Attend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""From q, k, v (b, t, heads, size) to (b, t, d)."""


@dataclasses.dataclass(frozen=True)
class ImageFeatures:
    """What the decoder's layers read of some pictures: keys and values (b, heads, s, size)."""

    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]

    def __len__(self) -> int:
        return self.layers[0][0].shape[0]

    def of(self, pictures: Sequence[int]) -> "ImageFeatures":
        """That of some of these pictures, by their places; nothing is copied of those that stand in a row."""
        first, count = pictures[0], len(pictures)
        run = list(pictures) == list(range(first, first + count))
        places = slice(first, first + count) if run else torch.tensor(list(pictures))
        return ImageFeatures(tuple((k[places], v[places]) for k, v in self.layers))


class CaptionDecoder:
    """A library's `BertLMHeadModel`. A text looks at what is before it, and at its picture.

    Of each picture there is the same number of texts, and those of one stand together.
    """

    def __init__(self, model: Any) -> None:
        self._embeddings = model.bert.embeddings
        self._layers = list(model.bert.encoder.layer)
        self._predictions = model.cls.predictions

    @torch.inference_mode()
    def features(self, seen: torch.Tensor) -> ImageFeatures:
        """Of pictures as the image encoder gives them, (b, s, d)."""
        readers = [layer.crossattention.self for layer in self._layers]
        return ImageFeatures(tuple((_heads(r, r.key, seen), _heads(r, r.value, seen)) for r in readers))

    @torch.inference_mode()
    def read(self, ids: torch.Tensor, features: ImageFeatures) -> torch.Tensor:
        """Texts int64 (b · n, t) of b pictures to hidden states (b · n, t, d)."""
        return self.run(ids, 0, features, lambda i, q, k, v: _attended(q, k, v, causal=True))

    @torch.inference_mode()
    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """(…, d) to float32 (…, v), each for the token after it."""
        transform, decoder = self._predictions.transform, self._predictions.decoder
        y = transform.transform_act_fn(linear(hidden, transform.dense.weight, transform.dense.bias))
        return linear(_normed(transform.LayerNorm, y), decoder.weight, decoder.bias).float()

    def begin(self, start: Sequence[int], features: ImageFeatures, *, new_tokens: int) -> "CaptionDecoding":
        """A text of each picture, beginning with the ids `start`."""
        return CaptionDecoding(self, start, features, new_tokens)

    def run(
        self,
        ids: torch.Tensor,
        at: int,
        features: ImageFeatures,
        attend: Callable[[int, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor],
    ) -> torch.Tensor:
        embeddings = self._embeddings
        places = embeddings.position_embeddings.weight[at : at + ids.shape[1]]
        places = places + embeddings.token_type_embeddings.weight[0]
        x = _normed(embeddings.LayerNorm, embeddings.word_embeddings(ids) + places)  # (b, t, d)
        for i, (layer, picture) in enumerate(zip(self._layers, features.layers, strict=True)):
            reader = layer.attention.self
            q, k, v = (_heads(reader, each, x) for each in (reader.query, reader.key, reader.value))
            x = _added(layer.attention.output, attend(i, q, k, v), x)
            x = _added(layer.crossattention.output, self._look(layer.crossattention.self, x, *picture), x)
            inner = layer.intermediate
            x = _added(
                layer.output, inner.intermediate_act_fn(linear(x, inner.dense.weight, inner.dense.bias)), x
            )
        return x

    @staticmethod
    def _look(reader: Any, x: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """Texts (b · n, t, d) at their pictures: those of one picture as if they were one text, so that the
        keys and values need no copying."""
        together = x.reshape(k.shape[0], -1, x.shape[2])  # (b, n · t, d)
        return _attended(_heads(reader, reader.query, together), k, v).view(x.shape)


class CaptionDecoding:
    """Texts under way, token by token: an `ar.decoding.Decoding`."""

    def __init__(
        self, decoder: CaptionDecoder, start: Sequence[int], features: ImageFeatures, new_tokens: int
    ) -> None:
        self._decoder, self._sight, self._at = decoder, features, 0
        like = features.layers[0][0]
        _, heads, _, size = like.shape
        self._cache = KeyValues(
            layers=len(features.layers),
            rows=len(features),
            heads=heads,
            room=len(start) + new_tokens,
            size=size,
            like=like,
        )
        self.logits = like.new_empty(0)
        for token in start:
            self.step(torch.full((len(features),), token, device=like.device))

    @torch.inference_mode()
    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Append one token, int64 (b,), to each text; returns the new logits (b, v)."""
        hidden = self._decoder.run(tokens[:, None], self._at, self._sight, self._look_back)
        self._at += 1
        self.logits = self._decoder.logits(hidden[:, 0])
        return self.logits

    @torch.inference_mode()
    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these texts only, in this order; text i of them must not lie before place i."""
        self._cache.keep(rows)
        self._sight = self._sight.of(rows)
        self.logits = self.logits[torch.tensor(rows, device=self.logits.device)]

    def _look_back(self, index: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        self._cache.append(index, self._at, k[:, :, 0], v[:, :, 0])
        return _attended(q, *self._cache.read(index, 0, self._at + 1))


def _heads(attention: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    """(b, t, d) to (b, heads, t, size)."""
    y = linear(x, layer.weight, layer.bias)
    return y.view(*y.shape[:2], attention.num_attention_heads, -1).transpose(1, 2)


def _attended(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, *, causal: bool = False) -> torch.Tensor:
    """(b, heads, t, size) to (b, t, d)."""
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2).flatten(2)


def _added(output: Any, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """What a part of a layer gave, on top of what it was given."""
    return _normed(output.LayerNorm, linear(y, output.dense.weight, output.dense.bias) + x)


def _normed(norm: Any, x: torch.Tensor) -> torch.Tensor:
    return F.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
