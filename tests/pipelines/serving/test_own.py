"""The server's own API: jobs of prompts and of files, followed, changed, fetched; and what there is beside."""

import base64
import json
import re
import threading
from typing import Any

import pytest
from starlette.testclient import TestClient

from diptych.pipelines.serving.protocols import a1111, openai, own, page
from diptych.pipelines.serving.protocols.document import document

from .conftest import opened, png
from .test_jobs import ended

JOBS = "/v1/jobs"


def test_a_job_of_prompts(client: TestClient) -> None:
    said = {
        "prompts": ["a {red} boat", {"prompt": "a hat", "seed": 5, "steps": 4}],
        "settings": {"guidance": 3},
        "seed": 7,
        "num_images": 2,
        "title": "boats",
    }
    answer = client.post(JOBS, json=said)
    assert answer.status_code == 201, answer.text
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    runtime = vars(client)["runtime"]
    assert ended(runtime, runtime.store.job(job["id"])).done == 4
    rows = client.get(f"{JOBS}/{job['id']}/rows").json()["rows"]
    assert [row["prompt"] for row in rows] == ["a red boat", "a red boat", "a hat", "a hat"]
    assert [row["seed"] for row in rows[2:]] == [5, 6]
    assert rows[2]["settings"] == {"guidance_scale": 3.0, "num_inference_steps": 4}
    assert opened(client.get(rows[0]["picture"]).content).size == (48, 32)
    whole = client.get(f"{JOBS}/{job['id']}/rows/1").json()
    assert whole["template"] == "a {red} boat" and whole["candidates"][0]["chosen"]
    assert client.get(f"{JOBS}/{job['id']}/rows/9").status_code == 404
    assert client.get(JOBS).json()["jobs"][0]["title"] == "boats"


def test_a_job_of_a_prompt_file(client: TestClient) -> None:
    said = {"file": "prompt,seed\na boat,3\na hat,4\n", "format": "table"}
    job = client.post(JOBS, json=said).json()
    rows = client.get(f"{JOBS}/{job['id']}/rows").json()["rows"]
    assert [(row["prompt"], row["seed"]) for row in rows] == [("a boat", 3), ("a hat", 4)]
    sent = {"file": ("prompts.txt", b"a boat\n# no\na hat\n", "text/plain")}
    assert client.post(JOBS, files=sent).json()["rows"] == 2


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "either prompts or a file"),
        ({"prompts": []}, "no rows"),
        ({"prompts": [7]}, "must be text or an object, not a whole number"),
        ({"prompts": [{"seed": 7}]}, "row 1: has no prompt"),
        ({"prompts": ["a boat", " "]}, "row 2: the prompt is empty"),
        ({"prompts": ["a boat"], "settings": {"steps": 0}}, "must lie between"),
        ({"prompts": ["a boat"], "num_images": 0}, "must lie between"),
        ({"prompts": ["a boat"], "priority": 101}, "from -100 to 100"),
        ({"file": "prompt,image\na boat,/etc/passwd\n"}, "names a picture"),
        ({"file": "", "format": "text"}, "holds no prompt"),
        ({"file": "a", "format": "no"}, "no such format"),
        ({"prompts": ["a boat"], "cadidates": 2}, "cadidates: no such field"),
        ({"prompts": ["a boat"], "steps": 2}, "steps: no such field: say it in settings"),
        ({"prompts": ["a boat"], "n": 2}, "n: no such field"),
        ({"prompts": ["a boat"], "settings": {"cadidates": 2}}, "did you mean 'candidates'"),
        ({"prompts": ["a boat"], "settings": {"image": "x"}}, "'image': no such setting of a whole job"),
        ({"prompts": ["a boat"], "settings": {"n_iter": 2}}, "say prompts and num_images"),
        ({"prompts": ["a boat", {"prompt": "a hat", "cadidates": 2}]}, "row 2: no such setting: 'cadidates'"),
        ({"prompts": [{"prompt": "a hat", "n": 2}]}, "row 1: 'n': no such setting: say num_images"),
        ({"prompts": [{"prompt": "a hat", "model": "x"}]}, "say recipe, of the whole job"),
        ({"prompts": [{"prompt": "a hat", "n_iter": "\u00b2"}]}, "row 1: n_iter = "),
        ({"prompts": ["a hat", {"prompt": "a hat", "steps": "\u00b2"}]}, "row 2: steps = "),
        ({"prompts": [{"prompt": "a hat", "starts_from": "/etc/passwd"}]}, "names a picture of another run"),
        ({"prompts": [{"prompt": "a hat", "image": "", "init_image": "x"}]}, "given twice"),
    ],
)
def test_a_job_that_is_none_is_refused_whole(client: TestClient, said: dict[str, Any], words: str) -> None:
    answer = client.post(JOBS, json=said)
    assert answer.status_code == 400 and words in answer.json()["error"]["message"], answer.text
    assert client.get(JOBS).json()["jobs"] == []


