"""A batch whose planner and judge are behind a server that is killed, and that goes on when it is back."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ...engine.remote.started import Started

KEY = "sk-very-secret-0123456789"
RECIPE = """
[stages.plan]
family = "openai-server"
settings = {{ url = "{url}", model = "tiny", api_key_env = "TINY_KEY", at_once = 2 }}

[stages.draft]
family = "image-token-lm"
checkpoint = "pocket/drafter"
models.codebook = {{ family = "image-tokenizer", checkpoint = "pocket/tokenizer" }}

[stages.refine]
family = "diffusers"
checkpoint = "pocket/refiner"

[stages.judge]
family = "openai-server"
settings = {{ url = "{eyes}", model = "eyes", api_key_env = "TINY_KEY", timeout_seconds = 30 }}
"""
PROMPTS = [f"a {colour} boat" for colour in ("red", "blue", "green", "yellow", "white", "black")]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    found: list[Started] = []

    def start_one(**options: Any) -> Started:
        found.append(Started(tmp_path / f"asked-{len(found)}.jsonl", key=KEY, probability=0.8, **options))
        return found[-1]

    yield start_one
    for each in found:
        each.kill()


@pytest.fixture
def render(tmp_path: Path) -> Callable[[], "subprocess.Popen[str]"]:
    (tmp_path / "p.txt").write_text("\n".join(PROMPTS), encoding="utf-8")
    command = [sys.executable, "-m", "diptych", "render", "p.txt", "--recipe", "served.toml", "--out", "out"]

    def begin() -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*command, "--seed", "3"],
            cwd=tmp_path,
            env=os.environ | {"TINY_KEY": KEY},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return begin


def results(tmp_path: Path) -> dict[int, dict[str, Any]]:
    lines = (tmp_path / "out/results.jsonl").read_text(encoding="utf-8").splitlines()
    return {line["row"]: line for line in map(json.loads, lines) if "row" in line}


def test_a_batch_goes_on_by_the_same_command_when_its_server_is_back(
    tmp_path: Path, start: Callable[..., Started], render: Callable[[], "subprocess.Popen[str]"]
) -> None:
    server, eyes = start(delay=0.5), start()
    recipe = RECIPE.format(url=server.url, eyes=eyes.url)
    (tmp_path / "served.toml").write_text(recipe, encoding="utf-8")
    run = render()
    until = time.monotonic() + 120
    while len(server.bodies) < 3 and time.monotonic() < until:
        time.sleep(0.02)
    server.kill()
    said, _ = run.communicate(timeout=300)
    assert run.returncode == 1, said
    assert "rows failed; results.jsonl says why; the same command tries" in said
    before = results(tmp_path)
    failed = [line for line in before.values() if line["status"] == "failed"]
    assert 0 < len(failed) < len(PROMPTS)
    pictures = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.png")}
    for line in failed:
        assert f"the server at {server.url} does not answer" in line["error"], line
        assert line["error"].endswith("start it, then run the same command again")

    again = start(port=server.port)
    run = render()
    said, _ = run.communicate(timeout=300)
    assert run.returncode == 0, said
    after = results(tmp_path)
    assert {line["prompt"] for line in after.values() if line["status"] == "done"} == set(PROMPTS)
    assert len(after) == len(PROMPTS) and len(again.bodies) == len(failed)
    for name, data in pictures.items():
        assert name == "contact_sheet.png" or (tmp_path / "out" / name).read_bytes() == data
    asked = len(again.lines)
    run = render()
    assert run.wait(300) == 0 and len(again.lines) == asked  # nothing was left to do

    shown = subprocess.run(
        [sys.executable, "-m", "diptych", "show", str(next((tmp_path / "out").glob("0001*.png")))],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"tiny (fp_7) at {server.url}" in " ".join(shown.split()) and "not calibrated" in " ".join(
        shown.split()
    )
    for path in (tmp_path / "out").rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path
