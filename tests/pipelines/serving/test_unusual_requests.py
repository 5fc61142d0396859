"""What clients do that is unusual: they give up, look on at what is cancelled, send odd fields and pictures."""

import asyncio
import base64
import io
import json
import threading
from collections.abc import Callable
from typing import Any

import PIL.Image
import PIL.PngImagePlugin
import pytest
from starlette.requests import ClientDisconnect
from starlette.testclient import TestClient

from diptych.pipelines.serving.app import made_app
from diptych.pipelines.serving.engine_thread import events
from diptych.pipelines.serving.engine_thread.events import Bus, Event
from diptych.pipelines.serving.protocols.bodies import digest_of
from diptych.pipelines.serving.queue.jobs import NewJob, RowSpec
from diptych.pipelines.serving.replies import as_api_error
from diptych.pipelines.serving.runtime import Runtime

from .conftest import HOST, opened, png
from .test_jobs import JOBS, new, until

GENERATE = "/v1/images/generations"
EDIT = "/v1/images/edits"
TEXT = "/sdapi/v1/txt2img"
IMAGE = "/sdapi/v1/img2img"
EXTRAS = "/sdapi/v1/extra-single-image"


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def saved(image: PIL.Image.Image, format: str, **more: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=format, **more)
    return stream.getvalue()


# Given up


def waiting(runtime: Runtime, path: str, then: Callable[[TestClient, str], Any]) -> Any:
    """The answer to one who waits for a picture, whose job something happens to meanwhile."""
    client = TestClient(made_app(runtime), base_url=HOST)
    answers: list[Any] = []
    said = {"prompt": "a boat"}
    asking = threading.Thread(target=lambda: answers.append(client.post(path, json=said)))
    asking.start()
    (job,) = until(runtime.store.open_jobs)
    then(client, job.id)
    vars(runtime)["go"].set()
    asking.join(20)
    return answers[0]


@pytest.mark.parametrize("path", [GENERATE, TEXT])
def test_what_is_cancelled_is_not_asked_for_again(gate: Runtime, path: str) -> None:
    """The `openai` package sends a request again that it is told of as being in conflict."""
    answer = waiting(gate, path, lambda client, job: client.post(f"{JOBS}/{job}/cancel"))
    if path == GENERATE:
        assert answer.status_code == 409 and answer.headers["x-should-retry"] == "false"
    else:
        assert answer.json()["images"] == []


@pytest.mark.parametrize("path", [GENERATE, TEXT])
def test_whoever_waits_hears_that_the_job_is_deleted(gate: Runtime, path: str) -> None:
    answer = waiting(gate, path, lambda client, job: (gate.store.delete(job), gate.shop.wake()))
    assert answer.status_code == 409 and "deleted" in answer.text


def test_a_row_that_failed_is_not_asked_for_again(client: TestClient) -> None:
    answer = client.post(GENERATE, json={"prompt": "poison"})
    assert answer.status_code == 422 and answer.headers["x-should-retry"] == "false"


def test_a_follower_hears_of_a_job_that_is_cancelled_before_the_engine_knows_it(
    make_runtime: Callable[..., Runtime],
) -> None:
    runtime = make_runtime()
    told: list[Event | None] = []

    async def follow() -> None:
        job = runtime.store.add(new("a boat"))  # the engine has not begun at all
        with runtime.bus.reading(job.id) as reader, runtime.bus.reading() as all_jobs:
            runtime.cancel(job.id)
            told.extend([await reader.next(timeout=5), await all_jobs.next(timeout=5)])

    asyncio.run(follow())
    assert [event and event.data for event in told] == [{"state": "cancelled"}] * 2
    runtime.store.close()


def test_following_ends_even_where_nobody_tells(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from diptych.pipelines.serving.protocols import following

    runtime: Runtime = vars(client)["runtime"]
    monkeypatch.setattr(following, "PAUSE_S", 0.05)
    job = client.post(JOBS, json={"prompts": ["a boat"], "paused": True}).json()
    runtime.bus.tell = lambda event: None
    timer = threading.Timer(0.2, lambda: runtime.store.cancel(job["id"]))
    timer.start()
    text = client.get(f"{JOBS}/{job['id']}/events").text
    assert ": still there" in text and '"state": "cancelled"' in text.rpartition("event: job")[2]


def test_a_follower_that_does_not_read_costs_no_more_the_more_it_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "MOST_WAITING", 100)
    seen: list[int] = []
    place = events._place
    monkeypatch.setattr(events, "_place", lambda event: (seen.append(1), place(event))[1])

    async def told() -> None:
        bus = Bus()
        with bus.reading("j", progress=True) as reader:
            for number in range(50):
                bus.tell(Event(kind="row", job="j", row=number))
            for fraction in range(100):
                bus.tell(Event(kind="progress", job="j", row=1, data={"fraction": fraction}))
            assert len(seen) == 100  # the newcomers alone were looked at
            found = [await reader.next(timeout=1) for _ in range(51)]
            assert [each and each.row for each in found[:50]] == list(range(50))
            assert found[50] is not None and found[50].data == {"fraction": 99}
            assert not reader.fell_behind

    asyncio.run(told())


