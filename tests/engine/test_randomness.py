"""A row draws the same numbers alone, in a batch, and however many steps are asked for."""

import itertools

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.engine.randomness import RowKey, derive_seed, generators, normals, random_patches, uniforms
from diptych.engine.values import MAX_SEED

KEYS = st.builds(RowKey, st.integers(0, MAX_SEED), st.integers(0, 4096))


@settings(max_examples=50, deadline=None)
@given(keys=st.lists(KEYS, min_size=1, max_size=8), steps=st.integers(1, 12), more=st.integers(0, 12))
def test_a_row_draws_the_same_alone_and_in_a_batch(keys: list[RowKey], steps: int, more: int) -> None:
    together = uniforms(keys, "draft", steps + more)
    assert together.shape == (len(keys), steps + more)
    for i, key in enumerate(keys):
        assert torch.equal(uniforms([key], "draft", steps)[0], together[i, :steps])
        assert torch.equal(normals([key], "refine", (3, 2))[0], normals(keys, "refine", (3, 2))[i])


def test_every_part_of_the_key_changes_the_draw() -> None:
    draws = [
        normals([RowKey(1, 0)], "refine", (4,)),
        normals([RowKey(2, 0)], "refine", (4,)),
        normals([RowKey(1, 1)], "refine", (4,)),
        normals([RowKey(1, 0)], "draft", (4,)),
        normals([RowKey(1, 0)], "refine", (4,), step=1),
    ]
    assert len({tuple(draw.flatten().tolist()) for draw in draws}) == len(draws)


def test_the_parts_of_the_key_are_kept_apart() -> None:
    assert not torch.equal(uniforms([RowKey(1, 11)], "s", 4), uniforms([RowKey(11, 1)], "s", 4))
    assert not torch.equal(uniforms([RowKey(1, 11)], "s", 4), uniforms([RowKey(111, 0)], "s", 4))


def test_draws_do_not_touch_the_global_generator() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    uniforms([RowKey(1)], "draft", 5)
    normals([RowKey(1)], "refine", (5,))
    assert torch.equal(torch.get_rng_state(), before)


def test_draws_have_the_distribution_and_type_they_claim() -> None:
    uniform = uniforms([RowKey(seed) for seed in range(20)], "draft", 500)
    assert uniform.dtype == torch.float64
    assert uniform.min() >= 0 and uniform.max() < 1
    assert abs(uniform.mean() - 0.5) < 0.01
    normal = normals([RowKey(seed) for seed in range(20)], "refine", (500,))
    assert normal.dtype == torch.float32
    assert abs(normal.mean()) < 0.03 and abs(normal.std() - 1) < 0.03


def test_the_draws_are_these_on_every_machine() -> None:
    assert uniforms([RowKey(7, 1)], "draft", 2).tolist() == [[0.734670543130423, 0.9486707993193432]]


def test_seeds_of_a_file_are_its_own_and_legal() -> None:
    seeds = [derive_seed(seed, index) for seed in range(5) for index in range(200)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed <= MAX_SEED for seed in seeds)
    assert derive_seed(0, 1) == 5065163805414527496


def test_a_larger_lot_holds_the_smaller_one() -> None:
    lots = [random_patches(RowKey(3), "variation", (12, 12), share=share / 8) for share in range(9)]
    assert [int(each.sum()) for each in lots] == [18 * eighths for eighths in range(9)]
    assert all(bool((small <= large).all()) for small, large in itertools.pairwise(lots))
    assert not torch.equal(lots[4], random_patches(RowKey(4), "variation", (12, 12), share=0.5))


def test_cells_that_are_drawn_lie_together() -> None:
    """Of cells that were drawn one by one, about half of all neighbours would differ."""
    for seed in range(8):
        cells = random_patches(RowKey(seed), "variation", (16, 16), share=0.4)
        borders = [(cells[1:] != cells[:-1]).float().mean(), (cells[:, 1:] != cells[:, :-1]).float().mean()]
        assert float(sum(borders)) / 2 < 0.2


def test_generators_of_rows_depend_on_seed_candidate_and_stage_alone() -> None:
    keys = [RowKey(7), RowKey(7, 1), RowKey(8)]
    together = [torch.randn(9, generator=each) for each in generators(keys, "paint")]
    for key, drawn in zip(keys, together, strict=True):
        (alone,) = generators([key], "paint")
        assert alone.device.type == "cpu" and torch.equal(torch.randn(9, generator=alone), drawn)
    (other_stage,) = generators(keys[:1], "repaint")
    together.append(torch.randn(9, generator=other_stage))
    for one, two in itertools.combinations(together, 2):
        assert not torch.equal(one, two)
