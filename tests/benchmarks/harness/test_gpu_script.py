"""`make gpu`: each step has its time, the file is whole after each, and a bare machine is helped or told."""

import dataclasses
import json
import os
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from diptych import Outcome, TextToImage
from diptych.benchmarks.gpu import PARTS
from diptych.benchmarks.harness import gpu_script
from diptych.benchmarks.harness.gpu_script import Journal, Step, environment_of, steps_of, unpack
from diptych.benchmarks.harness.parity import compare

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script is for a checkout, from which an installed package is apart."""
    monkeypatch.setattr(gpu_script, "ROOT", CHECKOUT)


def step(name: str, code: str, *, limit: float = 30, **more: Any) -> Step:
    return Step(name, limit, [sys.executable, "-c", code], **more)


def states(journal: Journal) -> dict[str, str]:
    told = json.loads(journal.path.read_text())
    return {name: each["state"] for name, each in told["steps"].items()}


def test_whatever_becomes_of_a_step_the_next_is_carried_out(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "gpu.json", 60)
    look = f"import json; print(open({str(journal.path)!r}).read())"
    steps = [
        step("sound", "print('{\"a\": 1}')"),
        step("hangs", "import time; time.sleep(60)", limit=1.5),
        step("breaks", "raise SystemExit(3)"),
        step("lacks", "", needs=["no_such_module"]),
        step("says nothing", "pass"),
        step("looks", look),
    ]
    assert not journal.carry_out(steps, environment_of(tmp_path))
    assert states(journal) == {
        "sound": "passed",
        "hangs": "timed out",
        "breaks": "failed",
        "lacks": "skipped",
        "says nothing": "failed",
        "looks": "passed",
    }
    told = json.loads(journal.path.read_text())
    assert told["finished"] and "no_such_module" in told["steps"]["lacks"]["reason"]
    seen = told["steps"]["looks"]["result"]  # the file as the last step found it
    assert not seen["finished"] and seen["steps"]["looks"]["state"] == "not reached"
    assert [each["state"] for each in seen["steps"].values()][:2] == ["passed", "timed out"]


@pytest.mark.parametrize(
    ("size", "device", "sound"), [("full", "auto", False), ("tiny", "auto", True), ("full", "cpu", True)]
)
def test_a_machine_without_a_gpu_has_shown_nothing(size: str, device: str, sound: bool, tmp_path: Path) -> None:
    steps = {each.name: each for each in steps_of(size, device, tmp_path)}
    assert bool(steps["setup"].fault({"devices": 0})) is not sound
    assert steps["setup"].fault({"devices": 1}) == ""
    skipped = {"tests": 9, "failures": 0, "errors": 0, "skipped": 9}
    assert bool(steps["tests"].fault(skipped)) is not sound
    assert steps["tests"].fault(skipped | {"skipped": 8}) == ""
    journal = Journal(tmp_path / "gpu.json", 60)
    fault = steps["setup"].fault
    assert (
        journal.carry_out([step("setup", "print('{\"devices\": 0}')", fault=fault)], environment_of(tmp_path))
        is sound
    )


def test_a_step_that_lacks_its_wheels_is_no_success(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "gpu.json", 60)
    assert not journal.carry_out([step("lacks", "", needs=["no_such_module"])], environment_of(tmp_path))


def test_all_steps_together_have_a_limit(tmp_path: Path) -> None:
    times = iter([0.0, *[100.0] * 50])
    journal = Journal(tmp_path / "gpu.json", 60, clock=lambda: next(times))
    assert not journal.carry_out([step("late", "print(1)")], environment_of(tmp_path))
    assert states(journal) == {"late": "not reached"}


def test_what_a_step_started_ends_with_it(tmp_path: Path) -> None:
    child = tmp_path / "child"
    code = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(child)!r}, "w").write(str(child.pid))
time.sleep(60)"""
    told, _, _ = gpu_script.run([sys.executable, "-c", code], dict(os.environ), 15.0)
    assert told is None
    status = Path(f"/proc/{child.read_text()}/stat")
    for _ in range(600):  # the kernel carries a kill out when it comes to it
        if not status.exists() or status.read_text().split()[2] in "ZX":
            return
        time.sleep(0.1)
    pytest.fail("the child of an ended step lives on")


def test_wheels_are_unpacked_but_those_of_torch_and_those_that_are_there(tmp_path: Path) -> None:
    there = f"pillow-{gpu_script._version('pillow')}"
    for name in ("torch-9.9", "nvidia_cublas-1.0", "quaint-1.0", there):
        with zipfile.ZipFile(tmp_path / f"{name}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name.split('-')[0]}/__init__.py", "")
    assert unpack(tmp_path, tmp_path / "to") == ["quaint"]
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["quaint"]


def test_what_is_needed_is_whole_and_without_torch() -> None:
    needed = gpu_script.needed()
    assert {"diffusers", "transformers", "tokenizers", "pytest", "safetensors"} <= set(needed)
    assert not [name for name in needed if name.startswith(gpu_script.TORCHS_OWN)]


def test_every_test_that_needs_a_gpu_is_marked_and_run(tmp_path: Path) -> None:
    steps = {each.name: each for each in steps_of("full", "cuda", tmp_path)}
    run = {Path(word).name for word in steps["tests"].command if word.endswith(".py")}
    assert {"test_cuda.py", "test_memory_probe.py", "test_host_weights.py"} <= run
    skipping = "skipif(not torch.cuda" + ".is_available()"
    assert not [path for path in (CHECKOUT / "tests").rglob("*.py") if skipping in path.read_text()]
    assert set(PARTS) <= set(steps)


def test_parity_tells_tokens_pixels_and_scores_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = TextToImage.from_recipe("pocket", device="cpu")
    one: list[Outcome] = list(pipe(["a red boat", "two blue fish"], seed=5).outcomes)
    assert compare(one, one)["within"] and compare(one, one)["same_tokens"] == 2
    first = one[0]
    assert first.draft is not None
    other = dataclasses.replace(first.draft, tokens=(first.draft.tokens + 1) % 8)
    trail = [dataclasses.replace(first.best, draft=other)]
    changed = dataclasses.replace(first, best=trail[0])
    found = compare(one, [changed, one[1]])
    assert not found["within"] and found["same_tokens"] == 1
    brighter = first.picture.pixels.int().add(3).clamp(max=255).to(torch.uint8)
    picture = dataclasses.replace(first.picture, pixels=brighter)
    changed = dataclasses.replace(first, best=dataclasses.replace(first.best, picture=picture))
    found = compare(one, [changed, one[1]])
    assert not found["within"] and found["same_tokens"] == 2 and found["pixels_apart"] == 3