def test_a_client_that_goes_while_it_sends_is_no_fault() -> None:
    assert as_api_error(ClientDisconnect()).status == 499


# Addresses


@pytest.mark.parametrize("path", ["/v1/events", f"{JOBS}/ID/events"])
def test_the_headers_of_streams(client: TestClient, path: str) -> None:
    job = client.post(JOBS, json={"prompts": ["a boat"], "paused": True}).json()
    answer = client.head(path.replace("ID", job["id"]))
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache" and answer.headers["x-accel-buffering"] == "no"


def test_a_method_that_is_not_taken_is_told_which_are(client: TestClient) -> None:
    answer = client.get(GENERATE)
    assert answer.status_code == 405 and answer.headers["allow"] == "POST"


def test_addresses_that_clients_of_the_web_ui_try_first(client: TestClient) -> None:
    assert client.get("/sdapi/v1/embeddings").json() == {"loaded": {}, "skipped": {}}
    assert client.get("/sdapi/v1/face-restorers").json() == []
    assert client.get("/sdapi/v1/cmd-flags").json() == {}
    assert client.post("/sdapi/v1/refresh-checkpoints").json() is None


# Fields


def test_fields_of_forms_are_texts(client: TestClient) -> None:
    said = {"prompt": "a boat", "priority": "+5", "n": "", "partial_images": "", "size": ""}
    answer = client.post(EDIT, data=said, files={"image": ("a.png", png(), "image/png")})
    assert answer.status_code == 200, answer.text
    assert client.get(f"{JOBS}/{answer.json()['diptych']['job']}").json()["priority"] == 5


def test_a_picture_in_a_field_of_a_form_may_be_large(client: TestClient) -> None:
    noise = PIL.Image.frombytes("RGB", (700, 700), bytes(i * 7919 % 251 for i in range(700 * 700 * 3)))
    large = in_base64(saved(noise, "PNG", compress_level=0))
    assert len(large) > 1.5 * 2**20
    form = {"prompt": (None, "a boat"), "image": (None, large)}
    answer = client.post(EDIT, files=form)
    assert answer.status_code == 200, answer.text


def test_pictures_as_chats_send_them(client: TestClient) -> None:
    address = {"url": f"data:image/png;base64,{in_base64(png())}"}
    answer = client.post(EDIT, json={"prompt": "a boat", "image": [{"image_url": address}]})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("model", ["DALL-E-3", " dall-e-3 ", "GPT-Image-1", "", "  "])
def test_names_of_models_however_they_are_written(client: TestClient, model: str) -> None:
    answer = client.post(GENERATE, json={"prompt": "a boat", "model": model})
    assert answer.status_code == 200 and answer.json()["diptych"]["model"] == "fake"


def test_seed_minus_one_is_any_everywhere(client: TestClient) -> None:
    seeds = set[int]()
    for _ in range(3):
        for said in ({"seed": -1}, {"settings": {"seed": -1}}):
            job = client.post(JOBS, json={"prompts": ["a boat"], **said}).json()
            seeds.add(client.get(f"{JOBS}/{job['id']}/rows/1").json()["seed"])
    assert len(seeds) == 6


def test_a_seed_that_is_said_outside_of_settings_holds(client: TestClient) -> None:
    for settings in ({"seed": None}, {"seed": -1}, {}, None):
        said = {"prompts": [{"prompt": "a boat"}], "seed": 7, "settings": settings}
        one, other = (client.post(JOBS, json=said).json()["id"] for _ in range(2))
        seeds = {client.get(f"{JOBS}/{each}/rows/1").json()["seed"] for each in (one, other)}
        assert len(seeds) == 1


def test_nobody_waits_for_a_job_whose_recipe_is_not_served(client: TestClient) -> None:
    runtime: Runtime = vars(client)["runtime"]
    said = {"prompt": "a boat", "model": "dall-e-3"}
    key = {"Idempotency-Key": "k"}
    assert client.post(GENERATE, json=said, headers=key).status_code == 200
    database = vars(runtime.store)["_db"]
    database.execute("update jobs set recipe = 'gone', finished = null, done = 0")
    database.execute("update rows set state = 'queued'")
    answer = client.post(GENERATE, json=said, headers=key)
    assert answer.status_code == 503 and "not served now" in answer.text


