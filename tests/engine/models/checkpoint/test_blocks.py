"""Which modules are blocks, from the names of their tensors."""

from diptych.engine.models.checkpoint.blocks import PARTS, blocks_of, streamed_size

LARGE = 1000 * PARTS


def test_items_of_lists_are_blocks_and_what_stands_outside_stays() -> None:
    tensors = {"embed.weight": LARGE, "layers.0.a.weight": 10, "layers.0.b.weight": 5, "layers.1.a.weight": 20}
    assert blocks_of(tensors) == {"layers.0": 15, "layers.1": 20}
    assert streamed_size(tensors) == LARGE + 20


def test_a_large_item_is_divided_by_the_lists_within_it() -> None:
    tensors = {
        "rest.weight": LARGE,
        "up.0.resnets.0.conv.weight": 900,
        "up.0.resnets.1.conv.weight": 800,
        "up.0.norm.weight": 3,
        "up.1.resnets.0.conv.weight": 7,
    }
    assert blocks_of(tensors) == {"up.0.resnets.0": 900, "up.0.resnets.1": 800, "up.1": 7}
    assert streamed_size(tensors) == LARGE + 3 + 900


def test_a_large_item_without_lists_is_a_block_all_the_same() -> None:
    assert blocks_of({"layers.0.weight": 10, "layers.1.weight": 30}) == {"layers.0": 10, "layers.1": 30}


def test_numbers_in_names_are_no_items() -> None:
    assert blocks_of({"conv1.weight": 4, "time.linear_2.weight": 4, "layers.weight": 1}) == {}
    assert streamed_size({"conv1.weight": 4}) == 4


def test_over_a_bus_there_is_room_for_two_blocks_if_there_are_as_many() -> None:
    tensors = {f"layers.{i}.weight": 10 for i in range(40)} | {"head.weight": 7}
    assert streamed_size(tensors) == 17
    assert streamed_size(tensors, "cuda:1") == 27
    assert streamed_size({"layers.0.weight": 10, "head.weight": 7}, "cuda") == 17
