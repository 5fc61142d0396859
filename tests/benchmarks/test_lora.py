"""`diptych bench lora` prints what it promises."""

import json

from diptych.benchmarks.harness.options import Options
from diptych.benchmarks.harness.report import dump
from diptych.benchmarks.lora import measure


def test_lora_gives_the_cost_of_a_swap_against_a_picture() -> None:
    body = json.loads(dump(measure(Options(device="cpu", repeats=1, size="tiny")).to_json({"device": "none"})))
    for figure in ("worn_ratio", "merge_ms", "merged_ratio", "worn_mib", "base_mib"):
        assert body[figure] > 0, figure
    assert body["swap_ms"] >= 0 and body["swap_share"] >= 0 and body["worn_mib"] < body["base_mib"]
