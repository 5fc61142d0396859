"""Which plans are drawn without a memory."""

import pytest

from diptych.engine.language.closed_vocabulary.by_heart import drawn_by_heart
from diptych.engine.language.closed_vocabulary.vocabulary import vocabulary_of
from diptych.pipelines.pocket.art.things import known_kinds
from diptych.pipelines.pocket.art.vocabulary import vocabulary_table
from diptych.pipelines.pocket.art.words import HANDS


@pytest.mark.parametrize(
    ("wording", "true"),
    [
        ("a red house in the middle, in a meadow, in watercolour", True),
        ("a red house in the middle, in a meadow", False),  # in the memory's own style
        ("a house on the left and a giraffe on the right, in a meadow, in watercolour", False),
        ("a house in the middle, in a meadow, as an icon", False),
        ("in a meadow", True),
    ],
)
def test_what_is_drawn_by_heart_is_of_known_kinds_in_styles_that_the_memory_has_not(
    wording: str, true: bool
) -> None:
    kinds = {name: known_kinds()[name] for name in ("house", "giraffe")}
    vocabulary = vocabulary_of(vocabulary_table(kinds, HANDS))
    styles = ("as a sticker", "as an icon")
    assert drawn_by_heart(wording, vocabulary, styles=styles, by_heart={"house"}) == true
