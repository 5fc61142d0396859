"""Every benchmark runs on made-up models, and prints the figures by the names that were promised."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest

from diptych.benchmarks import chain, decode, gpu, limit, memory
from diptych.benchmarks.harness import peak
from diptych.benchmarks.harness.options import Options
from diptych.benchmarks.harness.random_models import FULL, TINY, recipe_of
from diptych.benchmarks.harness.report import dump
from diptych.engine.errors import DiptychError, InputError


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter timings than are of any use."""
    monkeypatch.setattr(peak, "SLICE_S", 0.001)
    monkeypatch.setattr(chain, "SINGLE_RUNS", 1)
    monkeypatch.setattr(decode, "BATCHES", (1, 2))
    monkeypatch.setattr(memory, "PERCENTS", (100, 40))


def body_of(report: Any) -> dict[str, Any]:
    """What `--json` prints."""
    return json.loads(dump(report.to_json({"device": "none"})))


def test_chain_gives_its_ratios_and_does_equal_work(tiny: Options) -> None:
    body = body_of(chain.measure(tiny))
    for figure in ("ratio_one_at_a_time", "ratio_batched", "ratio_single"):
        low, high = body["details"]["spread"][figure]
        assert 0 < low <= body[figure] <= high
    work = body["details"]["work"]
    assert work["same_plans"] == 2 and body["notes"] == []
    for done in ("draft_tokens", "questions"):
        ours, theirs = work[done]
        assert ours == theirs > 0
    stages = body["details"]["seconds_a_picture_by_stage"]
    assert set(stages["engine"]) == set(stages["batched"]) == {"plan", "draft", "refine", "judge"}


def test_decode_gives_milliseconds_and_their_ratio(tiny: Options) -> None:
    body = body_of(decode.measure(tiny))
    for batch in (1, 2):
        generate, engine = body[f"ms_batch_{batch}"]
        assert body[f"ratio_batch_{batch}"] == pytest.approx(generate / engine, rel=1e-3)
        assert body["details"]["with_guidance"][f"ratio_batch_{batch}"] > 0


def test_limit_gives_shares_of_the_peak(tiny: Options) -> None:
    body = body_of(limit.measure(tiny))
    for figure, stage in (("refine_share", "refine"), ("decode_share", "draft")):
        found = body["details"][stage]
        assert 0 < body[figure] < 1 and found["rows"] == 2
        assert found["share"] + found["lost_to_shapes"] + found["all_else"] == pytest.approx(1, abs=1e-3)
        assert found["gflop"] <= found["gflop_in_script"]
        assert found["gflop_in_script_by_layer"] <= found["gflop_in_script"]


def test_memory_keeps_every_budget_and_says_what_cannot_fit(tiny: Options) -> None:
    body = body_of(memory.measure(tiny))
    assert body["over_budget_bytes"] == 0
    assert set(body["relative_throughput"]) == {"100", "40"}
    assert all(value > 0 for value in body["relative_throughput"].values())
    settings = body["details"]["settings"]
    for percent in ("100", "40"):
        assert settings[percent]["peak_bytes"] <= settings[percent]["budget_bytes"]
        assert settings[percent]["process_peak_bytes"] > 0
    assert settings["100"]["moved_bytes_a_run"]["load"] == 0
    refusal = body["relative_throughput_without_allowance"]["40"]
    assert "cannot fit the memory budget" in refusal and any(refusal in note for note in body["notes"])


def test_memory_fails_where_a_budget_was_exceeded(tiny: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.Setting, "over_bytes", 2048)
    with pytest.raises(DiptychError, match=r"2.0 KiB more than the budget"):
        memory.measure(tiny)


def test_gpu_runs_dry_on_any_device(tmp_path: Path) -> None:
    options = Options(device="cpu", prompts=2, repeats=1, size="tiny", folder=tmp_path / "models")
    body = body_of(gpu.measure(options))
    for figure in (*gpu.RATIOS, "decode_of_bandwidth", "refine_share"):
        assert body[figure] > 0 and math.isfinite(body[figure]), figure
    assert 0 <= body["streaming_overlap"] <= 1 and 0 < body["peak_of_budget"] <= 1
    assert body["details"]["streaming"]["streamed_bytes"] > 0
    assert body["over_budget_bytes"] == 0 and body["details"]["offloaded_batch"] == gpu.BATCH
    assert (tmp_path / "models" / "drafter" / "config.json").exists()


def test_gpu_measures_one_part_alone(tmp_path: Path) -> None:
    options = Options(device="cpu", prompts=2, repeats=1, size="tiny", folder=tmp_path, only="decode")
    body = body_of(gpu.measure(options))
    assert body["decode_of_bandwidth"] > 0 and "refine_share" not in body and "ratio_offload" not in body
    with pytest.raises(
        InputError, match="gpu has no such part: choose one of decode, refine, streaming, chain"
    ):
        gpu.measure(dataclasses.replace(options, only="scorer"))


def test_gpu_without_a_gpu_is_one_clear_line() -> None:
    report = gpu.measure(Options(device="cpu"))
    assert "no CUDA device" in report.skipped and "\n" not in report.skipped
    assert body_of(report)["skipped"] == report.skipped


def test_the_full_models_are_of_the_sizes_that_are_claimed(tmp_path: Path) -> None:
    def layers(told: dict[str, Any], more: int) -> int:
        return told["num_hidden_layers"] * (more + told["hidden_size"] * told["hidden_size"] * 2)

    told = FULL.drafter
    keys = 2 * told["hidden_size"] * told["num_key_value_heads"] * told["head_dim"]
    drafter = layers(told, keys + 3 * told["hidden_size"] * told["intermediate_size"])
    assert 1.35e9 < drafter < 1.65e9
    seeing, saying = FULL.vision, FULL.reader
    captioner = layers(
        seeing, 2 * seeing["hidden_size"] * (seeing["hidden_size"] + seeing["intermediate_size"])
    )
    assert saying["hidden_size"] == seeing["hidden_size"]
    crossing = 4 * saying["hidden_size"] ** 2
    inner = 2 * saying["hidden_size"] * (saying["hidden_size"] + saying["intermediate_size"])
    captioner += layers(saying, crossing + inner)
    assert 1.8e9 < captioner < 2.2e9
    assert recipe_of(tmp_path, FULL).height == 1024
    assert {stage.model.dtype for stage in recipe_of(tmp_path, FULL).stages.values()} == {"bfloat16"}
    assert TINY.dtype == "float32"
