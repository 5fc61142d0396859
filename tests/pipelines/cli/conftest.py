"""The command line, run in this process."""

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from diptych.__main__ import main

Run = Callable[..., SimpleNamespace]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `diptych` with these arguments, in this process."""

    def call(*arguments: Any) -> SimpleNamespace:
        monkeypatch.setattr(sys, "argv", ["diptych", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return SimpleNamespace(status=ended.value.code or 0, out=out, err=err)

    return call
