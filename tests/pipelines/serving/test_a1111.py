"""The API of AUTOMATIC1111's web UI, as its clients speak it."""

import base64
import dataclasses
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from diptych.engine.stage import Lora, ModelKey
from diptych.pipelines.recipes.reader import StageRecipe
from diptych.pipelines.serving.runtime import Runtime

from .conftest import opened, png

TEXT = "/sdapi/v1/txt2img"
IMAGE = "/sdapi/v1/img2img"


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_a_prompt_comes_to_pictures_with_what_they_were_made_with(client: TestClient) -> None:
    said = {
        "prompt": "a boat",
        "seed": 7,
        "batch_size": 2,
        "steps": 4,
        "cfg_scale": 3,
        "sampler_name": "Euler a",
    }
    body = client.post(TEXT, json={**said, "restore_faces": False, "styles": []}).json()
    assert [opened(image).size for image in body["images"]] == [(48, 32)] * 2
    info = json.loads(body["info"])
    assert info["all_seeds"] == [7, 8]
    assert (info["steps"], info["cfg_scale"], info["sd_model_name"]) == (4, 3.0, "fake")
    assert info["infotexts"][0].startswith("a boat\nSteps: 4, CFG scale: 3.0, Seed: 7")
    assert body["parameters"]["prompt"] == "a boat"


def test_seed_minus_one_is_any(client: TestClient) -> None:
    body = client.post(TEXT, json={"prompt": "a boat", "seed": -1}).json()
    assert json.loads(body["info"])["seed"] >= 0


def test_a_picture_within_a_mask(client: TestClient) -> None:
    said = {
        "prompt": "a boat",
        "init_images": ["data:image/png;base64," + in_base64(png())],
        "mask": in_base64(png(colour="white")),
        "denoising_strength": 0.5,
    }
    answer = client.post(IMAGE, json=said)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["images"]) == 1


@pytest.mark.parametrize(
    ("path", "said", "status", "words"),
    [
        (TEXT, {"prompt": ""}, 400, "prompt is empty"),
        (TEXT, {"prompt": "poison"}, 422, "the prompt is poison"),
        (TEXT, {"prompt": "a boat", "sampler_name": "Eulr"}, 404, "did you mean 'Euler'"),
        (TEXT, {"prompt": "a boat", "steps": "many"}, 400, "steps"),
        (TEXT, {"prompt": "a boat", "override_settings": {"sd_model_checkpoint": "x"}}, 404, "is not served"),
        (IMAGE, {"prompt": "a boat"}, 400, "init_images"),
        (IMAGE, {"prompt": "a boat", "init_images": ["?"]}, 400, "no base64"),
        (IMAGE, {"prompt": "a boat", "init_images": ["http://a/b.png"]}, 400, "not looked up"),
        (
            IMAGE,
            {"prompt": "a boat", "init_images": [in_base64(png())], "denoising_strength": 2},
            400,
            "between",
        ),
        ("/sdapi/v1/extra-single-image", {"image": in_base64(png()), "upscaler_1": "x"}, 404, "is not served"),
        ("/sdapi/v1/extra-single-image", {}, 400, "image: is missing"),
        ("/sdapi/v1/png-info", {"image": in_base64(b"GIF8")}, 400, "it is a GIF"),
    ],
)
def test_what_is_wrong_is_said_in_their_shape(
    client: TestClient, path: str, said: dict[str, Any], status: int, words: str
) -> None:
    answer = client.post(path, json=said)
    assert (answer.status_code, set(answer.json())) == (status, {"error", "detail", "errors"})
    assert words in answer.json()["detail"]


def test_a_mask_that_allows_nothing_is_refused_and_may_be_inverted(client: TestClient) -> None:
    said = {"prompt": "a boat", "init_images": [in_base64(png())], "mask": in_base64(png(colour="black"))}
    assert "black throughout" in client.post(IMAGE, json=said).json()["detail"]
    assert client.post(IMAGE, json={**said, "inpainting_mask_invert": 1}).status_code == 200


def test_lists_and_options(client: TestClient) -> None:
    for name in ("sd-models", "samplers", "schedulers", "upscalers", "latent-upscale-modes", "sd-vae", "loras"):
        assert isinstance(client.get(f"/sdapi/v1/{name}").json(), list)
    assert client.get("/sdapi/v1/options").json()["sd_model_checkpoint"] == "fake"
    assert client.post("/sdapi/v1/options", json={"sd_model_checkpoint": "fake"}).status_code == 200
    assert client.post("/sdapi/v1/options", json={"sd_model_checkpoint": "other"}).status_code == 404


def test_lora_weights_are_listed_by_the_names_that_prompts_have_for_them(client: TestClient) -> None:
    stage = StageRecipe(
        name="paint", model=ModelKey("diffusers", "x", on_request=(Lora("x", 1.0, name="ink"),))
    )
    pipes = vars(client)["runtime"].pipes
    pipes.recipes["fake"] = dataclasses.replace(pipes.recipes["fake"], stages={"paint": stage})
    assert [each["name"] for each in client.get("/sdapi/v1/loras").json()] == ["ink"]


def test_a_picture_is_enlarged_without_a_model(client: TestClient) -> None:
    said = {"image": in_base64(png()), "upscaling_resize": 2, "upscaler_1": "Lanczos"}
    assert opened(client.post("/sdapi/v1/extra-single-image", json=said).json()["image"]).size == (96, 64)


def test_what_a_picture_says_of_itself(client: TestClient) -> None:
    made = client.post(TEXT, json={"prompt": "a boat", "seed": 7}).json()["images"][0]
    info = client.post("/sdapi/v1/png-info", json={"image": made}).json()
    assert info["info"].startswith("a boat\n") and "Seed: 7" in info["info"]


def test_progress_is_seen_with_a_picture_and_interrupting_ends_the_wait(
    make_client: Callable[..., TestClient], make_runtime: Callable[..., Runtime]
) -> None:
    runtime, go = make_runtime(), threading.Event()
    refine = runtime.pipes.of("fake").pipeline.runner.chain.stages[2]
    vars(refine)["before"] = lambda batch: go.wait(10)
    client = make_client(runtime=runtime)
    assert client.get("/sdapi/v1/progress").json()["progress"] == 0
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(client.post(TEXT, json={"prompt": "a boat"})))
    asking.start()
    body: dict[str, Any] = {}
    for _ in range(500):
        body = client.get("/sdapi/v1/progress").json()
        if body["textinfo"] == "refine":
            break
        time.sleep(0.01)
    assert 0.4 < body["progress"] < 1 and opened(body["current_image"]).size == (32, 32)
    assert client.get("/sdapi/v1/progress?skip_current_image=true").json()["current_image"] is None
    assert client.post("/sdapi/v1/interrupt").status_code == 200
    go.set()
    asking.join(10)
    assert answers[0].status_code == 200 and answers[0].json()["images"] == []
