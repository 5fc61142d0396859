"""Every pipeline is found by its name, and unknown names are met with the nearest."""

import pytest

from diptych import InputError, find_pipeline
from diptych.pipelines.catalogue import PIPELINES


@pytest.mark.parametrize("name", PIPELINES)
def test_every_pipeline_is_found_and_can_be_made_of_a_recipe(name: str) -> None:
    kind = find_pipeline(name)
    assert kind.__name__ == PIPELINES[name][1] and callable(kind.from_recipe)


def test_a_name_that_is_misspelt_is_met_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no such pipeline: 'upscal' \(did you mean 'upscale'\?\); known are"):
        find_pipeline("upscal")
