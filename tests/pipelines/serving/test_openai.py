"""The image API of OpenAI, as its clients speak it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from .conftest import opened, png

GENERATE = "/v1/images/generations"
EDIT = "/v1/images/edits"


def events_in(text: str) -> list[tuple[str, dict[str, Any]]]:
    parts = [part.split("\n") for part in text.split("\n\n") if part.startswith("event: ")]
    return [(part[0].removeprefix("event: "), json.loads(part[1].removeprefix("data: "))) for part in parts]


def test_a_prompt_comes_to_a_picture_with_its_plan(client: TestClient) -> None:
    answer = client.post(GENERATE, json={"prompt": "a boat", "seed": 7})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    (datum,) = body["data"]
    assert opened(datum["b64_json"]).size == (48, 32)
    assert datum["revised_prompt"] == "a boat, in the middle, medium"
    assert datum["diptych"]["seed"] == 7 and 0 <= datum["diptych"]["score"] <= 1
    assert (body["size"], body["output_format"]) == ("48x32", "png")
    assert body["usage"]["output_tokens"] == 64
    assert body["usage"]["total_tokens"] == 66


def test_several_pictures_have_seeds_that_count_up(client: TestClient) -> None:
    body = client.post(GENERATE, json={"prompt": "a boat", "n": 3, "seed": 7}).json()
    assert [datum["diptych"]["seed"] for datum in body["data"]] == [7, 8, 9]
    again = client.post(GENERATE, json={"prompt": "a boat", "seed": 8}).json()
    assert again["data"][0]["b64_json"] == body["data"][1]["b64_json"]


def test_settings_of_any_name_are_carried_out(client: TestClient) -> None:
    said = {"prompt": "a boat", "steps": 5, "guidance": 3, "candidates": 2, "size": "64x32", "n": "1"}
    job = client.post(GENERATE, json=said).json()["diptych"]["job"]
    row = client.get(f"/v1/jobs/{job}/rows/1").json()
    wanted = {"num_inference_steps": 5, "guidance_scale": 3.0, "candidates": 2, "width": 64, "height": 32}
    assert row["carried_out_with"].items() >= wanted.items()
    assert len(row["candidates"]) == 2


@pytest.mark.parametrize("model", ["gpt-image-1", "dall-e-3", "fake", None])
def test_names_that_clients_have_built_in_mean_the_usual_recipe(client: TestClient, model: str | None) -> None:
    body = client.post(GENERATE, json={"prompt": "a boat", "model": model}).json()
    assert body["diptych"]["model"] == "fake"
    assert ("url" in body["data"][0]) == (model == "dall-e-3")


def test_an_address_gives_the_picture_to_whoever_knows_it(make_client: Callable[..., TestClient]) -> None:
    client = make_client(keys=("secret",))
    key = {"Authorization": "Bearer secret"}
    said = {"prompt": "a boat", "response_format": "url", "output_format": "webp"}
    address = client.post(GENERATE, json=said, headers=key).json()["data"][0]["url"]
    answer = client.get(address)
    assert answer.headers["content-type"] == "image/webp"
    assert opened(answer.content).format == "WEBP"


@pytest.mark.parametrize(("kind", "format"), [("jpeg", "JPEG"), ("webp", "WEBP"), ("png", "PNG")])
def test_pictures_come_in_the_format_that_is_asked_for(client: TestClient, kind: str, format: str) -> None:
    said = {"prompt": "a boat", "output_format": kind, "output_compression": 50}
    body = client.post(GENERATE, json=said).json()
    assert opened(body["data"][0]["b64_json"]).format == format


def test_a_stream_shows_the_draft_before_the_picture(client: TestClient) -> None:
    said = {"prompt": "a boat", "stream": True, "partial_images": 2, "seed": 3}
    answer = client.post(GENERATE, json=said)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = events_in(answer.text)
    kinds = [kind for kind, _ in events]
    assert kinds[-1] == "image_generation.completed"
    assert set(kinds[:-1]) == {"image_generation.partial_image"}
    first, last = events[0][1], events[-1][1]
    assert first["partial_image_index"] == 0 and first["size"] == "32x32"
    assert opened(first["b64_json"]).size == (32, 32)
    plain = client.post(GENERATE, json={"prompt": "a boat", "seed": 3}).json()
    assert last["b64_json"] == plain["data"][0]["b64_json"]
    assert last["usage"]["total_tokens"] == 66


def test_a_stream_of_several_pictures_completes_each(client: TestClient) -> None:
    answer = client.post(GENERATE, json={"prompt": "a boat", "stream": True, "n": 3})
    assert [kind for kind, _ in events_in(answer.text)] == ["image_generation.completed"] * 3


def test_what_cannot_be_made_is_an_error_in_a_stream_too(client: TestClient) -> None:
    ((kind, data),) = events_in(client.post(GENERATE, json={"prompt": "poison", "stream": True}).text)
    assert kind == "error" and data["error"]["message"] == "refine: the prompt is poison"


@pytest.mark.parametrize(
    ("said", "status", "param", "words"),
    [
        ({}, 400, "prompt", "missing"),
        ({"prompt": 7}, 400, "prompt", "must be text"),
        ({"prompt": "  "}, 400, None, "prompt is empty"),
        ({"prompt": "a boat", "n": 0}, 400, "n", "must lie between"),
        ({"prompt": "a boat", "n": 17}, 400, "n", "must lie between 1 and 16"),
        ({"prompt": "a boat", "size": "big"}, 400, "size", "write width x height"),
        ({"prompt": "a boat", "steps": 0}, 400, "steps", "must lie between"),
        ({"prompt": "a boat", "model": "fale"}, 404, "model", "did you mean 'fake'"),
        ({"prompt": "a boat", "background": "transparent"}, 400, "background", "opaque"),
        ({"prompt": "a boat", "output_format": "gif"}, 400, "output_format", "must be png, jpeg or webp"),
        ({"prompt": "a boat", "partial_images": 4}, 400, "partial_images", "between 0 and 3"),
        ({"prompt": "a boat", "seed": -2}, 400, "seed", "must lie between"),
        ({"prompt": "gibberish"}, 422, None, "plan: knows no word of it"),
    ],
)
def test_what_is_wrong_is_said_in_their_shape(
    client: TestClient, said: dict[str, Any], status: int, param: str | None, words: str
) -> None:
    answer = client.post(GENERATE, json=said)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (status, param)
    assert words in error["message"] and error["type"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"prompt": ' + b"[" * 5000])
def test_a_body_that_is_no_json_object_is_refused(client: TestClient, body: bytes) -> None:
    answer = client.post(GENERATE, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "json"


def test_models_are_the_recipes(client: TestClient) -> None:
    assert [model["id"] for model in client.get("/v1/models").json()["data"]] == ["fake"]
    assert client.get("/v1/models/fake").json()["id"] == "fake"
    assert client.get("/v1/models/other").status_code == 404


def test_an_edit_within_a_mask_comes_by_form(client: TestClient) -> None:
    mask = png(mode="RGBA", colour=(0, 0, 0, 0))
    files = {"image": ("boat.png", png(), "image/png"), "mask": ("mask.png", mask, "image/png")}
    answer = client.post(EDIT, data={"prompt": "a blue boat", "n": "1", "seed": "5"}, files=files)
    assert answer.status_code == 200, answer.text
    job = answer.json()["diptych"]["job"]
    row = client.get(f"/v1/jobs/{job}/rows/1").json()
    assert row["way"] == "make" and row["settings"].keys() >= {"image", "mask_image"}


def test_a_picture_that_is_see_through_is_its_own_mask(client: TestClient) -> None:
    files = [("image[]", ("boat.png", png(mode="RGBA", colour=(9, 9, 9, 0)), "image/png"))]
    answer = client.post(EDIT, data={"prompt": "a blue boat"}, files=files)
    assert answer.status_code == 200, answer.text
    row = client.get(f"/v1/jobs/{answer.json()['diptych']['job']}/rows/1").json()
    assert "mask_image" in row["settings"]


def test_several_pictures_go_to_a_painter_that_edits_by_instruction(client: TestClient) -> None:
    runtime: Any = vars(client)["runtime"]
    vars(runtime.pipes.of("fake").pipeline.runner.chain.stages[2])["edits"] = 2
    files = [
        ("image[]", ("boat.png", png(), "image/png")),
        ("image[]", ("hat.png", png(colour="blue"), "image/png")),
    ]
    answer = client.post(EDIT, data={"prompt": "Give the boat this hat"}, files=files)
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"][0]["revised_prompt"] == "Give the boat this hat"
    row = client.get(f"/v1/jobs/{answer.json()['diptych']['job']}/rows/1").json()
    assert row["way"] == "edit" and len(row["settings"]["reference"]) == 1
    masked = [*files[:1], ("mask", ("m.png", png(mode="RGBA", colour=(0, 0, 0, 0)), "image/png"))]
    refused = client.post(EDIT, data={"prompt": "Give the boat this hat"}, files=masked)
    assert refused.status_code == 400 and "edits by the prompt alone" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("files", "param", "words"),
    [
        ([], "image", "is missing"),
        ([("image", png()), ("image", png())], "image", "one is edited at a time"),
        ([("image", png()), ("mask", png())], "mask", "opaque throughout"),
        ([("image", b"GIF89a....")], None, "it is a GIF"),
        ([("image", png()[:60])], None, "cannot be read"),
    ],
)
def test_an_edit_that_is_no_edit_is_refused(
    client: TestClient, files: list[Any], param: str | None, words: str
) -> None:
    sent = [(name, ("a.png", data, "image/png")) for name, data in files]
    kind: dict[str, Any] = (
        {"files": sent} if sent else {"headers": {"content-type": "application/x-www-form-urlencoded"}}
    )
    answer = client.post(EDIT, data={"prompt": "a boat"}, **kind)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param)
    assert words in error["message"]


def test_pictures_elsewhere_are_not_looked_up(client: TestClient) -> None:
    said = {"prompt": "a boat", "images": [{"image_url": "http://10.0.0.1/a.png"}]}
    error = client.post(EDIT, json=said).json()["error"]
    assert "addresses are not looked up" in error["message"]
