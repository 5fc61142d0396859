"""What is drawn that nobody asked for is counted: not the setting, not the things, not their shadows."""

import numpy as np
import PIL.ImageDraw
import pytest

from diptych.pipelines.evaluation.art.unasked import FORMS, LEAST, SETTINGS, asked, unasked
from diptych.pipelines.pocket.art.drawing import background

NOTHING = np.zeros((256, 256), np.uint8)


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_alone_has_nothing_unasked_for_however_it_is_drawn(setting: str) -> None:
    found = [unasked(background(setting, 1000 + i, 256), NOTHING, setting) for i in range(8)]
    assert max(found) < LEAST


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_blot_is_found_and_a_thing_is_none(setting: str) -> None:
    image, things = background(setting, 1000, 256), NOTHING.copy()
    PIL.ImageDraw.Draw(image).ellipse((60, 20, 90, 50), fill=(250, 0, 250))
    assert unasked(image, things, setting) >= LEAST
    things[20:51, 60:91] = 255
    assert unasked(image, things, setting) < LEAST


def test_prompts_go_through_all_settings_and_have_as_many_things_as_the_form() -> None:
    rows = asked(FORMS["one above another"], ["dog", "owl", "bus"], 20)
    assert [setting for _, setting in rows] == [*SETTINGS] * 2
    assert all(" above a" in prompt for prompt, _ in rows) and len(dict(rows)) > 10
    assert rows == asked(FORMS["one above another"], ["dog", "owl", "bus"], 20)
