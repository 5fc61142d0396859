"""Reference pictures: what may be one, and when two are the same."""

import copy
import pickle
from typing import Any

import pytest
import torch

from diptych.engine.errors import InputError
from diptych.engine.runner import shape_of
from diptych.engine.values import Reference, Request


def picture(seed: int = 0, *, channels: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (12, 16, channels), generator=generator).to(torch.uint8)


def test_two_are_equal_if_their_contents_are() -> None:
    one, same = Reference(picture=picture(), weight=0.5), Reference(picture=picture().clone(), weight=0.5)
    assert one == same and hash(one) == hash(same) and one.digest == same.digest
    for other in (Reference(picture=picture(1), weight=0.5), Reference(picture=picture()), "a picture"):
        assert one != other
    assert Reference(picture=picture(), name="cat") != Reference(picture=picture())
    assert pickle.loads(pickle.dumps(one)) == one and copy.deepcopy(one) == one
    assert Request(prompt="a", references=(one,)) == Request(prompt="a", references=(same,))


def test_what_is_cut_out_lies_on_white() -> None:
    clear = torch.cat([picture(), torch.zeros(12, 16, 1, dtype=torch.uint8)], 2)
    assert bool((Reference(picture=clear).pixels == 255).all())
    clear[..., 3] = 255
    assert torch.equal(Reference(picture=clear).pixels, clear[..., :3])


@pytest.mark.parametrize("weight", [-0.1, 2.1, float("nan"), True, "much"])
def test_a_weight_out_of_range_is_one_line(weight: Any) -> None:
    with pytest.raises(InputError, match=r"reference_weight = .*: must") as caught:
        Reference(picture=picture(), weight=weight)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "pixels",
    [
        torch.zeros(4, 4),
        torch.zeros(4, 4, 3),
        torch.zeros(4, 4, 2, dtype=torch.uint8),
        torch.zeros(0, 4, 3).byte(),
    ],
)
def test_what_is_no_picture_is_refused(pixels: torch.Tensor) -> None:
    with pytest.raises(InputError, match="a reference"):
        Reference(picture=pixels)


def test_a_request_has_eight_at_most() -> None:
    one = Reference(picture=picture())
    assert len(Request(prompt="a", references=(one,) * 8).references) == 8
    with pytest.raises(InputError, match="9 reference pictures: at most 8"):
        Request(prompt="a", references=(one,) * 9)


def test_rows_share_a_micro_batch_where_they_take_after_as_many_pictures_as_closely() -> None:
    def row(*weights: float, seed: int = 0) -> Request:
        return Request(
            prompt="a", references=tuple(Reference(picture=picture(seed), weight=w) for w in weights)
        )

    assert shape_of(row(1, 0.5)) == shape_of(row(1, 0.5, seed=3))
    assert len({shape_of(each) for each in (row(), row(1), row(0.5), row(1, 0.5), row(0.5, 1))}) == 5