def test_a_job_is_followed_to_its_end(client: TestClient) -> None:
    job = client.post(JOBS, json={"prompts": ["a boat", "poison"], "paused": True}).json()
    assert job["state"] == "paused"
    kinds: list[str] = []
    states: list[str] = []
    go = threading.Timer(0.2, lambda: client.patch(f"{JOBS}/{job['id']}", json={"paused": False}))
    go.start()
    with client.stream("GET", f"{JOBS}/{job['id']}/events?previews=1") as answer:
        for line in answer.iter_lines():
            if line.startswith("event: "):
                kinds.append(line.removeprefix("event: "))
            elif line.startswith("data: ") and kinds[-1] == "job":
                states.append(json.loads(line.removeprefix("data: "))["state"])
    assert states[0] == "paused" and states[-1] == "done"
    assert kinds.count("row") == 2 and "preview" in kinds and "progress" in kinds


def test_a_job_is_changed_and_deleted(client: TestClient) -> None:
    job = client.post(JOBS, json={"prompts": ["a boat"], "paused": True}).json()
    at = f"{JOBS}/{job['id']}"
    assert client.patch(at, json={"priority": 7}).json()["priority"] == 7
    assert client.post(f"{at}/cancel").json()["state"] == "cancelled"
    assert client.post(f"{at}/retry").json()["state"] == "paused"
    assert client.delete(at).status_code == 204
    assert client.get(at).status_code == 404
    assert client.post(f"{JOBS}/nothing/cancel").json()["error"]["code"] == "no_such_job"


def test_a_request_that_is_sent_again_with_its_key_is_one_job(client: TestClient) -> None:
    key = {"Idempotency-Key": "abc"}
    first, again = (client.post(JOBS, json={"prompts": ["a boat"]}, headers=key).json() for _ in range(2))
    assert first["id"] == again["id"]
    for other in ({"prompts": ["a hat"]}, {"prompts": ["a boat"], "seed": 1}):
        answer = client.post(JOBS, json=other, headers=key)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_key_in_use")
        assert "was sent with another request before" in answer.json()["error"]["message"]
    picture = {"prompt": "a boat"}
    address, other = "/v1/images/generations", {"Idempotency-Key": "other"}
    assert client.post(address, json=picture, headers=other).status_code == 200
    assert client.post(address, json=picture, headers=other).status_code == 200
    assert client.post(address, json={"prompt": "a hat"}, headers=other).status_code == 422
    assert len(client.get(JOBS).json()["jobs"]) == 2


def test_pictures_that_are_sent_are_kept_and_go_with_their_job(client: TestClient) -> None:
    row = {"prompt": "a boat", "image": base64.b64encode(png()).decode(), "strength": 0.5}
    job = client.post(JOBS, json={"prompts": [row]}).json()
    runtime = vars(client)["runtime"]
    assert ended(runtime, runtime.store.job(job["id"])).done == 1
    assert len(list(runtime.store.inputs.iterdir())) == 1
    client.delete(f"{JOBS}/{job['id']}")
    assert not list(runtime.store.inputs.iterdir())