def test_a_row_of_more_candidates_than_are_made_is_not_made_again(client: TestClient) -> None:
    runtime: Runtime = vars(client)["runtime"]
    row = RowSpec(prompt="a boat", seed=1, settings={"candidates": 500})
    job = runtime.store.add(NewJob(recipe="fake", rows=[row], paused=True))
    assert client.post(f"{JOBS}/{job.id}/rows/1/again").status_code == 413


@pytest.mark.parametrize(
    ("path", "said", "status", "words"),
    [
        (GENERATE, {"seed": 2**64}, 400, "seed = 18446744073709551616: must lie between"),
        (TEXT, {"seed": 2**65}, 400, "seed = 36893488147419103232: must lie between"),
        (GENERATE, {"n": 0}, 400, "n = 0: must lie between 1 and 16"),
        (GENERATE, {"n": 17}, 400, "n = 17: must lie between 1 and 16"),
        (GENERATE, {"candidates": 65}, 413, "candidates = 65: at most 64"),
        (TEXT, {"rounds": 100}, 413, "rounds = 100: at most 64"),
        (JOBS, {"prompts": [{"prompt": "a boat", "candidates": 4096}]}, 413, "row 1: candidates = 4096"),
        ("/sdapi/v1/options", {"samples_format": "bmp"}, 400, "samples_format: must be one of"),
        ("/sdapi/v1/options", {"samples_format": {}}, 400, "samples_format: must be text"),
    ],
)
def test_numbers_out_of_bounds(
    client: TestClient, path: str, said: dict[str, Any], status: int, words: str
) -> None:
    answer = client.post(path, json={"prompt": "a boat", **said} if path != JOBS else said)
    assert answer.status_code == status and words in answer.text, answer.text


def test_a_file_of_a_form_that_is_empty_is_told_of(client: TestClient) -> None:
    answer = client.post(JOBS, files={"file": ("prompts.txt", b"", "text/plain")})
    assert answer.status_code == 400 and "holds no prompt" in answer.text, answer.text


def test_two_bodies_are_told_apart_however_long_their_texts_are() -> None:
    one, other = {"image": "a" * 5000, "n": 1}, {"image": "a" * 4999 + "b", "n": 1}
    assert digest_of(one) != digest_of(other)
    assert digest_of(one) == digest_of({"n": 1, "image": "a" * 5000})


# AUTOMATIC1111's


def test_pictures_in_the_format_that_is_set(client: TestClient) -> None:
    client.post("/sdapi/v1/options", json={"samples_format": "JPG"})
    (image,) = client.post(TEXT, json={"prompt": "a boat"}).json()["images"]
    assert opened(image).format == "JPEG"
    said = {"prompt": "a boat", "override_settings": {"samples_format": "webp", "sd_model_checkpoint": None}}
    (image,) = client.post(TEXT, json=said).json()["images"]
    assert opened(image).format == "WEBP"


def test_the_size_that_is_told_is_that_of_the_picture(client: TestClient) -> None:
    body = client.post(TEXT, json={"prompt": "a boat", "width": 64, "height": 65}).json()
    info = json.loads(body["info"])
    assert (info["width"], info["height"]) == opened(body["images"][0]).size


def test_a_mask_of_another_size_is_scaled(client: TestClient) -> None:
    mask = in_base64(png(12, 8, colour="white"))
    said = {"prompt": "a boat", "init_images": [in_base64(png())], "mask": mask}
    answer = client.post(IMAGE, json=said)
    assert answer.status_code == 200, answer.text
    runtime: Runtime = vars(client)["runtime"]
    sizes = {opened(path.read_bytes()).size for path in runtime.store.inputs.iterdir()}
    assert sizes == {(48, 32)}  # the mask as it was sent is not kept


@pytest.mark.parametrize(
    ("more", "size"),
    [
        ({"upscaling_resize": 1.5}, (60, 30)),
        ({"resize_mode": 1, "upscaling_resize_w": 30, "upscaling_resize_h": 30}, (30, 30)),
        (
            {"resize_mode": 1, "upscaling_resize_w": 30, "upscaling_resize_h": 30, "upscaling_crop": False},
            (60, 30),
        ),
    ],
)
def test_a_picture_enlarged_to_the_size_that_is_asked(
    client: TestClient, more: dict[str, Any], size: tuple[int, int]
) -> None:
    said = {"image": in_base64(png(40, 20)), "upscaler_1": "Lanczos", **more}
    answer = client.post(EXTRAS, json=said)
    assert answer.status_code == 200 and opened(answer.json()["image"]).size == size, answer.text


