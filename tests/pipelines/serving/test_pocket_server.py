"""The server over the pocket models: edits, enlarging, sizes."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from diptych.engine.errors import InputError
from diptych.pipelines.serving.engine_thread.offered_recipes import Pipes
from diptych.pipelines.serving.runtime import Runtime

from .conftest import opened


@pytest.fixture
def server(tmp_path: Any, make_client: Callable[..., TestClient]) -> TestClient:
    return make_client(runtime=Runtime(tmp_path / "data", Pipes(["pocket"], device="cpu", deterministic=True)))


def test_a_size_that_is_not_painted_is_handed_over(server: TestClient) -> None:
    said = {"prompt": "a red boat at sunset", "seed": 7, "size": "512x384", "stream": True, "partial_images": 3}
    text = server.post("/v1/images/generations", json=said).text
    kinds = [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event: ")]
    assert kinds[0] == "image_generation.partial_image" and kinds[-1] == "image_generation.completed"
    assert '"size": "384x384"' in text.rsplit("event: ", 1)[1]


def test_an_instruction_without_a_mask_changes_what_it_names(server: TestClient) -> None:
    said = {"prompt": "a red boat at sunset", "seed": 7}
    boat = server.post("/v1/images/generations", json=said).json()["data"][0]["b64_json"]
    edit = {"prompt": "make the boat blue", "seed": 7, "image": boat}
    body = server.post("/v1/images/edits", json=edit).json()
    assert "blue boat" in body["data"][0]["revised_prompt"]
    assert opened(body["data"][0]["b64_json"]).size == (256, 256)
    assert body["data"][0]["b64_json"] != boat
    for instruction, words in (
        ("remove the cat", "there is no 'cat'"),
        ("make the cat red", "there is no 'cat'"),
    ):
        said = server.post("/v1/images/edits", json={**edit, "prompt": instruction})
        assert said.status_code >= 400 and words in said.text, said.text
    larger = {"image": boat, "upscaling_resize": 2, "upscaler_1": "pocket"}
    made = server.post("/sdapi/v1/extra-single-image", json=larger).json()
    assert opened(made["image"]).size == (512, 512)


def test_recipes_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="not known"):
        Pipes(["poket"])
    with pytest.raises(InputError, match="the same name"):
        Pipes(["pocket", "pocket"])
