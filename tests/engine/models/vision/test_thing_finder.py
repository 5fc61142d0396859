"""A finder of things: what it is read from, and what is made of its maps."""

import json
from pathlib import Path

import pytest
import torch

from diptych.engine.errors import CheckpointError
from diptych.engine.models.vision.thing_finder import (
    CELL,
    SIDE,
    Maps,
    ThingFinder,
    load_thing_finder,
    values_of,
)
from diptych.engine.models.vision.things_found import look, view_of

CELLS = SIDE // CELL
KNOWN = (("cat", "as a sticker"), ("dog", "as a sticker"), ("cat", "as an icon"))


def finder(known: tuple[tuple[str, str], ...] = KNOWN) -> ThingFinder:
    torch.manual_seed(0)
    made = ThingFinder(
        widths=(4, 4, 6, 6, 8),
        neck=6,
        looks=4,
        colours=("", "red", "blue"),
        settings=("at night", "in a meadow"),
        manners=("", "in watercolour"),
        known=known,
    )
    made.prototypes.copy_(torch.eye(4)[: len(known)])
    return made.eval()


def maps(*places: tuple[int, int], looks: torch.Tensor | None = None) -> Maps:
    """Things at these cells (y, x), all of them alike, four cells wide and three high."""
    middle = torch.full((1, CELLS, CELLS), -9.0)
    for y, x in places:
        middle[0, y, x] = 3.0
    box = torch.tensor([0.5, -0.5, 4.0, 3.0])
    box[2:] = box[2:].log()
    seen = torch.eye(4)[0] if looks is None else looks
    return Maps(
        middle=middle,
        box=box.expand(1, CELLS, CELLS, 4),
        colour=torch.tensor([0.0, 9.0, 0.0]).expand(1, CELLS, CELLS, 3),
        looks=seen.expand(1, CELLS, CELLS, 4),
        setting=torch.tensor([[0.0, 9.0]]),
        manner=torch.tensor([[9.0, 0.0]]),
    )


def test_a_thing_is_what_it_looks_like_most_where_its_box_says_it_is() -> None:
    view = view_of(finder(), maps((4, 10)))
    (thing,) = view.things
    assert (thing.kind, thing.colour) == ("cat", "red") and thing.kinds["cat"] > 0.9
    assert (thing.x, thing.y) == pytest.approx((11.0, 4.0))
    assert (thing.wide, thing.high, thing.longer) == pytest.approx((4, 3, 4))
    assert (thing.top, thing.bottom) == pytest.approx((2.5, 5.5))
    assert next(iter(view.settings)) == "in a meadow" and next(iter(view.styles)) == "as a sticker"


def test_what_looks_like_nothing_that_is_known_is_none_of_it() -> None:
    (thing,) = view_of(finder(), maps((4, 10), looks=torch.eye(4)[3])).things
    assert sum(thing.kinds.values()) < 0.05


def test_middles_side_by_side_are_of_one_thing_and_others_of_several() -> None:
    assert len(view_of(finder(), maps((4, 10), (4, 11), (5, 10))).things) == 1
    assert len(view_of(finder(), maps((4, 10), (4, 13))).things) == 2
    assert view_of(finder(), maps()).things == ()


def test_pictures_of_any_shape_are_looked_at_and_places_are_those_of_the_square_in_the_middle() -> None:
    for height, width in ((64, 64), (300, 200), (50, 400), (1, 7)):
        values = values_of(torch.zeros(height, width, 3, dtype=torch.uint8))
        assert min(values.shape[2:]) == SIDE and all(side % CELL == 0 for side in values.shape[2:])
        look(finder(), [torch.zeros(height, width, 3, dtype=torch.uint8)])
    wide = maps((4, 10))
    wider = {
        name: torch.cat([each, each], 2) if each.ndim > 2 else each for name, each in vars(wide).items()
    } | {
        "middle": torch.cat([torch.full((1, CELLS, 8), -9.0), wide.middle, torch.full((1, CELLS, 8), -9.0)], 2)
    }
    (thing,) = view_of(finder(), Maps(**wider)).things
    assert thing.x == pytest.approx(11.0)


def test_what_is_seen_is_the_same_alone_and_in_a_batch() -> None:
    g = torch.Generator().manual_seed(1)
    pictures = [torch.randint(0, 256, (64, 64, 3), generator=g, dtype=torch.uint8) for _ in range(3)]
    assert look(finder(), pictures) == [look(finder(), [picture])[0] for picture in pictures]


def test_a_folder_gives_the_same_finder_again(tmp_path: Path) -> None:
    one = finder()
    one.save_pretrained(tmp_path)
    other = load_thing_finder(tmp_path, torch.float32, torch.device("cpu"))
    values = torch.rand(1, 3, SIDE, SIDE)
    assert other.known == KNOWN and other.styles == ("as a sticker", "as an icon")
    assert torch.allclose(one(values).looks, other(values).looks, atol=0.02)
    with pytest.raises(CheckpointError, match="knows no things"):
        _ = other.words  # without a vocabulary


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_type": "blip"}, "holds no thing-finder"),
        ({"widths": None}, "config.json: has no 'widths': copy the folder again"),
        ({"widths": [4, 4]}, "its sizes are none that a finder has"),
        ({"widths": [4, 4, 6, 6, 10**9]}, "its sizes are none that a finder has"),
        ({"looks": 5}, "copy the folder again"),
        ({"known": 3}, "copy the folder again"),
    ],
)
def test_a_damaged_folder_is_one_clear_line(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    finder().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    changed = {name: value for name, value in {**config, **change}.items() if value is not None}
    (tmp_path / "config.json").write_text(json.dumps(changed))
    with pytest.raises(CheckpointError, match=reason) as raised:
        load_thing_finder(tmp_path, torch.float32, torch.device("cpu"))
    assert "\n" not in str(raised.value)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    broken = finder()
    broken.prototypes[0, 0] = torch.nan
    broken.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError):
        load_thing_finder(tmp_path, torch.float32, torch.device("cpu"))