def test_references_that_are_sent_are_kept_and_go_with_their_job(client: TestClient) -> None:
    sent = [base64.b64encode(png(colour=colour)).decode() for colour in ("red", "blue")]
    row = {"prompt": "a boat", "reference": sent, "reference_weight": [0.5, 1]}
    job = client.post(JOBS, json={"prompts": [row]}).json()
    runtime = vars(client)["runtime"]
    assert ended(runtime, runtime.store.job(job["id"])).done == 1
    assert len(list(runtime.store.inputs.iterdir())) == 2
    (made,) = runtime.store.rows(job["id"])
    assert [each["weight"] for each in _history(runtime, job["id"], made)["references"]] == [0.5, 1.0]
    client.delete(f"{JOBS}/{job['id']}")
    assert not list(runtime.store.inputs.iterdir())
    for wrong in ({"reference": [3]}, {"reference": "x"}, {"reference": sent[0], "reference_weight": 7}):
        assert client.post(JOBS, json={"prompts": [{"prompt": "a boat", **wrong}]}).status_code == 400


def _history(runtime: Any, job: str, row: Any) -> Any:
    """What a picture of a job says of its request."""
    from diptych.pipelines.pictures.texts import texts_of
    from diptych.pipelines.serving.protocols.results import picture_of

    return json.loads(texts_of(picture_of(runtime.store, job, row))["diptych"])["request"]


def test_health_metrics_recipes_and_documents(client: TestClient) -> None:
    assert client.get("/healthz").json()["status"] == "ok"
    client.post("/v1/images/generations", json={"prompt": "a boat"})
    text = client.get("/metrics").text
    assert "diptych_pictures_total 1" in text and 'diptych_stage_seconds_total{stage="refine"}' in text
    (recipe,) = client.get("/v1/recipes").json()["recipes"]
    assert (recipe["name"], recipe["width"], recipe["defaults"]["accept"]) == ("fake", 48, 0.5)
    document = client.get("/openapi.json").json()
    assert (
        document["openapi"].startswith("3.1")
        and "prompt" in document["components"]["schemas"]["Generation"]["properties"]
    )
    page = client.get("/docs")
    assert (
        "num_inference_steps" in page.text and "default-src 'none'" in page.headers["content-security-policy"]
    )


def test_every_address_is_in_the_document_and_the_other_way_round(client: TestClient) -> None:
    runtime = vars(client)["runtime"]
    there = {
        (method.lower(), re.sub(r":\w+}", "}", route.path))
        for module in (a1111, openai, own, page)
        for route in module.routes(runtime)
        for method in route.methods or ()
        if method != "HEAD"
    }
    told = {(method, path) for path, methods in document()["paths"].items() for method in methods}
    assert there == told


def test_rows_say_what_rows_of_a_file_say(client: TestClient) -> None:
    rows = [{"prompt": "a boat", "n_iter": "2", "Seed": 7, "size": "16x16"}, {"text": "a hat"}]
    answer = client.post(JOBS, json={"prompts": rows, "model": "fake", "num_images": 3})
    assert answer.status_code == 201 and answer.json()["rows"] == 5, answer.text
    found = client.get(f"{JOBS}/{answer.json()['id']}/rows").json()["rows"]
    assert [row["prompt"] for row in found] == ["a boat"] * 2 + ["a hat"] * 3
    assert [row["seed"] for row in found[:2]] == [7, 8] and found[0]["settings"]["width"] == 16


def test_a_change_that_is_none_is_refused(client: TestClient) -> None:
    job = client.post(JOBS, json={"prompts": ["a boat"]}).json()["id"]
    answer = client.patch(f"{JOBS}/{job}", json={"state": "paused"})
    assert answer.status_code == 400 and "there are priority, paused" in answer.text
    for said in ({}, {"paused": None}):
        answer = client.patch(f"{JOBS}/{job}", json=said)
        assert answer.status_code == 400 and "say priority or paused" in answer.text
    for path in (JOBS, f"{JOBS}/{job}/rows"):
        assert client.get(f"{path}?limit=0").status_code == 400
