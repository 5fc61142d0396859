"""Grids of image tokens whose rows begin and end at different steps: who comes joins at the next token.

This is iteration-level scheduling (Yu et al. 2022, "Orca: a distributed serving system for transformer-based
generative models", section 4.1). It is for decodings whose rows never depend on each other, so that a row's
tokens are those that `decoding.decode_grid` draws.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

import torch

from .decoding import Decoding, guided
from .sampling import Sampler, Sampling


class JoinableDecoding(Decoding, Protocol):
    """A decoding that more rows may join."""

    def join(self, prefixes: Sequence[Sequence[int]]) -> None:
        """Read the prefixes of more rows, which stand behind those under way and have their own places."""
        ...

    def step(self, tokens: torch.Tensor, shown: torch.Tensor | None = None) -> torch.Tensor:
        """As that of `Decoding`, with what is added to the embeddings of the tokens, (b, d)."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class GridRow:
    """A grid to be drawn.

    Args:
        prefixes: what is read before its first token: with the prompt, and with guidance, without.
        guidance: the scale, where there are two.
        uniforms: float64 (count,): one draw for each token.
        shown: (count, d): added to the embedding of the token before each place; or nothing.
    """

    prefixes: Sequence[Sequence[int]]
    sampling: Sampling
    guidance: float
    uniforms: torch.Tensor
    shown: torch.Tensor | None = None


class ContinuousGrids:
    """Grids under way, each as far as it is.

    Args:
        begin: reads the prefixes of the first rows.
        start: what stands between a prefix and the first token of a grid.
    """

    def __init__(self, begin: Callable[[Sequence[Sequence[int]]], JoinableDecoding], *, start: int) -> None:
        self._begin, self._start = begin, start
        self._decoding: JoinableDecoding | None = None
        self._rows: list[GridRow] = []
        self._tokens: list[list[int]] = []
        self._sequences: list[int] = []  # of the decoding: the row that each belongs to
        self._batch: _Batch | None = None

    def __len__(self) -> int:
        """Rows under way."""
        return len(self._rows)

    def tokens(self, place: int) -> list[int]:
        """Of the row at this place, as far as it is; -1 where the model gave logits that are no numbers."""
        return self._tokens[place]

    def join(self, rows: Sequence[GridRow]) -> None:
        """More rows, which stand behind the others."""
        prefixes = [prefix for row in rows for prefix in row.prefixes]
        self._sequences += [len(self._rows) + i for i, row in enumerate(rows) for _ in row.prefixes]
        if self._decoding is None:
            self._decoding = self._begin(prefixes)
        else:
            self._decoding.join(prefixes)
        self._rows += rows
        self._tokens += [[] for _ in rows]
        self._batch = None

    def leave(self, places: Sequence[int]) -> None:
        """The rows at these places are done, or given up."""
        gone = {*places}
        stay = [i for i in range(len(self._rows)) if i not in gone]
        kept = [i for i, row in enumerate(self._sequences) if row not in gone]
        now = {row: i for i, row in enumerate(stay)}
        self._sequences = [now[self._sequences[i]] for i in kept]
        self._rows, self._tokens = [self._rows[i] for i in stay], [self._tokens[i] for i in stay]
        self._batch = None
        if self._decoding is not None:
            self._decoding.keep(kept)

    def step(self) -> torch.Tensor:
        """Draw the next token of each row; returns the guided logits, (rows, v), that they were drawn from."""
        assert self._decoding is not None, "nobody has joined"
        if self._batch is None:
            last = [max(0, tokens[-1]) if tokens else self._start for tokens in self._tokens]
            self._batch = _Batch(self._rows, self._sequences, last, [len(tokens) for tokens in self._tokens])
        batch = self._batch
        said = batch.guided(self._decoding.step(batch.fed(), batch.shown()))
        for tokens, token in zip(self._tokens, batch.drawn(said), strict=True):
            tokens.append(token)
        return said


class _Batch:
    """The rows as long as nobody comes or goes.

    Args:
        sequences: the row that each sequence of the decoding belongs to.
        last: the token of each row that the decoding is to read next.
        at: the place of the one after it.
    """

    def __init__(
        self, rows: Sequence[GridRow], sequences: Sequence[int], last: Sequence[int], at: Sequence[int]
    ) -> None:
        first = [sequences.index(i) for i in range(len(rows))]
        both = [i for i, row in enumerate(rows) if len(row.prefixes) == 2]
        self._last, self._at = torch.tensor(last), torch.tensor(at)
        self._sequences = torch.tensor(sequences) if both else None
        self._with = torch.tensor(first)
        self._guided = torch.tensor(both, dtype=torch.long)
        self._branches = torch.tensor([first[i] + more for more in (0, 1) for i in both], dtype=torch.long)
        self._scale = torch.tensor([rows[i].guidance for i in both], dtype=torch.float32)[:, None]
        self._sampler = Sampler([row.sampling for row in rows], "cpu")
        self._uniforms = torch.stack([row.uniforms for row in rows])
        self._each = torch.arange(len(rows))
        shown = [row.shown for row in rows]
        like = next((each for each in shown if each is not None), None)
        self._shown = None
        if like is not None:
            self._shown = torch.stack([torch.zeros_like(like) if each is None else each for each in shown])

    def fed(self) -> torch.Tensor:
        """The next token of each sequence."""
        return self._of_sequences(self._last)

    def shown(self) -> torch.Tensor | None:
        """What each sequence is shown of its row's next place."""
        return None if self._shown is None else self._of_sequences(self._shown[self._each, self._at])

    def guided(self, logits: torch.Tensor) -> torch.Tensor:
        """Of each row, (rows, v), from those of all sequences."""
        said = logits.float()
        if self._sequences is None:
            return said
        found = said[self._with]
        found[self._guided] = guided(said[self._branches], self._scale)
        return found

    def drawn(self, logits: torch.Tensor) -> list[int]:
        """The next token of each row, by logits (rows, v)."""
        drawn = self._sampler.draw(logits, self._uniforms[self._each, self._at])
        self._last = drawn.clamp_min(0)
        self._at += 1
        return drawn.tolist()

    def _of_sequences(self, rows: torch.Tensor) -> torch.Tensor:
        return rows if self._sequences is None else rows[self._sequences]
