"""What a device is asked for while a stage works, on simulated ones; and that it is put back."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from diptych.engine.chain import Chain
from diptych.engine.guards import numerics
from diptych.engine.guards.numerics import (
    ATTENTIONS,
    PRECISIONS,
    WORKSPACE,
    compute_alike,
    computing,
    settle_workspace,
)
from diptych.engine.memory import DeviceMemory
from diptych.engine.memory.memory_probe import NoGauge
from diptych.engine.microbatch import Batching, run_stage
from diptych.engine.runner import Runner
from diptych.engine.stage import ModelKey
from diptych.engine.values import Picture, Plan, Request

from ...fakes import FakeStage, NameLoader

filling: Any = torch.utils.deterministic
KERNELS = ("flash", "mem_efficient", "math", "cudnn")


def settings() -> dict[str, Any]:
    """Whatever a host program may have set."""
    backends: Any = torch.backends
    return {
        "cudnn": (backends.cudnn.deterministic, backends.cudnn.benchmark),
        "precision": (backends.cuda.matmul.fp32_precision, backends.cudnn.conv.fp32_precision),
        "on the CPU": backends.mkldnn.matmul.fp32_precision,
        "kernels": {name: getattr(backends.cuda, f"{name}_sdp_enabled")() for name in KERNELS},
        "algorithms": torch.are_deterministic_algorithms_enabled(),
        "warn only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "filling": filling.fill_uninitialized_memory,
    }


@pytest.fixture
def current(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The current CUDA devices that were set, and left."""
    seen: list[str] = []

    @contextlib.contextmanager
    def device(name: str) -> Iterator[None]:
        seen.append(name)
        yield
        seen.append("left")

    monkeypatch.setattr(torch.cuda, "device", device)
    return seen


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_the_deterministic_mode_holds_within_and_nothing_stays(device: str, current: list[str]) -> None:
    torch.backends.cudnn.benchmark = True  # of the host's own
    before, within = settings(), {}
    try:
        with pytest.raises(KeyError), computing(device, deterministic=True):
            within = settings()
            raise KeyError
    finally:
        torch.backends.cudnn.benchmark = False
    assert within["cudnn"] == (True, False)
    assert within["algorithms"] and within["warn only"] and not within["filling"]
    assert within["kernels"] == {"flash": False, "mem_efficient": True, "math": True, "cudnn": False}
    assert settings() == before | {"cudnn": (before["cudnn"][0], False)}
    assert current == (["cuda:1"] if device == "cuda:1" else [])


@pytest.mark.parametrize("device", ["cpu", "mps", "cuda"])
def test_nothing_is_asked_for_otherwise(device: str) -> None:
    before = settings()
    with computing(device, deterministic=device != "cuda"):
        assert settings() == before


def test_the_current_device_is_that_of_the_work(current: list[str]) -> None:
    with computing("cuda:1"):
        assert current == ["cuda:1"]
    assert current == ["cuda:1", "left"]


@pytest.mark.parametrize("name", PRECISIONS)
def test_precision_is_set_and_put_back(name: str) -> None:
    before = settings()
    with computing("cpu", [{"matmul_precision": name}]):
        assert settings()["precision"][0] == ("ieee" if name == "highest" else "tf32")
    assert settings() == before


def test_of_two_models_the_highest_precision_holds_and_the_first_attention() -> None:
    tunings = [{"matmul_precision": "high", "attention": "math"}, {"matmul_precision": "highest"}]
    with computing("cpu", tunings):
        assert torch.get_float32_matmul_precision() == "highest"
        assert settings()["kernels"] == {name: name == "math" for name in KERNELS}


