"""Who may talk to the server, and what nobody hears from it."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from diptych.pipelines.recipes.environment import Environment
from diptych.pipelines.serving.guard import is_loopback
from diptych.pipelines.serving.pictures import public
from diptych.pipelines.serving.queue.jobs import Limits
from diptych.pipelines.serving.replies import without_paths
from diptych.pipelines.serving.runtime import Runtime

from ...fuzzing import fuzz_settings
from .conftest import png

KEY = "a-long-secret"
GENERATE = "/v1/images/generations"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[", "localhost.evil", "a b"])
def test_names_of_others_do_not_lead_here(client: TestClient, host: str) -> None:
    answer = client.get("/v1/models", headers={"Host": host})
    assert answer.status_code == 403 and answer.json()["error"]["code"] == "host"


@pytest.mark.parametrize("host", ["localhost:7861", "127.0.0.1", "[::1]:7861", "192.168.1.7:80", "LOCALHOST"])
def test_this_machine_and_addresses_do(client: TestClient, host: str) -> None:
    assert client.get("/v1/models", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:80"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ],
)
def test_pages_of_others_may_not_ask(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.post(GENERATE, json={"prompt": "a boat"}, headers=headers)
    assert answer.status_code == 403 and answer.json()["error"]["code"] == "origin"
    assert not client.get("/v1/jobs").json()["jobs"]


def test_its_own_page_may_and_no_answer_allows_others(client: TestClient) -> None:
    answer = client.get("/v1/models", headers={"Origin": "http://127.0.0.1:7861"})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_a_body_that_forms_can_send_is_no_json(client: TestClient) -> None:
    answer = client.post(GENERATE, content=b'{"prompt": "a boat"}', headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


def _basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Bearer {KEY}x"}, 401),
        ({"Authorization": "Basic !!"}, 401),
        ({"Authorization": f"Bearer {KEY}"}, 200),
        ({"authorization": f"bearer  {KEY}"}, 200),
        ({"X-Api-Key": KEY}, 200),
        ({"Authorization": _basic(f"me:{KEY}")}, 200),
    ],
)
def test_a_key_opens_and_nothing_else_does(
    make_client: Callable[..., TestClient], headers: dict[str, str], status: int
) -> None:
    client = make_client(keys=("other-key", KEY))
    for path in ("/v1/models", "/sdapi/v1/samplers", "/metrics", "/v1/jobs", "/docs"):
        answer = client.get(path, headers=headers)
        assert answer.status_code == status
        assert status == 200 or answer.headers["www-authenticate"] == "Bearer"
    assert client.get("/healthz").status_code == 200


def test_bodies_are_bounded_whether_they_say_their_size_or_not(make_client: Callable[..., TestClient]) -> None:
    client = make_client(limits=Limits(body_bytes=1000))
    kind = {"Content-Type": "application/json"}
    assert client.post(GENERATE, content=b" " * 1001, headers=kind).status_code == 413
    answer = client.post(GENERATE, content=iter([b" " * 600, b" " * 600]), headers=kind)
    assert answer.status_code == 413 and answer.json()["error"]["code"] == "too_large"


def test_pixels_and_the_queue_are_bounded(make_client: Callable[..., TestClient]) -> None:
    client = make_client(limits=Limits(pixels=48 * 32, queued_rows=1))
    assert client.post(GENERATE, json={"prompt": "a boat", "size": "64x64"}).status_code == 413
    files = {"image": ("a.png", png(64, 64), "image/png")}
    assert client.post("/v1/images/edits", data={"prompt": "a"}, files=files).status_code == 413
    large = base64.b64encode(png(64, 64)).decode()
    for name in ("png-info", "extra-single-image"):
        said = {"image": large, "upscaler_1": "Lanczos"}
        assert client.post(f"/sdapi/v1/{name}", json=said).status_code == 413
    answer = client.post("/v1/jobs", json={"prompts": ["a", "b"]})
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("host", "is_it"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("a.b", False),
    ],
)
def test_what_only_this_machine_reaches(host: str, is_it: bool) -> None:
    assert is_loopback(host) is is_it


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("/home/me/models/flux: config.json is missing", "flux: config.json is missing"),
        (
            "cannot open '/srv/a b/c.safetensors' (No such file)",
            "cannot open 'a b/c.safetensors' (No such file)",
        ),
        (r"C:\models\flux\unet: damaged", "unet: damaged"),
        ("stabilityai/sdxl: get it", "stabilityai/sdxl: get it"),
        ("512x512 and 1/2", "512x512 and 1/2"),
        ("see https://a.b/c/d", "see https://a.b/c/d"),
    ],
)
def test_no_path_of_the_machine_is_told(said: str, told: str) -> None:
    assert without_paths(said) == told


def test_pictures_name_the_same_weights_without_a_path() -> None:
    stages = {name: {"family": "diffusers", "checkpoint": f"/home/me/{name}/vae"} for name in ("flux", "sd")}
    made = Environment(
        recipe="mine",
        table={"stages": {**stages, "plan": {"family": "causal-lm", "checkpoint": "org/planner@main"}}},
        revisions={"/home/me/flux/vae": "a1", "/home/me/sd/vae": "b2", "org/planner@main": "c3"},
        deterministic=True,
        micro_batch=16,
        memory_bytes=None,
        device="cpu",
        versions={},
    )
    shown = public(made)
    assert "/home" not in repr(shown)
    assert shown.essence() == made.essence()  # rows keep their names


def test_a_fault_is_told_without_its_words(
    make_client: Callable[..., TestClient], make_runtime: Callable[..., Runtime]
) -> None:
    runtime = make_runtime()

    def broken(*args: Any, **more: Any) -> Any:
        raise ZeroDivisionError("in /home/me/secret")

    runtime.store.jobs = broken
    answer = make_client(runtime=runtime).get("/v1/jobs")
    assert answer.status_code == 500 and "secret" not in answer.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        *(
            "prompt",
            "n",
            "size",
            "seed",
            "steps",
            "model",
            "stream",
            "image",
            "mask",
            "partial_images",
            "quality",
        ),
        *(
            "output_format",
            "output_compression",
            "guidance_scale",
            "candidates",
            "user",
            "strength",
            "priority",
        ),
        *("init_images", "denoising_strength", "sampler_name", "batch_size", "n_iter", "override_settings"),
        *("prompts", "file", "format", "settings", "num_images", "title", "paused", "upscaling_resize"),
    ]
)
BODIES = st.dictionaries(NAMES, JSON | st.sampled_from(["a boat", "256x256", 1, 2, "fake", "auto"]), max_size=8)
PATHS = st.sampled_from(
    [
        *("/v1/images/generations", "/v1/images/edits", "/v1/jobs", "/sdapi/v1/txt2img", "/sdapi/v1/img2img"),
        *("/sdapi/v1/extra-single-image", "/sdapi/v1/png-info", "/sdapi/v1/options", "/sdapi/v1/interrupt"),
    ]
)


@fuzz_settings(150)
@given(path=PATHS, body=BODIES)
def test_no_body_brings_about_a_fault(shared: TestClient, path: str, body: dict[str, Any]) -> None:
    import json

    text = json.dumps(body, allow_nan=True)
    answer = shared.post(path, content=text.encode(), headers={"Content-Type": "application/json"})
    assert answer.status_code < 500, (path, body, answer.text)


@fuzz_settings(100)
@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD"]),
    path=st.text(st.characters(codec="ascii", exclude_characters="\r\n"), max_size=30),
    root=st.sampled_from(["/", "/v1/jobs/", "/files/", "/sdapi/v1/", "/v1/models/", "/static/"]),
    data=st.binary(max_size=60),
)
def test_no_address_brings_about_a_fault(
    shared: TestClient, method: str, path: str, root: str, data: bytes
) -> None:
    from urllib.parse import quote

    answer = shared.request(method, root + quote(path), content=data)
    assert answer.status_code < 500, (method, path, answer.text)


@pytest.fixture
def shared(make_client: Callable[..., TestClient]) -> TestClient:
    return make_client(limits=Limits(queued_rows=50))
