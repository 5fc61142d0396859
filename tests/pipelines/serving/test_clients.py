"""What known clients send, as their public code sends it, and what they read in the answers."""

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from .conftest import opened, png

KEY = "sk-of-the-client"


@pytest.fixture
def server(make_client: Callable[..., TestClient]) -> TestClient:
    return make_client(keys=(KEY,))


def bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {KEY}"}


def basic() -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"user:{KEY}".encode()).decode()}


# Open WebUI (backend/open_webui/routers/images.py)


@pytest.mark.parametrize(
    "said",
    [
        {"model": "dall-e-3", "prompt": "a boat", "n": 1, "size": "1024x1024", "response_format": "b64_json"},
        {"model": "gpt-image-1", "prompt": "a boat", "n": 1, "size": "auto"},
        {"model": "fake", "prompt": "a boat", "n": 2, "response_format": "b64_json"},
    ],
)
def test_open_webui_generates(server: TestClient, said: dict[str, Any]) -> None:
    headers = {**bearer(), "Content-Type": "application/json"}
    answer = server.post("/v1/images/generations?api-version=2024", json=said, headers=headers)
    assert answer.status_code == 200, answer.text
    for image in answer.json()["data"]:
        assert image.get("url", None) is None
        assert opened(image["b64_json"]).format == "PNG"
    assert len(answer.json()["data"]) == said["n"]


@pytest.mark.parametrize("field", ["image", "image[]"])
def test_open_webui_edits(server: TestClient, field: str) -> None:
    data = {"model": "gpt-image-1", "prompt": "a blue boat", "n": "1", "size": "48x32"}
    files = {field: ("image.png", png(mode="RGBA", colour=(9, 9, 9, 0)), "image/png")}
    answer = server.post("/v1/images/edits", data=data, files=files, headers=bearer())
    assert answer.status_code == 200, answer.text
    assert opened(answer.json()["data"][0]["b64_json"]).size == (48, 32)


def test_open_webui_asks_a_web_ui(server: TestClient) -> None:
    models = server.get("/sdapi/v1/sd-models", headers=basic()).json()
    assert [(model["title"], model["model_name"]) for model in models] == [("fake", "fake")]
    options = server.get("/sdapi/v1/options", headers=basic()).json()
    options["sd_model_checkpoint"] = models[0]["title"]
    assert server.post("/sdapi/v1/options", json=options, headers=basic()).status_code == 200
    said = {"prompt": "a boat", "batch_size": 2, "width": 512, "height": 512, "steps": 5}
    params = {"cfg_scale": 4.0, "sampler_name": "Euler a", "scheduler": "Karras"}
    body = server.post("/sdapi/v1/txt2img", json={**said, **params}, headers=basic()).json()
    assert len(body["images"]) == 2 and isinstance(body["info"], str)


# LibreChat (api/app/clients/tools/structured)


def test_librechat_generates_with_dall_e_3(server: TestClient) -> None:
    said: dict[str, Any] = {"model": "dall-e-3", "quality": "standard", "style": "vivid", "size": "1024x1024"}
    body = server.post(
        "/v1/images/generations", json={**said, "prompt": "a boat", "n": 1}, headers=bearer()
    ).json()
    address = body["data"][0]["url"]
    assert re.search(r"[\w\d]+\.png", address)
    assert opened(server.get(address).content).format == "PNG"  # it shows no key there
    assert body["diptych"]["without_effect"] == ["quality", "style"]


def test_librechat_generates_and_edits_with_gpt_image(server: TestClient) -> None:
    said = {"model": "gpt-image-1", "prompt": "a boat", "n": 1, "background": "auto", "output_format": "webp"}
    more = {"output_compression": 100, "quality": "auto", "size": "auto"}
    body = server.post("/v1/images/generations", json={**said, **more}, headers=bearer()).json()
    assert opened(body["data"][0]["b64_json"]).format == "WEBP"
    data = {"model": "gpt-image-1", "prompt": "a boat", "quality": "auto", "size": "auto"}
    files = [("image[]", ("a.png", png(mode="RGBA", colour=(0, 0, 0, 0)), "image/png"))]
    body = server.post("/v1/images/edits", data=data, files=files, headers={"api-key": KEY}).json()
    assert opened(body["data"][0]["b64_json"]).format == "PNG"


def test_librechat_asks_a_web_ui(make_client: Callable[..., TestClient]) -> None:
    said = {"prompt": "a boat", "negative_prompt": "blurry", "cfg_scale": 4.5, "steps": 22}
    body = make_client().post("/sdapi/v1/txt2img", json={**said, "width": 1024, "height": 1024}).json()
    assert opened(body["images"][0].split(",", 1)[0]).format == "PNG"
    info = json.loads(body["info"])
    assert (info["height"], info["width"]) == (1024, 1024) and info["seed"] >= 0
    assert info["infotexts"][0].split("\n").pop().startswith("Steps: 22")


# SillyTavern (src/endpoints/stable-diffusion.js), which passes its own request on


def test_sillytavern_lists_and_generates(server: TestClient) -> None:
    assert server.get("/sdapi/v1/options", headers=basic()).json()["sd_model_checkpoint"] == "fake"
    upscalers = [each["name"] for each in server.get("/sdapi/v1/upscalers", headers=basic()).json()]
    assert upscalers[0] == "None"
    for name in ("latent-upscale-modes", "samplers", "schedulers"):
        assert all(each["name"] for each in server.get(f"/sdapi/v1/{name}", headers=basic()).json())
    assert [each["model_name"] for each in server.get("/sdapi/v1/sd-vae", headers=basic()).json()] == []
    state = server.get("/sdapi/v1/progress", headers=basic()).json()
    assert state["progress"] == 0.0 and state["state"]["job_count"] == 0
    said = {
        **{
            "url": "http://127.0.0.1:7861",
            "auth": f"user:{KEY}",
            "prompt": "a boat",
            "negative_prompt": "rain",
        },
        **{"sampler_name": "DPM++ 2M", "scheduler": "automatic", "steps": 20, "cfg_scale": 7, "width": 512},
        **{"height": 512, "restore_faces": False, "enable_hr": False, "hr_upscaler": "None", "hr_scale": 1},
        **{"denoising_strength": 0.7, "hr_second_pass_steps": 0, "clip_skip": 1, "save_images": True},
        **{"send_images": True, "do_not_save_grid": False, "do_not_save_samples": False, "seed": -1},
        "override_settings": {"CLIP_stop_at_last_layers": 1, "sd_vae": "", "forge_additional_modules": []},
        "override_settings_restore_afterwards": True,
    }
    answer = server.post("/sdapi/v1/txt2img", json=said, headers=basic())
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["images"]) == 1
    assert server.post("/sdapi/v1/interrupt", headers=basic()).status_code == 200


# vLLM-Omni and SGLang have further names


def test_names_of_other_servers_are_understood(server: TestClient) -> None:
    said = {"prompt": "a boat", "seed": 7, "negative_prompt": "rain", "num_inference_steps": 4}
    body = server.post("/v1/images/generations", json={**said, "guidance_scale": 3.5}, headers=bearer()).json()
    row = server.get(f"/v1/jobs/{body['diptych']['job']}/rows/1", headers=bearer()).json()
    wanted = {"negative_prompt": "rain", "num_inference_steps": 4, "guidance_scale": 3.5}
    assert row["settings"] == wanted and row["seed"] == 7
