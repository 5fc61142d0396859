"""A stage that another package brought along for the version before still runs, unchanged."""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from diptych.engine.errors import Cancelled
from diptych.engine.memory import DeviceMemory
from diptych.engine.microbatch import Batching, Done, Failed, run_stage
from diptych.engine.stage import ModelKey, Report, RunContext
from diptych.engine.values import Picture

from ..fakes import NameLoader

OLDER = Path(__file__).parent / "older_extension"
KEY = ModelKey("tint", "red")


class Watching:
    """An onlooker that keeps what it is shown; stops once it was shown so many views."""

    def __init__(self, *, patience: int = 99) -> None:
        self.progress: list[float] = []
        self.views: list[tuple[str, int, list[Any]]] = []
        self._patience = patience

    def on_progress(self, stage: str, done: int, total: int, fraction_of_current: float, /) -> None:
        self.progress.append(fraction_of_current)

    def on_view(self, stage: str, values: Sequence[Any], what: str, i: int, views: Sequence[Any], /) -> None:
        self.views.append((what, i, list(views)))

    def cancelled(self) -> bool:
        return len(self.views) >= self._patience


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The extension's module."""
    monkeypatch.syspath_prepend(OLDER)
    yield importlib.import_module("diptych_tint")
    sys.modules.pop("diptych_tint", None)


def run(
    older: Any, memory: DeviceMemory, watching: Watching, *, batch_invariant: bool
) -> tuple[Any, list[Done | Failed]]:
    stage = older.TintStage(model=KEY)
    pictures = [Picture(pixels=torch.full((2, 2, 3), i, dtype=torch.uint8)) for i in range(3)]
    batching = Batching(micro_batch=2, batch_invariant=batch_invariant)
    return stage, run_stage(stage, pictures, memory=memory, batching=batching, watch=watching)


class TintLoader(NameLoader):
    """Loads by the extension's family."""

    def __init__(self, older: Any) -> None:
        super().__init__(sizes=10)
        self._older = older

    def load(self, key: ModelKey, device: str, /, *, streamed: bool = False) -> Any:
        return self._older.load_tint(key.checkpoint, "float32", device)


@pytest.mark.parametrize("batch_invariant", [False, True])
def test_it_runs_says_how_far_it_is_and_asks_for_fixed_shapes(older: Any, batch_invariant: bool) -> None:
    memory, watching = DeviceMemory(TintLoader(older)), Watching()
    stage, results = run(older, memory, watching, batch_invariant=batch_invariant)
    pictures = [result.value for result in results if isinstance(result, Done)]
    assert [picture.pixels[0, 0].tolist() for picture in pictures] == [[7, 0, 0], [7, 1, 1], [7, 2, 2]]
    assert stage.fixed == [batch_invariant] * (3 if batch_invariant else 2)
    noted = [event.note for event in memory.events if event.kind == "run"]
    if batch_invariant:  # one row at a time, on a CPU
        assert watching.progress.count(0.5) == 0
        assert watching.views == [("tint", 1, [7])] * 3 and noted == ["1 tinted"] * 3
    else:
        assert watching.progress.count(0.5) == 1
        assert watching.views == [("tint", 1, [7, 7]), ("tint", 2, [7, 7]), ("tint", 1, [7])]
        assert noted == ["2 tinted", "1 tinted"]


def test_it_can_be_stopped(older: Any) -> None:
    with pytest.raises(Cancelled, match="stopped at tint"):
        run(older, DeviceMemory(TintLoader(older)), Watching(patience=1), batch_invariant=False)


def test_the_older_names_are_those_of_today_and_cannot_be_set() -> None:
    assert Report is RunContext
    context: Any = RunContext(batch_invariant=True)
    with pytest.raises(AttributeError):
        context.fixed_shapes = False
    assert context.fixed_shapes
