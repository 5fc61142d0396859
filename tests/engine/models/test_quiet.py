"""Libraries load without bars and warnings, and their users' settings are as they were."""

import logging
import warnings
from collections.abc import Iterator

import pytest
import transformers.utils.logging as library
from huggingface_hub.utils import are_progress_bars_disabled

from diptych.engine.models.quiet import quiet


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = library.get_verbosity(), library.is_progress_bar_enabled()
    yield
    library.set_verbosity(before[0])
    (library.enable_progress_bar if before[1] else library.disable_progress_bar)()


@pytest.mark.parametrize("bars", [True, False])
def test_settings_are_as_they_were(bars: bool) -> None:
    library.set_verbosity(logging.WARNING)
    (library.enable_progress_bar if bars else library.disable_progress_bar)()
    silence = quiet(("transformers", "diffusers"))
    with pytest.raises(KeyError), warnings.catch_warnings(record=True) as warned, silence:
        assert library.get_verbosity() == logging.ERROR and not library.is_progress_bar_enabled()
        warnings.warn("noise", stacklevel=1)
        raise KeyError
    assert library.get_verbosity() == logging.WARNING
    assert library.is_progress_bar_enabled() == bars and are_progress_bars_disabled() == (not bars)
    assert warned == []


@pytest.mark.parametrize("of_library", [True, False])
def test_whoever_wants_to_see_them_does(of_library: bool, caplog: pytest.LogCaptureFixture) -> None:
    library.enable_progress_bar()
    library.set_verbosity(logging.INFO if of_library else logging.WARNING)
    of_diptych = logging.WARNING if of_library else logging.INFO
    with caplog.at_level(of_diptych, logger="diptych"), quiet(("transformers",)):
        assert library.is_progress_bar_enabled() and library.get_verbosity() < logging.ERROR