def test_pictures_that_are_turned_or_printed_are_enlarged_upright_and_in_colours(client: TestClient) -> None:
    turned = PIL.Image.Exif()
    turned[0x0112] = 6
    photo = saved(PIL.Image.new("RGB", (40, 20), "red"), "JPEG", exif=turned)
    assert opened(client.post(EXTRAS, json={"image": in_base64(photo)}).json()["image"]).size == (40, 80)
    printed = saved(PIL.Image.new("CMYK", (40, 20)), "JPEG")
    answer = client.post(EXTRAS, json={"image": in_base64(printed)})
    assert answer.status_code == 200 and opened(answer.json()["image"]).mode == "RGB", answer.text
    holes = in_base64(png(40, 20, colour=(255, 0, 0, 7), mode="RGBA"))
    assert opened(client.post(EXTRAS, json={"image": holes}).json()["image"]).mode == "RGBA"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"resize_mode": 1}, "upscaling_resize_w, upscaling_resize_h: must be 1 or more"),
        ({"upscaling_resize": 99}, "must lie between 0.01 and 16"),
        ({"upscaling_resize": 5, "upscaler_1": "fake"}, "models enlarge pictures 4 times at most"),
    ],
)
def test_sizes_that_cannot_be_made(client: TestClient, more: dict[str, Any], words: str) -> None:
    answer = client.post(EXTRAS, json={"image": in_base64(png()), **more})
    assert answer.status_code == 400 and words in answer.text, answer.text


# Masks


def test_a_picture_that_is_nowhere_quite_opaque_is_no_mask(client: TestClient) -> None:
    runtime: Runtime = vars(client)["runtime"]
    faint = ("a.png", png(colour=(255, 0, 0, 254), mode="RGBA"), "image/png")
    answer = client.post(EDIT, data={"prompt": "a boat"}, files={"image": faint})
    assert answer.status_code == 200, answer.text
    job = answer.json()["diptych"]["job"]
    assert next(runtime.store.rows(job)).spec.way == "edit"
    answer = client.post(EDIT, data={"prompt": "a boat"}, files={"image": faint, "mask": faint})
    assert answer.status_code == 400 and "make see-through what may change" in answer.text


def cut_off() -> bytes:
    """A picture whose text is there, and half of its pixels."""
    chunks = PIL.PngImagePlugin.PngInfo()
    chunks.add_text("parameters", "a cat\nSteps: 3")
    whole = saved(PIL.Image.effect_noise((200, 200), 80), "PNG", pnginfo=chunks)
    return whole[: len(whole) // 2]


def test_what_a_damaged_picture_says_is_read(client: TestClient) -> None:
    answer = client.post("/sdapi/v1/png-info", json={"image": in_base64(cut_off())})
    assert answer.status_code == 200 and answer.json()["info"] == "a cat\nSteps: 3"


def test_of_several_pictures_the_damaged_one_is_named(client: TestClient) -> None:
    files = {"image": ("a.png", png()), "mask": ("b.png", cut_off())}
    answer = client.post(EDIT, data={"prompt": "a hat"}, files=files)
    assert answer.status_code == 400 and answer.json()["error"]["message"].startswith("mask: cannot be read")
    said = {"prompt": "a hat", "init_images": [in_base64(png())], "mask": in_base64(cut_off())}
    answer = client.post(IMAGE, json=said)
    assert answer.status_code == 400 and "mask: cannot be read" in answer.text


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"n": "\u00b2"}, "n: must be a whole number"),
        ({"n": [1]}, "n: must be a whole number, not a list"),
        ({"output_format": "gif"}, "output_format: must be png, jpeg or webp"),
        ({"stream": "perhaps"}, "stream: must be true or false"),
    ],
)
def test_values_of_another_kind_are_refused_in_words(client: TestClient, said: Any, words: str) -> None:
    answer = client.post(GENERATE, json={"prompt": "a boat", **said})
    assert answer.status_code == 400 and answer.json()["error"]["message"] == words


def test_what_has_no_effect_is_named(client: TestClient) -> None:
    said = {"prompt": "a boat", "cadidates": 3, "image": "x", "style": "vivid", "tags": [], "size": "64x32"}
    told = client.post(GENERATE, json=said).json()["diptych"]
    assert told["without_effect"] == ["style", "cadidates", "image"]
    said = {"prompt": "a boat", "enable_hr": True, "tiling": False, "sampler_name": "Euler a", "n_iter": 2}
    info = json.loads(client.post(TEXT, json=said).json()["info"])
    assert info["without_effect"] == ["enable_hr"] and not info["interrupted"]
    assert len(info["all_prompts"]) == len(info["all_seeds"]) == len(info["infotexts"]) == 2
