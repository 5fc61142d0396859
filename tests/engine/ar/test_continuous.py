"""Grids whose rows come and go while others are drawn have the tokens that they have by themselves."""

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.ar.continuous import ContinuousGrids, GridRow
from diptych.engine.ar.decoding import decode_grid
from diptych.engine.ar.sampling import Sampling
from diptych.engine.kernels.library import library
from diptych.engine.models.language.decoding.native import NativeDecoding
from diptych.engine.stage import RunContext

from ..models.language.test_decoding import llama

pytestmark = pytest.mark.skipif(library() is None, reason="no compiler was there")

COUNT, START, LEGAL, WIDTH = 9, 5, slice(16, 48), 32
TEXTS = ([1, 7, 9, 2], [1, 3, 3, 2], [1, 8, 14, 2], [1, 2, 0, 0])
WITHOUT = [1, 2, 0, 0]
WAYS = (Sampling(), Sampling(temperature=0), Sampling(temperature=0.7, top_k=5), Sampling(top_p=0.8))


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(0)
    return llama().eval().requires_grad_(False)


def grids(model: Any) -> ContinuousGrids:
    def begin(prefixes: Sequence[Sequence[int]]) -> NativeDecoding:
        return NativeDecoding(model, prefixes, new_tokens=COUNT, legal=LEGAL)

    return ContinuousGrids(begin, start=START - LEGAL.start)


def row(i: int, *, guidance: float = 1.0, is_shown: bool = False) -> GridRow:
    noise = torch.Generator().manual_seed(i)
    return GridRow(
        prefixes=[TEXTS[i % len(TEXTS)], *([WITHOUT] if guidance != 1 else [])],
        sampling=WAYS[i % 3],
        guidance=guidance,
        uniforms=torch.rand(COUNT, dtype=torch.float64, generator=noise),
        shown=torch.randn(COUNT, WIDTH, generator=noise) if is_shown else None,
    )


def by_itself(model: Any, one: GridRow) -> list[int]:
    """As a stage draws it that nobody joins."""
    beside = None if one.shown is None else torch.stack([one.shown] * len(one.prefixes))
    decoding = NativeDecoding(model, one.prefixes, new_tokens=COUNT, legal=LEGAL, beside=beside)
    decoding.step(torch.full((len(one.prefixes),), START - LEGAL.start))
    tokens = decode_grid(
        decoding,
        count=COUNT,
        sampling=[one.sampling],
        guidance=[one.guidance] if len(one.prefixes) == 2 else None,
        uniforms=one.uniforms[None],
        context=RunContext(),
    )
    return tokens[0].tolist()


ROWS = st.builds(
    row, st.integers(0, 30), guidance=st.sampled_from([1.0, 2.0, 3.0]), is_shown=st.sampled_from([False, True])
)
COMING = st.lists(
    st.tuples(ROWS, st.integers(0, 12), st.one_of(st.none(), st.integers(0, 8))), min_size=1, max_size=7
)


@settings(max_examples=40, deadline=None)
@given(COMING)
def test_a_row_has_its_own_tokens_whoever_comes_and_goes(model: Any, coming: list[Any]) -> None:
    """Each row comes after so many steps, and some are given up after some of their own."""
    it, under_way, found = grids(model), list[tuple[GridRow, int | None]](), dict[GridRow, list[int]]()
    for step in itertools.count():
        now = [(one, leaves) for one, after, leaves in coming if after == step]
        if now:
            it.join([one for one, _ in now])
            under_way += now
        if len(it):
            it.step()
        going = [i for i, (_, leaves) in enumerate(under_way) if len(it.tokens(i)) in (leaves, COUNT)]
        found |= {under_way[i][0]: it.tokens(i) for i in going}
        if going:
            it.leave(going)
            under_way = [each for i, each in enumerate(under_way) if i not in going]
        assert len(it) == len(under_way)
        if not len(it) and step > 12:
            break
    for one, _, _ in coming:
        assert found[one] == by_itself(model, one)[: len(found[one])]


def test_logits_that_are_no_numbers_stay_with_their_row(model: Any) -> None:
    it, sound = grids(model), row(1)
    broken = row(2, is_shown=True)
    assert broken.shown is not None
    broken.shown[4:] = torch.nan
    it.join([broken, sound])
    for _ in range(COUNT):
        it.step()
    assert -1 in it.tokens(0) and it.tokens(1) == by_itself(model, sound)
    it.leave([0, 1])
    it.join([sound])  # where the broken one was
    for _ in range(COUNT):
        it.step()
    assert it.tokens(0) == by_itself(model, sound)
