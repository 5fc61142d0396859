"""A lean decoding whose steps are recorded once and played again: on a GPU a step of a small model takes longer
to be asked for, kernel by kernel, than to be computed (CUDA graphs; Gray 2019, "Getting started with CUDA
graphs"; `torch.cuda.CUDAGraph`).

What is recorded may not depend on how far the rows are. So a step's place is a number on the device, and
attention looks at all places up to the end of a bucket and masks those that are still empty. A recording holds
for as many rows and for the places of one bucket; it lives no longer than its decoding, and its memory is that
of one step's activations.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.functional import linear

from .lean import LeanDecoding
from .lean_layers import Layer, Rotation

BUCKET = 128
"""Places: at the end of each, what is recorded is recorded anew."""

SETTLED = 2
"""Steps with the same rows before one is recorded, which costs about three: rows leave a batch of texts."""

Replay = Callable[[], Any]
Recorder = Callable[[Callable[[], None]], Replay]
"""Carries a piece of work out, and gives what carries out the same again, on the same memory."""

_log = logging.getLogger(__name__)
_refused: set[str] = set()  # why recording failed in this process; it is not tried again


def record(work: Callable[[], None]) -> Replay:
    """A `Recorder` by CUDA graphs."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        work()  # libraries set themselves up in a first call, which cannot be recorded
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        work()
    graph.replay()
    return graph.replay


def can_record(model: Any) -> bool:
    """Whether steps of a model, for which `lean_layers.is_lean` holds, are worth recording, and can be."""
    return model.lm_head.weight.device.type == "cuda" and not _refused


class CapturedDecoding(LeanDecoding):
    """An `ar.decoding.Decoding` of a model for which `can_record` holds; its arguments are those of
    `LeanDecoding`.

    Args:
        recorder: of another device, for tests.
    """

    def __init__(
        self, model: Any, prefixes: Sequence[Sequence[int]], *, recorder: Recorder = record, **options: Any
    ) -> None:
        super().__init__(model, prefixes, **options)
        self._recorder = recorder
        self._room = next(iter(self._rotations.values())).cos.shape[0]
        self._forget()

    @torch.inference_mode()
    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """See `LeanDecoding.step`."""
        end = min(self._room, -(-(self._at + 1) // BUCKET) * BUCKET)
        if self._replay is None or end != self._end:
            self._replay, self._settled = None, self._settled + 1
            if self._settled <= SETTLED or _refused:
                return super().step(tokens)
        self._token.copy_(tokens[:, None])
        self._place.fill_(self._at)
        if self._replay is None:
            self._end = end
            try:
                self._replay = self._recorder(self._work)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                _refused.add(str(error))
                reason = str(error).splitlines()[0][:200]
                _log.warning("steps cannot be recorded, and are slower without: %s", reason)
                return super().step(tokens)
        else:
            self._replay()
        self._at += 1
        self.logits = self._out.clone()  # the next step writes over it
        return self.logits

    @torch.inference_mode()
    def keep(self, rows: Sequence[int]) -> None:
        """See `LeanDecoding.keep`."""
        super().keep(rows)
        self._forget()

    def _forget(self) -> None:
        """What was recorded is of other rows."""
        self._replay: Replay | None = None
        self._settled, self._end = 0, 0
        rows, device = len(self.logits), self.logits.device
        self._token = torch.zeros(rows, 1, dtype=torch.long, device=device)
        self._place = torch.zeros(1, dtype=torch.long, device=device)
        self._out = torch.empty_like(self.logits)

    def _work(self) -> None:
        """One step, of `_token` at `_place`, to `_out`; carrying it out twice does the same as once."""
        places = self._place[None] if self._padding is None else self._place - self._padding[:, None]
        rotations = {
            kind: Rotation(*(numbers[places][:, :, None] for numbers in (whole.cos, whole.sin)))
            for kind, whole in self._rotations.items()
        }
        every = torch.arange(self._end, device=self._place.device)
        seen = (every <= self._place)[None, None, None]  # (1, 1, 1, end)
        if self._seen is not None:
            seen = seen & self._seen[..., : self._end]
        x = self._embed(self._token + self._first)
        for i, layer in enumerate(self._layers):
            near = seen & (every > self._place - layer.window) if layer.window else seen

            def attend(
                q: torch.Tensor,
                k: torch.Tensor,
                v: torch.Tensor,
                i: int = i,
                layer: Layer = layer,
                near: torch.Tensor = near,
            ) -> torch.Tensor:
                self._cache.put(i, self._place, k[:, 0], v[:, 0])
                keys, values = self._cache.read(i, 0, self._end)
                q = q.view(q.shape[0], keys.shape[1], -1, q.shape[3])
                y = F.scaled_dot_product_attention(q, keys, values, attn_mask=near, scale=layer.scale)
                return y.flatten(1)[:, None]

            x = layer(x, rotations[layer.kind], attend)
        self._out.copy_(linear(self._norm(x[:, 0]), self._head))
