"""What the studio asks of the server: settings, prompts that are read, pictures looked through, events."""

import json
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from diptych.engine.values import Outcome
from diptych.pipelines.serving.engine_thread.offered_recipes import Pipes
from diptych.pipelines.serving.reading import reading_of
from diptych.pipelines.serving.runtime import Runtime
from diptych.pipelines.text_to_image import TextToImage
from diptych.pipelines.vocabulary import planner_vocabulary

PROMPTS = [
    "a red boat wearing a hat at sunset",
    "a blue cat and a quantum flux",
    "three green trees, in ink",
    "at night",
    "a crimson boat \U0001f600 with wings",
]


@pytest.fixture(scope="module")
def pocket() -> TextToImage:
    return TextToImage.from_recipe("pocket", device="cpu", deterministic=True)


@pytest.fixture
def server(tmp_path: Any, make_client: Callable[..., TestClient]) -> TestClient:
    return make_client(runtime=Runtime(tmp_path / "data", Pipes(["pocket"], device="cpu")))


def done(client: TestClient, body: dict[str, Any]) -> list[tuple[str, Any]]:
    """The events of a job until it has ended."""
    job = client.post("/v1/jobs", json=body).json()["id"]
    text = client.get(f"/v1/jobs/{job}/events?previews=1").text
    parts = [part.split("\ndata: ", 1) for part in text.split("\n\n") if part.startswith("event: ")]
    return [(kind.removeprefix("event: "), json.loads(data)) for kind, data in parts]


def test_what_a_reading_leaves_out_is_what_the_plan_leaves_out(pocket: TextToImage) -> None:
    vocabulary = planner_vocabulary(pocket.recipe)
    for prompt in PROMPTS:
        outcome = next(iter(pocket.run([pocket.request(prompt, seed=7)])))
        assert isinstance(outcome, Outcome)
        said = reading_of(prompt, vocabulary)
        assert [each["text"] for each in said["left_out"]] == [str(each) for each in outcome.plan.left_out]
        assert all(prompt[each["start"] : each["end"]] == each["text"] for each in said["left_out"])


def test_a_prompt_is_read_without_drawing(server: TestClient) -> None:
    said = server.post("/v1/read", json={"prompt": "a red baot wearing a hat"}).json()
    assert [each["text"] for each in said["left_out"]] == ["wearing", "hat"]
    assert said["read_as"] == {"baot": "boat"} and said["draws"]
    dog = server.post("/v1/read", json={"prompt": "a red boat and a big green gargoyle"}).json()
    assert [each["text"] for each in dog["unknown"]] == ["gargoyle"]
    assert "green gargoyle" in dog["left_out"][0]["text"]
    nothing = server.post("/v1/read", json={"prompt": "quantum"}).json()
    assert not nothing["draws"] and "boat" in nothing["things"]
    assert server.post("/v1/read", json={"prompt": "a", "recipe": "no"}).status_code == 404
    assert reading_of("anything", None)["any_words"]


def test_settings_are_those_that_the_recipe_reads(server: TestClient) -> None:
    said = server.get("/v1/settings?recipe=pocket").json()
    names = {each["name"]: each for each in said["settings"]}
    assert names["candidates"] | {"help": ""} == {
        "name": "candidates",
        "kind": "int",
        "help": "",
        "unit": "",
        "short": "candidates",
        "usual": 1,
        "low": 1,
        "high": 4096,
    }
    assert "scheduler" not in names and "high" not in names["seed"]
    assert [256, 256] in said["sizes"] and all(width == height for width, height in said["sizes"])


def test_those_who_follow_see_the_plan_and_the_draft_grow(server: TestClient) -> None:
    events = done(server, {"prompts": [{"prompt": "a red boat", "candidates": 2}], "seed": 7})
    plans = {data["candidate"]: data for kind, data in events if kind == "plan"}
    assert plans[0]["facts"][0]["text"] == "a boat" and plans[0]["facts"][0]["asked"]
    tokens = [data["tokens"] for kind, data in events if kind == "drafting"]
    assert tokens and tokens == sorted(tokens)
    drafts = {data["candidate"] for kind, data in events if kind == "preview" and data["what"] == "draft"}
    assert drafts == {0, 1}
    said = {"prompt": "a red boat", "seed": 7, "stream": True, "partial_images": 2}
    streamed = server.post("/v1/images/generations", json=said).text
    assert streamed.count("event: image_generation.partial_image") == 2 and '"plan"' not in streamed


def test_pictures_of_all_jobs_are_looked_through(client: TestClient) -> None:
    for i in range(3):
        done(client, {"prompts": [f"a boat {i}", f"100% of_a cat {i}"], "seed": i})
    first = client.get("/v1/pictures?limit=4").json()["pictures"]
    assert [each["prompt"] for each in first[:2]] == ["100% of_a cat 2", "a boat 2"]
    rest = client.get(f"/v1/pictures?before={first[-1]['place']}").json()["pictures"]
    assert [each["prompt"] for each in rest] == ["100% of_a cat 0", "a boat 0"]
    assert len(client.get("/v1/pictures?q=BOAT 1").json()["pictures"]) == 1
    assert len(client.get("/v1/pictures?q=%25").json()["pictures"]) == 3
    for before in ("x", "-5.3", "1.-2", "1", "1.2.3"):
        assert client.get("/v1/pictures", params={"before": before}).status_code == 400, before
    small = client.get(f"{first[0]['picture']}?side=16")
    assert small.status_code == 200 and small.content != client.get(first[0]["picture"]).content


def test_a_row_is_a_command_python_and_a_recipe_that_can_be_read(server: TestClient) -> None:
    body = {"prompts": [{"prompt": "a 'red' boat\u202e", "seed": 2**64 - 1, "candidates": 2}], "literal": True}
    job = server.post("/v1/jobs", json={**body, "paused": True}).json()["id"]
    again = server.get(f"/v1/jobs/{job}/rows/1/again").json()
    assert again["command"].startswith(
        "diptych render --recipe pocket --seed 18446744073709551615 --candidates=2"
    )
    assert "\u202e" not in again["command"] and "\n" not in again["command"]
    compile(again["python"], "again", "exec")
    recipe = tomllib.loads(again["recipe"])
    assert recipe["defaults"]["candidates"] == 2 and recipe["stages"]["draft"]["checkpoint"] == "pocket/drafter"
    assert server.get(f"/v1/jobs/{job}/rows/2/again").status_code == 404


def test_a_row_is_made_once_more(client: TestClient) -> None:
    done(client, {"prompts": ["a boat"], "seed": 2**63 + 5})
    first = client.get("/v1/pictures").json()["pictures"][0]
    for same in (True, False):
        address = f"/v1/jobs/{first['job']}/rows/1/again"
        job = client.post(address, json={"same": same}).json()
        client.get(f"/v1/jobs/{job['id']}/events")
        (row,) = client.get(f"/v1/jobs/{job['id']}/rows").json()["rows"]
        assert (row["seed"] == first["seed"]) is same
    assert client.post("/v1/jobs/none/rows/1/again", json={}).status_code == 404


def test_what_a_picture_is_started_by_must_go_together(server: TestClient) -> None:
    wrong = [{"prompt": "a boat", "way": "edit"}, {"prompt": "a boat", "way": "x"}]
    wrong += [{"prompt": "a boat", "region": "boat", "edit": "at night"}, {"prompt": "a boat", "sketch": "!"}]
    for row in wrong:
        assert server.post("/v1/jobs", json={"prompts": [row]}).status_code == 400, row
