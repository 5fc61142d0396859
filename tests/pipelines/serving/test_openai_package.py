"""The official `openai` package, unchanged, against the server."""

import base64
from collections.abc import Callable

import openai
import pytest
from starlette.testclient import TestClient

from .conftest import opened, png


@pytest.fixture
def ai(make_client: Callable[..., TestClient]) -> openai.OpenAI:
    client = make_client(keys=("a-secret",))
    return openai.OpenAI(
        api_key="a-secret", base_url=f"{client.base_url}/v1", http_client=client, max_retries=0
    )


def test_it_generates(ai: openai.OpenAI) -> None:
    found = ai.images.generate(model="gpt-image-1", prompt="a boat", n=2, size="auto", extra_body={"seed": 7})
    assert found.data is not None and found.usage is not None
    assert [opened(image.b64_json or "").size for image in found.data] == [(48, 32)] * 2
    assert found.data[0].revised_prompt == "a boat, in the middle, medium"
    assert found.usage.output_tokens == 128
    assert found.output_format == "png" and found.created > 0


def test_it_edits(ai: openai.OpenAI) -> None:
    mask = png(mode="RGBA", colour=(0, 0, 0, 0))
    found = ai.images.edit(model="gpt-image-1", image=("a.png", png()), mask=("m.png", mask), prompt="a boat")
    assert found.data and opened(found.data[0].b64_json or "").size == (48, 32)


def test_it_streams(ai: openai.OpenAI) -> None:
    kinds: list[str] = []
    for event in ai.images.generate(model="gpt-image-1", prompt="a boat", stream=True, partial_images=2):
        kinds.append(type(event).__name__)
        assert opened(base64.b64decode(event.b64_json)).width
        if event.type == "image_generation.completed":
            assert event.usage.total_tokens == 66
        else:
            assert event.partial_image_index == kinds.count("ImageGenPartialImageEvent") - 1
    assert kinds[0] == "ImageGenPartialImageEvent" and kinds[-1] == "ImageGenCompletedEvent"


def test_it_streams_edits(ai: openai.OpenAI) -> None:
    mask = png(mode="RGBA", colour=(0, 0, 0, 0))
    stream = ai.images.edit(
        model="gpt-image-1", image=("a.png", png()), mask=("m.png", mask), prompt="a boat", stream=True
    )
    assert [event.type for event in stream] == ["image_edit.completed"]


def test_it_lists_models(ai: openai.OpenAI) -> None:
    assert [model.id for model in ai.models.list()] == ["fake"]
    assert ai.models.retrieve("fake").owned_by == "diptych"


def test_it_raises_its_own_errors(ai: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as bad:
        ai.images.generate(model="gpt-image-1", prompt=" ")
    assert "the prompt is empty" in str(bad.value) and bad.value.code == "invalid_value"
    with pytest.raises(openai.NotFoundError, match="did you mean 'fake'"):
        ai.images.generate(model="fakke", prompt="a boat")
    with pytest.raises(openai.UnprocessableEntityError, match="the prompt is poison"):
        ai.images.generate(model="fake", prompt="poison")
    with pytest.raises(openai.AuthenticationError):
        ai.with_options(api_key="another").images.generate(model="fake", prompt="a boat")
    with pytest.raises(openai.APIError, match="the prompt is poison"):
        list(ai.images.generate(model="fake", prompt="poison", stream=True))
