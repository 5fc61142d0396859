"""A device that refuses float64: tokens are drawn, and answers are read, as on any other."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from diptych.engine.ar import sampling
from diptych.engine.ar.decoding import TokenConstraints, decode_grid
from diptych.engine.ar.sampling import Sampler, Sampling
from diptych.engine.memory import DeviceMemory
from diptych.engine.memory.memory_probe import NoGauge
from diptych.engine.models.vision.picture_reader import PictureReader
from diptych.engine.stage import RunContext

from ..fakes import NameLoader
from .no_doubles import DEVICE, Apart, NoDoubles

SETTINGS = [Sampling(), Sampling(temperature=0.7, top_k=5), Sampling(top_p=0.8), Sampling(temperature=0.0)]


@pytest.fixture(autouse=True)
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "WITHOUT_DOUBLES", ("mps", DEVICE))


def numbers(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(*shape, dtype=dtype, generator=torch.Generator().manual_seed(1))


def test_the_device_refuses_float64_and_mixtures() -> None:
    with NoDoubles():
        there = numbers(2, 3).to(DEVICE)
        assert isinstance(there, Apart) and float((there + 1).sum().cpu()) > 6
        for make in (
            lambda: there.double(),
            lambda: torch.zeros(2, dtype=torch.float64, device=DEVICE),
            lambda: numbers(2, dtype=torch.float64).to(DEVICE),
        ):
            with pytest.raises(TypeError, match="float64"):
                make()
        with pytest.raises(RuntimeError, match="two devices"):
            _ = there + numbers(2, 3)


def test_tokens_are_those_of_the_cpu() -> None:
    logits, uniform = 9 * numbers(4, 50), numbers(4, dtype=torch.float64)
    here = Sampler(SETTINGS, "cpu").draw(logits, uniform)
    with NoDoubles():
        sampler = Sampler(SETTINGS, DEVICE)
        drawn = sampler.draw(logits.to(DEVICE), uniform.to(sampler.place))
        assert isinstance(drawn, Apart) and drawn.cpu().tolist() == here.tolist()
    assert sampling.drawing_place("mps:0") == torch.device("cpu")
    assert sampling.drawing_place("cuda:1") == torch.device("cuda:1")


@dataclasses.dataclass
class Said:
    """A decoding whose logits follow from the last tokens."""

    logits: torch.Tensor
    table: torch.Tensor

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.table[tokens]

    def keep(self, rows: Any) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("guidance", [None, [2.0, 3.0]])
def test_a_grid_is_that_of_the_cpu(guidance: list[float] | None) -> None:
    table, rows = 9 * numbers(20, 20), 4 if guidance else 2
    kept = torch.zeros(2, 6, dtype=torch.bool)
    kept[:, 2] = True
    given = TokenConstraints(tokens=torch.full((2, 6), 3), kept=kept)

    def grid(place: str) -> torch.Tensor:
        said: Any = Said(table[:rows].to(place), table.to(place))
        return decode_grid(
            said,
            count=6,
            sampling=SETTINGS[:2],
            guidance=guidance,
            uniforms=numbers(2, 6, dtype=torch.float64),
            context=RunContext(),
            given=given,
        )

    here = grid("cpu")
    with NoDoubles():
        assert grid(DEVICE).tolist() == here.tolist()


def test_answers_are_read_in_full_on_the_cpu() -> None:
    reader: Any = SimpleNamespace(_answers=((1, 2), (3,)))
    logits = numbers(8)
    here = PictureReader._yes(reader, logits)
    with NoDoubles():
        assert PictureReader._yes(reader, logits.to(DEVICE)) == here


@pytest.mark.parametrize(("device", "module"), [("mps", "mps"), ("cuda:1", "cuda")])
def test_what_is_cached_is_handed_back(device: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    emptied: list[str] = []
    for name in ("cuda", "mps"):
        monkeypatch.setattr(getattr(torch, name), "empty_cache", lambda name=name: emptied.append(name))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    DeviceMemory(NameLoader(1), device=device, gauge=NoGauge()).collect()
    assert emptied == [module]
