"""Which device is chosen."""

import pytest
import torch

from diptych import InputError
from diptych.pipelines.device import choose_device


def test_auto_takes_the_fastest_kind_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == "cpu"


@pytest.mark.parametrize("name", ["cuda", "mps", "cuda:3"])
def test_a_device_that_is_not_there_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match="there is none"):
        choose_device(name)


@pytest.mark.parametrize("name", ["gpu", "", "cpu:1", "cuda:x"])
def test_a_device_that_is_not_known_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="not known"):
        choose_device(name)
