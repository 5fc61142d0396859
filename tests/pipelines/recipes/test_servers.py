"""Recipes whose planner or judge is behind a server."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from diptych import InputError, Recipe, read_recipe
from diptych.engine.memory import DeviceMemory
from diptych.engine.remote import server as remote_server
from diptych.pipelines.recipes.build import build_chain, registry
from diptych.pipelines.recipes.check import check
from diptych.pipelines.recipes.environment import Environment
from diptych.pipelines.recipes.servers import asked_servers
from diptych.pipelines.recipes.writer import recipe_table

from ...engine.remote.started import Started

PAINT = {
    "draft": {
        "family": "image-token-lm",
        "checkpoint": "pocket/drafter",
        "models": {"codebook": {"family": "image-tokenizer", "checkpoint": "pocket/tokenizer"}},
    },
    "refine": {"family": "diffusers", "checkpoint": "pocket/refiner"},
}


def recipe(url: str, **settings: Any) -> Recipe:
    said = {"family": "openai-server", "settings": {"url": url, **settings}}
    return read_recipe({"stages": {"plan": said, **PAINT, "judge": said}})


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Started]]:
    monkeypatch.setattr(remote_server, "WAITS_S", (0.02,))
    found: list[Started] = []

    def start_one(**options: Any) -> Started:
        found.append(Started(tmp_path / f"{len(found)}.jsonl", **options))
        return found[-1]

    yield start_one
    for each in found:
        each.kill()


def test_a_check_asks_nobody_unless_it_is_to(start: Callable[..., Started]) -> None:
    server = start(models=["tiny", "eyes"])
    mine = recipe(server.url, model="tiny")
    found = check(mine, device="cpu")
    assert found.ready and server.lines == []
    assert found.servers[0] == f"plan asks tiny at {server.url}, which was not asked now (--online does)"
    found = check(mine, device="cpu", online=True)
    assert found.ready and found.servers[1] == f"judge asks tiny at {server.url}, which is there"
    assert [line["path"] for line in server.lines] == ["/v1/models"] * 2
    memory = DeviceMemory(registry(), device="cpu")
    chain = build_chain(mine)
    assert memory.weight_bytes(chain.stages[0].uses) == 0 == memory.weight_bytes(chain.stages[-1].uses)


def test_what_is_the_matter_with_a_server_is_said(start: Callable[..., Started]) -> None:
    server = start(models=["qwen3:latest", "tiny"])
    for model, trouble in (("qwen3", ""), ("tinny", "does not list a model 'tinny' (did you mean 'tiny'?)")):
        _, troubles = asked_servers(build_chain(recipe(server.url, model=model)), online=True)
        assert (trouble in troubles[0]) if trouble else troubles == []
    _, troubles = asked_servers(build_chain(recipe(server.url)), online=True)
    assert "has 2 models: name one as model" in troubles[0]
    server.kill()
    _, troubles = asked_servers(build_chain(recipe(server.url)), online=True)
    assert len(troubles) == 1 and "does not answer" in troubles[0]


def test_a_key_that_is_not_there_is_found_out_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    found = check(recipe("http://127.0.0.1:9/v1", api_key_env="NO_SUCH_KEY"), device="cpu")
    assert not found.ready
    assert found.checkup.troubles == (
        "the environment variable NO_SUCH_KEY is not set: put the server's key there",
    )


def test_how_a_server_is_reached_makes_no_other_row_but_its_model_does() -> None:
    def essence(url: str, **settings: Any) -> Any:
        mine = recipe(url, **settings)
        empty: Any = {name: {} for name in ("revisions", "versions")}
        return Environment(
            recipe="mine", table=recipe_table(mine), deterministic=False, micro_batch=1, memory_bytes=None,
            device="cpu", **empty,
        ).essence()  # fmt: skip

    usual = essence("http://127.0.0.1:8000/v1", model="tiny")
    assert usual == essence(
        "http://elsewhere:9/v1", model="tiny", api_key_env="KEY", timeout_seconds=9.0, at_once=1
    )
    assert usual != essence("http://127.0.0.1:8000/v1", model="other")
    assert usual != essence("http://127.0.0.1:8000/v1", model="tiny", max_tokens=9)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"family": "openai-server"}, r"\[stages.plan\]: url is missing: name the server"),
        ({"family": "openai-server", "checkpoint": "x"}, "has url and model among its settings: leave out"),
        ({"family": "openai_server"}, "checkpoint is missing.*did you mean 'openai-server'"),
        (
            {"family": "openai-server", "settings": {"url": "http://h/v1", "api_key": "sk-1"}},
            r"'api_key' is not known \(did you mean 'api_key_env'\?\)",
        ),
        (
            {"family": "openai-server", "settings": {"url": "http://h/v1", "timeout_seconds": 0}},
            "timeout_seconds = 0: must lie between",
        ),
        (
            {"family": "openai-server", "settings": {"url": "http://h/v1", "more": {"seed": 1}}},
            "more: seed is said by the stage itself",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(table: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_chain(read_recipe({"stages": {"plan": table, **PAINT}}))


def test_only_planners_and_judges_can_be_asked_of_a_server() -> None:
    table = {"family": "openai-server", "settings": {"url": "http://h/v1"}}
    with pytest.raises(InputError, match="only plan and judge can be asked of a server"):
        build_chain(read_recipe({"stages": {"paint": table}}))