@pytest.mark.parametrize("name", ATTENTIONS)
def test_every_attention_does_what_all_do(name: str) -> None:
    """Also what its kernel cannot: float32 on a CPU, with a mask."""
    q = torch.randn(1, 2, 5, 8, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(5, 5, dtype=torch.bool).tril()
    plain, before = scaled_dot_product_attention(q, q, q, attn_mask=mask), settings()
    with computing("cpu", [{"attention": name}]):
        torch.testing.assert_close(scaled_dot_product_attention(q, q, q, attn_mask=mask), plain)
    assert settings() == before


def test_the_recipe_decides_on_attention_in_the_deterministic_mode_too() -> None:
    with computing("cuda", [{"attention": "math"}], deterministic=True):
        assert settings()["kernels"] == {name: name == "math" for name in KERNELS}


def test_the_workspace_is_settled_before_cuda_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    environment: dict[str, str] = {}
    assert settle_workspace(environment) and environment[WORKSPACE] == ":4096:8"
    assert settle_workspace(theirs := {WORKSPACE: ":16:8"}) and theirs == {WORKSPACE: ":16:8"}
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    assert not settle_workspace(late := {}) and late == {}


@pytest.mark.parametrize("host", ["nothing", "old names", "new names"])
@pytest.mark.parametrize("name", PRECISIONS)
def test_what_the_host_could_read_it_can_read_within_and_after(name: str, host: str) -> None:
    backends: Any = torch.backends

    def read() -> list[Any]:
        return [
            torch.get_float32_matmul_precision(),
            backends.cudnn.allow_tf32,
            backends.cuda.matmul.allow_tf32,
        ]

    try:
        if host == "old names":
            torch.set_float32_matmul_precision("high")
            backends.cudnn.allow_tf32 = False
        if host == "new names":
            backends.cuda.matmul.fp32_precision = "tf32"
        before, readable = settings(), host != "new names"
        said = read() if readable else []
        with computing("cpu", [{"matmul_precision": name}]):
            assert read() == [name, name != "highest", name != "highest"]
        assert settings() == before
        if readable:
            assert read() == said
    finally:
        torch.set_float32_matmul_precision("highest")
        backends.cudnn.allow_tf32 = True
        backends.cuda.matmul.fp32_precision = backends.mkldnn.matmul.fp32_precision = "none"


def test_threads_that_want_the_same_share_it_and_others_wait(current: list[str]) -> None:
    def works(device: str, started: threading.Event, go: threading.Event) -> None:
        with computing(device, deterministic=True):
            seen.append(torch.are_deterministic_algorithms_enabled())
            started.set()
            go.wait(30)
        seen.append(torch.are_deterministic_algorithms_enabled())

    seen: list[bool] = []
    before, events = settings(), [threading.Event() for _ in range(6)]
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(works, "cuda", events[0], events[1])
        assert events[0].wait(30)
        second = pool.submit(works, "cuda:1", events[2], events[3])
        assert events[2].wait(30)  # beside the first
        other = pool.submit(works, "cpu", events[4], events[5])
        assert not events[4].wait(0.2)
        events[1].set()
        first.result(30)
        assert seen == [True, True, True] and not events[4].is_set()
        events[3].set()
        second.result(30)
        assert events[4].wait(30)
        events[5].set()
        other.result(30)
    assert seen[-2:] == [False, False] and settings() == before


def test_work_within_work_has_its_own_settings_and_the_outer_ones_again() -> None:
    with computing("cpu", [{"matmul_precision": "high"}]):
        outer = settings()
        with computing("cpu", [{"matmul_precision": "highest"}]):
            assert torch.get_float32_matmul_precision() == "highest"
        assert settings() == outer


def test_settings_that_fail_leave_nobody_waiting() -> None:
    with pytest.raises(RuntimeError), computing("cpu", [{"matmul_precision": "high"}]):
        raise RuntimeError
    with pytest.raises(AttributeError), numerics._shared.held(numerics._Wish(kernels=("NONE",))):
        pass
    with computing("cpu", [{"matmul_precision": "high"}]):
        assert settings()["precision"] == ("tf32", "tf32")


def test_a_stage_works_on_its_device_as_its_models_say(current: list[str]) -> None:
    seen: list[dict[str, Any]] = []
    key: ModelKey[Any] = ModelKey("fake", "a", tuning=(("matmul_precision", "high"),))
    stage = FakeStage("a", int, int, make=int, uses=(key,), before=lambda _: seen.append(settings()))
    memory = DeviceMemory(NameLoader(1), device="cuda:1", gauge=NoGauge())
    before = settings()
    run_stage(stage, [1, 2], memory=memory, batching=Batching(batch_invariant=True))
    assert seen[0]["precision"] == ("tf32", "tf32") and seen[0]["cudnn"] == (True, False)
    assert settings() == before and current == ["cuda:1", "left"]


def test_stages_compute_alike_that_want_the_same_of_the_process() -> None:
    plain: dict[str, bool | str] = {"channels_last": True}
    assert compute_alike([[plain], [], [{}]])
    assert compute_alike([[{"attention": "math"}], [{"attention": "math"}, plain]])
    assert not compute_alike([[plain], [{"attention": "math"}]])
    assert not compute_alike([[{"matmul_precision": "high"}], []])


def test_who_comes_too_late_for_the_workspace_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WORKSPACE, raising=False)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    notes: list[list[str]] = []
    for invariant in (True, False):
        memory = DeviceMemory(NameLoader(1), device="cuda:1", gauge=NoGauge())
        stages = [FakeStage("plan", Request, Plan), FakeStage("paint", Plan, Picture)]
        Runner(Chain(stages), memory, batch_invariant=invariant)
        notes.append([event.note for event in memory.events])
    assert notes == [["CUDA was in use before CUBLAS_WORKSPACE_CONFIG could be set: set it to :4096:8"], []]
