"""One batch under way in a small decoder of the Llama family on a CPU, by machine code of our own.

A step of a small model is a few hundred operations of some microseconds each, of which a framework takes the
larger part. Here a step is one call. A row's numbers are the same bits alone and in any batch, so nothing is
padded and rows may be shared out among threads as one likes.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from ....kernels.library import MAX_HEAD_SIZE, Cache, Library, Linear, Model, library
from ....kernels.library import Layer as LayerStruct
from .key_values import Beside
from .lean_layers import Layer, Norm, Rotation, Weights, is_lean, layers_of, norm_of

MAX_BYTES = 64 * 2**20
"""Of packed weights: larger models read their weights from memory, where a framework is as quick."""

ROWS_A_THREAD = 2
"""At least; fewer are not worth waking a thread for."""

ACTIVATIONS = {"silu": 0, "gelu_pytorch_tanh": 1}


def is_native(model: Any) -> bool:
    """Whether a transformers model is decoded here: its arithmetic is known, it is small, in float32 on a CPU,
    and the library was built for this machine."""
    if not is_lean(model) or library() is None:
        return False
    weight = model.lm_head.weight
    config = model.config
    known = getattr(config, "hidden_act", None) or getattr(config, "hidden_activation", None)
    if weight.dtype != torch.float32 or weight.device.type != "cpu" or known not in ACTIVATIONS:
        return False
    layers = layers_of(model)
    sizes = [each[0].numel() for layer in layers for each in _matrices(layer)]
    kinds = {layer.kind for layer in layers}
    return (
        4 * (sum(sizes) + weight.numel()) <= MAX_BYTES and len(kinds) <= 2 and layers[0].size <= MAX_HEAD_SIZE
    )


def _matrices(layer: Layer) -> list[Weights]:
    return [layer.q, layer.k, layer.v, layer.out, layer.gate, layer.up, layer.down]


class PackedModel:
    """A model as the library takes it. Holds the memory that the structures point to.

    Args:
        legal: rows of the head.
        places: of a sequence, at most.
    """

    def __init__(self, model: Any, legal: slice, places: int, code: Library) -> None:
        self.code = code
        self._held: list[torch.Tensor] = []
        layers = layers_of(model)
        kinds = sorted({layer.kind for layer in layers})
        self._layers = (LayerStruct * len(layers))()
        for struct, layer in zip(self._layers, layers, strict=True):
            self._fill(struct, layer, kinds.index(layer.kind))
        first, norm = layers[0], norm_of(model.model.norm)
        config = model.config
        known = getattr(config, "hidden_act", None) or config.hidden_activation
        self.struct = Model(
            width=first.q[0].shape[1],
            inner=first.gate[0].shape[0],
            heads=first.q[0].shape[0] // first.size,
            key_heads=first.k[0].shape[0] // first.size,
            size=first.size,
            layers=len(layers),
            layer=self._layers,
            norm=self._address(norm.weight),
            eps=norm.eps,
            activation=ACTIVATIONS[known],
            head=self._linear((model.lm_head.weight[legal], None)),
        )
        for i, kind in enumerate(kinds):
            rotation = Rotation.of(model, kind, places)
            self.struct.cos[i], self.struct.sin[i] = self._address(rotation.cos), self._address(rotation.sin)

    def scratch_numbers(self, count: int) -> int:
        """What the layers need beside for `count` entries, and a number for each place of the cache."""
        shape = self.struct
        each = shape.width + 2 * (shape.heads + shape.key_heads) * shape.size + 2 * shape.inner
        return int(count * each)

    def _fill(self, struct: LayerStruct, layer: Layer, rotation: int) -> None:
        for name, weights in zip(("q", "k", "v", "out", "gate", "up", "down"), _matrices(layer), strict=True):
            setattr(struct, name, self._linear(weights))
        for i, norm in enumerate(layer.norms):
            struct.norm[i] = self._norm(norm)
        if layer.head_norms is not None:
            struct.q_norm, struct.k_norm = map(self._norm, layer.head_norms)
        struct.eps, struct.scale = layer.norms[0].eps, layer.scale
        struct.window, struct.rotation = layer.window or 0, rotation

    def _linear(self, weights: Weights) -> Linear:
        matrix, bias = weights
        outputs, inputs = matrix.shape
        address = self._address(matrix, held=False)
        is_half = self.code.is_half(address, matrix.numel())
        packed = torch.empty(
            self.code.packed_numbers(outputs, inputs), dtype=torch.float16 if is_half else torch.float32
        )
        self.code.pack(address, outputs, inputs, is_half=is_half, to=packed.data_ptr())
        return Linear(
            weight=self._address(packed),
            bias=None if bias is None else self._address(bias),
            inputs=inputs,
            outputs=outputs,
            is_half=is_half,
        )

    def _norm(self, norm: Norm | None) -> int | None:
        return None if norm is None else self._address(norm.weight)

    def _address(self, numbers: torch.Tensor, *, held: bool = True) -> int:
        """Where numbers lie in memory, row by row."""
        whole = numbers.detach().contiguous()
        self._held += [whole] if held or whole.data_ptr() != numbers.data_ptr() else []
        return whole.data_ptr()


class NativeDecoding:
    """An `ar.decoding.Decoding` of a model for which `is_native` holds; its arguments are those of
    `LeanDecoding`.

    Args:
        batch_invariant: changes nothing: it always is.
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
        code: Library | None = None,
    ) -> None:
        code = code or library()
        assert code is not None, "only where is_native holds"
        legal = slice(0, model.lm_head.out_features) if legal is None else legal
        self._first = legal.start
        self._places = places = max(map(len, prefixes)) + new_tokens
        room = -(-places // 16) * 16
        self._embed, self._beside = model.model.embed_tokens, Beside(beside)
        self._model = PackedModel(model, legal, places, code)
        shape = self._model.struct
        heads = (shape.layers, len(prefixes), shape.key_heads)
        self._keys = torch.zeros(*heads, room // 16, shape.size, 16, dtype=torch.float32)
        self._values = torch.zeros(*heads, room, shape.size, dtype=torch.float32)
        self._cache = Cache(
            keys=self._keys.data_ptr(), values=self._values.data_ptr(), rows=len(prefixes), room=room
        )
        self._at = torch.tensor([len(row) for row in prefixes], dtype=torch.int32)
        self._farthest = max(map(len, prefixes))
        self._slots = torch.arange(len(prefixes), dtype=torch.int32)  # of the cache, of each row
        self._own = threading.local()
        self._pool: ThreadPoolExecutor | None = None
        self._workers = 0
        self.logits = self._read(prefixes, range(len(prefixes)))

    @torch.inference_mode()
    def step(self, tokens: torch.Tensor, shown: torch.Tensor | None = None) -> torch.Tensor:
        """Append one token, int64 (b,), counted from the first legal id, to each row; returns the new
        logits.

        Args:
            shown: (b, d), added to the tokens' embeddings.
        """
        self.logits = self.extend(tokens[:, None], None if shown is None else shown[:, None])[:, 0]
        return self.logits

    @torch.inference_mode()
    def extend(self, tokens: torch.Tensor, shown: torch.Tensor | None = None) -> torch.Tensor:
        """Append a run of tokens, int64 (b, t), to each row, in one go; returns the logits (b, t, v) after
        each.

        Args:
            shown: (b, t, d), added to the tokens' embeddings.

        Raises:
            ValueError: more tokens than was said, or rows of another number.
        """
        rows, count = tokens.shape
        if rows != len(self._at) or self._farthest + count > self._places:
            places = f"{rows} rows of {self._farthest + count} tokens"
            raise ValueError(f"{places} where there is room for {len(self._at)} of {self._places}")
        x = self._beside.over(self._embed(tokens + self._first))
        x = (x if shown is None else x + shown).reshape(rows * count, -1)
        row, place = self._slots, self._at
        if count > 1:
            row = row.repeat_interleave(count)
            place = (place[:, None] + torch.arange(count, dtype=torch.int32)).reshape(-1)
        self._at, self._farthest = self._at + count, self._farthest + count
        logits = torch.empty(rows, count, self._model.struct.head.outputs, dtype=torch.float32)
        self._through(x.contiguous(), row, place, logits.view(rows * count, -1), together=count)
        self.logits = logits[:, -1]
        return logits

    @torch.inference_mode()
    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order; row i of them must not lie before place i."""
        index = torch.tensor(rows, dtype=torch.long)
        self._at, self.logits, self._slots = self._at[index], self.logits[index], self._slots[index]
        self._farthest = int(self._at.max()) if len(rows) else 0
        self._beside.keep(rows)

    @torch.inference_mode()
    def join(self, prefixes: Sequence[Sequence[int]]) -> None:
        """Read the prefixes of more rows, which stand behind those under way and have their own places."""
        free = sorted({*range(int(self._cache.rows))} - {*self._slots.tolist()})[: len(prefixes)]
        for cache in (self._keys, self._values):
            cache[:, free] = 0  # whatever was there, and if it was no numbers
        free += self._more_slots(len(prefixes) - len(free))
        logits = self._read(prefixes, free)
        at = torch.tensor([len(row) for row in prefixes], dtype=torch.int32)
        self._at, self.logits = torch.cat([self._at, at]), torch.cat([self.logits, logits])
        self._slots = torch.cat([self._slots, torch.tensor(free, dtype=torch.int32)])
        self._farthest = max(self._farthest, *map(len, prefixes))

    def _more_slots(self, count: int) -> list[int]:
        """So many more rows of the cache."""
        had = int(self._cache.rows)
        if count > 0:
            self._keys, self._values = (
                torch.cat([each, each.new_zeros(each.shape[0], count, *each.shape[2:])], dim=1)
                for each in (self._keys, self._values)
            )
            self._cache = Cache(
                keys=self._keys.data_ptr(),
                values=self._values.data_ptr(),
                rows=had + count,
                room=self._cache.room,
            )
        return [*range(had, had + count)]

    def _read(self, prefixes: Sequence[Sequence[int]], slots: Sequence[int]) -> torch.Tensor:
        """Read the prefixes into these rows of the cache, equal ones once; the logits (b, v) after each."""
        first: dict[tuple[int, ...], int] = {}  # of each distinct prefix, the row that reads it
        source = [first.setdefault(tuple(prefix), row) for row, prefix in enumerate(prefixes)]
        logits = torch.empty(len(prefixes), self._model.struct.head.outputs, dtype=torch.float32)
        for prefix, row in first.items():
            x = self._embed(torch.tensor(prefix)).contiguous()
            place = torch.arange(len(prefix), dtype=torch.int32)
            self._layers(x, torch.full_like(place, slots[row]), place)
            self._logits(x[-1:], logits[row : row + 1])
        for row, read in enumerate(source):
            if row != read:
                for cache in (self._keys, self._values):
                    cache[:, slots[row]] = cache[:, slots[read]]
                logits[row] = logits[read]
        return logits

    def _through(
        self, x: torch.Tensor, row: torch.Tensor, place: torch.Tensor, logits: torch.Tensor, *, together: int
    ) -> None:
        """Entries x (m, d) through layers and head, shared out among threads by runs of `together`."""

        def work(start: int, stop: int) -> None:
            self._layers(x[start:stop], row[start:stop], place[start:stop])
            self._logits(x[start:stop], logits[start:stop])

        runs = len(x) // together
        shares = max(1, min(torch.get_num_threads(), runs // ROWS_A_THREAD))
        if shares == 1:
            return work(0, len(x))
        ends = [share * runs // shares * together for share in range(shares + 1)]
        if self._pool is None or self._workers < shares - 1:  # more rows have joined
            self._pool, self._workers = ThreadPoolExecutor(shares - 1), shares - 1
        others = [self._pool.submit(work, *ends[i : i + 2]) for i in range(1, shares)]
        work(*ends[:2])
        for other in others:
            other.result()

    def _layers(self, x: torch.Tensor, row: torch.Tensor, place: torch.Tensor) -> None:
        """Take entries x (m, d) through the layers, in place."""
        scratch = self._scratch(self._model.scratch_numbers(len(x)) + int(self._cache.room))
        self._model.code.layers(
            self._model.struct,
            self._cache,
            len(x),
            rows=row.data_ptr(),
            places=place.data_ptr(),
            x=x.data_ptr(),
            scratch=scratch.data_ptr(),
        )

    def _logits(self, x: torch.Tensor, logits: torch.Tensor) -> None:
        scratch = self._scratch(x.numel())
        self._model.code.logits(
            self._model.struct, x.data_ptr(), len(x), to=logits.data_ptr(), scratch=scratch.data_ptr()
        )

    def _scratch(self, count: int) -> torch.Tensor:
        """At least so many numbers, each thread's own, kept from step to step."""
        kept: torch.Tensor | None = getattr(self._own, "scratch", None)
        if kept is None or len(kept) < count:
            kept = self._own.scratch = torch.empty(count, dtype=torch.float32)
        return kept
