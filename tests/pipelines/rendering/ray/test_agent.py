"""Ray's agent is watched by its socket, and a run whose agent is gone says what is lost and what to do."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from diptych import TextToImage
from diptych.pipelines.rendering.ray import pipeline as ray_pipeline
from diptych.pipelines.rendering.ray import worker as ray_worker
from diptych.pipelines.rendering.ray.agent import Agent
from diptych.pipelines.rendering.ray.pipeline import LostError, RayTextToImage

from .test_pipeline import FakeRay


@pytest.fixture
def raylet(tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """A socket that is listened at."""
    name = str(tmp_path / "raylet")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(name)
        listening.listen(64)
        yield name, listening


def node(name: str) -> dict[str, Any]:
    return {"Alive": True, "Resources": {"CPU": 2.0}, "RayletSocketName": name}


def test_it_is_lost_when_nobody_listens_any_more(raylet: tuple[str, socket.socket], tmp_path: Path) -> None:
    name, listening = raylet
    agent = Agent([node(name), node(str(tmp_path / "elsewhere")), {"Alive": True}])
    assert not agent.lost
    listening.close()
    assert agent.lost
    assert not Agent([node(name)]).lost  # what did not listen before is not missed


def test_a_run_without_its_agent_says_what_is_lost_and_that_the_same_command_goes_on(
    raylet: tuple[str, socket.socket],
    make_pipe: Callable[..., TextToImage],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, listening = raylet
    ray = FakeRay()
    monkeypatch.setattr(ray, "nodes", lambda: [node(name)])
    monkeypatch.setattr(ray_pipeline, "_connected", lambda address: (ray, False))
    monkeypatch.setattr(ray_worker, "_send_tensors_as_arrays", lambda: None)
    pipe = RayTextToImage(make_pipe(wave=1), lambda: make_pipe(wave=1), workers=2)
    results = pipe.stream([f"a boat, number {i}" for i in range(6)], seed=5)
    finished = [next(results)]
    listening.close()
    with pytest.raises(LostError, match=r"is gone, and with it \d rows .* the same command goes on") as caught:
        finished += results
    assert finished and "\n" not in str(caught.value)
