"""The things that we drew ourselves: a row of the table for each drawing, and a drawing for each row."""

import numpy as np
import pytest

from diptych.pipelines.pocket.art.colours import named, turned
from diptych.pipelines.pocket.art.hands import DRAWN_SIDE, draw_own
from diptych.pipelines.pocket.art.svg import Pixels
from diptych.pipelines.pocket.art.things import OWN, known_kinds, own_kinds

pytest.importorskip("resvg_py")


@pytest.fixture(scope="module")
def drawings() -> dict[str, Pixels]:
    return dict(draw_own())


def test_every_row_has_its_drawing_and_every_drawing_its_row() -> None:
    assert sorted(kind.icon for kind in own_kinds().values()) == sorted(path.stem for path in OWN.glob("*.svg"))


def test_none_is_in_the_table_of_the_sets() -> None:
    assert len(own_kinds()) >= 60 and not own_kinds().keys() & known_kinds().keys()


def test_every_drawing_fills_its_frame(drawings: dict[str, Pixels]) -> None:
    assert list(drawings) == list(own_kinds())
    for name, drawing in drawings.items():
        assert drawing.dtype == np.uint8 and max(drawing.shape[:2]) == DRAWN_SIDE, name
        solid = drawing[..., 3] > 192
        assert solid.mean() > 0.12, name


def test_no_two_are_alike(drawings: dict[str, Pixels]) -> None:
    assert len({drawing.tobytes() for drawing in drawings.values()}) == len(drawings)


def test_they_have_the_colours_that_they_are_turned_to(drawings: dict[str, Pixels]) -> None:
    """By the largest share of what is seen; a lighthouse has as much white, and stands on rocks."""
    wrong = [
        (name, colour)
        for name, kind in own_kinds().items()
        for colour in kind.colours
        if named(turned(drawings[name], colour, kind.turns))[0] != colour
    ]
    assert not [each for each in wrong if each[0] not in ("lighthouse", "bookshelf")], wrong
